"""Kernels compiled for the machine at hand, when they are first needed.

Written as LLVM's intermediate language and compiled by llvmlite, which comes as a wheel.
They cover what PyTorch has no operation for: products with tiles of connections that lie
anywhere in the kernel matrix. Everything they do is also there in plain PyTorch, which is the
reference the tests compare with, and which runs where a kernel cannot: on other devices, in other
precisions, under `torch.compile`.

They take NumPy arrays as well as tensors; none of these modules imports PyTorch.
`function` writes functions, `arguments` declares what they are called with, `addresses` finds where
arrays are, `build` compiles and calls them, `cache` keeps machine code on disk, `tiles` and `rows`
have the kernels of the sparse layer.
"""
