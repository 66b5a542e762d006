"""What is done to a layer before or between calls: more ways for `fuzz_layer.py`."""

from __future__ import annotations

import copy
import io
import pickle
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.utils.checkpoint
from layer_parts.ways import Make, Results, way, with_grads
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune


@way()
def checkpointed(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Activation checkpointing, of both kinds."""
    x = make()
    reentrant = chance.random() < 0.5
    y = torch.utils.checkpoint.checkpoint(model, x, use_reentrant=reentrant)
    loss = y.square().sum()
    loss.backward()
    return {"y": y, **{name: p.grad for name, p in [("x", x), *model.named_parameters()]}}


@way()
def saved_elsewhere(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Hooks that pack what the backward pass needs."""
    x = make()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = model(x)
    return with_grads(model, x, y, chance)


@way()
def hooked(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Module hooks and tensor hooks."""
    x = make()
    model.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    model.register_forward_hook(lambda m, args, out: out + 1)
    model.register_full_backward_hook(lambda m, into, out: None)
    for parameter in model.parameters():
        parameter.register_hook(lambda g: g * 3)  # type: ignore[no-untyped-call]
    return with_grads(model, x, model(x), chance)


@way()
def computed_weight(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Parametrised or pruned parameters, in both modes, and after a change."""

    class Double(nn.Module):
        def forward(self, value: Tensor) -> Tensor:
            return value * 2

    x = make()
    kind = chance.choice(["parametrized", "bias", "cached", "pruned", "removed"])
    if kind in ("pruned", "removed"):
        prune.l1_unstructured(model, "weight", 0.5)  # type: ignore[no-untyped-call]
        if kind == "removed":
            prune.remove(model, "weight")  # type: ignore[no-untyped-call]
    else:
        has_bias = dict(model.named_parameters()).get("bias") is not None
        name = "bias" if kind == "bias" and has_bias else "weight"
        parametrize.register_parametrization(model, name, Double())
    first = model(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5)
    if kind == "cached":
        with parametrize.cached():
            return {"first": first, **with_grads(model, x, model(x), chance)}
    return {"first": first, **with_grads(model, x, model(x), chance)}


@way()
def in_threads(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Four Python threads use the layer at once."""
    x = make()
    found: Results = {}
    errors: list[Exception] = []
    grad_mode, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def work(number: int) -> None:
        with torch.inference_mode(inference), torch.set_grad_enabled(grad_mode):
            try:
                found[f"{number}"] = model(x)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return dict(sorted(found.items()))


@way()
def copied(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Copies and files of the layer answer as it does, also after one of the two has changed."""
    x = make()
    model(x)
    kind = chance.choice(["copy", "deepcopy", "pickle", "save", "state", "assign"])
    other: nn.Module
    if kind == "copy":
        other = copy.copy(model)
    elif kind == "deepcopy":
        other = copy.deepcopy(model)
    elif kind == "pickle":
        other = pickle.loads(pickle.dumps(model))  # noqa: S301
    else:
        buffer = io.BytesIO()
        torch.save(model if kind == "save" else model.state_dict(), buffer)
        buffer.seek(0)
        other = copy.deepcopy(model)
        if kind == "save":
            other = torch.load(buffer, weights_only=False)
        else:
            with torch.no_grad():
                for parameter in other.parameters():
                    parameter.zero_()
            other(x)
            other.load_state_dict(torch.load(buffer), assign=kind == "assign")
    before = other(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return {"before": before, "other": other(x), "own": model(x)}


@way()
def on_meta(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """To the meta device and back, weights loaded afterwards."""
    x = make()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    moved = copy.deepcopy(model).to("meta")
    shape = moved(x.to("meta")).shape
    found: Results = {"shape": tuple(shape)}
    if chance.random() < 0.5:
        moved.load_state_dict(state, assign=True)
    else:
        moved.to_empty(device="cpu")
        moved.load_state_dict(state)
    y = moved(x)
    return {**found, "y": y}


@way()
def other_dtype(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """The layer's precision changes between two calls, the input's with it or not."""
    x = make()
    model(x)
    dtype = chance.choice([torch.float64, torch.float16, torch.bfloat16, torch.float32])
    model.to(dtype)
    return {"y": model(x.to(dtype) if chance.random() < 0.7 else x)}


# -- changes between calls ------------------------------------------------------------------------

OPTIMISERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "SGD, fused": lambda p: torch.optim.SGD(p, lr=0.1, fused=True),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "Adam, fused": lambda p: torch.optim.Adam(p, lr=0.1, fused=True),
    "Adam, foreach": lambda p: torch.optim.Adam(p, lr=0.1, foreach=True),
    "AdamW, fused": lambda p: torch.optim.AdamW(p, lr=0.1, fused=True),
    "Adagrad, fused": lambda p: torch.optim.Adagrad(p, lr=0.1, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=10),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.1),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=0.1),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=0.1),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.1),
}


@way()
def optimised(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """A step of an optimiser between two answers, without a change of mode."""
    x = make()
    name = chance.choice(list(OPTIMISERS))
    optimiser = OPTIMISERS[name](model.parameters())
    found: Results = {"first": model(x).clone()}
    with torch.inference_mode(False), torch.enable_grad():
        for number, parameter in enumerate(model.parameters()):
            generator = torch.Generator().manual_seed(number)
            values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.grad = values.to(parameter.dtype)
        optimiser.step()
    found[f"after {name}"] = model(x)
    return found


def _swapped(parameter: nn.Parameter) -> None:
    torch.utils.swap_tensors(parameter, nn.Parameter(parameter.detach() * 2))  # type: ignore[no-untyped-call]


CHANGES: dict[str, Callable[[nn.Module, nn.Parameter], object]] = {
    "data.mul_": lambda m, p: p.data.mul_(2),
    "data = ": lambda m, p: setattr(p, "data", p.data * 2),
    "data = strided": lambda m, p: setattr(p, "data", torch.stack([p.data, p.data], -1)[..., 1]),
    "data = expanded": lambda m, p: setattr(p, "data", p.data[:1].expand(p.shape)),
    "data = double": lambda m, p: setattr(p, "data", p.data.double()),
    "data = shorter": lambda m, p: setattr(p, "data", p.data[:-1]),
    "data = empty": lambda m, p: setattr(p, "data", torch.empty(0)),
    "data.resize_": lambda m, p: p.data.resize_(1),
    "detach().mul_": lambda m, p: p.detach().mul_(2),
    "mul_": lambda m, p: torch.no_grad()(p.mul_)(2),
    "set_": lambda m, p: torch.no_grad()(p.set_)((p * 2).detach()),  # type: ignore[call-overload]
    "swap_tensors": lambda m, p: _swapped(p),
    "numpy": lambda m, p: np.multiply(p.detach().numpy(), 2, out=p.detach().numpy()),
    "new parameter": lambda m, p: setattr(m, "weight", nn.Parameter(p.detach() * 2)),
    "vector": lambda m, p: nn.utils.vector_to_parameters(
        nn.utils.parameters_to_vector(m.parameters()).detach() * 2, m.parameters()
    ),
    "no bias": lambda m, p: setattr(m, "bias", None),
    "no weight": lambda m, p: setattr(m, "weight", None),
    "bias of one": lambda m, p: setattr(m, "bias", nn.Parameter(torch.ones(1))),
    "share_memory": lambda m, p: m.share_memory(),
    "requires_grad_": lambda m, p: m.requires_grad_(False),
    "train": lambda m, p: (m.train(), p.data.mul_(2), m.eval()),
    "foreach": lambda m, p: torch._foreach_mul_([p.data], 2),
    "storage": lambda m, p: p.untyped_storage().fill_(0),  # type: ignore[attr-defined]
}


@way()
def changed(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """The weight is changed between two answers, in ways PyTorch notices and in others."""
    x = make()
    found: Results = {"first": model(x).detach().clone()}
    name = chance.choice(list(CHANGES))
    with torch.inference_mode(False):
        CHANGES[name](model, model.get_parameter("weight"))
    return found | {f"after {name}": model(x)}


@way()
def damaged_buffers(model: nn.Module, make: Make, chance: random.Random) -> Results:
    """Connections overwritten by hand: any answer or error is right, the process must live."""
    x = make()
    for name, buffer in model.named_buffers():
        if name in ("indices", "_blocks", "_slots") and chance.random() < 0.7:
            change = chance.choice(["big", "negative", "float", "empty"])
            if change == "float":
                setattr(model, name, buffer.float())
            elif change == "empty":
                setattr(model, name, buffer[:0])
            else:
                buffer.fill_(10**6 if change == "big" else -5)
    try:
        with_grads(model, x, model(x), chance)
    except Exception:
        return {}
    return {}
