"""Closes connections at the end of the reactor's turn, without asking epoll whether their sockets are writable."""

from __future__ import annotations

import socket
from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.internals.direct_write import can_write_through, nothing_waits
from wsaas.internals.tls_transport import RecordTlsTransport

_log = Logger()
_DONE = Failure(ConnectionDone())
# On Linux: what is sent waits, 200 ms at most, for more, here for the end of the stream. Elsewhere it leaves at once.
_MORE: int = getattr(socket, "MSG_MORE", 0)


class Ending(Enum):
    """The part of a goodbye that `EndOfTurn.close` has done."""

    NONE = "none"
    """Nothing is written."""
    WRITTEN = "written"
    """The last words are written, or wait in the transport, which is not closed."""
    CLOSING = "closing"
    """The last words are written, and the transport is closed with the turn."""


class EndOfTurn:
    """Closes transports of Twisted's for which nothing waits, all those of one turn together.

    Twisted's loseConnection waits until the socket is writable, so that what waits is written: three changes of what
    epoll watches and a turn of the reactor, which are for nothing where nothing waits. It cannot be done at once: the
    protocol that asks is called by the transport. Bound: one entry for each open transport.
    """

    def __init__(
        self, clock: IReactorTime, together: Callable[[Callable[[], object]], object] = lambda work: work()
    ) -> None:
        """`together` is given the closing of all transports of one turn, as one."""
        self._clock = clock
        self._together = together
        self._ending: list[Any] = []

    def close(self, transport: Any, last: bytes) -> Ending:
        """Write the last words, and close the transport when all events of this turn are served, as its loseConnection
        does later. The last words leave with the end of the stream, in one packet.

        A TLS transport says goodbye at once, and does not wait for the client's goodbye. A transport over another
        layer, or for which something waits, is not closed, and nothing is written to it.
        """
        tls = transport if isinstance(transport, RecordTlsTransport) else None
        if tls is not None:
            transport = tls.transport
        if not can_write_through(transport) or not transport.connected or not nothing_waits(transport):
            return Ending.NONE
        said = True
        if tls is not None:
            last, said = tls.say_goodbye(last)
            if not last:
                return Ending.NONE
        if last:
            try:
                sent = transport.socket.send(last, _MORE if said else 0)
            except OSError:  # full, or broken: the transport meets the same and deals with it
                sent = 0
            if sent < len(last):
                transport.write(last[sent:])
                return Ending.WRITTEN
        if not said:
            return Ending.WRITTEN
        if tls is not None:
            tls.hear_no_more()
        if not self._ending:
            self._clock.callLater(0, self._together, self._end)
        self._ending.append(transport)
        return Ending.CLOSING

    def _end(self) -> None:
        ending, self._ending = self._ending, []
        for transport in ending:
            if transport.connected:  # else it was lost meanwhile
                try:
                    transport.connectionLost(_DONE)
                except Exception:  # of its protocol: the others are closed all the same
                    _log.failure("a connection that was over could not be cleared up")
