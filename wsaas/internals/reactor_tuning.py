"""Replaces the iteration of Twisted's epoll reactor by one without a log context, which reads plain TCP itself.

It can also let the requests of some events be written together, behind the last of these (`Turns`).
"""

from __future__ import annotations

import select
import sys
from typing import Any, Protocol

from twisted.internet import tcp
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.logger import Logger
from twisted.python import log

from wsaas.internals.accepting import AcceptedServer
from wsaas.internals.sample_transport import sample_transport
from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="the reactor's own iteration",
    plainly="Twisted's iteration is used, which makes a message a tenth more expensive",
    names=(
        "twisted.internet.epollreactor:EPollReactor._doReadOrWrite",
        "twisted.internet.epollreactor:EPollReactor.doIteration",
    ),
    attributes=("_poller", "_selectables"),
    sample=lambda: _epoll_reactor(),
)
READING = Reliance(
    part="reading plain TCP in the reactor's own iteration",
    plainly="Twisted's transports read, which makes a message a twentieth more expensive",
    names=(
        "twisted.internet.epollreactor:EPollReactor._disconnectSelectable",
        "twisted.internet.tcp:Connection._dataReceived",
        "twisted.internet.tcp:Connection.bufferSize",
        "twisted.internet.tcp:Connection.doRead",
    ),
    attributes=("socket", "protocol"),
    sample=sample_transport,
)
"""The names that `tcp.Connection.doRead` uses, and the reactor's own step for a connection that is over."""
_READABLE = select.EPOLLIN
_log = Logger()


def _epoll_reactor() -> object:
    """Return the installed reactor if it is Twisted's EPollReactor; any other is never changed."""
    reactor = sys.modules.get("twisted.internet.reactor")
    return reactor if type(reactor).__name__ == "EPollReactor" else _Untouched()


class _Untouched:
    """A stand-in for a reactor of another kind, none of whose names are used."""

    _poller = _selectables = None


EVENTS_TOGETHER = 8
"""Events whose requests are written together: with 32, requests wait longer, and the gain is the same."""


class Gathering(Protocol):
    """Keeps requests in `waiting`, which has a bound of its own, while that is a list."""

    waiting: list[Any] | None

    def write_waiting(self) -> None:
        """Write them, and let `waiting` be None: each is written at once."""


class Turns:
    """Lets `gathering` gather the requests of EVENTS_TOGETHER events of a turn of the reactor at a time: requests of
    more events would wait longer. Those of an event that has its turn alone are written at once, and so are all without
    `gathering`.
    """

    def __init__(self) -> None:
        self.gathering: Gathering | None = None


def replace_iteration(reactor: Any, turns: Turns | None = None, *, read_plain_tcp: bool = True) -> bool:
    """Replace the iteration of an epoll reactor by one that serves each event as Twisted does, without a log context.

    Twisted sets the context of its legacy log for every event, which takes 1.5 us and is never read here. Another kind
    of reactor, or one whose names differ (`RELIANCE`), is not changed: `turns` then has no effect. Return whether the
    reactor was changed.

    Fast path: of plain TCP transports (Twisted's own, and AcceptedServer) that are readable, and nothing else, the
    iteration reads the socket itself, as `tcp.Connection.doRead` does. `read_plain_tcp=False` switches that off, and
    so does a Twisted with other names (`READING`).
    """
    if type(reactor).__name__ != "EPollReactor" or not RELIANCE.holds():
        return False
    poll, selectables, serve = reactor._poller.poll, reactor._selectables, reactor._doReadOrWrite
    turns = turns or Turns()
    plain = (AcceptedServer, tcp.Client, tcp.Server) if read_plain_tcp and READING.holds() else ()

    def do_iteration(timeout: float | None) -> None:
        events = poll(-1 if timeout is None else timeout, len(selectables))
        gathering = turns.gathering
        if gathering is None or (count := len(events)) < 2:
            serve_each(events)
        elif count > EVENTS_TOGETHER:
            for at in range(0, count, EVENTS_TOGETHER):
                serve_together(gathering, events[at : at + EVENTS_TOGETHER])
        else:
            serve_together(gathering, events)

    def serve_together(gathering: Gathering, events: list[tuple[int, int]]) -> None:
        waiting: list[Any] = []
        gathering.waiting = waiting
        try:
            serve_each(events)
        finally:
            if waiting:
                gathering.write_waiting()
            else:  # a push has no request
                gathering.waiting = None

    def serve_each(events: list[tuple[int, int]]) -> None:
        for file, event in events:
            selectable = selectables.get(file)
            try:
                if event == _READABLE and type(selectable) in plain:
                    try:
                        data = selectable.socket.recv(selectable.bufferSize)
                    except BlockingIOError:
                        continue
                    except OSError:
                        reactor._disconnectSelectable(selectable, CONNECTION_LOST, True)
                        continue
                    if data:
                        try:
                            selectable.protocol.dataReceived(data)
                        except BaseException as error:  # as Twisted does
                            log.err()
                            reactor._disconnectSelectable(selectable, error, False)
                    else:
                        reactor._disconnectSelectable(selectable, CONNECTION_DONE, True)
                elif selectable is not None:  # else an earlier event of this turn has closed it
                    serve(selectable, file, event)
            except Exception:  # Twisted has handled the connection's own exceptions; this is one of the cleanup
                _log.failure("a failed connection could not be removed from the reactor")

    reactor.doIteration = do_iteration
    return True
