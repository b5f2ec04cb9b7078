"""Durations as the event stream writes them."""

from __future__ import annotations

from functools import cache

SHORT = 10_000
"""Microseconds below which a duration's text is remembered."""


@cache
def short_durations() -> tuple[str, ...]:
    """Return the texts of all durations below SHORT microseconds: to look one up is cheaper than to write it."""
    return tuple(_text(microseconds) for microseconds in range(SHORT))


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds, to the microsecond, as JSON has it; 0 if the clock was set back meanwhile."""
    return _text(max(0, int(seconds * 1e6 + 0.5)))


def _text(microseconds: int) -> str:
    return repr(microseconds / 1000)
