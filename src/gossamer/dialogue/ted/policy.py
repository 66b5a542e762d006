"""TED as a policy: prepares stories, trains the network, reads its answers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gossamer.data.domain import Domain
from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.dialogue.examples import (
    dialogue_examples,
    prediction_states,
    training_examples,
)
from gossamer.dialogue.policy import DialogueData, Policy, PolicyOptions, Prediction
from gossamer.dialogue.state import NO_RULES, RuleOnly, State
from gossamer.dialogue.ted.features import Indices, StateFeaturizer, TurnTable, turn_inputs
from gossamer.dialogue.ted.network import TEDBatch, TEDNetwork, TEDShape
from gossamer.dialogue.ted.options import TEDOptions
from gossamer.dialogue.tracker import Tracker
from gossamer.nlu.component import EpochListener, EpochReport
from gossamer.nlu.diet.stored_weights import plain_arrays, weights_from_arrays
from gossamer.nlu.learning_options import ModelConfidence
from gossamer.nlu.messages import ComponentState
from gossamer.nlu.pipeline import Pipeline
from gossamer.nn.batching import stratified_holdout
from gossamer.nn.fit import EpochResult, fit
from gossamer.nn.inputs import Features
from gossamer.sparse import adopt_connectivity

_MAX_SEED = 2**31


class TEDData:
    """Stories as numbers.

    Args:
        table: all different states.
        dialogues: numbers of the states of each example, in the order the network takes them.
        labels: the action of each example, or of each of its turns with whole dialogues.
    """

    def __init__(
        self, table: TurnTable, dialogues: Sequence[Indices], labels: Sequence[Indices]
    ) -> None:
        self.table = table
        self.lengths = np.array([len(turns) for turns in dialogues], dtype=np.int64)
        self.turns = np.concatenate(dialogues)
        self.starts: Indices = np.cumsum(self.lengths) - self.lengths
        self.labels = labels
        self._last = np.array([label[-1] for label in labels], dtype=np.int64)
        self._is_whole = any(len(label) > 1 for label in labels)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def last_labels(self) -> Indices:
        """The last action of each example. *Shape:* (n_examples,)."""
        return self._last

    def batch(self, chosen: Indices) -> TEDBatch:
        """A batch of the given examples. *Shape:* of `chosen` (n_chosen,)."""
        lengths = self.lengths[chosen]
        ends = np.cumsum(lengths)
        rows = np.arange(int(ends[-1])) + np.repeat(self.starts[chosen] - (ends - lengths), lengths)
        labels = (
            np.concatenate([self.labels[i] for i in chosen])
            if self._is_whole
            else self._last[chosen]
        )
        return TEDBatch(
            turn_inputs(self.table, self.turns[rows]),
            torch.from_numpy(lengths),
            torch.from_numpy(labels),
        )


class TEDPolicy(Policy):
    """Learns the next action from stories; see `TEDOptions` and `TEDNetwork`.

    One seed, the option `random_seed` or a fresh one, decides topology, initial weights, order,
    dropout and negatives; torch's global generator is left as it was.
    """

    name: ClassVar[str] = "TEDPolicy"
    Options: ClassVar[type[PolicyOptions]] = TEDOptions  # type: ignore[assignment]

    options: TEDOptions

    def __init__(self, options: Any, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.seed: int | None = None
        self.network: TEDNetwork | None = None
        self._domain: Domain | None = None
        self._featurizer: StateFeaturizer | None = None
        self._label_embeddings: Tensor | None = None

    # -- training ------------------------------------------------------------------------------

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Learn from stories, augmented ones among them; rules do not count.

        Without a story nothing is learnt, and all predictions are zero.

        Raises:
            ConfigError: options and stories do not fit together.
        """
        options = self.options
        self._domain = data.domain
        self._featurizer = StateFeaturizer(data.domain)
        training = self._training_data(data)
        if training is None:
            return
        self.seed = (
            secrets.randbelow(_MAX_SEED) if options.random_seed is None else options.random_seed
        )
        rng = np.random.default_rng(self.seed)
        train_on, evaluate_on = self._hold_out(training, rng)
        is_balanced = (
            options.batch_strategy == "balanced" and options.tracker_featurizer == "max_history"
        )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)  # of the CPU, and of that alone
            self.network = self._new_network(data.domain)
            fit(
                self.network,
                training.batch,
                train_on,
                labels=training.last_labels[train_on] if is_balanced else None,
                options=options.fitting(),
                rng=rng,
                evaluation=evaluate_on,
                on_epoch=None if on_epoch is None else self._reporter(on_epoch),
            )
        self._get_ready()

    def _training_data(self, data: DialogueData) -> TEDData | None:
        trackers = [story.tracker for story in data.stories]
        numbers: dict[State, int] = {}
        index = data.domain.action_index
        dialogues: list[Indices] = []
        labels: list[Indices] = []
        if self.options.tracker_featurizer == "max_history":
            for example in training_examples(
                trackers, data.domain, max_history=self.options.max_history
            ):
                turns = [numbers.setdefault(state, len(numbers)) for state in example.states]
                dialogues.append(np.array(turns[::-1], dtype=np.int64))
                labels.append(np.array([index[example.action]], dtype=np.int64))
        else:
            for states, actions in dialogue_examples(trackers, data.domain):
                if states:
                    turns = [numbers.setdefault(state, len(numbers)) for state in states]
                    dialogues.append(np.array(turns, dtype=np.int64))
                    labels.append(np.array([index[action] for action in actions], dtype=np.int64))
        if not dialogues or self._featurizer is None:
            return None
        return TEDData(self._featurizer.table(list(numbers)), dialogues, labels)

    def _new_network(self, domain: Domain) -> TEDNetwork:
        featurizer = StateFeaturizer(domain)
        shape = TEDShape(
            {name: width for name, width in featurizer.widths.items() if width > 0},
            len(domain.action_labels),
        )
        return TEDNetwork(self.options, shape, Features(sparse=featurizer.action_rows()))

    def _hold_out(
        self, training: TEDData, rng: np.random.Generator
    ) -> tuple[Indices, Indices | None]:
        number = self.options.evaluate_on_number_of_examples
        if number == 0:
            return np.arange(len(training)), None
        try:
            return stratified_holdout(training.last_labels.tolist(), number, rng)
        except ValueError as error:
            raise ConfigError(
                "evaluate_on_number_of_examples does not fit the stories",
                got=number,
                hint=str(error),
            ) from error

    def _reporter(self, on_epoch: EpochListener) -> Any:
        def report(result: EpochResult) -> None:
            on_epoch(
                EpochReport(
                    component=self.alias,
                    epoch=result.epoch,
                    n_epochs=self.options.epochs,
                    metrics=result.metrics,
                    seconds=result.seconds,
                )
            )

        return report

    def _get_ready(self) -> None:
        if self.network is None:
            return
        self.network.eval()
        with torch.inference_mode():
            self._label_embeddings = self.network.embed_labels()

    # -- answering -----------------------------------------------------------------------------

    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        """Confidence in each action: softmax over similarities (the similarity itself with margin).

        Raises:
            RuntimeError: it is not trained.
        """
        if self._domain is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        states = prediction_states(
            tracker, self._domain, max_history=self.options.max_history, rule_only=rule_only
        )
        scores = self.scores([states])
        if scores is None:
            return self.nothing(self._domain)
        return Prediction(
            policy=self.alias, priority=self.options.priority, scores=self._cut(scores[0])
        )

    def scores(self, conversations: Sequence[Sequence[State]]) -> npt.NDArray[np.float32] | None:
        """Confidences after each of several conversations, each as the states it went through.

        Returns:
            *Shape:* (n_conversations, n_actions); None when nothing was learnt.
        """
        network, featurizer, embeddings = self.network, self._featurizer, self._label_embeddings
        if network is None or featurizer is None or embeddings is None:
            return None
        numbers: dict[State, int] = {}
        step = 1 if network.is_full_dialogue else -1
        turns = [
            numbers.setdefault(state, len(numbers))
            for states in conversations
            for state in states[::step]
        ]
        table = featurizer.table(list(numbers))
        lengths = torch.tensor([len(states) for states in conversations])
        with torch.inference_mode():
            inputs = turn_inputs(table, np.array(turns, dtype=np.int64))
            dialogue = network.embed_dialogue(inputs, lengths)
            if network.is_full_dialogue:
                dialogue = dialogue[torch.cumsum(lengths, 0) - 1]
            similarity = network.loss.similarity(dialogue, embeddings)
            if self.options.model_confidence is ModelConfidence.SOFTMAX:
                similarity = torch.softmax(similarity, dim=1)
            scores: npt.NDArray[np.float32] = similarity.numpy()
        return scores

    def _cut(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Only the best `ranking_length` actions keep their confidence."""
        length = self.options.ranking_length
        if length == 0 or length >= len(scores):
            return scores
        order = np.argsort(-scores, kind="stable")
        cut = np.zeros_like(scores)
        cut[order[:length]] = scores[order[:length]]
        if self.options.renormalize_confidences:
            cut /= cut.sum()
        return cut

    # -- storing -------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """Seed; weights and connections as arrays."""
        if self.network is None:
            return ComponentState()
        return ComponentState(json={"seed": self.seed}, arrays=plain_arrays(self.network))

    def restore(
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        """Build the network again and take over weights and connections."""
        self._domain, self._featurizer = domain, StateFeaturizer(domain)
        if not state.json:
            return
        try:
            self._restore(state.json, state.arrays, domain)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(
                "the stored weights must fit the stored options and domain",
                got=str(error),
                hint="training the model again",
            ) from error

    def _restore(
        self, json: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], domain: Domain
    ) -> None:
        self.seed = json["seed"]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0 if self.seed is None else self.seed)
            network = self._new_network(domain)
        weights = weights_from_arrays(arrays)
        adopt_connectivity(network, weights)
        network.load_state_dict(weights)
        self.network = network
        self._get_ready()
