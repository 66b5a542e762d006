"""From dense models to sparse ones and back, without touching their code."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from gossamer.sparse.attention import (
    PROJECTIONS,
    SparseMultiheadAttention,
    as_multihead_attention,
    attention_obstacle,
    dense_projections,
)
from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.errors import checked_density, checked_seed, complaint
from gossamer.sparse.linear import RandomlyConnectedLinear, stored_weights
from gossamer.sparse.report import LayerReport, SparsifyReport
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
    attention: bool = False,
    report: Callable[[SparsifyReport], object] | None = None,
) -> nn.Module:
    """Replace the `nn.Linear`s of a model by randomly connected layers, in place.

    Only modules whose type is exactly `nn.Linear` are replaced, and with `attention` those that are
    exactly `nn.MultiheadAttention`. Subclasses are left alone, because their owners may read their
    `weight`, and so are layers whose weight is computed (parametrized, pruned or normalised by
    `torch.nn.utils`). A layer used in several places is replaced once and stays shared. Hooks set
    on a replaced layer are not carried over. An `nn.TransformerEncoderLayer` whose layers were
    replaced avoids its fused inference path, which reads dense weights, and an
    `nn.TransformerEncoder` avoids nested tensors. A tied weight (one parameter in two modules)
    cannot be kept and is refused.

    Args:
        module: the model; a bare `nn.Linear` too.
        density: share of connections to keep, in [0, 1].
        topology: how they are drawn.
        seed: fixes all connections and weights; each layer gets a seed of its own derived
            from it and from its place in `named_modules`. None draws one from torch's global
            generator.
        skip: layers to leave dense: names or patterns as in a shell (`"decoder.*"`; `""` is a
            bare layer's name), or a function of name and layer that says so.
        keep_weights: keep the dense weights where a connection exists, and the bias. False
            gives fresh initial weights for the real fan-in, to train from the start.
        attention: replace each `nn.MultiheadAttention` too, by a `SparseMultiheadAttention` whose
            four projections are sparse.
        report: called once with what was replaced and what was left, and why: `print` shows it,
            the `append` of a list keeps it.

    Returns:
        The same module, or, for a bare `nn.Linear`, the layer that takes its place. Device,
        dtype, `requires_grad` and train or eval mode are kept.

    Raises:
        TypeError: the density is not a real number, or the seed not an integer.
        ValueError: the density lies outside [0, 1], the seed is negative, the topology is
            unknown, a pattern in `skip` matches no linear layer, or a weight is tied.
    """
    density = checked_density(density)
    topology = Topology(topology)
    base = fresh_seed() if seed is None else checked_seed(seed)
    linears = [(n, part) for n, part in module.named_modules() if _is_plain_linear(part)]
    attentions = [
        (name, part)
        for name, part in module.named_modules()
        if isinstance(part, nn.MultiheadAttention) and attention_obstacle(part) is None
    ]
    chosen = _without_skipped([*linears, *(attentions if attention else [])], skip)
    _refuse_tied(module, chosen)

    def drawn(weight: Tensor, bias: Tensor | None, number: int) -> RandomlyConnectedLinear:
        layer = RandomlyConnectedLinear(
            weight.shape[1],
            weight.shape[0],
            bias is not None,
            connection_density=density,
            topology=topology,
            seed=child_seed(base, number),
            device=weight.device,
            dtype=weight.dtype,
        )
        if keep_weights:
            with torch.no_grad():
                layer.weight.copy_(stored_weights(weight, layer.connectivity))
                if layer.bias is not None and bias is not None:
                    layer.bias.copy_(bias)
        layer.weight.requires_grad_(weight.requires_grad)
        if layer.bias is not None and bias is not None:
            layer.bias.requires_grad_(bias.requires_grad)
        return layer

    new: dict[nn.Module, nn.Module] = {}
    for number, (name, linear) in enumerate(linears):
        if name in chosen:
            layer = drawn(linear.weight, linear.bias, number)
            new[linear] = layer.train(linear.training)
    for place, (name, old) in enumerate(attentions):
        if name in chosen:
            first = len(linears) + len(PROJECTIONS) * place
            parts = {
                projection: drawn(*dense, first + number)
                for number, (projection, dense) in enumerate(dense_projections(old).items())
            }
            new[old] = SparseMultiheadAttention(
                parts, old.num_heads, dropout=old.dropout, batch_first=old.batch_first
            ).train(old.training)
    told = _reported(module, new, attention=attention)
    result = replaced(module, new)
    if report is not None:
        report(told)
    return result


def densify(module: nn.Module) -> nn.Module:
    """Replace sparse layers and attentions by the dense ones that compute the same, in place.

    Args:
        module: the model; a bare layer too.

    Returns:
        The same module, or, for a bare layer, the `nn.Linear` that takes its place. Connections
        that did not exist become weights of zero, trainable like the others.
    """
    new: dict[nn.Module, nn.Module] = {}
    for part in module.modules():
        if isinstance(part, SparseMultiheadAttention):
            new[part] = as_multihead_attention(part)
        elif isinstance(part, RandomlyConnectedLinear):
            new[part] = _as_linear(part)
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
        shape = part.get_buffer("indices").shape
        if stored.shape != shape:
            raise ValueError(
                complaint(
                    f"{key} must have the shape {tuple(shape)}",
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
                    "every pattern in skip must match the name of an nn.Linear",
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
    linear.weight.requires_grad_(layer.weight.requires_grad)
    if layer.bias is not None:
        linear.bias = nn.Parameter(layer.bias.detach().clone(), layer.bias.requires_grad)
    return linear.train(layer.training)


def _is_plain_linear(part: nn.Module) -> bool:
    return type(part) is nn.Linear and "weight" in part._parameters


def _reported(
    module: nn.Module, new: Mapping[nn.Module, nn.Module], *, attention: bool
) -> SparsifyReport:
    """Every module that has matrices of its own, and what happens to it."""
    told: list[LayerReport] = []
    inside: set[nn.Module] = set()  # reported as parts of their attention
    for name, part in module.named_modules():
        if part in inside:
            continue
        if isinstance(part, nn.MultiheadAttention | SparseMultiheadAttention):
            inside.update(part.modules())
        elif nn.utils.parametrize.is_parametrized(part):
            inside.update(part.parametrizations.modules())
        before = _matrix_size(part)
        if before == 0 and not isinstance(part, nn.Linear):
            continue
        replacement = new.get(part)
        told.append(
            LayerReport(
                name=name,
                kind=type(part).__name__,
                in_features=getattr(part, "in_features", None),
                out_features=getattr(part, "out_features", None),
                weights_before=before,
                weights_after=before if replacement is None else _matrix_size(replacement),
                left_because=_reason(part, attention) if replacement is None else None,
            )
        )
    return SparsifyReport(tuple(told))


def _reason(part: nn.Module, attention: bool) -> str:
    if isinstance(part, RandomlyConnectedLinear | SparseMultiheadAttention):
        return "it is sparse already"
    if isinstance(part, nn.MultiheadAttention):
        obstacle = attention_obstacle(part)
        return obstacle or ("skip" if attention else "attention=True would replace it")
    if nn.utils.parametrize.is_parametrized(part) or (
        type(part) is nn.Linear and not _is_plain_linear(part)
    ):
        return "its weight is computed (parametrized, pruned or normalised)"
    if isinstance(part, nn.modules.lazy.LazyModuleMixin):
        return "its shape is not known before its first call"
    if _is_plain_linear(part):
        return "skip"
    if isinstance(part, nn.Linear):
        return "a subclass of nn.Linear, whose owner may read its weight"
    return "not an nn.Linear"


def _matrix_size(part: nn.Module) -> int:
    """Weights of a module's kernels, those of an attention's projections with them."""
    if isinstance(part, RandomlyConnectedLinear):
        return part.weight.numel()
    if isinstance(part, SparseMultiheadAttention):
        return sum(getattr(part, name).weight.numel() for name in PROJECTIONS)
    if isinstance(part, nn.MultiheadAttention):
        return sum(p.numel() for p in part.parameters() if p.ndim > 1)
    if nn.utils.parametrize.is_parametrized(part) or isinstance(part, nn.Linear):
        weight = getattr(part, "weight", None)
        known = isinstance(weight, Tensor) and not nn.parameter.is_lazy(weight)
        return weight.numel() if known and isinstance(weight, Tensor) else 0
    return sum(
        p.numel()
        for p in part.parameters(recurse=False)
        if not nn.parameter.is_lazy(p) and p.ndim > 1
    )


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
    for parent in module.modules():
        if isinstance(parent, nn.TransformerEncoder) and len(parent.layers) > 0:
            _choose_nesting(parent)
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


def _choose_nesting(encoder: nn.TransformerEncoder) -> None:
    """Use nested tensors, which only fused paths accept, for dense encoders only."""
    kinds = (RandomlyConnectedLinear, SparseMultiheadAttention)
    if any(isinstance(part, kinds) for part in encoder.layers.modules()):
        encoder.use_nested_tensor = False
    elif encoder.enable_nested_tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says why it does not use them
            first = encoder.layers[0]
            encoder.use_nested_tensor = nn.TransformerEncoder(first, 0).use_nested_tensor
