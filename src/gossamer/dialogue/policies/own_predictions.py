"""What a policy of the user's own predicts is looked at before it counts."""

from __future__ import annotations

import numpy as np

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.state import RuleOnly
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import Policy, Prediction
from gossamer.nlu.own.failures import GUIDE, OwnCode, OwnPartError, is_own_class, path_of


def predict(policy: Policy, tracker: Tracker, rule_only: RuleOnly, domain: Domain) -> Prediction:
    """What a policy says should come next.

    Args:
        policy: trained.
        tracker: the conversation so far; one of the user's own gets a copy.
        rule_only: see `Policy.predict`.
        domain: what may be said and done.

    Raises:
        OwnPartError: the policy is the user's own, and fails or predicts what cannot be read.
    """
    kind = type(policy)
    if not is_own_class(kind):
        return policy.predict(tracker, rule_only)
    with OwnCode(kind, "predict"):
        found: object = policy.predict(tracker.fork(), rule_only)
    name = path_of(kind)
    if not isinstance(found, Prediction):
        raise OwnPartError(
            f"{name} must predict a Prediction",
            got="None" if found is None else found,
            hint=f"self.prefer('utter_greet'), or self.nothing(); see {GUIDE}",
        )
    scores, shape = found.scores, (len(domain.action_labels),)
    if (
        not isinstance(scores, np.ndarray)
        or scores.dtype.kind != "f"
        or scores.shape != shape
        or not bool(((scores >= 0) & (scores <= 1)).all())
    ):
        raise OwnPartError(
            f"the scores of {name} must be an array of {shape[0]} numbers in [0, 1], one for each "
            "of domain.action_labels",
            got=scores,
            hint="self.prefer('utter_greet', 0.8)",
        )
    return found
