from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gossamer.nn import packing as packing_module
from gossamer.nn.attention import MultiHeadSelfAttention
from gossamer.nn.packing import Packing, ranges

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "key": {"use_key_relative": True},
    "value": {"use_value_relative": True},
    "both": {"use_key_relative": True, "use_value_relative": True, "max_relative_position": 2},
    "causal": {"is_causal": True},
    "causal-both": {"is_causal": True, "use_key_relative": True, "use_value_relative": True},
}
LENGTHS = [4, 1, 0, 7, 2]


def dense(in_features: int, out_features: int, bias: bool) -> nn.Module:
    return nn.Linear(in_features, out_features, bias=bias)


def make(kind: str, *, dropout: float = 0.0, seed: int = 1) -> MultiHeadSelfAttention:
    torch.manual_seed(seed)
    options = {"max_relative_position": 3, **KINDS[kind]}
    return MultiHeadSelfAttention(8, 2, linear=dense, dropout=dropout, **options).double()


def slow(attention: MultiHeadSelfAttention, x: Tensor) -> Tensor:
    """One sequence, position by position, as the papers write it. *Shape:* (length, 8) -> same."""
    query, key, value = (
        layer(x).view(len(x), 2, 4) for layer in (attention.query, attention.key, attention.value)
    )
    limit = attention.max_relative_position
    rows = []
    for i in range(len(x)):
        heads = []
        for h in range(2):
            seen = range(i + 1) if attention.is_causal else range(len(x))
            logits, values = [], []
            for j in seen:
                distance = max(-limit, min(limit, j - i)) + limit
                k, v = key[j, h], value[j, h]
                if attention.key_relative is not None:
                    k = k + attention.key_relative[h, distance]
                if attention.value_relative is not None:
                    v = v + attention.value_relative[h, distance]
                logits.append(query[i, h] @ k / math.sqrt(4))
                values.append(v)
            weights = torch.softmax(torch.stack(logits), 0)
            heads.append(weights @ torch.stack(values))
        rows.append(torch.cat(heads))
    out: Tensor = attention.out(torch.stack(rows))
    return out


def shuffled_rows(lengths: list[int], seed: int) -> tuple[Packing, Tensor, Tensor]:
    sequence, position = ranges(torch.tensor(lengths))
    order = torch.randperm(len(sequence), generator=torch.Generator().manual_seed(seed))
    packing = Packing(sequence[order], position[order], len(lengths))
    return packing, sequence[order], position[order]


