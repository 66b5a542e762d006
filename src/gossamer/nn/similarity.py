"""Losses that pull an input's embedding towards its label's and away from others.

Notation of Wu et al. 2018 (StarSpace) as Rasa's DIET and TED use it, with a an input embedding,
l its label's, and K negatives drawn for each of both:

| symbol | similarity of |
|---|---|
| p | a and l (the pair that belongs together) |
| il | a and each negative label |
| ll | l and each negative label |
| ii | a and each negative input |
| li | l and each negative input |
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.nn.options import SimilarityOptions

_SAME_LABEL = -1e9  # added to a negative that carries the target's own label
_DRAWN = 20


class Negatives(NamedTuple):
    """Which labels and inputs are the negatives of each input. *Shape:* of both (n_inputs, K)."""

    labels: Tensor
    inputs: Tensor

    @classmethod
    def draw(
        cls, n_inputs: int, n_labels: int, n_negatives: int, device: torch.device
    ) -> Negatives:
        """Uniformly with replacement, from torch's global generator."""
        shape = (n_inputs, n_negatives)
        return cls(
            torch.randint(n_labels, shape, device=device),
            torch.randint(n_inputs, shape, device=device),
        )


class SimilarityLoss(NamedTuple):
    """A loss and how often the positive label was at least as similar as all drawn negatives."""

    loss: Tensor
    accuracy: Tensor


class _Similarities(NamedTuple):
    p: Tensor
    il: Tensor
    ll: Tensor
    ii: Tensor
    li: Tensor


