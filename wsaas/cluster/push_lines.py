"""The connections by which pushes reach the other processes of this gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import UNIXClientEndpoint

from wsaas.cluster.push_line import Done, PushLine
from wsaas.cluster.siblings import FORWARD_TIMEOUT, Missing
from wsaas.cluster.sockets import SiblingSockets


class PushLines:
    """The lines to all other processes, by the prefixes of their ids. Bound: one for each that was pushed to and is not
    known to be over.

    `missing(reason)` returns the answer to a push that is not answered. `wall_clock()` is the time since the epoch.
    """

    def __init__(
        self,
        reactor: Any,
        sockets: SiblingSockets,
        wall_clock: Callable[[], float],
        missing: Callable[[Missing], bytes],
    ) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self._wall_clock = wall_clock
        self._missing = missing
        self._lines: dict[str, PushLine] = {}

    def push(self, prefix: str, id: str, payload: bytes, binary: bool, done: Done) -> None:
        """Send a push to the process of this prefix; `done` is called once, perhaps before this returns."""
        line = self._lines.get(prefix)
        if line is None:
            if not self._sockets.there(prefix):
                done(self._missing(Missing.OVER))
                return
            line = self._lines[prefix] = self._line(prefix)
        line.push(id, payload, binary, done)

    def reach(self, prefix: str) -> bool:
        """Say if the process of this prefix has a socket here, or a connection to one."""
        return prefix in self._lines or self._sockets.there(prefix)

    def close(self) -> None:
        """End all connections."""
        while self._lines:
            self._lines.popitem()[1].close()

    def _line(self, prefix: str) -> PushLine:
        def over() -> None:
            line = self._lines.pop(prefix, None)
            if line is not None:
                line.close()

        return PushLine(
            self._reactor,
            UNIXClientEndpoint(self._reactor, self._sockets.path(prefix), FORWARD_TIMEOUT),
            self._wall_clock,
            lambda: self._sockets.there(prefix),
            over,
            self._missing,
        )
