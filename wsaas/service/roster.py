"""The news between the parent and its workers: a JSON object on each line, over two pipes.

    worker -> parent    {"ready": true}               once a second, and when it changes; {"stopping": true} at its end
    parent -> worker    {"ready": ..., "workers": [...]}     whenever it changes: a Roster

The end of the parent's pipe is the end of the parent, however that came.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

LONGEST_LINE = 1 << 16
"""Bytes of a line: sixty-four workers take less than 8 KiB."""
BEAT = 1.0
"""Seconds between two words of a worker."""


class WorkerState(StrEnum):
    """The state of one worker, as the parent sees it."""

    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    SILENT = "silent"
    DRAINING = "draining"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class WorkerNews:
    """One worker; without a process, `pid` is None."""

    number: int
    pid: int | None
    state: WorkerState


@dataclass(frozen=True, slots=True)
class Roster:
    """All workers, and whether clients should be sent to the gateway that they are."""

    ready: bool
    workers: tuple[WorkerNews, ...]

    def encode(self) -> bytes:
        """Return the roster as a line."""
        return json.dumps(asdict(self)).encode("ascii") + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Roster:
        """Return the roster that a line holds."""
        fields = json.loads(line)
        workers = (WorkerNews(each["number"], each["pid"], WorkerState(each["state"])) for each in fields["workers"])
        return cls(fields["ready"], tuple(workers))


class Lines:
    """Cuts what comes from a pipe into lines. A line over LONGEST_LINE is thrown away."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._begun = b""
        self._longest = longest

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that end in `data`, without their ends."""
        *lines, begun = (self._begun + data).split(b"\n")
        self._begun = begun if len(begun) <= self._longest else b""
        return lines
