"""`nn.MultiheadAttention` whose four projections are randomly connected layers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gossamer.sparse.errors import complaint
from gossamer.sparse.linear import RandomlyConnectedLinear

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


class SparseMultiheadAttention(nn.Module):
    """Multi-head attention as `nn.MultiheadAttention` computes it, over sparse projections.

    `sparsify(model, attention=True)` puts it in a model. It takes the same arguments and gives the
    same outputs as a `nn.MultiheadAttention` whose projection weights are masked.

    Args:
        projections: `q_proj`, `k_proj` and `v_proj` from the widths of query, key and value to
            the embedding, `out_proj` from the embedding to itself.
        num_heads: heads that the embedding is divided into.
        dropout: share of attention weights dropped in training.
        batch_first: inputs are (batch, length, width) rather than (length, batch, width).

    Raises:
        ValueError: the widths of the projections do not fit together or do not divide into heads.
    """

    q_proj: RandomlyConnectedLinear
    k_proj: RandomlyConnectedLinear
    v_proj: RandomlyConnectedLinear
    out_proj: RandomlyConnectedLinear
    # Read by nn.TransformerEncoderLayer, which avoids its fused path where it is None.
    in_proj_bias: None = None
    in_proj_weight: None = None

    def __init__(
        self,
        projections: Mapping[str, RandomlyConnectedLinear],
        num_heads: int,
        *,
        dropout: float = 0.0,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        width = projections["out_proj"].in_features
        widths = {name: projections[name].out_features for name in PROJECTIONS}
        if set(widths.values()) != {width} or num_heads < 1 or width % num_heads:
            raise ValueError(
                complaint(
                    "all projections must give one width, a multiple of num_heads",
                    got=(widths, num_heads),
                    hint="projections of the embedding's width",
                )
            )
        for name in PROJECTIONS:
            setattr(self, name, projections[name])
        self.embed_dim, self.num_heads, self.head_dim = width, num_heads, width // num_heads
        self.kdim, self.vdim = self.k_proj.in_features, self.v_proj.in_features
        self._qkv_same_embed_dim = self.kdim == width and self.vdim == width
        self.dropout, self.batch_first = dropout, batch_first

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend; arguments and results are those of `nn.MultiheadAttention.forward`.

        Args:
            query: *Shape:* (L, N, embed_dim); (N, L, embed_dim) with batch_first; (L, embed_dim).
            key: *Shape:* (S, N, kdim), likewise.
            value: *Shape:* (S, N, vdim), likewise.
            key_padding_mask: True, or minus infinity, where a key is not looked at.
                *Shape:* (N, S), or (S,).
            need_weights: give the attention weights too.
            attn_mask: True, or minus infinity, where a query does not look at a key; other numbers
                are added. *Shape:* (L, S) or (N * num_heads, L, S).
            average_attn_weights: the weights' mean over heads, else each head's.
            is_causal: a hint that `attn_mask` is the causal mask, which must be given.

        Returns:
            The outputs, shaped as the query; and the weights, (N, L, S) or (N, num_heads, L, S), or
            None.

        Raises:
            ValueError: a shape does not fit, or is_causal without attn_mask.
        """
        if is_causal and attn_mask is None:
            raise ValueError(
                complaint(
                    "is_causal is a hint about attn_mask, which must be given too",
                    got=None,
                    hint="attn_mask=nn.Transformer.generate_square_subsequent_mask(length)",
                )
            )
        if {query.ndim, key.ndim, value.ndim} not in ({2}, {3}):
            raise ValueError(
                complaint(
                    "query, key and value must all have three dimensions, or all two",
                    got=(query.ndim, key.ndim, value.ndim),
                    hint="a batch dimension for all of them",
                )
            )
        is_batched = query.ndim == 3
        dim = 0 if self.batch_first else 1
        if not is_batched:
            query, key, value = (part.unsqueeze(dim) for part in (query, key, value))
            if key_padding_mask is not None:
                key_padding_mask = key_padding_mask.unsqueeze(0)
        q, k, v = (
            self._heads(projection(part))
            for projection, part in (
                (self.q_proj, query),
                (self.k_proj, key),
                (self.v_proj, value),
            )
        )
        mask = self._mask(q, k, attn_mask, key_padding_mask)
        dropout = self.dropout if self.training else 0.0
        weights: Tensor | None = None
        if need_weights:
            scores = (q / math.sqrt(self.head_dim)) @ k.mT
            weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
            weights = F.dropout(weights, dropout)
            mixed = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout)
        joined = mixed.transpose(1, 2).flatten(2)  # (N, L, embed_dim)
        y: Tensor = self.out_proj(joined if self.batch_first else joined.transpose(0, 1))
        if is_batched:
            return y, weights
        return y.squeeze(dim), None if weights is None else weights.squeeze(0)

    def _heads(self, x: Tensor) -> Tensor:
        """To (N, num_heads, length, head_dim)."""
        first = x if self.batch_first else x.transpose(0, 1)
        return torch.unflatten(first, 2, (self.num_heads, self.head_dim)).transpose(1, 2)

    def _mask(
        self, q: Tensor, k: Tensor, attn_mask: Tensor | None, padding: Tensor | None
    ) -> Tensor | None:
        """Both masks as numbers to add. *Shape:* broadcasts to (N, num_heads, L, S)."""
        n, heads, length, n_keys = *q.shape[:3], k.shape[2]
        total: Tensor | None = None
        if attn_mask is not None:
            if attn_mask.shape not in ((length, n_keys), (n * heads, length, n_keys)):
                raise ValueError(
                    complaint(
                        f"attn_mask must have the shape ({length}, {n_keys}) or "
                        f"({n * heads}, {length}, {n_keys})",
                        got=tuple(attn_mask.shape),
                        hint="queries first, then keys",
                    )
                )
            total = _as_numbers(attn_mask, q)
            if total.ndim == 3:
                total = total.view(n, heads, length, n_keys)
        if padding is not None:
            if padding.shape != (n, n_keys):
                raise ValueError(
                    complaint(
                        f"key_padding_mask must have the shape ({n}, {n_keys})",
                        got=tuple(padding.shape),
                        hint="a row for each sequence",
                    )
                )
            numbers = _as_numbers(padding, q)[:, None, None, :]
            total = numbers if total is None else total + numbers
        return total

    def extra_repr(self) -> str:
        """Show the heads in the printed form."""
        return f"num_heads={self.num_heads}, batch_first={self.batch_first}"


