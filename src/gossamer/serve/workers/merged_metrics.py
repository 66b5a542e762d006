"""What several processes count, as one answer for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

LABEL = "worker"
"""Which process counted it."""


def merged(texts: Mapping[int, str]) -> bytes:
    """All lines of several processes, each with the label `worker`.

    Nothing is added up: a process that is started again counts from 0, which Prometheus sees as
    long as each has lines of its own.

    Args:
        texts: what each process counts, as Prometheus reads it, by its number.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Merged(texts))
    return generate_latest(registry)


class _Merged(Collector):
    def __init__(self, texts: Mapping[int, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.parser import text_string_to_metric_families

        families: dict[str, Metric] = {}
        for number, text in sorted(self._texts.items()):
            for family in text_string_to_metric_families(text):
                known = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    labels = {**sample.labels, LABEL: str(number)}
                    known.add_sample(sample.name, labels, sample.value)
        return families.values()
