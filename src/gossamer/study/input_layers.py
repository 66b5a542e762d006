"""DIET without its dense input layer, or with one that does not learn: see `InputLayer`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.text_encoder import TextEncoder
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.inputs import SparseInputTable, sparse_product
from gossamer.nn.ops.dropout import keep_mask
from gossamer.sparse import Connectivity, RandomlyConnectedLinear, Topology, child_seed
from gossamer.study.run import InputLayer


class FixedInputTable(SparseInputTable):
    """An input table that does not learn.

    Args:
        weight: what it multiplies by. *Shape:* (n_features, units).
    """

    def __init__(self, weight: Tensor) -> None:
        with torch.random.fork_rng(devices=[]):  # what it draws is not used
            super().__init__(*weight.shape)
        self.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
        self.bias.requires_grad_(False)

    @property
    def can_collect_rows(self) -> bool:
        """Never: it has no gradient."""
        return False


class SparselyConnectedInput(nn.Module):
    """A randomly connected layer that reads sparse features itself.

    Its state dict is that of the input table that computes the same: networks that answer read it.

    Args:
        layer: the layer; its inputs are the features.

    Attributes:
        touched: None: all rows of its weight can have a gradient.
    """

    touched: None = None

    def __init__(self, layer: RandomlyConnectedLinear) -> None:
        super().__init__()
        self.layer = layer
        _stored_as(self, _saved_as_table, _loaded_from_table)

    @property
    def weight(self) -> nn.Parameter:
        """The layer's weights."""
        return self.layer.weight

    def forward(self, x: CsrMatrix, *, dropout: float = 0.0) -> Tensor:
        """As `SparseInputTable.forward`. *Shape:* (n_rows, n_features) -> (n_rows, units)."""
        if dropout > 0.0:
            kept = keep_mask(x.nnz, dropout).numpy()
            x = x.with_data(x.data * kept)
        y = sparse_product(self.layer.to_dense_weight().T.contiguous(), x)
        return y if self.layer.bias is None else y + self.layer.bias


class PassThrough(nn.Module):
    """Takes the place of a layer that is left out.

    Its state dict is that of a dense layer that changes nothing: networks that answer read it.

    Args:
        width: of what it passes on.

    Attributes:
        weight: empty, for code that asks each layer for its weight.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.empty(0))
        _stored_as(self, _saved_as_dense_layer, _loaded_from_dense_layer)

    def forward(self, x: Tensor) -> Tensor:
        """The input. *Shape:* any."""
        return x


def _stored_as(module: nn.Module, saved: Callable[..., None], loaded: Callable[..., None]) -> None:
    """Functions that change a module's own state dict after it is made and before it is read."""
    module._register_state_dict_hook(saved)  # type: ignore[no-untyped-call]
    module.register_load_state_dict_pre_hook(loaded)  # type: ignore[no-untyped-call]


def _saved_as_table(
    module: SparselyConnectedInput, state: dict[str, Any], prefix: str, _metadata: Any
) -> None:
    layer = module.layer
    for name in layer.state_dict():
        del state[f"{prefix}layer.{name}"]
    state[prefix + "weight"] = layer.to_dense_weight().detach().T.contiguous()
    bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
    state[prefix + "bias"] = bias.detach()


def _loaded_from_table(
    module: SparselyConnectedInput, state: dict[str, Any], prefix: str, *_others: Any
) -> None:
    own = module.layer.state_dict()
    dense = state.pop(prefix + "weight").T.reshape(-1)
    places = torch.from_numpy(module.layer.connectivity.positions())
    own["weight"] = dense[places].reshape(module.weight.shape)
    bias = state.pop(prefix + "bias")
    if module.layer.bias is not None:
        own["bias"] = bias
    state.update({f"{prefix}layer.{name}": value for name, value in own.items()})


def _saved_as_dense_layer(
    module: PassThrough, state: dict[str, Any], prefix: str, _metadata: Any
) -> None:
    state[prefix + "weight"] = torch.eye(module.width)
    state[prefix + "bias"] = torch.zeros(module.width)


def _loaded_from_dense_layer(
    module: PassThrough, state: dict[str, Any], prefix: str, *_others: Any
) -> None:
    del state[prefix + "bias"]
    state[prefix + "weight"] = module.weight.detach()


