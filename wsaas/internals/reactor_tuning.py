"""Replaces the iteration of Twisted's epoll reactor by one without a log context for each event."""

from __future__ import annotations

import sys
from typing import Any

from twisted.logger import Logger

from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="the reactor's own iteration",
    plainly="Twisted's is used, which costs a message a tenth more",
    names=(
        "twisted.internet.epollreactor:EPollReactor._doReadOrWrite",
        "twisted.internet.epollreactor:EPollReactor.doIteration",
    ),
    attributes=("_poller", "_selectables"),
    sample=lambda: _epoll_reactor(),
)
_log = Logger()


def _epoll_reactor() -> object:
    """Return the reactor that runs, if it is Twisted's EPollReactor; another is left as it is anyway."""
    reactor = sys.modules.get("twisted.internet.reactor")
    return reactor if type(reactor).__name__ == "EPollReactor" else _Untouched()


class _Untouched:
    """Stands for a reactor of another kind, of which nothing is used."""

    _poller = _selectables = None


def replace_iteration(reactor: Any) -> bool:
    """Have an epoll reactor call the connection that an event is for, as Twisted does, but outside of any log context.

    Twisted tells its old log for every single event which connection is served. That takes 1.5 us, and nothing here
    reads it. Another reactor, or one whose names differ (`RELIANCE`), stays as it is. Return whether this one was
    changed.
    """
    if type(reactor).__name__ != "EPollReactor" or not RELIANCE.holds():
        return False
    poll, selectables, serve = reactor._poller.poll, reactor._selectables, reactor._doReadOrWrite

    def do_iteration(timeout: float | None) -> None:
        for file, event in poll(-1 if timeout is None else timeout, len(selectables)):
            selectable = selectables.get(file)
            if selectable is not None:  # else an earlier event of this turn has closed it
                try:
                    serve(selectable, file, event)
                except Exception:  # what the connection itself raises, Twisted has dealt with
                    _log.failure("a connection could not be given up")

    reactor.doIteration = do_iteration
    return True
