"""What must hold of the tensors and connections that a layer is given."""

from __future__ import annotations

from torch import Tensor

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.errors import complaint


def check_input(x: Tensor, in_features: int) -> None:
    """Check the activations. *Shape:* (..., in_features).

    Raises:
        ValueError: the last dimension is another one.
    """
    if x.ndim == 0 or x.shape[-1] != in_features:
        raise ValueError(
            complaint(
                f"the input's last dimension must be in_features = {in_features}",
                got=tuple(x.shape),
                hint="x.t(), if the features come first",
            )
        )


def check_parameters(
    x: Tensor, weight: Tensor, bias: Tensor | None, connectivity: Connectivity
) -> None:
    """Check parameters, which may have been replaced by assignment or `functional_call`.

    Raises:
        RuntimeError: the shapes are not the layer's, or the input `x` is on another device; the
            same class of error as `nn.Linear`'s.
    """
    if weight.device != x.device or (bias is not None and bias.device != x.device):
        raise RuntimeError(
            complaint(
                "the input must be on the device of the layer's weight and bias",
                got=[str(t.device) for t in (x, weight, bias) if t is not None],
                hint="moving the input or the layer by .to(device)",
            )
        )
    if weight.shape != connectivity.weight_shape:
        raise RuntimeError(
            complaint(
                f"the layer's weight must have the shape {connectivity.weight_shape}",
                got=tuple(weight.shape),
                hint="the weights as this layer stores them; from_masked_dense for dense ones",
            )
        )
    if bias is not None and bias.shape != (connectivity.out_features,):
        raise RuntimeError(
            complaint(
                f"the layer's bias must have the shape ({connectivity.out_features},)",
                got=tuple(bias.shape),
                hint="one value per output",
            )
        )


def check_masked_dense(weight: Tensor, mask: Tensor, bias: Tensor | None) -> None:
    """Check a dense weight, its mask and a bias.

    Raises:
        ValueError: the shapes differ.
    """
    if weight.ndim != 2 or weight.shape != mask.shape:
        raise ValueError(
            complaint(
                "weight and mask must both have the shape (out_features, in_features)",
                got=(tuple(weight.shape), tuple(mask.shape)),
                hint="transposing a kernel that is stored as (in, out)",
            )
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            complaint(
                f"bias must have the shape ({weight.shape[0]},)",
                got=tuple(bias.shape),
                hint="one value per output",
            )
        )


def check_same_form(own: Connectivity, other: Connectivity) -> None:
    """Check that other connections can replace a layer's own.

    Raises:
        ValueError: topology, widths or number of weights differ.
    """
    same = (own.topology, own.in_features, own.out_features, own.weight_shape)
    if same != (other.topology, other.in_features, other.out_features, other.weight_shape):
        raise ValueError(
            complaint(
                "new connections must have the layer's topology, widths and weight count",
                got=other,
                hint="RandomlyConnectedLinear.from_connectivity for a layer of another shape",
            )
        )
