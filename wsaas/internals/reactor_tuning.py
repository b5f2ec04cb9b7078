"""Handing out what epoll reports without ceremony."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

# What is used of Twisted's reactor below.
_USED = ("_poller", "_selectables", "_doReadOrWrite", "doIteration")

_log = Logger()


def hand_out_directly(reactor: Any) -> bool:
    """Have an epoll reactor call whoever an event is for, as Twisted does, but outside of any log context.

    Twisted tells its old log, for every single event, which connection is served: 1.5 us, and nothing here reads it.
    Another reactor, or one that looks different inside, is left as it is; returns whether this one was changed.
    """
    if type(reactor).__name__ != "EPollReactor" or not all(hasattr(reactor, name) for name in _USED):
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
