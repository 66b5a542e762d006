"""What `sparsify` did to a model: a line for each layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """What happened to one layer.

    Attributes:
        name: its name in the model; "" for a bare layer.
        kind: the class it had.
        in_features: number of inputs; None where the layer does not say.
        out_features: number of outputs, likewise.
        weights_before: values of its weight, biases not counted.
        weights_after: the same after `sparsify`.
        left_because: why it was left dense; None if it was replaced.
    """

    name: str
    kind: str
    in_features: int | None
    out_features: int | None
    weights_before: int
    weights_after: int
    left_because: str | None = None

    @property
    def is_replaced(self) -> bool:
        """Whether the layer is sparse now."""
        return self.left_because is None

    @property
    def density(self) -> float:
        """The share of weights that is left, in [0, 1]."""
        return self.weights_after / self.weights_before if self.weights_before else 1.0

    def __str__(self) -> str:
        widths = "" if self.in_features is None else f" {self.in_features} -> {self.out_features}"
        start = f"{self.name or '(the model)'}: {self.kind}{widths}"
        if self.left_because is not None:
            return f"{start}, {self.weights_before:,} weights, left: {self.left_because}"
        return (
            f"{start}, {self.weights_before:,} -> {self.weights_after:,} weights "
            f"(density {self.density:.3g})"
        )


@dataclass(frozen=True, slots=True)
class SparsifyReport:
    """What happened to each layer of a model; printed, it is a line for each and a total.

    Attributes:
        layers: in the order of `named_modules`. A layer used in several places counts once. Modules
            without a weight of two dimensions or more (norms, activations) are not listed.
    """

    layers: tuple[LayerReport, ...]

    @property
    def replaced(self) -> tuple[LayerReport, ...]:
        """The layers that are sparse now."""
        return tuple(layer for layer in self.layers if layer.is_replaced)

    @property
    def left(self) -> tuple[LayerReport, ...]:
        """The layers that were left as they were."""
        return tuple(layer for layer in self.layers if not layer.is_replaced)

    def __str__(self) -> str:
        before = sum(layer.weights_before for layer in self.layers)
        after = sum(layer.weights_after for layer in self.layers)
        total = (
            f"replaced {len(self.replaced)} of {len(self.layers)} layers: "
            f"{before:,} -> {after:,} weights"
        )
        return "\n".join([*map(str, self.layers), total])
