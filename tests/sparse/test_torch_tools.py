"""The layer under whatever traces, fakes, batches or converts tensors: right, or a clear error."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.autograd.functional
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad, gradgradcheck
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.flop_counter import FlopCounterMode

from gossamer.sparse import RandomlyConnectedLinear, freeze, sparsify
from gossamer.sparse.kernels.arguments import Argument
from gossamer.sparse.kernels.build import Kernel, is_available
from gossamer.sparse.kernels.function import Function
from gossamer.sparse.products.guard import are_ordinary, may_run_kernel

jacobian: Any = torch.autograd.functional.jacobian
autograd_forward: Any = forward_ad
TOPOLOGIES = ["blocked", "windowed", "grouped", "uniform", "fan_in"]
topologies = pytest.mark.parametrize("topology", TOPOLOGIES)


def layer_of(topology: str, *, uneven: bool = False, **more: Any) -> RandomlyConnectedLinear:
    n_out = 50 if uneven else 48
    layer = RandomlyConnectedLinear(64, n_out, topology=topology, seed=1, **more)
    if layer.bias is not None and not layer.bias.is_meta:
        nn.init.normal_(layer.bias)
    return layer


def dense(layer: RandomlyConnectedLinear, x: Tensor) -> Tensor:
    return F.linear(x, layer.to_dense_weight(), layer.bias)


def near(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def traced(layer: nn.Module, x: Tensor) -> Any:
    return torch.jit.trace(layer, x)  # type: ignore[no-untyped-call]


def scripted(layer: nn.Module, x: Tensor) -> Any:
    return torch.jit.script(layer)


def exported(layer: nn.Module, x: Tensor) -> Any:
    return torch.export.export(layer, (x,)).module()


def exported_for_any_batch(layer: nn.Module, x: Tensor) -> Any:
    shapes = ({0: torch.export.Dim("n", min=2, max=4096)},)
    return torch.export.export(layer, (x,), dynamic_shapes=shapes).module()


def compiled(layer: nn.Module, x: Tensor) -> Any:
    return torch.compile(layer, backend="eager", fullgraph=True, dynamic=True)


def compiled_ahead(layer: nn.Module, x: Tensor) -> Any:
    return torch.compile(layer, backend="aot_eager", fullgraph=True)


WAYS: list[tuple[Callable[[nn.Module, Tensor], Any], bool]] = [
    (traced, True),
    (scripted, True),
    (lambda layer, x: scripted(freeze(layer), x), True),
    (exported, False),
    (exported_for_any_batch, True),
    (lambda layer, x: make_fx(layer)(x), False),
    (lambda layer, x: torch.fx.symbolic_trace(layer), True),
    (lambda layer, x: torch.fx.symbolic_trace(nn.Sequential(layer)), True),
    (compiled, True),
    (lambda layer, x: traced(freeze(layer), x), True),
    (lambda layer, x: compiled(freeze(layer), x), True),
    (compiled_ahead, False),
]


@pytest.mark.thinned(6)
@topologies
@pytest.mark.parametrize("number", range(len(WAYS)))
@pytest.mark.filterwarnings("ignore")
def test_recorded_forms_compute_the_same(topology: str, number: int) -> None:
    torch._dynamo.reset()
    layer, x = layer_of(topology).eval(), torch.randn(40, 64)
    way, takes_other_sizes = WAYS[number]
    form = way(layer, x)
    for n in (40, 3, 99) if takes_other_sizes else (40,):
        y = torch.randn(n, 64)
        near(form(y), dense(layer, y))


@topologies
@pytest.mark.filterwarnings("ignore")
def test_onnx_export_by_torchscript_does_not_end_the_process(topology: str) -> None:
    pytest.importorskip("onnx")
    layer, file = layer_of(topology).eval(), io.BytesIO()
    torch.onnx.export(layer, (torch.randn(4, 64),), file, dynamo=False)  # type: ignore[arg-type]
    assert file.getvalue()


@topologies
@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_transforms_of_functions(topology: str, uneven: bool) -> None:
    layer, x = layer_of(topology, uneven=uneven), torch.randn(40, 64)
    kernel = layer.to_dense_weight().detach()
    for vectorized in (False, True):
        near(jacobian(layer, x[:2], vectorize=vectorized)[1, :, 1], kernel)
    near(jacobian(layer, x[0], vectorize=True, strategy="forward-mode"), kernel)
    near(jacrev(layer)(x[0]), kernel)
    near(jacfwd(layer)(x[0]), kernel)
    near(vmap(layer)(x[:, None])[:, 0], dense(layer, x))
    near(vmap(layer, in_dims=1)(x.t()), dense(layer, x))
    near(grad(lambda z: layer(z).sum())(x), kernel.sum(0).expand(40, 64))
    near(hessian(lambda z: layer(z).square().sum())(x[0]), 2 * kernel.T @ kernel)
    near(jvp(layer, (x,), (x,))[1], x @ kernel.T)
    with forward_ad.dual_level():
        dual = layer(autograd_forward.make_dual(x, x))
        near(autograd_forward.unpack_dual(dual).tangent, x @ kernel.T)

    def loss(parameters: dict[str, Tensor], z: Tensor) -> Tensor:
        total: Tensor = functional_call(layer, parameters, (z,)).square().sum()
        return total

    parameters = {name: p.detach() for name, p in layer.named_parameters()}
    per_example = vmap(grad(loss), in_dims=(None, 0))(parameters, x)
    (wanted,) = torch.autograd.grad(dense(layer, x[7]).square().sum(), layer.weight)
    near(per_example["weight"][7], wanted)


@pytest.mark.thinned(4)
@topologies
@pytest.mark.parametrize("uneven", [False, True])
def test_batched_and_repeated_backward_passes(topology: str, uneven: bool) -> None:
    layer = layer_of(topology, uneven=uneven)
    x = torch.randn(40, 64, requires_grad=True)
    inputs = [x, *layer.parameters()]
    grads = torch.randn(3, 40, layer.out_features)
    found = torch.autograd.grad(layer(x), inputs, grads, is_grads_batched=True)
    for number in range(3):
        wanted = torch.autograd.grad(dense(layer, x), inputs, grads[number])
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one[number], other, atol=1e-4, rtol=1e-4)
    second = []
    for way in (layer, lambda z: dense(layer, z)):
        first = torch.autograd.grad(way(x).pow(3).sum(), x, create_graph=True)[0]
        second.append(torch.autograd.grad(first.square().sum(), inputs))
    for one, other in zip(*second, strict=True):
        torch.testing.assert_close(one, other, atol=0.05, rtol=1e-3)
    small = RandomlyConnectedLinear(8, 6, topology=topology, seed=1, dtype=torch.float64)
    z = torch.randn(2, 8, dtype=torch.float64, requires_grad=True)
    assert gradgradcheck(lambda z, *_: small(z).square(), (z, *small.parameters()))


@topologies
def test_modes_and_fake_tensors(topology: str) -> None:
    layer, x = layer_of(topology), torch.randn(40, 64)
    with FlopCounterMode(display=False) as counter:
        near(layer(x), dense(layer, x))
    assert counter.get_total_flops() > 0
    with torch.device("cpu"):
        near(layer(x), dense(layer, x))
    with FakeTensorMode() as mode:
        fake = layer_of(topology)
        assert fake(torch.empty(5, 64)).shape == (5, 48)
    assert mode.from_tensor(x).shape == x.shape
    fake.load_state_dict(layer.state_dict(), assign=True)
    near(fake(x), dense(layer, x))


@topologies
@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_the_meta_device(topology: str) -> None:
    layer, x = layer_of(topology), torch.randn(40, 64)
    with torch.device("meta"):
        empty = layer_of(topology)
        assert empty(torch.empty(3, 64)).shape == (3, 48)
        assert layer.to_dense_weight().device.type == "cpu"
    assert copy.deepcopy(layer).to("meta")(x.to("meta")).is_meta
    empty.load_state_dict(layer.state_dict())  # without assign it changes nothing
    assert empty.weight.is_meta
    again = copy.deepcopy(empty).to_empty(device="cpu")
    for parameter in again.parameters():  # any numbers at first, which may be too large to add
        nn.init.normal_(parameter)
    near(again(x), dense(again, x))
    again.load_state_dict(layer.state_dict())
    empty.load_state_dict(layer.state_dict(), assign=True)
    for other in (again, empty, copy.deepcopy(again)):
        near(other(x), dense(layer, x))
        other(x).sum().backward()
    used = copy.deepcopy(layer).to_empty(device="cpu")
    used.load_state_dict(layer.state_dict())
    near(used(x), dense(layer, x))


@topologies
def test_precisions_and_sharing(topology: str) -> None:
    layer, x = layer_of(topology), torch.randn(40, 64)
    wanted = dense(layer, x)
    for dtype, atol in ((torch.float64, 1e-5), (torch.bfloat16, 0.2), (torch.float16, 0.05)):
        other = copy.deepcopy(layer).to(dtype)
        torch.testing.assert_close(other(x.to(dtype)).float(), wanted, atol=atol, rtol=0.1)
        assert torch.equal(
            other.to(torch.float32).get_buffer("indices"), layer.get_buffer("indices")
        )
    near(copy.deepcopy(layer).share_memory()(x), wanted)
    torch.set_default_dtype(torch.float64)
    try:
        near(layer(x), wanted)
        layer(x).sum().backward()
    finally:
        torch.set_default_dtype(torch.float32)
    assert layer.weight.grad is not None
    near(layer.weight.grad, torch.autograd.grad(dense(layer, x).sum(), layer.weight)[0])


def subclass(x: Tensor) -> Tensor:
    class Named(Tensor):
        pass

    return x.as_subclass(Named)


@topologies
@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.t().contiguous().t(),
        lambda x: x.flip(0)[::1].flip(0),
        lambda x: x[:1].expand(40, 64),
        lambda x: torch.as_strided(torch.randn(200), (40, 64), (2, 1)),
        lambda x: x.repeat(1, 2)[:, ::2],
        lambda x: x[:0],
        lambda x: x.reshape(4, 2, 5, 64).transpose(0, 2),
        subclass,
        lambda x: torch._neg_view(x),
        lambda x: torch._efficientzerotensor((40, 64)),
    ],
)
def test_forms_of_tensors(topology: str, form: Callable[[Tensor], Tensor]) -> None:
    layer, x = layer_of(topology), form(torch.randn(40, 64))
    near(layer(x).as_subclass(Tensor), dense(layer, x).as_subclass(Tensor))


@topologies
@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("kind", [torch.float64, torch.int64, torch.complex64, torch.bfloat16])
def test_another_dtype_is_refused_as_by_nn_linear(
    topology: str, uneven: bool, kind: torch.dtype
) -> None:
    layer, x = layer_of(topology, uneven=uneven), torch.ones(40, 64, dtype=kind)
    with pytest.raises(RuntimeError) as wanted:
        nn.Linear(64, layer.out_features)(x)
    with pytest.raises(RuntimeError) as found:
        layer(x)
    assert str(found.value) == str(wanted.value)


@topologies
def test_parameters_of_another_kind_are_refused(topology: str) -> None:
    layer, x = layer_of(topology), torch.randn(40, 64)
    shape = layer.weight.shape
    for name, other in {
        "weight": torch.ones(3),
        "bias": torch.ones(1),
    }.items():
        with pytest.raises(RuntimeError, match=f"{name} must have the shape"):
            functional_call(layer, {name: other}, (x,))
    for other in (torch.ones(shape, dtype=torch.float64), torch.ones(shape, device="meta")):
        with pytest.raises((RuntimeError, NotImplementedError)):
            functional_call(layer, {"weight": other}, (x,)).sum().item()
    bias = layer.get_parameter("bias")
    twice = functional_call(layer, {"weight": layer.weight * 2, "bias": bias * 2}, (x,))
    near(twice, 2 * dense(layer, x))
    bias.data = torch.zeros(2)
    with pytest.raises(RuntimeError, match="bias must have the shape"):
        layer(x)


@pytest.mark.filterwarnings("ignore")
@topologies
def test_nested_tensors_and_a_padding_mask(topology: str) -> None:
    layer = layer_of(topology).eval()
    parts = [torch.randn(3, 64), torch.randn(5, 64)]
    with torch.no_grad():
        for part, out in zip(parts, layer(torch.nested.nested_tensor(parts)).unbind(), strict=True):
            near(out, dense(layer, part))
    inner = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    encoder = sparsify(nn.TransformerEncoder(inner, 1), 0.2, topology=topology).eval()
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    x = torch.randn(2, 5, 64)
    with torch.no_grad():
        got = encoder(x, src_key_padding_mask=padding)
        near(got[1, :3], encoder(x[1:, :3])[0])


@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
def test_freed_memory_is_refused() -> None:
    layer, x = layer_of("blocked"), torch.randn(40, 64)
    x.untyped_storage().resize_(0)
    with pytest.raises(RuntimeError, match="must have memory"):
        layer(x)
    function = Function("nothing")
    function.argument(0)
    with pytest.raises(RuntimeError, match="must have memory"):
        Kernel(function, "nothing", (Argument("x", np.float32, lambda _: x.numel()),))(x)


@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_the_guard() -> None:
    x = torch.ones(2, 2)
    assert may_run_kernel(x, nn.Parameter(x), None)
    with torch.inference_mode():
        assert may_run_kernel(torch.ones(2), x)
    for other in (
        x.double(),
        x.to("meta"),
        x.to_sparse(),
        x.to_mkldnn(),
        torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
        subclass(x),
        torch._neg_view(x),
        torch.nested.nested_tensor([x]),
        torch._efficientzerotensor(2),
    ):
        assert not may_run_kernel(x, other)
    assert are_ordinary(x.to("meta"))
    with torch.autocast("cpu"):
        assert not may_run_kernel(x)
    with FakeTensorMode():
        assert not may_run_kernel(x)
