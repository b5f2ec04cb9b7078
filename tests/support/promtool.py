"""Prometheus's own tool as a judge, and expositions read as plain values."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.support.programs import need

Series = Mapping[str, float]


def promtool(*arguments: str, given: bytes = b"") -> str:
    """Run it; return what it complains of, "" if it is content. Skips the test where it is not installed."""
    done = subprocess.run([need("promtool"), *arguments], input=given, capture_output=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).decode()
    return said or f"exit {done.returncode}" if done.returncode else ""


def series(exposition: bytes) -> Series:
    """Return the samples of an exposition in the text format, by name and labels as they are written."""
    found = {}
    for family in text_string_to_metric_families(exposition.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found, key
            found[key] = sample.value
    return found
