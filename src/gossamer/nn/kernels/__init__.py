"""Kernels for what stands between the encoder's products; see `gossamer.sparse.kernels`.

Each goes once over its rows and does all that happens to them there: a dropout, an addition and a
normalisation in one pass instead of six. Random numbers are a hash of a seed and an element's
number, so that the backward pass draws them again instead of reading a mask, and so that they
are the same on any number of threads.
"""
