"""What every product of a layer can do: forward, gradients, and a form that only answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

_LEAST_WORK_OF_A_THREAD = 250_000  # products; less is done before another thread has woken up


class Product(ABC):
    """How the weights of one layer are multiplied.

    There are three: `DenseProduct`, the reference, for any tensor; `TileProduct` and `RowProduct`,
    which call compiled kernels and need what `may_run_kernel` asks for. All take weights as the
    layer stores them.
    """

    @abstractmethod
    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The outputs.

        Args:
            x: activations. *Shape:* (n_tokens, in_features)
            weight: the existing weights. *Shape:* as `Connectivity.weight_shape`.
            bias: *Shape:* (out_features,)

        Returns:
            *Shape:* (n_tokens, out_features)
        """

    @abstractmethod
    def input_gradient(self, grad: Tensor, weight: Tensor) -> Tensor:
        """*Shape:* (n_tokens, out_features) -> (n_tokens, in_features)."""

    @abstractmethod
    def parameter_gradients(self, grad: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias. *Shape:* that of the weight, and (out_features,)."""

    def frozen(self, weight: Tensor) -> Tensor:
        """The weights as `answer` reads them; as they are stored, unless a product has better."""
        return weight

    def answer(self, x: Tensor, frozen: Tensor, bias: Tensor | None) -> Tensor:
        """`forward` without gradients, with weights that `frozen` gave."""
        return self.forward(x, frozen, bias)


class KernelProduct(Product):
    """A product by compiled kernels. Its tables are on the CPU, and float32 is all it takes."""

    offsets: Tensor

    @property
    def is_real(self) -> bool:
        """Whether the tables have numbers; not so if made under a FakeTensorMode."""
        return type(self.offsets) is Tensor

    @abstractmethod
    def pays(self, n_tokens: int) -> bool:
        """Whether it is the faster way for this many tokens."""


def threads_for(n_products: int) -> int:
    """How many threads are worth it for this many multiplications."""
    return max(1, min(torch.get_num_threads(), n_products // _LEAST_WORK_OF_A_THREAD))
