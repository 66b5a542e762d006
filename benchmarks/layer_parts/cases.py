"""The cases of `fuzz_layer.py`: which layer is called, with what input, in which mode."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
import torch.fx
import torch.nn.functional as F
from layer_parts import changes as layer_changes  # noqa: F401  (enters its ways in the table)
from layer_parts.ways import RARE, SMALL, WAYS
from torch import Tensor, nn

from gossamer.sparse import RandomlyConnectedLinear, Topology

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "bool": torch.bool,
    "complex64": torch.complex64,
}
NO_WEIGHT = "F.linear wants a weight"
_LAYOUTS = [
    "plain", "transposed", "steps", "row steps", "offset", "expanded", "expanded columns",
    "overlapping", "narrow",
]  # fmt: skip
_MODES = ["grad", "grad", "grad", "no_grad", "no_grad", "inference"]


@dataclass(frozen=True)
class Case:
    """One call of one layer.

    Attributes:
        seed: gives everything else.
        in_features, out_features, topology, density, max_group_size, has_bias: the layer's.
        layer_dtype: type of its parameters.
        trains: training mode, else evaluation.
        shape: of the input.
        dtype: of the input.
        layout: how the input lies in memory.
        requires_grad: whether the input does.
        special: "", or what some of the input's values are: "nan" or "inf".
        way: name of a way of `layer_parts.ways`.
        mode: "grad", "no_grad" or "inference".
        autocast: "", "bfloat16" or "float16".
        default_dtype: torch's default during the call.
        deterministic: deterministic algorithms are asked for.
        threads: PyTorch's threads.
    """

    seed: int
    in_features: int
    out_features: int
    topology: str
    density: float
    max_group_size: int | None
    has_bias: bool
    layer_dtype: str
    trains: bool
    shape: tuple[int, ...]
    dtype: str
    layout: str
    requires_grad: bool
    special: str
    way: str
    mode: str
    autocast: str
    default_dtype: str
    deterministic: bool
    threads: int


def draw_case(seed: int) -> Case:
    """The case of a seed; the same one on every machine."""
    chance = random.Random(seed)
    ways = sorted(set(WAYS) - RARE)
    way = chance.choice(sorted(RARE) if chance.random() < 0.02 else ways)
    if chance.random() < 0.25:
        way = "plain"
    is_small = way in SMALL

    def width() -> int:
        if chance.random() < 0.6:  # kernels are compiled for each shape, so there are few of these
            return chance.choice([16, 48] if is_small else [16, 48, 112, 256])
        if chance.random() < 0.3:
            return chance.choice([1, 2, 3, 7, 31, 61])
        return chance.randint(1, 48 if is_small else 300)

    n_in, n_out = width(), width()
    layer_dtype = chance.choices(
        ["float32", "float64", "bfloat16", "float16", "complex64"], [20, 2, 1, 1, 0.3]
    )[0]
    others = [name for name in DTYPES if name != layer_dtype]
    n_dims = chance.choices([0, 1, 2, 3, 4], [1, 3, 12, 8, 2])[0]
    rows = (
        [0, 1, 2, 5, 8] if is_small else [0, 1, 2, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257]
    )
    leading = [chance.choice(rows)] if n_dims > 1 else []
    leading += [chance.choice([0, 1, 2, 3, 3]) for _ in range(n_dims - 2)]
    chance.shuffle(leading)
    last = n_in if chance.random() < 0.96 else chance.choice([0, 1, n_in + 1, n_out, 2 * n_in])
    return Case(
        seed=seed,
        in_features=n_in,
        out_features=n_out,
        topology=chance.choice([topology.value for topology in Topology]),
        density=chance.choice([0.0, 1.0, 0.2, 0.1, 0.05, 0.5, 0.33, 1e-9]),
        max_group_size=chance.choice([None, None, None, 1, 4, 8, 1000]),
        has_bias=chance.random() < 0.8,
        layer_dtype=layer_dtype,
        trains=chance.random() < 0.5,
        shape=(*leading, last) if n_dims else (),
        dtype=layer_dtype if chance.random() < 0.93 else chance.choice(others),
        layout="plain" if chance.random() < 0.5 else chance.choice(_LAYOUTS),
        requires_grad=chance.random() < 0.5,
        special=chance.choices(["", "nan", "inf"], [40, 1, 1])[0] if way == "plain" else "",
        way=way,
        mode=chance.choice(_MODES),
        autocast=chance.choices(["", "bfloat16", "float16"], [12, 1, 0.5])[0],
        default_dtype=chance.choices(["float32", "float64", "float16"], [15, 1, 0.3])[0],
        deterministic=chance.random() < 0.08,
        threads=2 if chance.random() < 0.1 else 1,
    )


def make_layer(case: Case) -> RandomlyConnectedLinear:
    """The layer that a case calls."""
    layer = RandomlyConnectedLinear(
        case.in_features,
        case.out_features,
        case.has_bias,
        connection_density=case.density,
        topology=case.topology,
        max_group_size=case.max_group_size,
        seed=case.seed,
        dtype=torch.float32,
    )
    if layer.bias is not None:
        with torch.no_grad():
            layer.bias.copy_(torch.linspace(-1, 1, case.out_features))
    return layer.to(DTYPES[case.layer_dtype]).train(case.trains)


class Reference(nn.Module):
    """The masked dense layer: the stored weights put into a kernel of zeros, then `F.linear`.

    Its parameters have the layer's names and shapes, so what is done to one can be done to both.
    """

    def __init__(self, layer: RandomlyConnectedLinear) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().clone())
        bias = layer.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.shape = (layer.out_features, layer.in_features)
        self.stored = tuple(layer.weight.shape)
        places = torch.from_numpy(layer.connectivity.positions())
        self.register_buffer("places", places)
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (..., in_features) -> (..., out_features)."""
        kernel = _kernel(self.weight, self.get_buffer("places"), self.stored, self.shape)
        return F.linear(x, kernel, self.bias)


