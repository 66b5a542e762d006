"""What `/metrics` counts, read over a socket."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gossamer.dialogue.runtime.turn import Turn, TurnAction
from gossamer.serve import metrics as metrics_module
from gossamer.serve.metrics import Metrics
from gossamer.serve.store.errors import ConversationBusy


def values(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and label values."""
    return {
        (sample.name.removeprefix("gossamer_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_turns_and_the_model(start_server: Any) -> None:
    running = start_server(enable_api=True)
    client = running.client
    client.post("/model/parse", json={"text": "hello"})
    client.post("/webhooks/rest/webhook", json={"message": "hello", "sender": "my name"})
    client.post("/webhooks/rest/webhook", json={"message": "bye", "sender": "my name"})
    client.post("/webhooks/rest/webhook", content=b"{")
    for n in range(30):
        client.get(f"/nowhere/{n}")
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = values(answer.text)
    route = "/webhooks/rest/webhook"
    assert found["requests_total", "POST", "/model/parse", "200"] == 1
    assert found["requests_total", "POST", route, "200"] == 2
    assert found["requests_total", "POST", route, "400"] == 1
    assert found["requests_total", "GET", "(none)", "404"] == 30
    assert found["request_seconds_count", route] == 3
    assert found["batch_size_count",] == 3
    assert found["intent_confidence_count",] == 3
    assert found["turns_total", "done"] == 2
    assert found["turn_seconds_count",] == 2
    assert found["lease_wait_seconds_count",] == 2
    assert found["messages_waiting",] == found["messages_running",] == 0
    assert found["training_jobs",] == 0
    model = running.server.models.get()
    assert found["model_info", model.path.name, model.model_id] == 1
    assert found["process_resident_memory_bytes",] > 0
    assert "my name" not in answer.text
    running.server.models.swap(None)
    assert "model_info{" not in client.get("/metrics").text


def test_fallbacks_failures_and_store_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "_MOST_ACTIONS", 1)
    from gossamer.dialogue.actions.action import ActionProblem
    from gossamer.dialogue.history.events import UserUttered

    metrics = Metrics()
    problems = tuple(ActionProblem(action=name, error=ValueError()) for name in ("a", "a", "b"))
    metrics.turn(
        Turn(
            events=(UserUttered(text="x", intent="nlu_fallback", confidence=0.3),),
            actions=(TurnAction(name="action_default_fallback"),),
            problems=problems,
            is_cut_short=True,
        ),
        0.1,
    )
    metrics.turn_failed(ConversationBusy())
    metrics.turn_failed(ValueError())
    found = values(metrics.render().decode())
    assert found["fallbacks_total", "nlu_fallback"] == 1
    assert found["fallbacks_total", "action_default_fallback"] == 1
    assert found["action_failures_total", "a"] == 2
    assert found["action_failures_total", "(others)"] == 1
    assert found["turns_total", "cut_short"] == 1
    assert found["turns_total", "failed"] == 2
    assert found["store_errors_total", "busy"] == 1
