"""Changing a layer's connections, and choosing which ones must not be lost."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.errors import complaint
from gossamer.sparse.linear import RandomlyConnectedLinear
from gossamer.sparse.rewire.interface import Companions
from gossamer.sparse.topology import tiled_identity


@torch.no_grad()
def rewire_layer(
    layer: RandomlyConnectedLinear, keep: Tensor, grow: Tensor, companions: Companions
) -> int:
    """Replace old connections by new ones; their number stays.

    The weight stays the same parameter, so that optimisers keep it, and its values are sorted
    again. The weights of new connections are zero. The gradient, which belonged to the old
    connections, is set to None. Companions are treated as the weight is.

    Args:
        layer: a sparse one of topology `uniform`.
        keep: True for each stored weight that stays. *Shape:* (n_weights,), bool.
        grow: where new connections are, `output * in_features + input`, in any order; a place that
            `keep` gives up can be among them and starts again. *Shape:* (n_dropped,), int64.
        companions: the tensors kept for the weight elsewhere.

    Returns:
        The number of connections that the layer did not have before.

    Raises:
        ValueError: the layer has another topology or is dense, the numbers of dropped and new
            connections differ, a new one occurs twice, exists already or is out of range, or a
            companion does not have the weight's shape. Nothing has been changed then.
    """
    own = layer.connectivity
    if own.topology is not Topology.UNIFORM or own.is_dense:
        raise _not_uniform("the layer", own)
    keep, grow = keep.cpu(), grow.cpu().long()
    n_weights = own.n_weights
    if keep.dtype != torch.bool or keep.shape != (n_weights,) or grow.ndim != 1:
        raise ValueError(
            complaint(
                f"keep must be a bool tensor of shape ({n_weights},), grow have one dimension",
                got=(keep.dtype, tuple(keep.shape), tuple(grow.shape)),
                hint="one value of keep for each stored weight",
            )
        )
    old = torch.from_numpy(own.positions())
    stays = keep.nonzero().squeeze(1)
    if stays.numel() + grow.numel() != n_weights:
        raise ValueError(
            complaint(
                "as many connections must grow as are dropped",
                got=f"{n_weights - stays.numel()} dropped, {grow.numel()} grown",
                hint="grow with one position for each False in keep",
            )
        )
    weight = layer.weight
    moved = list(companions(weight))
    for tensor in moved:
        if tensor.shape != weight.shape:
            raise ValueError(
                complaint(
                    f"companions must have the weight's shape {tuple(weight.shape)}",
                    got=tuple(tensor.shape),
                    hint="optimizer_companions(optimizer)",
                )
            )
    positions, order = torch.sort(torch.cat([old[stays], grow]))
    connectivity = Connectivity(own.topology, own.in_features, own.out_features, positions.numpy())
    n_new = int((~torch.isin(grow, old)).sum())

    layer.replace_connectivity(connectivity)
    for tensor in (weight, *moved):
        values = torch.cat([tensor[stays.to(tensor.device)], tensor.new_zeros(grow.numel())])
        tensor.copy_(values[order.to(tensor.device)])
    weight.grad = None
    return n_new


def rewirable_layers(module: nn.Module) -> list[tuple[str, RandomlyConnectedLinear]]:
    """The layers whose connections can be exchanged, by name.

    Args:
        module: the model. Its dense and its frozen layers are left out.

    Raises:
        ValueError: a sparse layer has another topology than `uniform`, two modules share a weight,
            or there is no layer to rewire.
    """
    found = [
        (name, layer)
        for name, layer in _layers(module)
        if layer.weight.requires_grad and not layer.connectivity.is_dense
    ]
    for name, layer in found:
        if layer.topology is not Topology.UNIFORM:
            raise _not_uniform(f"the layer {name!r}", layer.connectivity)
    if not found:
        raise ValueError(
            complaint(
                "the model must have a randomly connected layer that is sparse and trained",
                got=type(module).__name__,
                hint='gossamer.sparse.sparsify(model, 0.2, topology="uniform")',
            )
        )
    _refuse_shared(module, [name for name, _ in found])
    return found


def prunable_layers(module: nn.Module, *, trained_only: bool) -> list[RandomlyConnectedLinear]:
    """The dense `RandomlyConnectedLinear`s.

    Args:
        module: the model. Its sparse layers are left out.
        trained_only: leave out frozen layers too.

    Raises:
        ValueError: there is no such layer, or two modules share a weight.
    """
    found = [
        (name, layer)
        for name, layer in _layers(module)
        if layer.connectivity.is_dense and (layer.weight.requires_grad or not trained_only)
    ]
    if not found:
        raise ValueError(
            complaint(
                "the model must have a RandomlyConnectedLinear of density 1.0"
                + (" that is trained" if trained_only else ""),
                got=type(module).__name__,
                hint="connection_density=1.0, or sparsify(model, 1.0, keep_weights=True) for the "
                "nn.Linears of a model",
            )
        )
    _refuse_shared(module, [name for name, _ in found])
    return [layer for _, layer in found]


def become(layer: RandomlyConnectedLinear, connectivity: Connectivity, weight: Tensor) -> None:
    """Give a layer other connections and a new weight parameter, in place."""
    layer.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
    layer._set_connectivity(connectivity)
    layer.seed = None


def magnitudes(values: Tensor) -> NDArray[np.float64]:
    """Absolute values, on the CPU. *Shape:* as given."""
    found: NDArray[np.float64] = values.detach().abs().double().cpu().numpy()
    return found


def strongest_of_each(strength: NDArray[np.float64]) -> NDArray[np.int64]:
    """The strongest connection of each output and of each input.

    Keeping them leaves no unit unconnected. There are at most `in + out - 1` of them, because the
    greatest weight of all is the strongest of its output and of its input.

    Args:
        strength: below 0 where there is no connection; of equal ones the first counts.
            *Shape:* (out_features, in_features).

    Returns:
        Ascending positions `output * in_features + input`. *Shape:* (n_found,).
    """
    n_out, n_in = strength.shape
    of_outputs = np.arange(n_out) * n_in + strength.argmax(axis=1)
    of_inputs = strength.argmax(axis=0) * n_in + np.arange(n_in)
    found = np.union1d(of_outputs, of_inputs).astype(np.int64)
    return found[strength.reshape(-1)[found] >= 0.0]


def never_pruned(strength: NDArray[np.float64], n_last: int) -> NDArray[np.int64]:
    """The connections to keep so that a pruned layer leaves no unit unconnected.

    The strongest of each output and of each input. Where fewer than `in + out - 1` are to be left
    in the end, there may be no room for these: then the tiled identity, as in `uniform` layers.

    Args:
        strength: below 0 for what has been pruned. *Shape:* (out_features, in_features).
        n_last: how many weights are left in the end, `max(in, out)` or more.

    Returns:
        Ascending positions, `n_last` at most. *Shape:* (n_found,).
    """
    n_out, n_in = strength.shape
    if n_last < n_in + n_out - 1:
        return tiled_identity(n_in, n_out)
    return strongest_of_each(strength)


def _layers(module: nn.Module) -> Iterable[tuple[str, RandomlyConnectedLinear]]:
    for name, part in module.named_modules():
        if isinstance(part, RandomlyConnectedLinear):
            yield name, part


def _refuse_shared(module: nn.Module, names: list[str]) -> None:
    owners: dict[nn.Parameter, list[str]] = {}
    for name, part in module.named_modules():
        for parameter in part.parameters(recurse=False):
            owners.setdefault(parameter, []).append(name)
    for name in names:
        sharing = owners[module.get_submodule(name).get_parameter("weight")]
        if len(sharing) > 1:
            raise ValueError(
                complaint(
                    "a weight that two modules share (a tied weight) cannot change connections",
                    got=sharing,
                    hint="one weight for each module",
                )
            )


def _not_uniform(which: str, connectivity: Connectivity) -> ValueError:
    return ValueError(
        complaint(
            f"{which} must be sparse, with connections that can be anywhere",
            got=f"topology {connectivity.topology.value!r}, density {connectivity.density:.4g}",
            hint='topology="uniform" and a density below 1',
        )
    )
