"""The one place where a process counts what happens, and tells those who watch of it while there are any."""

from __future__ import annotations

from collections.abc import Callable

from wsaas.core.counters import Counters
from wsaas.core.events import Closed
from wsaas.core.observer import Observer, Observers
from wsaas.core.owed_ends import OwedEnds
from wsaas.core.session import Session


class Monitor:
    """Shared by all rooms of one process. Observers may come and go while the process runs."""

    __slots__ = ("_observers", "counters", "log_end", "observer", "owed")

    def __init__(self) -> None:
        self.counters = Counters()
        self.owed = OwedEnds(self.counters.disconnect_delay)
        self.log_end: Callable[[Session, Closed], object] | None = None
        """Hears of each connection that ended: with an observer each message would cost more."""
        self._observers: tuple[Observer, ...] = ()
        self.observer: Observer | None = None
        """All that watch, as one; None while nobody does."""

    def watch(self, observer: Observer) -> None:
        """Tell an observer of everything from now on."""
        self._set((*self._observers, observer))

    def unwatch(self, observer: Observer) -> None:
        """Tell it nothing more."""
        self._set(tuple(each for each in self._observers if each is not observer))

    def _set(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers
        if len(observers) > 1:
            self.observer = Observers(observers)
        else:
            self.observer = observers[0] if observers else None
