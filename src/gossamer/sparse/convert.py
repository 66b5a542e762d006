"""From dense models to sparse ones and back, without touching their code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.errors import checked_density, checked_seed, complaint
from gossamer.sparse.linear import RandomlyConnectedLinear, stored_weights
from gossamer.sparse.seeds import child_seed, fresh_seed

Skip = Iterable[str] | Callable[[str, nn.Module], bool]


def sparsify(
    module: nn.Module,
    density: float = 0.2,
    *,
    topology: Topology | str = Topology.BLOCKED,
    seed: int | None = None,
    skip: Skip = (),
    keep_weights: bool = False,
) -> nn.Module:
    """Replace the `nn.Linear`s of a model by randomly connected layers, in place.

    Only modules whose type is exactly `nn.Linear` are replaced. Subclasses are left alone, for
    their owners read their `weight` (the output projection of `nn.MultiheadAttention`, which is
    a `NonDynamicallyQuantizableLinear`), and so are layers whose weight is computed (parametrized,
    pruned or normalised by `torch.nn.utils`). A layer that a model uses in several places is
    replaced once and stays shared. Hooks set on a replaced layer are not carried over. An
    `nn.TransformerEncoderLayer` whose layers were replaced keeps off its fused inference path,
    which reads dense weights. A tied weight (one parameter in two modules) cannot be kept and is
    refused.

    Args:
        module: the model; a bare `nn.Linear` too.
        density: share of connections to keep, in [0, 1].
        topology: how they are drawn.
        seed: fixes all connections and weights; each layer gets a seed of its own derived
            from it and from its place in `named_modules`. None draws one from torch's global
            generator.
        skip: layers to leave dense: names or patterns as in a shell (`"decoder.*"`; `""` is a
            bare layer's name), or a function of name and layer that says so.
        keep_weights: take over the dense weights where a connection exists, and the bias. False
            gives fresh initial weights for the real fan-in, to train from the start.

    Returns:
        The same module, or, for a bare `nn.Linear`, the layer that takes its place. Device,
        dtype, `requires_grad` and train or eval mode are kept.

    Raises:
        TypeError: the density is not a real number, or the seed not an integer.
        ValueError: the density lies outside [0, 1], the seed is negative, the topology is
            unknown, a pattern in `skip` fits no linear layer, or a weight is tied.
    """
    density = checked_density(density)
    topology = Topology(topology)
    base = fresh_seed() if seed is None else checked_seed(seed)
    linears = [
        (name, part)
        for name, part in module.named_modules()
        if type(part) is nn.Linear and "weight" in part._parameters
    ]
    chosen = _without_skipped(linears, skip)
    _refuse_tied(module, chosen)

    new: dict[nn.Module, nn.Module] = {}
    for number, (name, linear) in enumerate(linears):
        if name not in chosen:
            continue
        layer = RandomlyConnectedLinear(
            linear.in_features,
            linear.out_features,
            linear.bias is not None,
            connection_density=density,
            topology=topology,
            seed=child_seed(base, number),
            device=linear.weight.device,
            dtype=linear.weight.dtype,
        )
        if keep_weights:
            with torch.no_grad():
                layer.weight.copy_(stored_weights(linear.weight, layer.connectivity))
                if layer.bias is not None:
                    layer.bias.copy_(linear.bias)
        _take_over(linear, layer)
        new[linear] = layer
    return replaced(module, new)


def densify(module: nn.Module) -> nn.Module:
    """Replace randomly connected layers by the `nn.Linear`s that compute the same, in place.

    Args:
        module: the model; a bare layer too.

    Returns:
        The same module, or, for a bare layer, the `nn.Linear` that takes its place. Connections
        that did not exist become weights of zero, trainable like the others.
    """
    new: dict[nn.Module, nn.Module] = {}
    for part in module.modules():
        if not isinstance(part, RandomlyConnectedLinear):
            continue
        linear = _as_linear(part)
        _take_over(part, linear)
        new[part] = linear
    return replaced(module, new)


def adopt_connectivity(module: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Give a model the connections stored in a state dict, so that its weights can be loaded.

    Loading a state dict never changes connections, since a seed that differs is nearly always a
    mistake. Where it is meant, call this first, then `load_state_dict`. Weights and biases are
    not touched.

    Args:
        module: a model built with the same widths, density and topology as the stored one.
        state_dict: the stored one.

    Raises:
        KeyError: a layer's connections are not in the state dict.
        ValueError: they do not fit the layer's shape; nothing has been changed then.
    """
    found: list[tuple[RandomlyConnectedLinear, Connectivity]] = []
    for name, part in module.named_modules():
        if not isinstance(part, RandomlyConnectedLinear) or part.connectivity.is_dense:
            continue
        key = f"{name}.indices" if name else "indices"
        if key not in state_dict:
            hint = "a state dict of this very model, saved whole"
            raise KeyError(complaint(f"the state dict must hold {key}", got=None, hint=hint))
        stored, own = state_dict[key], part.connectivity
        if stored.shape != part.indices.shape:
            raise ValueError(
                complaint(
                    f"{key} must have the shape {tuple(part.indices.shape)}",
                    got=tuple(stored.shape),
                    hint="the widths, density and topology the model was saved with",
                )
            )
        indices = stored.detach().cpu().numpy()
        found.append((part, Connectivity(own.topology, own.in_features, own.out_features, indices)))
    for layer, connectivity in found:
        if connectivity.fingerprint() != layer.connectivity.fingerprint():
            layer.replace_connectivity(connectivity)


def count_weights(module: nn.Module, *, trainable_only: bool = True) -> int:
    """Count the weights and biases a model has, each shared one once.

    Args:
        module: the model.
        trainable_only: leave out parameters that are frozen.

    Returns:
        The number of values. Connections that do not exist are not stored, so they do not count.
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable_only)


def _without_skipped(linears: Sequence[tuple[str, nn.Module]], skip: Skip) -> set[str]:
    names = [name for name, _ in linears]
    if callable(skip):
        return {name for name, linear in linears if not skip(name, linear)}
    patterns = [skip] if isinstance(skip, str) else list(skip)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            shown = ", ".join(repr(name) for name in names)
            raise ValueError(
                complaint(
                    "every pattern in skip must fit the name of an nn.Linear",
                    got=pattern,
                    hint=f"one of {shown}" if names else "a model that has nn.Linear layers",
                )
            )
    return {n for n in names if not any(fnmatchcase(n, pattern) for pattern in patterns)}


def _refuse_tied(module: nn.Module, chosen: set[str]) -> None:
    owners: dict[nn.Parameter, list[str]] = {}
    for name, part in module.named_modules():
        for own, parameter in part.named_parameters(recurse=False):
            owners.setdefault(parameter, []).append(f"{name}.{own}" if name else own)
    for names in owners.values():
        if len(names) > 1 and any(n.rpartition(".")[0] in chosen for n in names):
            raise ValueError(
                complaint(
                    "a weight that two modules share (a tied weight) cannot become sparse",
                    got=names,
                    hint="skip=[...] with the linear layer's name, or untie the weights first",
                )
            )


def _as_linear(layer: RandomlyConnectedLinear) -> nn.Linear:
    # Built on the meta device, which draws nothing, so the global generator stays as it was.
    linear = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
    linear.weight = nn.Parameter(layer.to_dense_weight().detach().clone())
    if layer.bias is not None:
        linear.bias = nn.Parameter(layer.bias.detach().clone())
    return linear


def _take_over(
    old: nn.Linear | RandomlyConnectedLinear, new: nn.Linear | RandomlyConnectedLinear
) -> None:
    new.train(old.training)
    new.weight.requires_grad_(old.weight.requires_grad)
    if old.bias is not None and new.bias is not None:
        new.bias.requires_grad_(old.bias.requires_grad)


def replaced(module: nn.Module, new: dict[nn.Module, nn.Module]) -> nn.Module:
    """Put each of the new modules where the old one is; returns the model or what replaces it."""
    if module in new:
        return new[module]
    for parent in list(module.modules()):
        # The raw table, since named_children gives a child of two names once only.
        for name, child in list(parent._modules.items()):
            if child is not None and child in new:
                setattr(parent, name, new[child])
        if isinstance(parent, nn.TransformerEncoderLayer):
            _choose_encoder_path(parent)
    return module


def _choose_encoder_path(layer: nn.TransformerEncoderLayer) -> None:
    """Keep torch's fused inference path, which reads `linear1.weight`, for dense layers only.

    The flag names torch's own check that the fused path knows the activation: 1 for ReLU, 2 for
    GELU, 0 for anything else, which runs the layers one by one.
    """
    parts = (layer.linear1, layer.linear2)
    if any(isinstance(part, RandomlyConnectedLinear) for part in parts):
        layer.activation_relu_or_gelu = 0
    elif layer.activation_relu_or_gelu == 0:
        activation = layer.activation
        is_relu = activation is nn.functional.relu or isinstance(activation, nn.ReLU)
        is_gelu = activation is nn.functional.gelu or isinstance(activation, nn.GELU)
        layer.activation_relu_or_gelu = 1 if is_relu else 2 if is_gelu else 0
