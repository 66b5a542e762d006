"""Networks that answer: trained weights as NumPy arrays, multiplied by kernels or by NumPy.

No module here imports PyTorch. Each part reads its weights by the names that the training network's
state dict gives them, and computes what that network computes in evaluation mode, within rounding.
"""