class SingleLabelDotProductLoss(nn.Module):
    """Cross-entropy or margin loss over similarities with sampled negatives.

    Cross-entropy, without `constrain_similarities`: softmax cross-entropy of [p, il, li, ii, ll]
    with p as the target. With it: that of [p, il, li], plus the mean sigmoid cross-entropy over
    [p, il, ll, ii, li] with target 1 for p and 0 for the rest. Without a number of negatives:
    softmax cross-entropy over all labels, with label smoothing, plus with
    `constrain_similarities` the mean sigmoid cross-entropy over them.

    Margin: max(0, m+ - p) + max(0, m- + max il) + s (max(0, m- + max ll) + max(0, m- + max ii) +
    max(0, m- + max li)), s the negative margin scale. Mind the sign: m- = -0.4 tolerates a
    similarity of up to +0.4, as in Rasa.

    Args:
        options: what to compute.
    """

    def __init__(self, options: SimilarityOptions) -> None:
        super().__init__()
        self.options = options

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor,
        target: Tensor,
        *,
        input_ids: Tensor | None = None,
        label_ids: Tensor | None = None,
        negatives: Negatives | None = None,
        weights: Tensor | None = None,
    ) -> SimilarityLoss:
        """Mean loss over the inputs, or their weighted sum.

        Args:
            inputs: input embeddings. *Shape:* (n_inputs, width).
            labels: embeddings of all labels. *Shape:* (n_labels, width).
            target: row of `labels` that belongs to each input. *Shape:* (n_inputs,), int64.
            input_ids: identity of each input's label, to recognise false negatives; `target` if
                None.
            label_ids: identity of each label; its row if None.
            negatives: which to use; new ones are drawn if None.
            weights: of each input, in place of 1 / n_inputs; the loss is their weighted sum.
                *Shape:* (n_inputs,).

        Returns:
            Loss and accuracy, both scalars.
        """
        if self.options.number_of_negative_examples is None:
            return self._of_all(self.similarity(inputs, labels), target, weights)
        if negatives is None:
            negatives = Negatives.draw(
                inputs.shape[0],
                labels.shape[0],
                self.options.number_of_negative_examples,
                inputs.device,
            )
        if input_ids is None:
            input_ids = target
        if label_ids is None:
            label_ids = torch.arange(labels.shape[0], device=labels.device)
        sims = self._similarities(inputs, labels, target, input_ids, label_ids, negatives)
        with torch.no_grad():
            accuracy = (sims.p >= sims.il.amax(1)).to(inputs.dtype).mean()
        is_margin = self.options.loss_type == "margin"
        loss = self._margin(sims) if is_margin else self._cross_entropy(sims)
        return SimilarityLoss(loss.mean() if weights is None else loss @ weights, accuracy)

    def similarity(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Every input with every label.

        *Shape:* (n_inputs, width), (n_labels, width) -> (n_inputs, n_labels).
        """
        return self._normalise(inputs) @ self._normalise(labels).t()

    def _of_all(self, logits: Tensor, target: Tensor, weights: Tensor | None) -> SimilarityLoss:
        """Cross-entropy over all labels."""
        o = self.options
        loss = F.cross_entropy(logits, target, label_smoothing=o.label_smoothing, reduction="none")
        if o.constrain_similarities:
            is_target = F.one_hot(target, logits.shape[1]).to(logits.dtype)
            sigmoid = F.binary_cross_entropy_with_logits(logits, is_target, reduction="none")
            loss = loss + sigmoid.mean(1)
        if o.scale_loss:
            loss = loss * loss_scale(loss)
        with torch.no_grad():
            accuracy = (logits.argmax(1) == target).to(logits.dtype).mean()
        return SimilarityLoss(loss.mean() if weights is None else loss @ weights, accuracy)

    def _normalise(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1) if self.options.use_cosine else x

    def _similarities(
        self,
        inputs: Tensor,
        labels: Tensor,
        target: Tensor,
        input_ids: Tensor,
        label_ids: Tensor,
        negatives: Negatives,
    ) -> _Similarities:
        # Embeddings are narrow (20), so whole tables of similarities are cheaper than gathering
        # K embeddings for each input.
        inputs, labels = self._normalise(inputs), self._normalise(labels)
        positive = labels.index_select(0, target)
        same_label = (label_ids[negatives.labels] == input_ids[:, None]) * _SAME_LABEL
        same_input = (input_ids[negatives.inputs] == input_ids[:, None]) * _SAME_LABEL
        label_table = labels.t()
        input_table = inputs.t()
        return _Similarities(
            p=(inputs * positive).sum(-1),
            il=(inputs @ label_table).gather(1, negatives.labels) + same_label,
            ll=(positive @ label_table).gather(1, negatives.labels) + same_label,
            ii=(inputs @ input_table).gather(1, negatives.inputs) + same_input,
            li=(positive @ input_table).gather(1, negatives.inputs) + same_input,
        )

    def _cross_entropy(self, sims: _Similarities) -> Tensor:
        """Loss of each input. *Shape:* (n_inputs,)."""
        p = sims.p[:, None]
        if self.options.constrain_similarities:
            others = [p, sims.il, sims.li]
            bounded = torch.cat([p, sims.il, sims.ll, sims.ii, sims.li], dim=1)
            is_positive = torch.zeros_like(bounded)
            is_positive[:, 0] = 1.0
            sigmoid = F.binary_cross_entropy_with_logits(bounded, is_positive, reduction="none")
            extra = sigmoid.mean(1)
        else:
            others = [p, sims.il, sims.li, sims.ii, sims.ll]
            extra = torch.zeros_like(sims.p)
        logits = torch.cat(others, dim=1)
        loss = torch.logsumexp(logits, dim=1) - sims.p + extra
        return loss * loss_scale(loss) if self.options.scale_loss else loss

    def _margin(self, sims: _Similarities) -> Tensor:
        """Loss of each input. *Shape:* (n_inputs,)."""
        o = self.options
        low = o.maximum_negative_similarity
        if o.use_maximum_negative_similarity:
            negative = F.relu(low + sims.il.amax(1))
        else:
            negative = F.relu(low + sims.il).sum(1)
        rest = sum(
            (F.relu(low + part.amax(1)) for part in (sims.ll, sims.ii, sims.li)),
            start=torch.zeros_like(sims.p),
        )
        return (
            F.relu(o.maximum_positive_similarity - sims.p)
            + negative
            + (o.negative_margin_scale * rest)
        )


class MultiLabelDotProductLoss(nn.Module):
    """Sigmoid cross-entropy of each input with all its labels and with labels that are drawn.

    For an input any number of labels may be right, one at least; those that are drawn are targets
    of 1 where they are among them, of 0 else. Similarity is the inner product. As in Rasa 3.6's
    UnexpecTEDIntentPolicy, except that all right labels count at every step, not the first alone.

    Args:
        options: of which `number_of_negative_examples`, 20 where it is None, and `scale_loss`
            count.
    """

    def __init__(self, options: SimilarityOptions) -> None:
        super().__init__()
        self.n_drawn = options.number_of_negative_examples or _DRAWN
        self.scale_loss = options.scale_loss

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor,
        target: Tensor,
        *,
        drawn: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> SimilarityLoss:
        """Mean loss over the inputs, or their weighted sum.

        Args:
            inputs: input embeddings. *Shape:* (n_inputs, width).
            labels: embeddings of all labels. *Shape:* (n_labels, width).
            target: which labels are right. *Shape:* (n_inputs, n_labels), bool.
            drawn: rows of `labels` to compare each input with; new ones are drawn if None.
                *Shape:* (n_inputs, n_drawn), int64.
            weights: of each input, in place of 1 / n_inputs. *Shape:* (n_inputs,).

        Returns:
            The loss, and how often the most similar label is a right one; both scalars.
        """
        if drawn is None:
            shape = (inputs.shape[0], self.n_drawn)
            drawn = torch.randint(labels.shape[0], shape, device=inputs.device)
        similarity = self.similarity(inputs, labels)
        is_right = target.to(similarity.dtype)
        counts = is_right.scatter_add(1, drawn, torch.ones_like(drawn, dtype=similarity.dtype))
        each = F.binary_cross_entropy_with_logits(similarity, is_right, reduction="none")
        loss = (each * counts).sum(1) / counts.sum(1)
        if self.scale_loss:
            loss = loss * loss_scale(loss)
        with torch.no_grad():
            best = similarity.argmax(1, keepdim=True)
            accuracy = is_right.gather(1, best).mean()
        return SimilarityLoss(loss.mean() if weights is None else loss @ weights, accuracy)

    def similarity(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Every input with every label.

        *Shape:* (n_inputs, width), (n_labels, width) -> (n_inputs, n_labels).
        """
        return inputs @ labels.t()


def loss_scale(loss: Tensor) -> Tensor:
    """Weights that shrink the loss of examples already predicted well, as Rasa's `scale_loss`.

    With q = exp(-loss): if any q of the batch exceeds 0.5, ((1 - q) / 0.5)^4 for each example,
    else 1. No gradient flows through it. *Shape:* (n_examples,) -> (n_examples,).
    """
    with torch.no_grad():
        probability = torch.exp(-loss)
        scale = ((1 - probability) / 0.5) ** 4
        return torch.where(probability.max() > 0.5, scale, torch.ones_like(scale))
