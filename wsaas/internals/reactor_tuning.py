"""Replaces the iteration of Twisted's epoll reactor by one without a log context for each event."""

from __future__ import annotations

import sys
from typing import Any

from twisted.logger import Logger

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
_log = Logger()


def _epoll_reactor() -> object:
    """Return the installed reactor if it is Twisted's EPollReactor; any other is never changed."""
    reactor = sys.modules.get("twisted.internet.reactor")
    return reactor if type(reactor).__name__ == "EPollReactor" else _Untouched()


class _Untouched:
    """A stand-in for a reactor of another kind, none of whose names are used."""

    _poller = _selectables = None


def replace_iteration(reactor: Any) -> bool:
    """Replace the iteration of an epoll reactor by one that serves each event as Twisted does, without a log context.

    Twisted sets the context of its legacy log for every event, which takes 1.5 us and is never read here. Another kind
    of reactor, or one whose names differ (`RELIANCE`), is not changed. Return whether the reactor was changed.
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
                except Exception:  # Twisted has handled the connection's own exceptions; this is one of the cleanup
                    _log.failure("a failed connection could not be removed from the reactor")

    reactor.doIteration = do_iteration
    return True