@torch.fx.wrap  # symbolic tracing looks no further
def _kernel(
    weight: Tensor | None, places: Tensor, stored: tuple[int, ...], shape: tuple[int, int]
) -> Tensor:
    if weight is None:
        raise TypeError(NO_WEIGHT)
    if tuple(weight.shape) != stored:
        raise RuntimeError("a kernel of a wrong shape")
    flat = weight.new_zeros(shape[0] * shape[1])
    return flat.scatter(0, places, weight.reshape(-1)).reshape(shape)


def make_input(case: Case) -> Tensor:
    """The input of a case; the same values and strides at every call."""
    chance = random.Random(case.seed + 1)
    generator = torch.Generator().manual_seed(case.seed)
    dtype = DTYPES[case.dtype]
    values = torch.randn(case.shape, generator=generator, dtype=torch.float64)
    if case.special and values.numel() > 0:
        flat = values.view(-1)
        flat[chance.randrange(flat.numel())] = float(case.special)
    values = values > 0 if dtype is torch.bool else (values * 2).to(dtype)
    x = _laid_out(values, case.layout, chance)
    can = dtype.is_floating_point or dtype.is_complex
    return x.requires_grad_() if case.requires_grad and can else x


def _laid_out(values: Tensor, layout: str, chance: random.Random) -> Tensor:
    shape = values.shape
    if values.ndim == 0 or layout == "plain":
        return values
    if layout == "transposed":
        return values.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "steps":
        return torch.stack([values, values + values], -1).flatten(-2)[..., ::2]
    if layout == "row steps":
        return (
            torch.cat([values, values])[: len(values)]
            if values.ndim == 1
            else torch.stack([values, values], 1).flatten(0, 1)[::2]
        )
    if layout == "narrow":
        padding = torch.ones((*shape[:-1], 3), dtype=values.dtype)
        return torch.cat([padding, values, padding], -1)[..., 3:-3]
    if layout == "offset":
        n = chance.choice([1, 3, 5])
        flat = torch.cat([torch.ones(n, dtype=values.dtype), values.reshape(-1)])
        return flat[n:].view(shape)
    if values.numel() == 0:
        return values
    if layout == "expanded":
        return values[:1].expand(shape)
    if layout == "expanded columns":
        return values[..., :1].expand(shape)
    strides = [chance.choice([0, 1, 1, 2]) for _ in shape]
    needed = 1 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    flat = values.reshape(-1)
    flat = flat.repeat(-(-needed // len(flat)))
    return flat.as_strided(shape, strides)
