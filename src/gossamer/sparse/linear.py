"""The randomly connected layer: `nn.Linear` in which only some connections exist."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from gossamer.sparse.checks import (
    check_input,
    check_masked_dense,
    check_parameters,
    check_same_form,
)
from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.errors import checked_seed, complaint
from gossamer.sparse.indices import holds_other_connections, settled
from gossamer.sparse.products.dense import DenseProduct
from gossamer.sparse.products.dispatch import kernel_product, multiply
from gossamer.sparse.scripting import ScriptableLinear
from gossamer.sparse.seeds import Purpose, Stream, fresh_seed
from gossamer.sparse.topology import draw_connectivity


class RandomlyConnectedLinear(nn.Module):
    """An affine layer whose connections are drawn once and fixed; a drop-in for `nn.Linear`.

    Only existing weights are stored and trained: `sum(p.numel() for p in parameters())` is the
    number of trainable weights, and an optimiser's state is as small. Whatever the density,
    every output has an input and every input an output.

    Topology and initial weights come from `seed` alone and are the same on any machine.

    Initial weights are Glorot uniform for the *real* number of connections: even in
    [-limit, limit], `limit = sqrt(6 / (inputs per output + outputs per input))`, both taken as
    means over the layer. The bias starts at zero.

    Departures. From Rasa's `RandomlyConnectedDense`: it stores and trains the whole kernel under
    a mask, draws each connection with a probability (so that counts vary), and initialises
    as if the kernel were dense, so that at 20 % its outputs start with less than half the
    standard deviation. From `nn.Linear`: that one draws Kaiming-uniform weights and a random bias.

    Args:
        in_features: number of inputs, 1 or more.
        out_features: number of outputs, 1 or more.
        bias: whether to add a bias to the outputs.
        connection_density: wished share of connections, in [0, 1]; 1.0 gives a dense layer. The
            exact counts are stated at `draw_connectivity`.
        topology: `uniform`, `fan_in`, `grouped`, `blocked` or `windowed`; the last two are the
            fast ones.
        max_group_size: the most outputs that may share their inputs; None leaves it to the
            topology (see `draw_connectivity`).
        seed: a whole number from 0 up. None draws one from torch's global generator, so
            `torch.manual_seed` fixes it.
        device: where the tensors live; torch's default device when None.
        dtype: floating-point type of weights and bias; torch's default when None.

    Attributes:
        weight: the existing weights. *Shape:* (out_features, in_features) when dense,
            (n_weights,) for `uniform`, (out_features, k) for the others.
        bias: *Shape:* (out_features,), or None.
        connectivity: who is connected to whom.
        seed: the seed in use; None for a layer made from a connectivity.

    Raises:
        TypeError: a width or the seed is not an integer, or the density not a real number.
        ValueError: a width or the largest group is below 1, the density outside [0, 1], the seed
            negative or the topology unknown.

    *Shape:* input (..., in_features), output (..., out_features).
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    indices: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        connection_density: float = 0.2,
        topology: Topology | str = Topology.BLOCKED,
        max_group_size: int | None = None,
        seed: int | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        seed = fresh_seed() if seed is None else checked_seed(seed)
        connectivity = draw_connectivity(
            in_features,
            out_features,
            connection_density=connection_density,
            topology=topology,
            seed=seed,
            max_group_size=max_group_size,
        )
        self._set_up(connectivity, bias, seed, device, dtype)
        self.reset_parameters()

    @classmethod
    def from_connectivity(
        cls,
        connectivity: Connectivity,
        bias: bool = True,
        *,
        seed: int | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Build a layer on given connections, with fresh initial weights.

        Args:
            connectivity: who is connected to whom.
            bias: whether to add a bias.
            seed: fixes the initial weights; None draws one from torch's global generator.
            device: where the tensors live.
            dtype: floating-point type of weights and bias.

        Returns:
            The layer. Its `seed` is None, since a seed alone could not build it again.

        Raises:
            TypeError: the seed is not an integer.
            ValueError: the seed is negative.
        """
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        layer._set_up(connectivity, bias, None, device, dtype)
        layer.reset_parameters(fresh_seed() if seed is None else seed)
        return layer

    @classmethod
    def from_masked_dense(cls, weight: Tensor, mask: Tensor, bias: Tensor | None = None) -> Self:
        """Build a layer from a dense weight and a mask, as Rasa and pruning methods keep them.

        The mask is taken as it is, also where it leaves a unit unconnected.

        Args:
            weight: the dense weight; device and dtype are taken from it.
                *Shape:* (out_features, in_features)
            mask: non-zero where a connection exists. *Shape:* (out_features, in_features)
            bias: *Shape:* (out_features,); None for a layer without bias.

        Returns:
            A layer of `uniform` layout that computes `x @ (weight * mask).T + bias`.

        Raises:
            ValueError: the shapes differ.
        """
        check_masked_dense(weight, mask, bias)
        connectivity = Connectivity.from_mask((mask != 0).cpu().numpy())
        layer = cls.from_connectivity(
            connectivity, bias is not None, seed=0, device=weight.device, dtype=weight.dtype
        )
        with torch.no_grad():
            layer.weight.copy_(stored_weights(weight, connectivity))
            if bias is not None and layer.bias is not None:
                layer.bias.copy_(bias)
        return layer

    def _set_up(
        self,
        connectivity: Connectivity,
        bias: bool,
        seed: int | None,
        device: torch.device | str | int | None,
        dtype: torch.dtype | None,
    ) -> None:
        self.in_features = connectivity.in_features
        self.out_features = connectivity.out_features
        self.seed = seed
        shape = connectivity.weight_shape
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = nn.Parameter(torch.empty(self.out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self._set_connectivity(connectivity)

    def _set_connectivity(self, connectivity: Connectivity) -> None:
        self.connectivity = connectivity
        self._by_kernels = kernel_product(connectivity)
        table = connectivity.indices
        has_groups = table is not None and connectivity.topology.shares_inputs
        self._n_groups = table.shape[0] if table is not None and has_groups else None
        on_device = None if table is None else torch.tensor(table, device=self.weight.device)
        self.register_buffer("indices", on_device)

    def _settle_indices(self) -> None:
        """Bring the indices to the weights' device, with the numbers that belong in them.

        After `to_empty` and loading into a layer on the meta device they hold anything.
        """
        weight = next(self.parameters(), self.weight)  # also where hooks or others compute `weight`
        if self.indices is not None and self.connectivity.indices is not None:
            self.indices = settled(self.indices, self.connectivity.indices, weight)
        by_kernels = self._by_kernels
        if by_kernels is not None and not by_kernels.is_real and type(weight) is nn.Parameter:
            self._by_kernels = kernel_product(self.connectivity)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Convert or move the layer, as `to` and `to_empty` do; its indices stay right."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._settle_indices()
        return self

    def replace_connectivity(self, connectivity: Connectivity) -> None:
        """Put other connections in place; weights stay where they are stored.

        Args:
            connectivity: of the same topology, widths and number of weights.

        Raises:
            ValueError: it differs in one of these.
        """
        check_same_form(self.connectivity, connectivity)
        self._set_connectivity(connectivity)
        self.seed = None

    @property
    def connection_density(self) -> float:
        """The share of connections that exist, in [0, 1] (after rounding to whole weights)."""
        return self.connectivity.density

    @property
    def topology(self) -> Topology:
        """How the connections are laid out."""
        return self.connectivity.topology

    def reset_parameters(self, seed: int | None = None) -> None:
        """Draw the weights again and set the bias to zero; the connections stay.

        Args:
            seed: fixes the weights. None uses the layer's own seed, which gives the first
                weights again, or, where it has none, one from torch's global generator.

        Raises:
            TypeError: the seed is not an integer.
            ValueError: the seed is negative.
        """
        if seed is None:
            seed = fresh_seed() if self.seed is None else self.seed
        n_weights = self.connectivity.n_weights
        fans = n_weights / self.out_features + n_weights / self.in_features
        limit = math.sqrt(6.0 / fans) if n_weights > 0 else 0.0
        values = Stream(checked_seed(seed), Purpose.WEIGHTS).uniform(n_weights, limit)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(values).reshape(self.weight.shape))
            if self.bias is not None:
                self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to activations as any PyTorch layer takes them.

        Args:
            x: *Shape:* (..., in_features)

        Returns:
            *Shape:* (..., out_features)

        Raises:
            ValueError: the last dimension is not `in_features`.
        """
        return self.multiply(x, self.weight, self.bias)

    def multiply(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """`forward` with other weights on the same connections.

        Args:
            x: *Shape:* (..., in_features)
            weight: *Shape:* that of `weight_shape` of the connectivity.
            bias: *Shape:* (out_features,), or None.

        Returns:
            *Shape:* (..., out_features)
        """
        if torch.compiler.is_compiling():
            check_input(x, self.in_features)
        elif _has_plain_shape(x):
            check_input(x, self.in_features)
            check_parameters(x, weight, bias, self.connectivity)
        return multiply(x, weight, bias, self._by_kernels, self._dense)

    @property
    def _dense(self) -> DenseProduct:
        # Made again each time: `functional_call` may have put other indices in place.
        return DenseProduct(self.indices, self._n_groups, self.in_features, self.out_features)

    def to_dense_weight(self) -> Tensor:
        """Spread the weights over the whole kernel, zeros elsewhere; gradients flow through.

        Returns:
            *Shape:* (out_features, in_features); the parameter itself when the layer is dense.
        """
        return self._dense.spread(self.weight)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Refuse weights that belong to other connections; otherwise load as every module does."""
        name, own = f"{prefix}indices", self.connectivity.indices
        if own is not None and holds_other_connections(state_dict.get(name), own):
            error_msgs.append(
                complaint(
                    f"{name} must hold the connections this layer was drawn with",
                    got=f"other connections, of shape {tuple(state_dict[name].shape)}",
                    hint="building the model with the seed, density and topology it was saved "
                    "with, or gossamer.sparse.adopt_connectivity",
                )
            )
            return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        self._settle_indices()

    def __prepare_scriptable__(self) -> nn.Module:
        """What `torch.jit.script` compiles: the dense product, on this layer's own parameters."""
        scripted = ScriptableLinear(
            self.weight,
            self.bias,
            self.connectivity.positions(),
            (self.out_features, self.in_features),
        )
        return scripted.train(self.training)

    def extra_repr(self) -> str:
        """Show widths, counts and seed in the printed form of the layer."""
        connectivity = self.connectivity
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, topology={connectivity.topology.value!r}, "
            f"weights={connectivity.n_weights} ({connectivity.density:.4g} of all), "
            f"seed={self.seed}"
        )


def _has_plain_shape(x: Tensor) -> bool:
    """Whether the shape is made of numbers; not so where it is traced, and in nested tensors."""
    return isinstance(x, Tensor) and not x.is_nested and torch._C._get_tracing_state() is None


def stored_weights(dense: Tensor, connectivity: Connectivity) -> Tensor:
    """Pick the existing weights out of a dense weight, in the order they are stored.

    Args:
        dense: *Shape:* (out_features, in_features)
        connectivity: which weights exist.

    Returns:
        *Shape:* `connectivity.weight_shape`
    """
    places = torch.from_numpy(connectivity.positions()).to(dense.device)
    return dense.reshape(-1).index_select(0, places).reshape(connectivity.weight_shape)
