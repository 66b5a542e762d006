"""What a policy is trained from, as fingerprints; see `gossamer.nlu.pipeline.reuse`."""

from __future__ import annotations

from collections.abc import Mapping

from gossamer.data.fingerprints import DIALOGUE_INPUTS
from gossamer.dialogue.policies.policy import Policy
from gossamer.nlu.pipeline.reuse import Fingerprint, declared_reads, in_order, of_part

_EVERYTHING = frozenset({"everything", *DIALOGUE_INPUTS})


def fingerprint_of(
    policy: Policy, inputs: Mapping[str, str], features: Mapping[str, str]
) -> Fingerprint:
    """What a policy is learnt from.

    Args:
        policy: trained or not.
        inputs: fingerprints of the data; see `gossamer.data.fingerprints.of_dialogue`.
        features: of what the components of the pipeline give, by alias; none where no story has a
            text.
    """
    reads = declared_reads(policy)
    reads = _EVERYTHING if reads is None else reads
    given = {f"features of {alias}": output for alias, output in features.items()}
    return {
        **of_part(policy),
        **{name: inputs[name] for name in sorted(reads & inputs.keys())},
        **(in_order(given) if "texts" in reads else {}),
    }
