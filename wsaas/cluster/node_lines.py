"""The connections by which pushes reach the other processes of a cluster: on this node by their sockets, the others by
their addresses.

A push to a process that is not in the table, or could not be reached, takes the slow way: that one asks the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from wsaas.cluster.push_line import Done, PushLine
from wsaas.cluster.push_lines import PushLines
from wsaas.cluster.siblings import Missing
from wsaas.cluster.sockets import SiblingSockets
from wsaas.cluster.table import Table

_UNREACHED = b""

Place = Callable[[str], tuple[IStreamClientEndpoint, bytes] | None]
"""From a process's prefix to where it is reached, and the header lines for it; None if that is not known."""
Push = Callable[[str, bytes, bool, Done], object]
"""Sends a push on the slow way: id, payload, binary, done."""


class NodeLines:
    """The lines to all other processes, by the prefixes of their ids. Bound: one for each row of the table.

    `missing(reason)` returns the answer to a push that is not answered; `slowly` sends one on the slow way.
    """

    def __init__(
        self,
        reactor: Any,
        table: Table,
        place: Place,
        wall_clock: Callable[[], float],
        missing: Callable[[Missing], bytes],
        slowly: Push,
    ) -> None:
        self._reactor = reactor
        self._table = table
        self._place = place
        self._wall_clock = wall_clock
        self._missing = missing
        self._slowly = slowly
        self._lines: dict[str, tuple[str, PushLine]] = {}
        self._beside: PushLines | None = None

    def by_sockets(self, sockets: SiblingSockets) -> None:
        """Reach the processes of this node by their sockets from now on."""
        self._beside = PushLines(self._reactor, sockets, self._wall_clock, self._unreached)

    def push(self, prefix: str, id: str, payload: bytes, binary: bool, done: Done) -> None:
        """Send a push to the process of this prefix; `done` is called once, perhaps before this returns."""

        def answered(answer: bytes) -> None:
            if answer is _UNREACHED:  # nothing was delivered: the slow way finds out if the process is over
                self._slowly(id, payload, binary, done)
            else:
                done(answer)

        if self._beside is not None and prefix not in self._lines and self._beside.reach(prefix):
            self._beside.push(prefix, id, payload, binary, answered)
            return
        line = self._line(prefix)
        if line is None:
            self._slowly(id, payload, binary, done)
        else:
            line.push(id, payload, binary, answered)

    def close(self) -> None:
        """End all connections."""
        if self._beside is not None:
            self._beside.close()
        while self._lines:
            self._lines.popitem()[1][1].close()

    def _line(self, prefix: str) -> PushLine | None:
        row, known = self._table.get(prefix), self._lines.get(prefix)
        if known is not None:
            if row is not None and known[0] == row.address:
                return known[1]
            self._over(prefix)
        if row is None:
            return None
        found = self._place(prefix)
        if found is None:
            return None
        endpoint, head = found
        line = PushLine(
            self._reactor,
            endpoint,
            self._wall_clock,
            lambda: self._table.get(prefix) is not None,
            lambda: self._over(prefix),
            self._unreached,
            head,
        )
        self._lines[prefix] = row.address, line
        return line

    def _unreached(self, reason: Missing) -> bytes:
        return self._missing(reason) if reason is Missing.SILENT else _UNREACHED

    def _over(self, prefix: str) -> None:
        known = self._lines.pop(prefix, None)
        if known is not None:
            known[1].close()
