"""Writes families in the formats of Prometheus, by prometheus_client.

Only a scrape needs that library, so that `load` imports it then. Its registry of its own has one collector, which hands
out what is already read; nothing here counts, and no `_created` series is among it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from wsaas.telemetry.families import Family, Sample

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class Exposition:
    """The library, imported. Make one with `load`."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.metrics_core import Metric
        from prometheus_client.samples import Exemplar

        self._registry, self._encoder = CollectorRegistry, choose_encoder
        self._metric, self._exemplar = Metric, Exemplar
        self._collectors = (ProcessCollector(registry=None), PlatformCollector(registry=None))

    def process(self) -> list[Family]:
        """Return process_* and python_info of this process."""
        return [
            Family(
                metric.name,
                metric.type,
                metric.documentation,
                metric.unit,
                [Sample(each.name, each.labels, each.value) for each in metric.samples],
            )
            for collector in self._collectors
            for metric in collector.collect()
        ]

    def render(self, families: Sequence[Family], accept: str) -> tuple[bytes, str]:
        """Return the exposition of these families, and its media type: OpenMetrics if the Accept header asks for it."""
        encode, media_type = self._encoder(accept)
        registry = self._registry(auto_describe=False)
        registry.register(_Collector([self._as_metric(each) for each in families]))
        return encode(registry), media_type

    def _as_metric(self, family: Family) -> Metric:
        metric = self._metric(family.name, family.help, family.kind, family.unit)
        for sample in family.samples:
            exemplar = None
            if sample.exemplar is not None:
                trace_id, value, moment = sample.exemplar
                exemplar = self._exemplar({"trace_id": trace_id}, value, moment)
            metric.add_sample(sample.name, dict(sample.labels), sample.value, exemplar=exemplar)
        return metric


class _Collector:
    """The one collector of a registry."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics: Collector."""
        yield from self._metrics

    def describe(self) -> Sequence[Metric]:
        """Return nothing, so that the registry does not collect twice: Collector."""
        return ()