def replace_input_layers(
    network: nn.Module, kind: InputLayer, *, density: float, seed: int
) -> None:
    """Change what is between the features of texts and the first sparse layer, in place.

    `FROZEN` keeps the dense layers as they were initialised. `HASHED` sends each feature to one
    unit, drawn evenly, with a random sign (feature hashing: Weinberger et al. 2009), scaled so that
    the row of a feature is as long as a row of the dense layer is at first. `NONE` removes the
    dense layers: the transformer's first sparse layer reads the features themselves, one layer for
    features of tokens and one for those of sentences, of topology `uniform`. `WINDOWED` and
    `SHUFFLED` remove them, too; see `windows`.

    The layers that read labels are left alone.

    Args:
        network: DIET's, before training.
        kind: what to put there.
        density: of the layers of `NONE`.
        seed: of what is drawn.

    Raises:
        ConfigError: the network has other layers between (`hidden_layers_sizes`, features of two
            widths, dense features) or no transformer, so that it is not clear what to replace.
    """
    if not isinstance(network, TextEncoder):
        raise ConfigError(
            "the input layers of DIET's network can be replaced",
            got=type(network).__name__,
            hint="the task intent or entity",
        )
    inputs = [part for part in network.text_inputs().values() if part.table is not None]
    if (
        network.encoder is None
        or network.sequence_unify is not None
        or len(network.hidden.layers) > 0
        or any(part.table is None or part.width != part.table.weight.shape[1] for part in inputs)
    ):
        raise ConfigError(
            "input layers can be replaced where sparse features go through one dense layer into "
            "the transformer",
            hint="a pipeline without hidden_layers_sizes and without dense features",
        )
    for number, part in enumerate(inputs):
        table = part.table
        assert table is not None
        own_seed = child_seed(seed, number)
        if kind is InputLayer.FROZEN:
            part.table = FixedInputTable(table.weight)
        elif kind is InputLayer.HASHED:
            part.table = FixedInputTable(hashed_weight(*table.weight.shape, seed=own_seed))
        elif kind.is_sparse:
            widths = (table.weight.shape[0], network.encoder.hidden_size)
            if kind is InputLayer.NONE:
                layer = RandomlyConnectedLinear(
                    *widths, connection_density=density, topology=Topology.UNIFORM, seed=own_seed
                )
            else:
                order = own_seed if kind is InputLayer.SHUFFLED else None
                layer = RandomlyConnectedLinear.from_connectivity(
                    windows(*widths, density=density, shuffled_by=order), seed=own_seed
                )
            part.table = SparselyConnectedInput(layer)  # type: ignore[assignment]
            part.width = network.encoder.hidden_size
    if kind.is_sparse:
        network.encoder.input = PassThrough(network.encoder.hidden_size)


def windows(
    in_features: int, out_features: int, *, density: float, shuffled_by: int | None = None
) -> Connectivity:
    """Each output reads a window of neighbouring inputs, its beginning as far on as its number.

    The windows' beginnings are evenly apart, and the last inputs are next to the first ones.

    Args:
        in_features: number of inputs.
        out_features: number of outputs.
        density: the window's share of the inputs; it has one input at least, and as many as it
            takes for each input to be in a window.
        shuffled_by: the seed of the random order that the inputs are put in first; None leaves
            them as they are.
    """
    k = min(in_features, max(1, round(density * in_features), -(-in_features // out_features)))
    starts = np.arange(out_features) * in_features // out_features
    inputs = (starts[:, None] + np.arange(k)) % in_features
    if shuffled_by is not None:
        inputs = np.random.default_rng(shuffled_by).permutation(in_features)[inputs]
    indices = None if k == in_features else np.sort(inputs, axis=1)
    return Connectivity(Topology.FAN_IN, in_features, out_features, indices)


def hashed_weight(n_features: int, units: int, *, seed: int) -> Tensor:
    """One unit for each feature, with a sign; see `replace_input_layers`.

    Returns:
        *Shape:* (n_features, units), one entry in each row that is not zero.
    """
    rng = np.random.default_rng(seed)
    weight = torch.zeros(n_features, units)
    chosen = torch.from_numpy(rng.integers(units, size=n_features))
    signs = torch.from_numpy(rng.choice([-1.0, 1.0], size=n_features)).float()
    # A Glorot uniform row of `units` has the root mean square length limit * sqrt(units / 3).
    length = math.sqrt(6.0 / (n_features + units)) * math.sqrt(units / 3)
    weight[torch.arange(n_features), chosen] = signs * length
    return weight
