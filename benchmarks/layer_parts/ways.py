"""Ways of calling a layer, for `fuzz_layer.py`: each works on any module with a weight and a bias.

A way takes the module, a function that makes the input (the same values each time), and a source
of chance, and gives named tensors. It is run on the layer and on its dense reference; both must
give the same, or the same type of exception. Changes between calls are in `layer_parts.changes`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vjp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

Results = dict[str, Any]
Make = Callable[[], Tensor]
Way = Callable[[nn.Module, Make, random.Random], Results]

WAYS: dict[str, Way] = {}
# The way differentiates every output by every input, or traces: small layers only.
SMALL: set[str] = set()
# Tens of milliseconds and more for each call: these are drawn less often.
RARE: set[str] = set()


def way(*, small: bool = False, rare: bool = False) -> Callable[[Way], Way]:
    """Enter a way of calling in the table."""

    def enter(function: Way) -> Way:
        WAYS[function.__name__] = function
        if small:
            SMALL.add(function.__name__)
        if rare:
            RARE.add(function.__name__)
        return function

    return enter


def with_grads(model: nn.Module, x: Tensor, y: Tensor, chance: random.Random) -> Results:
    """The answer, and the gradients of whatever takes part, for an oddly laid out gradient."""
    found: Results = {"y": y}
    wanted = {"x": x, **dict(model.named_parameters())}
    wanted = {name: part for name, part in wanted.items() if part.requires_grad}
    if not y.requires_grad or not wanted or y.is_nested or y.layout is not torch.strided:
        return found
    generator = torch.Generator().manual_seed(chance.randrange(2**31))
    values = torch.randn(tuple(y.shape), generator=generator, dtype=torch.float64).to(y.dtype)
    kind = chance.choice(["plain", "transposed", "expanded", "steps"])
    if kind == "transposed" and y.ndim > 1:
        values = values.transpose(0, -1).contiguous().transpose(0, -1)
    elif kind == "expanded":
        values = torch.ones((), dtype=y.dtype).expand(y.shape)
    elif kind == "steps" and y.ndim > 0:
        values = torch.stack([values, values], -1)[..., 0]
    grads = torch.autograd.grad(y, list(wanted.values()), values, allow_unused=True)
    return found | {f"gradient of {name}": g for name, g in zip(wanted, grads, strict=True)}


@way()
def plain(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Forward, and backward where there is something to differentiate."""
    x = make()
    return with_grads(model, x, model(x), chance)


