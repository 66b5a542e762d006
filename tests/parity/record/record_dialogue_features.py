"""Record the binary features of states, as without end-to-end learning, and their order."""

from __future__ import annotations

from typing import Any

from dialogue_data import project, state_as_json, unfolded
from rasa.core.featurizers.single_state_featurizer import SingleStateFeaturizer
from rasa.core.featurizers.tracker_featurizers import MaxHistoryTrackerFeaturizer
from rasa.shared.core.domain import Domain
from recording import canonical, numbers, write_fixture

NAMES = ("slots", "forms", "texts")


def record(name: str) -> dict[str, Any]:
    """What each column stands for, and the features of every state of training."""
    domain, graph = project(name)
    stories = [tracker for tracker in unfolded(domain, graph) if not tracker.is_rule_tracker]
    states, labels = MaxHistoryTrackerFeaturizer(None).training_states_and_labels(stories, domain)
    featurizer = SingleStateFeaturizer()
    featurizer.prepare_for_training(domain)
    different = {canonical(state_as_json(state)): state for found in states for state in found}
    return {
        "name": name,
        "columns": {
            "intent": domain.intents,
            "entities": domain.entity_states,
            "slots": domain.slot_states,
            "active_loop": domain.form_names,
            "action_name": domain.action_names_or_texts,
        },
        "labels": {
            action: index
            for index, action in enumerate(domain.action_names_or_texts)
            if [action] in labels
        },
        "states": [
            {"state": state_as_json(state), "features": features(featurizer, state)}
            for _, state in sorted(different.items())
        ],
        "label_features": label_features(featurizer, domain),
    }


def features(featurizer: SingleStateFeaturizer, state: dict[str, Any]) -> dict[str, Any]:
    """[column, value] of what is not zero, for each attribute that has features at all."""
    return {
        attribute: nonzero(found)
        for attribute, found in sorted(featurizer.encode_state(state, None).items())
    }


def nonzero(found: list[Any]) -> list[Any]:
    """[column, value] of the one sentence feature."""
    (feature,) = found
    matrix = feature.features
    row = matrix.toarray()[0] if feature.is_sparse() else matrix[0]
    return [[column, numbers(value)] for column, value in enumerate(row) if value]


def label_features(featurizer: SingleStateFeaturizer, domain: Domain) -> list[Any]:
    """Features of each action as a label: those that are texts have none without a pipeline."""
    return [
        {attribute: nonzero(found) for attribute, found in encoded.items()}
        for encoded in featurizer.encode_all_labels(domain, None)
    ]


def main() -> None:
    """Write dialogue_features.json."""
    write_fixture(
        "dialogue_features",
        "record_dialogue_features.py",
        {"columns": "names of columns in order; actions: the order of labels"},
        [record(name) for name in NAMES],
    )


if __name__ == "__main__":
    main()
