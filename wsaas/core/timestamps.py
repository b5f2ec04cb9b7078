"""Writes moments as text."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def iso8601(moment: float) -> str:
    """Seconds since the epoch as UTC with milliseconds, such as 2026-11-23T10:00:00.000Z."""
    seconds = int(moment // 1)
    microseconds = round((moment - seconds) * 1e6)  # as datetime has it; a millisecond is begun, not rounded
    if microseconds >= 1_000_000:
        return f"{_to_the_second(seconds + 1)}.000Z"
    return f"{_to_the_second(seconds)}.{microseconds // 1000:03d}Z"


@lru_cache(maxsize=64)  # connections come and go together, many in each second
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