@way()
def twice(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """The same input again: nothing of the first call may be left in the second."""
    x = make()
    first = model(x)
    return {"first": first.clone(), **with_grads(model, x, model(x), chance)}


@way()
def second_order(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """A gradient of a gradient."""
    x = make()
    y = model(x)
    wanted = [x] * x.requires_grad + [p for p in model.parameters() if p.requires_grad]
    first = torch.autograd.grad(y.square().sum(), wanted, create_graph=True, allow_unused=True)
    total = sum((part.square().sum() for part in first if part is not None), torch.zeros(()))
    second = torch.autograd.grad(total, wanted, allow_unused=True)
    return {f"{number}": part for number, part in enumerate(second)}


@way()
def backward_twice(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """The second pass through a freed graph is refused; through a kept one it adds up."""
    x = make()
    y = model(x)
    y.sum().backward(retain_graph=chance.random() < 0.7)
    y.sum().backward()
    return {name: p.grad for name, p in [("x", x), *model.named_parameters()]}


@way()
def input_changed(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """What the backward pass needs is overwritten after the forward pass."""
    x = make()
    start = x * 1
    y = model(start)
    kept = y.detach().clone()
    with torch.no_grad():
        start.mul_(2)
    try:
        return {"kept": kept, **with_grads(model, x, y, chance)}
    except RuntimeError as error:  # refusing it is as right as keeping a copy
        if "modified by an inplace operation" not in str(error):
            raise
        return {"kept": kept, "y": y}


@way()
def only_bias(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Some parameters are frozen."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name == chance.choice(["weight", "bias"]))
    x = make()
    return with_grads(model, x, model(x), chance)


@way()
def other_batch(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Batches of several sizes one after the other, gradients collected."""
    x = make()
    parts = [x, x[: len(x) // 2], x[1:], x[:1], x[:0]]
    answers = [model(part) for part in parts]
    return {f"{n}": y for n, y in enumerate(answers)}


# -- functional transformations -------------------------------------------------------------------


@way()
def vmap_inputs(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Batched over one dimension of the input."""
    dim = chance.choice([0, 0, 1])
    return {"y": vmap(model, in_dims=dim, out_dims=dim)(make())}


@way(small=True)
def vmap_parameters(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """An ensemble: three sets of parameters, one input."""
    x = make()
    names = dict(model.named_parameters())
    stacked = {name: torch.stack([p, p * 2, p - 1]).detach() for name, p in names.items()}
    return {"y": vmap(lambda p: functional_call(model, p, (x,)))(stacked)}


@way(small=True)
def func_grad(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`torch.func.grad` by parameters and input; per sample under vmap."""
    x = make()
    parameters = dict(model.named_parameters())

    def loss(p: Mapping[str, Tensor], one: Tensor) -> Tensor:
        return functional_call(model, dict(p), (one,)).square().sum()  # type: ignore[no-any-return]

    if chance.random() < 0.5:
        found = vmap(grad(loss, argnums=(0, 1)), in_dims=(None, 0))(parameters, x)
    else:
        found = grad(loss, argnums=(0, 1))(parameters, x)
    return {**found[0], "x": found[1]}


@way(small=True)
def jacobians(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Jacobians by `torch.func` and `torch.autograd.functional`, vectorised or not."""
    x = make()
    kind = chance.choice(["rev", "fwd", "plain", "vectorised", "forward-mode", "hessian"])
    if kind == "rev":
        return {kind: jacrev(model)(x)}
    if kind == "fwd":
        return {kind: jacfwd(model)(x)}
    if kind == "hessian":
        return {
            kind: torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
                lambda z: model(z).square().sum(), x, vectorize=chance.random() < 0.5
            )
        }
    more: dict[str, Any] = {}
    if kind == "vectorised":
        more = {"vectorize": True}
    elif kind == "forward-mode":
        more = {"vectorize": True, "strategy": "forward-mode"}
    return {kind: torch.autograd.functional.jacobian(model, x, **more)}  # type: ignore[no-untyped-call]


@way()
def batched_gradients(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`torch.autograd.grad(is_grads_batched=True)`: the backward pass itself is batched."""
    x = make()
    y = model(x)
    grads = torch.stack([torch.ones_like(y), torch.zeros_like(y), torch.full_like(y, 2)])
    wanted = [x] * x.requires_grad + [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(y, wanted, grads, is_grads_batched=True, allow_unused=True)
    return {f"{number}": part for number, part in enumerate(found)}


@way()
def forward_mode(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Derivatives in forward mode: `jvp`, or dual numbers in input or weight."""
    x = make()
    if chance.random() < 0.4:
        y, tangent = jvp(model, (x,), (torch.ones_like(x),))  # type: ignore[misc]
        return {"y": y, "tangent": tangent}
    with forward_ad.dual_level():
        if chance.random() < 0.5:
            y = model(forward_ad.make_dual(x, torch.ones_like(x)))  # type: ignore[no-untyped-call]
        else:
            weight = dict(model.named_parameters())["weight"]
            dual = forward_ad.make_dual(weight.detach(), torch.ones_like(weight))  # type: ignore[no-untyped-call]
            y = functional_call(model, {"weight": dual}, (x,))
        primal, tangent = forward_ad.unpack_dual(y)  # type: ignore[no-untyped-call]
        return {"y": primal, "tangent": tangent}


@way()
def func_vjp(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`torch.func.vjp`."""
    y, back = vjp(model, make())  # type: ignore[misc]
    return {"y": y, "x": back(torch.ones_like(y))[0]}


@way()
def other_parameters(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`functional_call` with good parameters and with bad ones."""
    x = make()
    given = {name: p.detach() * 2 for name, p in model.named_parameters()}
    name = chance.choice(list(given))
    value = given[name]
    kind = chance.choice(["good", "good", "half", "double", "int", "short", "long", "flat", "3d"])
    kind = chance.choice([kind, "strides", "scalar", "meta", "none", "transposed"])
    changed: Any = {  # type: ignore[no-untyped-call]
        "good": lambda: value,
        "half": value.half,
        "double": value.double,
        "int": value.int,
        "short": lambda: value[:-1],
        "long": lambda: torch.cat([value, value[:1]]),
        "flat": lambda: value.reshape(1, -1),
        "3d": lambda: value[None, None],
        "strides": lambda: torch.stack([value, value], -1)[..., 0],
        "transposed": lambda: value.t().contiguous().t(),
        "scalar": lambda: value.sum(),
        "meta": lambda: value.to("meta"),
        "none": lambda: None,
    }[kind]()
    if kind == "none":
        setattr(model, name, None)
        return {"y": model(x)}
    given[name] = changed.requires_grad_() if changed.is_floating_point() else changed
    return with_grads(model, x, functional_call(model, given, (x,)), chance)


# -- tracing --------------------------------------------------------------------------------------


@way(rare=True)
def traced(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`torch.jit.trace`, and the trace run on a batch of another size."""
    x = make().detach()
    trace = torch.jit.trace(model, x, check_trace=False)  # type: ignore[no-untyped-call]
    return {"same": trace(x), "other": trace(torch.cat([x, x * 2]) if x.ndim > 1 else x * 2)}


@way(rare=True)
def made_graph(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`make_fx`, with real or fake or symbolic tensors."""
    x = make()
    mode = chance.choice(["real", "fake", "symbolic"])
    graph = make_fx(model, tracing_mode=mode)(x)  # type: ignore[arg-type]
    return {"same": graph(x), "twice": graph(x * 2)}


@way(rare=True)
def symbolic(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`torch.fx.symbolic_trace` of a model that holds the layer."""
    x = make()
    graph = torch.fx.symbolic_trace(nn.Sequential(model, nn.ReLU()))
    return {"y": graph(x)}


@way(rare=True)
def compiled(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`torch.compile` without a backend that generates code."""
    x = make()
    torch.compiler.reset()
    return with_grads(model, x, torch.compile(model, backend="eager")(x), chance)


@way(rare=True)
def exported(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """`torch.export.export`."""
    x = make().detach()
    program = torch.export.export(model, (x,), strict=False)
    return {"y": program.module()(x * 2)}


@way()
def faked(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Under `FakeTensorMode` shapes come out, and no values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=chance.random() < 0.7) as mode:
        y = model(mode.from_tensor(make()))
    return {"y": torch.zeros(tuple(y.shape), dtype=y.dtype)}


# -- what wraps tensors, calls and modules --------------------------------------------------------


class Marked(Tensor):
    """A subclass that changes nothing."""


class Wrapped(Tensor):
    """A wrapper without memory of its own: its address holds nothing."""

    inner: Tensor  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:  # noqa: D102
        made: Wrapped = Tensor._make_wrapper_subclass(
            cls, inner.shape, dtype=inner.dtype, strides=inner.stride(), device=inner.device
        )
        made.inner = inner.detach()
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        open_it = torch.utils._pytree.tree_map_only(
            Wrapped, lambda t: t.inner, (args, kwargs or {})
        )
        return function(*open_it[0], **open_it[1])


class Passing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode that lets every operation pass."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return function(*args, **(kwargs or {}))


@way()
def subclass(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Input or weight is a tensor subclass; or a mode looks at every operation."""
    x = make()
    kind = chance.choice(["marked", "wrapped", "parameter", "mode", "marked weight"])
    if kind == "marked":
        y = model(x.as_subclass(Marked))
        return {"type": type(y).__name__, "y": y.as_subclass(Tensor)}
    if kind == "wrapped":
        return {"y": model(Wrapped(x))}
    if kind == "parameter":
        return {"y": model(nn.Parameter(x.detach()))}
    if kind == "mode":
        with Passing():  # type: ignore[no-untyped-call]
            return with_grads(model, x, model(x), chance)
    weight = model.get_parameter("weight").detach().as_subclass(Marked)
    return {"y": functional_call(model, {"weight": weight}, (x,)).as_subclass(Tensor)}


_STRANGE = """list array none number coo csr mkldnn nested jagged meta quantised negative conjugate
zero nothing two"""


@way()
def strange_input(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """No tensor at all, or one of another layout or device."""
    x = make().detach()
    kind = chance.choice(_STRANGE.split())
    if kind == "nothing":
        return {"y": model()}
    if kind == "two":
        return {"y": model(x, x)}
    given: Any = {  # type: ignore[operator]
        "list": x.tolist,
        "array": x.float().numpy,
        "none": lambda: None,
        "number": lambda: np.float32(1.5),
        "coo": x.to_sparse,
        "csr": x.to_sparse_csr,
        "mkldnn": x.to_mkldnn,
        "nested": lambda: torch.nested.nested_tensor([x, x[: len(x) // 2]]),
        "jagged": lambda: torch.nested.nested_tensor([x, x[:1]], layout=torch.jagged),
        "meta": lambda: x.to("meta"),
        "quantised": lambda: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
        "negative": lambda: torch._neg_view(x),
        "conjugate": lambda: torch.complex(x.float(), x.float()).conj().imag,
        "zero": lambda: torch._efficientzerotensor(tuple(x.shape), dtype=x.dtype),
    }[kind]()
    y = model(given)
    if kind in ("nested", "jagged"):
        return {f"y{number}": part for number, part in enumerate(y.unbind())}
    if y.is_mkldnn or y.layout is not torch.strided:
        return {"layout": str(y.layout), "y": y.to_dense()}
    return {"device": y.device.type, "y": torch.zeros(y.shape) if kind == "meta" else y}
