"""Text for a terminal: characters that cannot control it, columns, short ids, sizes and times as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from unicodedata import category, combining, east_asian_width

PREFIX_LENGTH = 8
"""Characters at the start of an id that name the gateway's process: they are the same for its connections."""
ID_LENGTH = 32
SHORT = 8
"""Characters of an id's own part that are shown, unless more are needed to tell two apart."""

# Line separators, directions of writing, and halves of surrogate pairs: they change what stands around them.
_UNSAFE = frozenset({"Cc", "Zl", "Zp", "Cs"})
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str, keep: str = "") -> str:
    """Return the text with each character escaped that could control a terminal, but for those of `keep`."""
    return "".join(
        ascii(c)[1:-1] if (category(c) in _UNSAFE or c in _DIRECTIONS) and c not in keep else c for c in text
    )


def columns_of(text: str) -> int:
    """Return how many columns of a terminal the text takes: East Asian characters take two (Unicode, UAX 11)."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: str, columns: int) -> str:
    """Return the text, cut to that many columns, with an ellipsis where something is missing."""
    if columns_of(text) <= columns:
        return text
    while text and columns_of(text) >= columns:
        text = text[:-1]
    return text + "…"


def padded(text: str, columns: int, right: bool = False) -> str:
    """Return the text filled with spaces to that many columns; `right` puts them in front."""
    spaces = " " * (columns - columns_of(text))
    return spaces + text if right else text + spaces


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return for each id the beginning of its own part: SHORT characters, or as many as tell it from the others."""
    ids = list(ids)
    ordered = sorted({id[PREFIX_LENGTH:] for id in ids})
    lengths = dict.fromkeys(ordered, SHORT)
    for one, other in pairwise(ordered):
        same = 0
        while same < min(len(one), len(other)) and one[same] == other[same]:
            same += 1
        for each in (one, other):
            lengths[each] = max(lengths[each], same + 1)
    return {id: id[PREFIX_LENGTH:][: lengths[id[PREFIX_LENGTH:]]] for id in ids}


def short_id(id: str) -> str:
    """Return the short form of one id; a text that is no id comes back as it is."""
    return id[PREFIX_LENGTH : PREFIX_LENGTH + SHORT] if len(id) == ID_LENGTH else id


def size(count: float) -> str:
    """Return a number of bytes: 128 B, 1.5 KiB, 20 MiB."""
    unit = "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit: 12 s, 5 min, 3 h, 2 d."""
    for unit, length, upto in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < upto:
            return f"{max(0, seconds) // length:.0f} {unit}"
    return f"{seconds // 86400:.0f} d"


def took(milliseconds: float) -> str:
    """Return the length of a short time: 0.8 ms, 12 ms, 1.25 s."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.2f} s"
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


def moment(text: object) -> datetime | None:
    """Return the moment that a time of the API stands for; None if it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ago(text: object, now: datetime) -> str:
    """Return how long before `now` a time of the API is."""
    when = moment(text)
    return "" if when is None else span((now - when).total_seconds())


def number(count: int, noun: str) -> str:
    """Return a count with its noun: 1 connection, 2,000 connections."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def unreached(answer: Mapping[str, object]) -> str:
    """Return what is to be said of workers and nodes whose part of an answer is missing; empty if none is."""
    missing = answer.get("unreached")
    if not isinstance(missing, int) or not missing:
        return ""
    return f"{missing:,} process{'' if missing == 1 else 'es'} did not answer"


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[str] = frozenset(), room: int = 0
) -> list[str]:
    """Return the lines of a table, the head first. Columns of `right` end in line, as numbers do.

    With `room`, the lines have that many columns at most: the widest columns that hold text are shortened.
    """
    widths = [max(columns_of(line[at]) for line in (head, *rows)) for at in range(len(head))]
    gaps = 2 * (len(head) - 1)
    flexible = [at for at, name in enumerate(head) if name in _FLEXIBLE]
    while room and flexible and sum(widths) + gaps > room:
        widest = max(flexible, key=lambda at: widths[at])
        if widths[widest] <= len(head[widest]) + 2:
            break
        widths[widest] -= 1
    lines = []
    for cells in (head, *rows):
        line = "  ".join(
            padded(shortened(cell, width), width, name in right)
            for name, cell, width in zip(head, cells, widths, strict=True)
        )
        lines.append(line.rstrip())
    return lines


_FLEXIBLE = frozenset({"PATH", "GROUPS", "GROUP", "ADDRESS", "NAME"})
"""Columns that are shortened where a line is too long."""
