"""What a server counts, for `/metrics` in Prometheus' form.

Labels have few values, whatever users send: routes as they are declared, methods, statuses, actions
of the domain. None holds a text, a name or an address of a user. docs/deploy.md says what each
means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.runtime.turn import Turn
from gossamer.nlu.pipeline.parse import Parse
from gossamer.serve.models.current import CurrentModel
from gossamer.serve.store.errors import ConversationBusy, LeaseLost, StoreError, StoreUnavailable
from gossamer.serve.training.jobs import Jobs
from gossamer.serve.work.order import ConversationOrder

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)
_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_FALLBACK_INTENT = "nlu_fallback"
_FALLBACK_ACTION = "action_default_fallback"
_STORE_ERRORS = {ConversationBusy: "busy", LeaseLost: "lost", StoreUnavailable: "unavailable"}
_MOST_ACTIONS = 500


class Metrics:
    """Counters of one server. Its methods are quick and may be called from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Answered requests", "route", "method", "status")
        self._seconds = self._histogram(
            "request_seconds", "Seconds until the answer was complete", _SECONDS, "route"
        )
        self._request_children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._batches = self._histogram("batch_size", "Texts parsed together", _SIZES)
        self._confidences = self._histogram(
            "intent_confidence", "Confidence of the intents of texts", _CONFIDENCES
        )
        self._turns = self._counter("turns", "Turns of conversations, by how they ended", "result")
        self._turn_seconds = self._histogram(
            "turn_seconds", "Seconds of a turn: lease, actions and storing", _SECONDS
        )
        self._fallbacks = self._counter("fallbacks", "Turns in which a fallback was taken", "kind")
        self._failures = self._counter("action_failures", "Actions that failed", "action")
        self._failed_actions: set[str] = set()
        self._store_errors = self._counter("store_errors", "Errors of the database", "kind")
        self._lease_waits = self._histogram(
            "lease_wait_seconds", "Seconds until a conversation was held", _SECONDS
        )

    def render(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def watch(self, models: CurrentModel, order: ConversationOrder, jobs: Jobs) -> None:
        """Look, when metrics are asked for, at the model and at what waits and runs."""
        for name, what, value in (
            (
                "messages_waiting",
                "Messages that wait for others of their conversation",
                lambda: order.n_inside - order.n_running,
            ),
            ("messages_running", "Messages that are handled", lambda: order.n_running),
            ("training_jobs", "Training jobs that run", lambda: jobs.n_training),
        ):
            gauge = Gauge(f"gossamer_{name}", what, registry=self.registry)
            gauge.set_function(value)
        self.registry.register(_ModelInfo(models))

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Note an answered request."""
        key = (route, method, status)
        children = self._request_children.get(key)
        if children is None:
            children = self._request_children[key] = (
                self._requests.labels(route, method, str(status)),
                self._seconds.labels(route),
            )
        children[0].inc()
        children[1].observe(seconds)

    def batch(self, size: int) -> None:
        """Note texts that are parsed together."""
        self._batches.observe(size)

    def parse(self, parse: Parse) -> None:
        """Note what a text was understood as."""
        self._confidences.observe(parse.intent.confidence)

    def turn(self, turn: Turn, seconds: float) -> None:
        """Note a turn."""
        self._turns.labels("cut_short" if turn.is_cut_short else "done").inc()
        self._turn_seconds.observe(seconds)
        said = next((event for event in turn.events if isinstance(event, UserUttered)), None)
        if said is not None:
            self._confidences.observe(said.confidence)
            if said.intent == _FALLBACK_INTENT:
                self._fallbacks.labels(_FALLBACK_INTENT).inc()
        if any(action.name == _FALLBACK_ACTION for action in turn.actions):
            self._fallbacks.labels(_FALLBACK_ACTION).inc()
        for problem in turn.problems:
            self._failures.labels(self._bounded(problem.action)).inc()

    def turn_failed(self, error: Exception) -> None:
        """Note a turn that raised: nothing of it is stored."""
        self._turns.labels("failed").inc()
        kind = _STORE_ERRORS.get(type(error)) if isinstance(error, StoreError) else None
        if kind is not None:
            self._store_errors.labels(kind).inc()

    def lease_wait(self, seconds: float) -> None:
        """Note how long a conversation was waited for."""
        self._lease_waits.observe(seconds)

    def _bounded(self, action: str) -> str:
        """The name of an action; all that come after the first 500 share one."""
        if action not in self._failed_actions:
            if len(self._failed_actions) >= _MOST_ACTIONS:
                return "(others)"
            self._failed_actions.add(action)
        return action

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"gossamer_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(
            f"gossamer_{name}", what, labels, buckets=tuple(buckets), registry=self.registry
        )


class _ModelInfo(Collector):
    """Which model answers; no line where none does."""

    def __init__(self, models: CurrentModel) -> None:
        self._models = models

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "gossamer_model_info",
            "The model that answers",
            labels=("model_file", "model_id"),
        )
        model = self._models.or_none
        if model is not None:
            family.add_metric((model.path.name, model.model_id), 1.0)
        yield family
