"""Options of losses and of training; they are read where nothing is trained, too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityOptions:
    """Options of the loss; names and defaults are DIET's in Rasa 3.6.

    Attributes:
        loss_type: "cross_entropy" or "margin".
        use_cosine: cosine instead of inner product.
        number_of_negative_examples: K, how many negative labels and inputs are drawn; None: no
            inputs, and all other labels (cross-entropy only).
        label_smoothing: cross-entropy of all labels only; share of the target that is spread
            evenly over all labels (Szegedy et al. 2016, arXiv:1512.00567, section 7).
        constrain_similarities: cross-entropy only; add a sigmoid loss that keeps similarities
            bounded, and leave ll and ii out of the softmax.
        scale_loss: cross-entropy only; weigh down examples predicted with confidence above 0.5.
        maximum_positive_similarity: margin only; how similar a pair should be.
        maximum_negative_similarity: margin only; see `SingleLabelDotProductLoss`.
        use_maximum_negative_similarity: margin only; count only the most similar negative label.
        negative_margin_scale: margin only; weight of the ll, ii and li terms.
    """

    loss_type: str = "cross_entropy"
    use_cosine: bool = False
    number_of_negative_examples: int | None = 20
    label_smoothing: float = 0.0
    constrain_similarities: bool = False
    scale_loss: bool = False
    maximum_positive_similarity: float = 0.8
    maximum_negative_similarity: float = -0.4
    use_maximum_negative_similarity: bool = True
    negative_margin_scale: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How to train; names and meaning as the options of DIET and TED in Rasa 3.6.

    Attributes:
        epochs: passes over the data.
        batch_size: examples in a batch in the first and in the last epoch.
        learning_rate: of Adam.
        regularization_constant: strength of L2; see `add_l2_gradient`.
        drop_small_last_batch: leave out an epoch's last batch when under half the size.
        evaluate_every_number_of_epochs: when to evaluate; -1 for after the last epoch only.
        checkpoint_model: go back to the best weights seen at an evaluation in the end.
        weight_averaging: decay of a running average of the weights, which is what is evaluated
            and kept in the end; 0 keeps the last weights, as Rasa does.
    """

    epochs: int
    batch_size: tuple[int, int]
    learning_rate: float = 0.001
    regularization_constant: float = 0.002
    drop_small_last_batch: bool = False
    evaluate_every_number_of_epochs: int = 20
    checkpoint_model: bool = False
    weight_averaging: float = 0.0
