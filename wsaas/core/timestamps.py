"""Writes moments as text."""

from __future__ import annotations

from datetime import UTC, datetime


def iso8601(moment: float) -> str:
    """Seconds since the epoch as UTC with milliseconds, such as 2026-11-23T10:00:00.000Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