def _as_numbers(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype is torch.bool:
        return torch.zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill(
            mask, -math.inf
        )
    return mask.to(like.dtype)


def attention_obstacle(module: nn.MultiheadAttention) -> str | None:
    """Why an attention module cannot have sparse projections; None if it can."""
    if type(module) is not nn.MultiheadAttention:
        return "a subclass of nn.MultiheadAttention, whose owner may read its weights"
    if module.bias_k is not None or module.add_zero_attn:
        return "add_bias_kv and add_zero_attn are not supported"
    if any("weight" not in part._parameters for part in (module.out_proj,)) or not any(
        module._parameters.get(name) is not None for name in ("in_proj_weight", "q_proj_weight")
    ):
        return "its weight is computed (parametrized, pruned or normalised)"
    return None


def dense_projections(module: nn.MultiheadAttention) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Weight and bias of each projection, in the order of PROJECTIONS."""
    if module._qkv_same_embed_dim:
        weights = list(module.in_proj_weight.chunk(3))
    else:
        weights = [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    biases = [None] * 3 if module.in_proj_bias is None else list(module.in_proj_bias.chunk(3))
    pairs = [*zip(weights, biases, strict=True), (module.out_proj.weight, module.out_proj.bias)]
    return dict(zip(PROJECTIONS, pairs, strict=True))


def as_multihead_attention(module: SparseMultiheadAttention) -> nn.MultiheadAttention:
    """The dense module that computes the same."""
    parts = [getattr(module, name) for name in PROJECTIONS]
    dense = nn.MultiheadAttention(
        module.embed_dim,
        module.num_heads,
        module.dropout,
        parts[0].bias is not None,
        kdim=module.kdim,
        vdim=module.vdim,
        batch_first=module.batch_first,
        device="meta",  # which draws nothing from the global generator
    )
    weights = [part.to_dense_weight().detach().clone() for part in parts]

    def parameter(value: Tensor, *like: Tensor) -> nn.Parameter:
        return nn.Parameter(value, requires_grad=any(part.requires_grad for part in like))

    inner = [part.weight for part in parts[:3]]
    if dense._qkv_same_embed_dim:
        dense.in_proj_weight = parameter(torch.cat(weights[:3]), *inner)
    else:
        for name, value, own in zip(PROJECTIONS, weights[:3], inner, strict=False):
            setattr(dense, f"{name}_weight", parameter(value, own))
    dense.out_proj.weight = parameter(weights[3], parts[3].weight)
    if parts[0].bias is not None:
        biases = [part.bias for part in parts]
        joined = torch.cat([bias.detach() for bias in biases[:3]])
        dense.in_proj_bias = parameter(joined, *biases[:3])
        dense.out_proj.bias = parameter(biases[3].detach().clone(), biases[3])
    return dense.train(module.training)
