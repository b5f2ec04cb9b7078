"""The processes of a cluster, by the prefixes of their ids, as the engine last told this one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from wsaas.cluster.scripts import CALM

LOST_ROWS_KEPT_FOR = CALM / 1000
"""Seconds for which rows are kept that the engine may have lost."""


class MemberState(StrEnum):
    """The state of a process, as it says of itself; `left` once it is over and rows of it are not told of."""

    LIVE = "live"
    DRAINING = "draining"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One process: where others reach it, on which node it runs, and its version."""

    address: str
    node: str
    state: MemberState
    version: str

    def encode(self) -> str:
        """Return the text that the engine keeps."""
        return json.dumps(
            {"address": self.address, "node": self.node, "state": self.state.value, "version": self.version}
        )

    @classmethod
    def decode(cls, text: bytes) -> MemberRow | None:
        """Read the engine's text; None if it is of another form."""
        try:
            fields = json.loads(text)
            return cls(fields["address"], fields["node"], MemberState(fields["state"]), fields["version"])
        except (ValueError, TypeError, KeyError):
            return None


class Table:
    """The members beside `own`. An engine that comes back may have lost some, which are members all the same and join
    again: their rows are kept for so long, so that they are still reached.

    Bound: one row for each that the engine has, or had.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._rows: dict[str, MemberRow] = {}
        self._missed: dict[str, MemberRow] = {}
        """Those that the engine may have lost, until they would have joined again."""
        self._kept_until = -inf
        self.version = -1
        self.calm_until = 0.0
        """The moment of this process's clock until which an unknown prefix may be that of a process to come back."""

    def heard(self, now: float, calm: float) -> None:
        """Hear for how many seconds the engine is calm yet; not at all once that is negative."""
        self.calm_until = now + calm
        if calm > 0:
            self._kept_until = now + LOST_ROWS_KEPT_FOR
        elif now >= self._kept_until:
            self._missed = {}

    def replace(self, version: int, rows: Mapping[bytes, bytes], now: float) -> None:
        """Take all rows anew, and keep those that the engine may have lost: it is calm, or its version went back, or is
        now that of a table that lacks some.
        """
        read = ((prefix.decode("ascii"), MemberRow.decode(text)) for prefix, text in rows.items())
        found = {prefix: row for prefix, row in read if row is not None and prefix != self._own}
        if version < self.version or (version == self.version and not self._rows.keys() <= found.keys()):
            self._kept_until = now + LOST_ROWS_KEPT_FOR
        before, self._rows = self._missed | self._rows, found
        self._missed = {
            prefix: row for prefix, row in before.items() if now < self._kept_until and prefix not in self._rows
        }
        self.version = version

    def put(self, prefix: str, row: MemberRow) -> None:
        """Add one that was looked up."""
        if prefix != self._own:
            self._rows[prefix] = row

    def remove(self, prefix: str) -> None:
        """Take out one that is over."""
        self._rows.pop(prefix, None)
        self._missed.pop(prefix, None)

    def get(self, prefix: str) -> MemberRow | None:
        """Return a member that can be asked; None for one that is not known, or has left."""
        row = self._rows.get(prefix) or self._missed.get(prefix)
        return None if row is None or row.state is MemberState.LEFT else row

    def rows(self) -> list[tuple[str, MemberRow]]:
        """Return all others, in the order of their prefixes."""
        return sorted(self._rows.items())

    def nodes(self) -> list[tuple[str, str]]:
        """Return the prefix of each that can be asked, with the name of its node."""
        return [(prefix, row.node) for prefix, row in self._rows.items() if row.state is not MemberState.LEFT]

    def others(self) -> list[str]:
        """Return the prefixes of those that can be asked, in order."""
        rows = self._missed | self._rows
        return sorted(prefix for prefix, row in rows.items() if row.state is not MemberState.LEFT)
