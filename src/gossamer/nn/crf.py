"""Linear-chain conditional random field on packed sequences.

A path y of tags has the score  sum_t logits[t, y_t] + sum_t transitions[y_(t-1), y_t]  (Lample et
al. 2016, section 2.2), with no scores for beginning and end, as in Rasa. Sequences are walked in
step, longest first, so that step t handles just the sequences that have a token t.

Sums over paths are taken with exponentials and one matrix product a step instead of a
log-sum-exp over (n_seqs, n_tags, n_tags); the largest score of each sequence is taken out first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gossamer.nn.frozen.crf import FORBIDDEN
from gossamer.nn.kernels import crf as native
from gossamer.nn.kernels.arithmetic import PARTS
from gossamer.sparse.products.guard import may_run_kernel, require_kernel


class TagPaths(NamedTuple):
    """Best paths and the model's confidence in each tag.

    Attributes:
        tags: the most probable path (Viterbi). *Shape:* (n_tokens,), int64.
        confidence: marginal probability of the chosen tag at its token, in [0, 1].
            *Shape:* (n_tokens,).
    """

    tags: Tensor
    confidence: Tensor


class _Steps:
    """Order of walking: rows of step 0 of all sequences, then of step 1, ..., longest first."""

    def __init__(self, lengths: Tensor) -> None:
        order = torch.argsort(lengths, descending=True, stable=True)
        self.order = order[: int((lengths > 0).sum())]
        starts = (torch.cumsum(lengths, 0) - lengths)[self.order]
        sorted_lengths = lengths[self.order]
        max_len = int(sorted_lengths[0]) if sorted_lengths.numel() else 0
        steps = torch.arange(max_len, device=lengths.device)
        alive = sorted_lengths[None, :] > steps[:, None]  # (max_len, n_seqs)
        self.counts: list[int] = alive.sum(1).tolist()
        self.rows = (starts[None, :] + steps[:, None])[alive]

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        """Per step the rows of the living sequences. *Shape:* of each (counts[t], ...)."""
        return torch.split(x.index_select(0, self.rows), self.counts)


class LinearChainCRF(nn.Module):
    """Scores tag sequences by token logits and tag-to-tag transitions.

    Confidences are marginals of the forward-backward algorithm. Rasa 3.6 takes them from Viterbi
    scores and reads the wrong column for all but the last two tokens; we depart from that.

    Args:
        n_tags: number of tags.
        forbidden: True where one tag must not follow another (row: the first of the two); such
            paths get next to no probability, in training and in decoding. None forbids nothing, as
            in Rasa. *Shape:* (n_tags, n_tags), bool.
    """

    penalty: Tensor | None

    def __init__(self, n_tags: int, forbidden: Tensor | None = None) -> None:
        super().__init__()
        self.n_tags = n_tags
        penalty = None if forbidden is None else torch.where(forbidden, FORBIDDEN, 0.0)
        self.register_buffer("penalty", penalty, persistent=False)
        self.transitions = nn.Parameter(torch.empty(n_tags, n_tags))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new transitions, Glorot uniform."""
        nn.init.xavier_uniform_(self.transitions)

    def moves(self) -> Tensor:
        """Scores of one tag after another, the forbidden ones far below all others.

        *Shape:* (n_tags, n_tags).
        """
        return self.transitions if self.penalty is None else self.transitions + self.penalty

    def log_likelihood(self, logits: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Log-probability of each sequence's tags; 0 for a sequence with no token.

        Args:
            logits: *Shape:* (n_tokens, n_tags), sequences one after the other.
            tags: *Shape:* (n_tokens,), int64.
            lengths: tokens of each sequence. *Shape:* (n_seqs,), int64.

        Returns:
            *Shape:* (n_seqs,).
        """
        if logits.shape[0] == 0:
            return logits.new_zeros(lengths.numel())
        # Scores of long texts are large and their difference is small: taken in double precision.
        paths = self._path_scores(logits, tags, lengths, torch.float64)
        return (paths - self._log_partition(logits, lengths).double()).to(logits.dtype)

    def path_scores(self, logits: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Score of the given path of each sequence; arguments as in `log_likelihood`."""
        return self._path_scores(logits, tags, lengths, logits.dtype)

    def _path_scores(
        self, logits: Tensor, tags: Tensor, lengths: Tensor, dtype: torch.dtype
    ) -> Tensor:
        sequence = torch.repeat_interleave(lengths)
        token_scores = logits.gather(1, tags[:, None]).squeeze(1).to(dtype)
        same = sequence[1:] == sequence[:-1]
        pair = tags[:-1] * self.n_tags + tags[1:]
        moves = self.transitions.reshape(-1).index_select(0, pair).masked_fill(~same, 0.0)
        scores = token_scores.new_zeros(lengths.numel())
        scores = scores.index_add(0, sequence, token_scores)
        return scores.index_add(0, sequence[1:], moves.to(dtype))

    def log_partition(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """Log of the sum over all paths of exp(score); 0 for a sequence with no token.

        *Shape:* (n_tokens, n_tags), (n_seqs,) -> (n_seqs,).
        """
        return self._log_partition(logits, lengths).to(logits.dtype)

    def _log_partition(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """The same; in double precision where kernels compute it."""
        if _has_kernels(logits, self.transitions):
            by_kernels: Tensor = _LogPartition.apply(logits, self.moves(), lengths)  # type: ignore[no-untyped-call]
            return by_kernels
        steps = _Steps(lengths)
        result = logits.new_zeros(lengths.numel())
        if not steps.counts:
            return result
        ends = []
        alphas = self._forward_scores(steps.split(logits))
        for alpha, n_next in zip(alphas, [*steps.counts[1:], 0], strict=True):
            if alpha.shape[0] > n_next:  # these sequences end here
                ends.append(torch.logsumexp(alpha[n_next:], dim=1))
        return result.index_copy(0, steps.order, torch.cat(ends[::-1]))

    def _forward_scores(self, logits: tuple[Tensor, ...]) -> list[Tensor]:
        """Log-sum of paths ending in each tag, per step. *Shape:* of each (counts[t], n_tags)."""
        factor, shift = _exponentials(self.moves())
        alphas = [logits[0]]
        for step in logits[1:]:
            alphas.append(_log_matmul(alphas[-1][: step.shape[0]], factor) + shift + step)
        return alphas

    def _backward_scores(self, logits: tuple[Tensor, ...]) -> list[Tensor]:
        """Log-sum of paths from each tag to the end, per step; the step's own logit left out."""
        factor, shift = _exponentials(self.moves().t())
        beta = logits[-1].new_zeros(logits[-1].shape)
        betas = [beta]
        for t in range(len(logits) - 2, -1, -1):
            following = _log_matmul(beta + logits[t + 1], factor) + shift
            ended = following.new_zeros(logits[t].shape[0] - following.shape[0], self.n_tags)
            beta = torch.cat([following, ended])
            betas.append(beta)
        return betas[::-1]

    @torch.no_grad()
    def marginals(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """Probability of each tag at each token.

        *Shape:* (n_tokens, n_tags), (n_seqs,) -> (n_tokens, n_tags).
        """
        steps = _Steps(lengths)
        if not steps.counts:
            return torch.zeros_like(logits)
        # Long texts add up many small errors: double precision costs little here.
        per_step = steps.split(logits.double())
        forward, backward = self._forward_scores(per_step), self._backward_scores(per_step)
        scores = torch.cat(forward) + torch.cat(backward)
        probabilities = torch.softmax(scores, dim=1).to(logits.dtype)
        return torch.empty_like(logits).index_copy_(0, steps.rows, probabilities)

    @torch.no_grad()
    def best_paths(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """Viterbi. *Shape:* (n_tokens, n_tags), (n_seqs,) -> (n_tokens,), int64."""
        steps = _Steps(lengths)
        tags = torch.zeros(logits.shape[0], dtype=torch.int64, device=logits.device)
        if not steps.counts:
            return tags
        per_step = steps.split(logits)
        score = per_step[0]
        ends, came_from = [], []
        moves = self.moves()
        for step in per_step[1:]:
            ends.append(score[step.shape[0] :].argmax(1))
            best = (score[: step.shape[0], :, None] + moves).max(dim=1)
            score = best.values + step
            came_from.append(best.indices)
        ends.append(score.argmax(1))
        chosen = ends[-1]
        path = [chosen]
        for t in range(len(per_step) - 2, -1, -1):
            previous = came_from[t].gather(1, chosen[:, None]).squeeze(1)
            chosen = torch.cat([previous, ends[t]])
            path.append(chosen)
        return tags.index_copy_(0, steps.rows, torch.cat(path[::-1]))

    def decode(self, logits: Tensor, lengths: Tensor) -> TagPaths:
        """Best paths with the marginal probability of each chosen tag."""
        tags = self.best_paths(logits, lengths)
        confidence = self.marginals(logits, lengths).gather(1, tags[:, None]).squeeze(1)
        return TagPaths(tags, confidence)


def _has_kernels(logits: Tensor, transitions: Tensor) -> bool:
    """Whether `_LogPartition` can take these, here and now; answers go without it."""
    return (
        torch.is_grad_enabled()
        and may_run_kernel(logits, transitions)
        and logits.ndim == 2
        and transitions.shape == (logits.shape[1], logits.shape[1])
    )


class _LogPartition(torch.autograd.Function):
    """`log_partition` by kernels, the gradient by the forward-backward algorithm."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, transitions: Tensor, lengths: Tensor) -> Tensor:
        n_tags = logits.shape[1]
        n_rows = int(lengths.sum())
        if lengths.dtype != torch.int64 or n_rows != logits.shape[0] or (lengths < 0).any():
            raise ValueError(
                f"lengths must be int64, 0 or more, and sum up to the {logits.shape[0]} rows of "
                f"logits (got {lengths.dtype}, sum {n_rows}). Try: the number of tokens of each "
                "sequence"
            )
        extra = native.padded(n_tags) - n_tags
        shift = transitions.amax(0)
        starts = torch.cat([lengths.new_zeros(1), torch.cumsum(lengths, 0)])
        scores = F.pad(logits + shift, (0, extra), value=-1e30)
        firsts = starts[:-1][lengths > 0]
        scores[firsts, :n_tags] = logits[firsts]
        moves = F.pad(torch.exp(transitions - shift), (0, extra))
        alphas, factors = torch.empty_like(scores), torch.empty_like(scores)
        result = torch.empty(lengths.numel(), dtype=torch.float64)
        native.forward(n_tags)(
            scores,
            moves,
            starts,
            alphas,
            factors,
            result,
            lengths.numel(),
            n_threads=torch.get_num_threads(),
        )
        ctx.save_for_backward(moves, starts, alphas, factors)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        require_kernel("the CRF's backward pass", grads[0].float())
        moves, starts, alphas, factors = ctx.saved_tensors
        n_tags = moves.shape[0]
        extra = moves.shape[1] - n_tags
        turned = F.pad(moves[:, :n_tags].t(), (0, extra)).contiguous()
        result = torch.empty_like(alphas)
        sums = torch.zeros(PARTS, *moves.shape)
        native.backward(n_tags)(
            grads[0].float().contiguous(),
            turned,
            starts,
            alphas,
            factors,
            result,
            sums,
            starts.numel() - 1,
            n_threads=torch.get_num_threads(),
        )
        return result[:, :n_tags], (sums.sum(0) * moves)[:, :n_tags], None


def _exponentials(transitions: Tensor) -> tuple[Tensor, Tensor]:
    """exp(transitions) with each column's maximum taken out, and those maxima."""
    shift = transitions.detach().amax(0)
    return torch.exp(transitions - shift), shift


def _log_matmul(scores: Tensor, factor: Tensor) -> Tensor:
    """log(exp(scores) @ factor) with each row's maximum taken out meanwhile."""
    top = scores.detach().amax(1, keepdim=True)
    tiny = torch.finfo(scores.dtype).tiny
    total = torch.exp(scores - top) @ factor.to(scores.dtype)
    return torch.log(total.clamp_min(tiny)) + top
