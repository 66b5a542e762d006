"""Adam on all of a network's small tensors in one kernel call.

The same numbers as `torch.optim.Adam`, up to rounding. PyTorch's spends more time in Python than in
arithmetic on networks of this size, and importing it brings in PyTorch's compiler: 130 MiB.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from gossamer.nn.kernels.adam import WORDS, adam
from gossamer.sparse.products.guard import may_run_kernel, require_kernel

_LEAST_ELEMENTS_OF_A_THREAD = 20_000


class Adam:
    """Adam (Kingma and Ba 2015) by a kernel; `can_step` must hold for all parameters.

    Args:
        parameters: what to step.
        learning_rate: Adam's.
        epsilon: Adam's.
        regularization_constant: strength of L2, by the rule of `add_l2_gradient`.
        betas: Adam's.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        epsilon: float,
        regularization_constant: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self._parameters = list(parameters)
        self._moments = [
            (torch.zeros_like(p, memory_format=torch.contiguous_format), torch.zeros_like(p))
            for p in self._parameters
        ]
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._strength = regularization_constant
        self._betas = betas
        self._steps = [0] * len(self._parameters)

    @staticmethod
    def can_step(parameter: Tensor) -> bool:
        """Whether the kernel can: float32 on the CPU, all in one piece."""
        return may_run_kernel(parameter) and parameter.is_contiguous()

    def moments(self, parameter: nn.Parameter) -> list[Tensor]:
        """The two running means of a parameter; none for a parameter that is not stepped here."""
        for own, moments in zip(self._parameters, self._moments, strict=True):
            if own is parameter:
                return list(moments)
        return []

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def step(self, regularized: Collection[int] = ()) -> None:
        """Step the parameters that have a gradient.

        Args:
            regularized: `id` of each parameter under L2.

        Raises:
            RuntimeError: a parameter or gradient is no longer one that the kernel can step.
        """
        grads = [p.grad for p in self._parameters]
        stepped = [p for p, grad in zip(self._parameters, grads, strict=True) if grad is not None]
        require_kernel("Adam's step", *stepped, *grads)
        words: dict[int, list[int]] = {}
        kept = []  # gradients must live until the kernel has read them
        n_elements = 0
        for i, (parameter, moments) in enumerate(zip(self._parameters, self._moments, strict=True)):
            if parameter.grad is None:
                continue
            grad = parameter.grad.contiguous()
            kept.append(grad)
            if parameter.shape != moments[0].shape or not parameter.is_contiguous():
                raise RuntimeError(
                    f"a parameter must keep the shape {tuple(moments[0].shape)} while it is "
                    f"trained, in one piece (got {tuple(parameter.shape)}). Try: a new optimiser"
                )
            self._steps[i] += 1
            n_elements += parameter.numel()
            words.setdefault(self._steps[i], []).extend(
                (
                    parameter.data_ptr(),
                    grad.data_ptr(),
                    *(moment.data_ptr() for moment in moments),
                    parameter.numel(),
                    int(id(parameter) in regularized),
                )
            )
        threads = min(torch.get_num_threads(), n_elements // _LEAST_ELEMENTS_OF_A_THREAD)
        beta1, beta2 = self._betas
        for step, table in words.items():  # one, unless some had no gradient before
            numbers = (
                self._learning_rate / (1 - beta1**step),
                (1 - beta2**step) ** -0.5,
                self._epsilon,
                1 - beta1,
                beta2,
                1 - beta2,
                2 * self._strength,
            )
            adam()(
                torch.tensor(table),
                len(table) // WORDS,
                torch.tensor(numbers, dtype=torch.float32),
                n_threads=max(1, threads),
            )
        increment_version([p for p in self._parameters if p.grad is not None])