@pytest.mark.parametrize("is_training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("cost", [0, 1500], ids=["many-rectangles", "one-rectangle"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_equals_each_sequence_alone(
    kind: str, cost: int, is_training: bool, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(packing_module, "_COST_OF_A_RECTANGLE", cost)
    attention = make(kind).train(is_training)
    packing, sequence, position = shuffled_rows(LENGTHS, seed)
    x = torch.randn(sum(LENGTHS), 8, dtype=torch.float64, requires_grad=True)
    found = attention(x, packing)
    expected = torch.zeros_like(found)
    for i, length in enumerate(LENGTHS):
        if length:
            rows = (sequence == i).nonzero().squeeze(1)
            rows = rows[position[rows].argsort()]
            expected = expected.index_copy(0, rows, slow(attention, x[rows]))
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    wrt = [x, *attention.parameters()]
    got = torch.autograd.grad((found * weights).sum(), wrt)
    want = torch.autograd.grad((expected * weights).sum(), wrt)
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("is_training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("kind", ["plain", "causal"])
def test_fused_product_equals_the_readable_path(
    kind: str, is_training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = make(kind).train(is_training)
    packing, _, _ = shuffled_rows(LENGTHS, 3)
    x = torch.randn(sum(LENGTHS), 8, dtype=torch.float64, requires_grad=True)
    wrt = [x, *attention.parameters()]
    fused = attention(x, packing)
    monkeypatch.setattr(attention, "_mix", attention._attend)
    readable = attention(x, packing)
    torch.testing.assert_close(fused, readable)
    torch.testing.assert_close(
        torch.autograd.grad(fused.square().sum(), wrt),
        torch.autograd.grad(readable.square().sum(), wrt),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind: str) -> None:
    attention = make(kind)
    packing, _, _ = shuffled_rows([3, 0, 1], 2)
    x = torch.randn(4, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: attention(x, packing), (x,))


@pytest.mark.parametrize("kind", ["plain", "both"])
def test_dropout_acts_in_training_only_and_keeps_weights_summing_to_one(kind: str) -> None:
    attention = make(kind, dropout=0.5)
    packing = Packing.from_lengths(torch.tensor([6, 3]))
    x = torch.randn(9, 8, dtype=torch.float64)
    torch.manual_seed(0)
    first = attention(x, packing)
    assert not torch.allclose(first, attention(x, packing))
    torch.manual_seed(0)
    assert torch.equal(first, attention(x, packing))
    attention.eval()
    assert torch.equal(attention(x, packing), attention(x, packing))
    torch.testing.assert_close(attention(x, packing), make(kind)(x, packing))


def test_weights_sum_to_one_under_dropout() -> None:
    """Values that are all one stay one, even where every logit of a row is dropped."""
    attention = make("plain", dropout=0.9)
    query = torch.randn(2, 2, 5, 4, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])[:, None, None, :]
    for _ in range(20):
        mixed = attention._attend(query, query, torch.ones_like(query), mask)
        torch.testing.assert_close(mixed, torch.ones_like(mixed))


@pytest.mark.parametrize("kind", ["causal", "causal-both"])
def test_causal_positions_do_not_see_what_follows(kind: str) -> None:
    attention = make(kind)
    packing = Packing.from_lengths(torch.tensor([5]))
    x = torch.randn(5, 8, dtype=torch.float64)
    changed = x.clone()
    changed[3] += 1
    before, after = attention(x, packing), attention(changed, packing)
    torch.testing.assert_close(before[:3], after[:3])
    assert not torch.allclose(before[3:], after[3:])


def test_distances_beyond_the_limit_look_alike() -> None:
    attention = make("key")
    table = attention._distances(9, torch.device("cpu"))
    assert table.min() == 0 and table.max() == 6
    assert table[0].tolist() == [3, 4, 5, 6, 6, 6, 6, 6, 6]
    assert table[8].tolist() == [0, 0, 0, 0, 0, 0, 1, 2, 3]
    causal = make("causal-both")._distances(5, torch.device("cpu"))
    assert causal[4].tolist() == [0, 0, 1, 2, 3] and int(causal.max()) == 3


def test_shapes_of_relative_tables() -> None:
    for is_causal, rows in ((False, 11), (True, 6)):
        attention = MultiHeadSelfAttention(
            12, 3, linear=dense, use_key_relative=True, use_value_relative=True, is_causal=is_causal
        )
        assert attention.key_relative is not None and attention.value_relative is not None
        assert attention.key_relative.shape == attention.value_relative.shape == (3, rows, 4)
        assert bool(attention.key_relative.detach().abs().sum() > 0)


def test_no_positions() -> None:
    for kind, lengths in itertools.product(KINDS, ([], [0, 0])):
        packing = Packing.from_lengths(torch.tensor(lengths, dtype=torch.int64))
        found = make(kind)(torch.zeros(0, 8, dtype=torch.float64), packing)
        assert found.shape == (0, 8)


def test_only_the_output_layer_has_a_bias() -> None:
    names = {name for name, _ in make("plain").named_parameters() if name.endswith("bias")}
    assert names == {"out.bias"}


def test_hidden_size_must_be_divisible() -> None:
    with pytest.raises(
        ValueError, match=r"divisible by num_heads: got 10 and 4; try hidden_size=12"
    ):
        MultiHeadSelfAttention(10, 4, linear=dense)
