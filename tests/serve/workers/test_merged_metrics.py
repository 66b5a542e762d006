"""Metrics of several processes in one answer."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gossamer.serve.metrics import Metrics
from gossamer.serve.workers.merged_metrics import merged


def test_each_process_has_lines_of_its_own() -> None:
    first, second = Metrics(), Metrics()
    first.request("/a", "GET", 200, 0.1)
    for _ in range(2):
        second.request("/a", "GET", 200, 0.1)
    texts = {0: first.render().decode(), 3: second.render().decode()}
    text = merged(texts).decode()
    families = {each.name: each for each in text_string_to_metric_families(text)}
    requests = families["gossamer_requests"]
    assert requests.type == "counter"
    found = {each.labels["worker"]: each for each in requests.samples}
    assert {worker: each.value for worker, each in found.items()} == {"0": 1.0, "3": 2.0}
    assert found["0"].labels == {"route": "/a", "method": "GET", "status": "200", "worker": "0"}
    wanted = {"route": "/a", "le": "+Inf", "worker": "3"}
    samples = families["gossamer_request_seconds"].samples
    buckets = [each.value for each in samples if each.labels == wanted]
    assert buckets == [2.0]
    assert text.count("# TYPE gossamer_requests_total counter") == 1


def test_of_no_process() -> None:
    assert merged({}) == b""
