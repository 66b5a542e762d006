"""Sparse attention gives what `nn.MultiheadAttention` gives over masked weights."""

from __future__ import annotations

import copy
import itertools
import math
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gossamer.sparse import SparseMultiheadAttention, densify, sparsify


def masked_pair(**options: Any) -> tuple[SparseMultiheadAttention, nn.MultiheadAttention]:
    """A sparse attention, and the dense one whose projection weights are masked as its own are."""
    torch.manual_seed(0)
    dense = nn.MultiheadAttention(16, 4, **options)
    if dense.in_proj_bias is not None:
        nn.init.normal_(dense.in_proj_bias)
        nn.init.normal_(dense.out_proj.bias)
    sparse = sparsify(copy.deepcopy(dense), 0.3, seed=1, attention=True, keep_weights=True)
    assert isinstance(sparse, SparseMultiheadAttention)
    with torch.no_grad():
        kernels = [getattr(sparse, f"{name}_proj").to_dense_weight() for name in "qkv"]
        if dense._qkv_same_embed_dim:
            mask = torch.cat(kernels) != 0
            dense.in_proj_weight.mul_(mask)
        else:
            for name, kernel in zip("qkv", kernels, strict=True):
                getattr(dense, f"{name}_proj_weight").mul_(kernel != 0)
        dense.out_proj.weight.mul_(sparse.out_proj.to_dense_weight() != 0)
    return sparse, dense


@pytest.mark.thinned(6)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("cross", ["self", "cross", "widths", "unbatched"])
def test_all_modes_equal_the_masked_dense_module(batch_first: bool, bias: bool, cross: str) -> None:
    widths = {"kdim": 12, "vdim": 20} if cross == "widths" else {}
    sparse, dense = masked_pair(batch_first=batch_first, bias=bias, **widths)
    n, length, n_keys = 3, 5, 5 if cross == "self" else 7

    def sequence(steps: int, width: int) -> Tensor:
        x = torch.randn(n, steps, width)
        return x[0] if cross == "unbatched" else x if batch_first else x.transpose(0, 1)

    query = sequence(length, 16).detach().requires_grad_()
    key = query if cross == "self" else sequence(n_keys, widths.get("kdim", 16))
    value = query if cross == "self" else sequence(n_keys, widths.get("vdim", 16))
    padding = torch.zeros(n, n_keys, dtype=torch.bool)
    padding[1:, -2:] = True
    if cross == "unbatched":
        n, padding = 1, padding[1]
    causal = torch.triu(torch.ones(length, n_keys, dtype=torch.bool), 1)
    paddings = [None, padding, torch.zeros(padding.shape).masked_fill(padding, -math.inf)]
    masks = [None, causal, torch.randn(length, n_keys), torch.randn(n * 4, length, n_keys)]
    for pad, mask, needs, mean, trains in itertools.product(
        paddings, masks, [False, True], [False, True], [False, True]
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own about masks of two types
            call = {
                "key_padding_mask": pad,
                "attn_mask": mask,
                "need_weights": needs,
                "average_attn_weights": mean,
            }
            ys = [module.train(trains)(query, key, value, **call) for module in (sparse, dense)]
        torch.testing.assert_close(ys[0][0], ys[1][0], atol=1e-5, rtol=1e-4)
        assert (ys[0][1] is None) == (not needs)
        if needs:
            torch.testing.assert_close(ys[0][1], ys[1][1], atol=1e-5, rtol=1e-4)
    grads = [torch.autograd.grad(y[0].square().sum(), query)[0] for y in ys]
    torch.testing.assert_close(grads[0], grads[1], atol=1e-4, rtol=1e-4)


def test_the_causal_hint_needs_the_mask_and_shapes_are_checked() -> None:
    sparse, dense = masked_pair(batch_first=True)
    x = torch.randn(2, 5, 16)
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    torch.testing.assert_close(
        sparse(x, x, x, attn_mask=causal, is_causal=True, need_weights=False)[0],
        dense(x, x, x, attn_mask=causal, is_causal=True, need_weights=False)[0],
    )
    with pytest.raises(ValueError, match="is_causal is a hint"):
        sparse(x, x, x, is_causal=True)
    with pytest.raises(ValueError, match=r"attn_mask must have the shape \(5, 5\) or \(8, 5, 5\)"):
        sparse(x, x, x, attn_mask=torch.zeros(4, 5))
    with pytest.raises(ValueError, match=r"key_padding_mask must have the shape \(2, 5\)"):
        sparse(x, x, x, key_padding_mask=torch.zeros(5, 2))
    with pytest.raises(ValueError, match="three dimensions, or all two"):
        sparse(x, x[0], x)


def test_dropout_drops_in_training_only() -> None:
    sparse = sparsify(nn.MultiheadAttention(16, 4, dropout=0.5), 0.3, seed=1, attention=True)
    x = torch.randn(6, 2, 16)
    weights = sparse(x, x, x, average_attn_weights=False)[1]
    assert (weights == 0).any()
    assert not (sparse.eval()(x, x, x, average_attn_weights=False)[1] == 0).any()
    assert not torch.equal(sparse.train()(x, x, x)[0], sparse.eval()(x, x, x)[0])


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kdim": 12, "vdim": 20}])
def test_densify_goes_the_way_back(options: dict[str, Any]) -> None:
    sparse, dense = masked_pair(**options)
    sparse.requires_grad_(False).eval()
    back = densify(copy.deepcopy(sparse))
    assert type(back) is nn.MultiheadAttention
    assert not back.training
    assert not any(parameter.requires_grad for parameter in back.parameters())
    for name, value in dense.state_dict().items():
        torch.testing.assert_close(back.state_dict()[name], value)


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_inside_torchs_transformer(attention: bool, norm_first: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(
        16, 2, 32, dropout=0.0, batch_first=True, norm_first=norm_first
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: no nested tensors with norm_first
        encoder = nn.TransformerEncoder(layer, 2)
    nested = encoder.use_nested_tensor
    assert nested is not norm_first
    sparsify(encoder, 0.3, seed=0, attention=attention)
    x = torch.randn(2, 5, 16)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    trained = encoder.train()(x, src_key_padding_mask=padding)
    with torch.no_grad():
        torch.testing.assert_close(encoder.eval()(x, src_key_padding_mask=padding), trained)
        torch.testing.assert_close(encoder(x), encoder.train()(x))
    densify(encoder)
    assert encoder.use_nested_tensor is nested
    encoder.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: nested tensors are a prototype
        torch.testing.assert_close(
            encoder(x, src_key_padding_mask=padding)[~padding], trained[~padding]
        )


def test_a_decoder_and_a_whole_transformer_train() -> None:
    model = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
    sparsify(model, 0.3, seed=0, attention=True)
    assert sum(isinstance(part, SparseMultiheadAttention) for part in model.modules()) == 3
    causal = nn.Transformer.generate_square_subsequent_mask(4)
    model(torch.randn(2, 5, 16), torch.randn(2, 4, 16), tgt_mask=causal).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_seeds_and_weights_of_linears_do_not_depend_on_attention() -> None:
    states = []
    for attention in (False, True):
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(16, 2, 32)
        states.append(sparsify(layer, 0.3, seed=3, attention=attention).state_dict())
    assert torch.equal(states[0]["linear2.weight"], states[1]["linear2.weight"])
    assert torch.equal(states[0]["linear1.indices"], states[1]["linear1.indices"])
    assert not torch.equal(
        states[1]["self_attn.q_proj.indices"], states[1]["self_attn.k_proj.indices"]
    )
