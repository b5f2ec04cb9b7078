"""The metrics: their table, and the readings of one scrape as plain values, which one process can send to another.

Each name follows Prometheus: base units, `_total` for counters. No label has an id or a path as its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wsaas.core.histogram import Histogram

Kind = Literal["counter", "gauge", "histogram", "info"]
Value = float
"""A reading. Integers are exact up to 2^53."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `unit` is the end of the name, without `_total`; "" if there is none."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    unit: str = ""


METRICS = (
    Metric("wsaas_build_info", "info", ("version", "python", "twisted"), "The releases that run here."),
    Metric("wsaas_connections", "gauge", ("state",), "Connections that wait for their 101 (connecting), or are open."),
    Metric("wsaas_connections_limit", "gauge", (), "Connections for which there is room."),
    Metric(
        "wsaas_handshakes_total",
        "counter",
        ("outcome",),
        "Requests of clients to connect, by outcome. A client that left before its answer has none.",
    ),
    Metric("wsaas_closes_total", "counter", ("cause",), "Connections that ended, by the cause that the DELETE says."),
    Metric(
        "wsaas_connection_duration_seconds",
        "histogram",
        (),
        "Time from a client's request to its end.",
        "seconds",
    ),
    Metric("wsaas_messages_received_total", "counter", ("type",), "Messages that came from clients."),
    Metric(
        "wsaas_messages_sent_total",
        "counter",
        ("via",),
        "Messages written to clients, by what sent them.",
    ),
    Metric("wsaas_received_bytes_total", "counter", (), "Bytes of the messages from clients.", "bytes"),
    Metric("wsaas_sent_bytes_total", "counter", (), "Bytes of the messages to clients.", "bytes"),
    Metric(
        "wsaas_webhooks_total",
        "counter",
        ("event", "outcome"),
        "Webhooks that are over: the backend took them, refused them, or never answered.",
    ),
    Metric(
        "wsaas_webhook_attempts_total",
        "counter",
        ("event", "status"),
        "Tries to send a webhook, by the class of the answer's status, or why there was none.",
    ),
    Metric(
        "wsaas_webhook_duration_seconds",
        "histogram",
        ("event",),
        "Time from a try to its answer, or to its failure.",
        "seconds",
    ),
    Metric("wsaas_webhooks_in_flight", "gauge", ("event",), "Webhooks that the backend has not answered yet."),
    Metric(
        "wsaas_webhooks_waiting",
        "gauge",
        ("event",),
        "Webhooks that wait for their turn or their next try; of messages, all that the backend has not taken.",
    ),
    Metric(
        "wsaas_webhook_breaker_open",
        "gauge",
        ("event",),
        "1 while the backend cannot be reached with this event and only probes are sent.",
    ),
    Metric(
        "wsaas_streamed_replies_total",
        "counter",
        ("outcome",),
        "Streamed replies that are over: ended by the backend, or cut short.",
    ),
    Metric("wsaas_pushes_total", "counter", ("kind", "code"), "Pushes by the code of their answer."),
    Metric("wsaas_receive_buffer_bytes", "gauge", (), "Bytes of messages that the backend has not taken.", "bytes"),
    Metric("wsaas_send_buffer_bytes", "gauge", (), "Bytes that wait to be written to clients.", "bytes"),
    Metric("wsaas_paused_connections", "gauge", (), "Connections not read from: too much waits, or comes too fast."),
    Metric(
        "wsaas_journal_pending_disconnects",
        "gauge",
        (),
        "Connections whose client is gone and of whose end the backend has not heard.",
    ),
    Metric(
        "wsaas_journal_oldest_pending_seconds",
        "gauge",
        (),
        "Time since the earliest loss among these; 0 if there is none.",
        "seconds",
    ),
    Metric("wsaas_journal_size_bytes", "gauge", (), "Bytes of the journal's files.", "bytes"),
    Metric("wsaas_disconnects_abandoned_total", "counter", (), "DELETEs that were given up after DISCONNECT_PATIENCE."),
    Metric(
        "wsaas_disconnect_delay_seconds",
        "histogram",
        (),
        "Time from a client's loss to the answer of its DELETE, over restarts too.",
        "seconds",
    ),
    Metric(
        "wsaas_reactor_delay_seconds",
        "histogram",
        (),
        "Lateness of a timer: how long the process was busy, or not given the processor.",
        "seconds",
    ),
    Metric("wsaas_draining", "gauge", (), "1 while the gateway drains."),
    Metric("wsaas_engine_away", "gauge", (), "1 while the engine of the cluster does not renew the lease of the node."),
    Metric("wsaas_silent", "gauge", (), "1 while the node may send no webhook and answers pushes with 503."),
    Metric(
        "wsaas_reload_success_timestamp_seconds",
        "gauge",
        (),
        "Moment of the last reload of certificates that succeeded, or of the start.",
        "seconds",
    ),
    Metric("wsaas_unreached_workers", "gauge", (), "Workers whose readings are missing from this scrape."),
    Metric(
        "wsaas_certificate_expiry_timestamp_seconds",
        "gauge",
        ("endpoint",),
        "Moment at which the certificate of an address ends.",
        "seconds",
    ),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the exposition. The exemplar is a trace's id, a value, and its moment in seconds since the epoch."""

    name: str
    labels: Mapping[str, str]
    value: Value
    exemplar: tuple[str, float, float] | None = None


@dataclass(slots=True)
class Family:
    """One metric and its samples. `name` is without `_total` and `_info`, as the exposition adds these."""

    name: str
    kind: str
    help: str
    unit: str = ""
    samples: list[Sample] = field(default_factory=list)

    def labelled(self, **labels: str) -> Family:
        """Return the same with more labels on each sample."""
        samples = [Sample(each.name, {**each.labels, **labels}, each.value, each.exemplar) for each in self.samples]
        return Family(self.name, self.kind, self.help, self.unit, samples)

    def encode(self) -> list[object]:
        """Return the family as JSON's values."""
        samples = [[each.name, dict(each.labels), each.value, each.exemplar] for each in self.samples]
        return [self.name, self.kind, self.help, self.unit, samples]

    @classmethod
    def decode(cls, encoded: Any) -> Family:
        """Return the family that `encode` gave. Raises ValueError, TypeError."""
        name, kind, help, unit, samples = encoded
        read = [
            Sample(line, dict(labels), value, None if exemplar is None else (exemplar[0], exemplar[1], exemplar[2]))
            for line, labels, value, exemplar in samples
        ]
        return cls(name, kind, help, unit, read)


def merged(families: Iterable[Family]) -> list[Family]:
    """Return the families with the samples of those of one name together, in the order in which they came first."""
    found: dict[str, Family] = {}
    for family in families:
        known = found.get(family.name)
        if known is None:
            found[family.name] = Family(family.name, family.kind, family.help, family.unit, list(family.samples))
        else:
            known.samples.extend(family.samples)
    return list(found.values())


class Readings:
    """The readings of one process at one moment, as they are put in one by one."""

    def __init__(self) -> None:
        self._rows = {metric.name: metric for metric in METRICS}
        self._families: dict[str, Family] = {}

    def put(self, name: str, value: Value, *labels: str) -> None:
        """Put in one value; its labels are in the order of the table."""
        row, family = self._family(name)
        family.samples.append(Sample(name, dict(zip(row.labels, labels, strict=True)), value))

    def put_histogram(self, name: str, histogram: Histogram, *labels: str, epoch: float = 0.0) -> None:
        """Put in a histogram. `epoch` is the moment since the epoch at which the exemplars' clock said 0."""
        row, family = self._family(name)
        named, count = dict(zip(row.labels, labels, strict=True)), 0
        bounds = [*map(str, histogram.bounds), "+Inf"]
        for bound, number, exemplar in zip(bounds, histogram.counts, histogram.exemplars, strict=True):
            count += number
            if exemplar is not None:
                exemplar = (exemplar[0], exemplar[1], epoch + exemplar[2])
            family.samples.append(Sample(f"{name}_bucket", {**named, "le": bound}, count, exemplar))
        family.samples.append(Sample(f"{name}_count", named, count))
        family.samples.append(Sample(f"{name}_sum", named, histogram.sum))

    def families(self) -> list[Family]:
        """Return all that has a reading, in the order of the table."""
        return [self._families[name] for name in self._rows if name in self._families]

    def _family(self, name: str) -> tuple[Metric, Family]:
        row = self._rows[name]
        if name not in self._families:
            bare = name.removesuffix("_total").removesuffix("_info")
            self._families[name] = Family(bare, row.kind, row.help, row.unit)
        return row, self._families[name]
