"""Closes connections at the end of the reactor's turn, without asking epoll whether their sockets are writable."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.internals.direct_write import can_write_through, nothing_waits
from wsaas.internals.tls_transport import RecordTlsTransport

_log = Logger()
_DONE = Failure(ConnectionDone())


class EndOfTurn:
    """Closes transports of Twisted's for which nothing waits, all those of one turn together.

    Twisted's loseConnection waits until the socket is writable, so that what waits is written: three changes of what
    epoll watches and a turn of the reactor, which are for nothing where nothing waits. It cannot be done at once: the
    protocol that asks is called by the transport. Bound: one entry for each open transport.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._ending: list[Any] = []

    def close(self, transport: Any) -> bool:
        """Close the transport when all events of this turn are served, as its loseConnection does later.

        A TLS transport says goodbye at once, and does not wait for the client's goodbye. Return False, and do nothing,
        for a transport over another layer, or for which something waits.
        """
        tls = transport if isinstance(transport, RecordTlsTransport) else None
        if tls is not None:
            transport = tls.transport
        if not can_write_through(transport) or not transport.connected or not nothing_waits(transport):
            return False
        if tls is not None and not tls.say_goodbye():
            return False
        if not self._ending:
            self._clock.callLater(0, self._end)
        self._ending.append(transport)
        return True

    def _end(self) -> None:
        ending, self._ending = self._ending, []
        for transport in ending:
            if transport.connected:  # else it was lost meanwhile
                try:
                    transport.connectionLost(_DONE)
                except Exception:  # of its protocol: the others are closed all the same
                    _log.failure("a connection that was over could not be cleared up")
