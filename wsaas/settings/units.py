"""Durations and sizes: parsers of a setting's text, and formatters.

    durations    30000 and 30s are 30.0 seconds      a bare number is milliseconds; units: ms, s, m, h, d
    sizes        65536 and 64KiB are 65536 bytes     a bare number is bytes; units: B, kB, MB, GB, KiB, MiB, GiB

Units may be in upper or lower case. The parsers read the output of `format_duration` and `format_size`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

_DURATIONS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_LARGEST_FIRST = ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)


def duration(lowest: int, highest: int, *, off: bool = False) -> Callable[[str], float]:
    """Return a parser of durations, whose values are in seconds. The bounds are in milliseconds; `off` allows 0."""
    bounds = f"from {format_duration(lowest / 1000)} to {format_duration(highest / 1000)}"
    wanted = f"must be a duration {bounds}, such as 30s{', or 0 for off' if off else ''}; a bare number is milliseconds"

    def parse(text: str) -> float:
        number = _whole(text, _DURATIONS)
        if number is not None and (lowest <= number <= highest or (off and number == 0)):
            return number / 1000
        raise ValueError(wanted)

    return parse


def size(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of sizes. Its values and the bounds are in bytes."""
    bounds = f"from {format_size(lowest)} to {format_size(highest)}"
    wanted = f"must be a size {bounds}, such as 64KiB or 1MB; a bare number is bytes"

    def parse(text: str) -> int:
        number = _whole(text, _SIZES)
        if number is not None and lowest <= number <= highest:
            return number
        raise ValueError(wanted)

    return parse


def format_duration(seconds: float) -> str:
    """Write a duration in the largest unit up to hours that divides it, such as 30s; 0 without a unit."""
    milliseconds = round(seconds * 1000)
    for unit in ("h", "m", "s"):
        if milliseconds and milliseconds % _DURATIONS[unit] == 0:
            return f"{milliseconds // _DURATIONS[unit]}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0"


def format_size(number: int) -> str:
    """Write a size in the largest unit that divides it, such as 64KiB; else as a number of bytes."""
    for unit, factor in _LARGEST_FIRST:
        if number and number % factor == 0:
            return f"{number // factor}{unit}"
    return str(number)


def _whole(text: str, units: Mapping[str, int]) -> int | None:
    """Parse a number with or without a unit. Return it in the smallest unit; None if the text is malformed, or if the
    number is not whole in that unit.
    """
    # int() alone would accept "1_000", "+5" and the digits of every script.
    match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(?: ?([a-zA-Z]{1,3}))?", text)
    if match is None:
        return None
    number, unit = match.groups()
    if not unit:
        return int(number) if "." not in number else None
    if unit.lower() not in units:
        return None
    exact = Fraction(number) * units[unit.lower()]
    return int(exact) if exact.denominator == 1 else None
