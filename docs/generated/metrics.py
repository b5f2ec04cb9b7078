"""The table of metrics, as `wsaas.telemetry.families` has it."""

from __future__ import annotations

from docs.generated.markup import escaped, table
from wsaas.telemetry.families import METRICS, Metric


def text(arguments: list[str]) -> str:
    """Return the table of all metrics."""
    rows = [[name(metric), metric.kind, escaped(metric.help)] for metric in METRICS]
    return "\n".join(table(["metric and its labels", "type", "meaning"], [44, 12, 44], rows, name="metrics-of-wsaas"))


def name(metric: Metric) -> str:
    labels = " ".join(f"``{label}``" for label in metric.labels)
    return f"| ``{metric.name}``" + (f"\n| {labels}" if labels else "")
