"""SIGHUP: reads certificates and other files again, without a break for any connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from twisted.logger import Logger

from wsaas.service.systemd import Notifier


@runtime_checkable
class Reloadable(Protocol):
    """A part that was read from files."""

    def reload(self) -> None:
        """Read the files again, and log it. Raises ValueError if they are no good; then all stays as it was."""


class ReloadNotifier(Protocol):
    """Hears when a reload begins and ends."""

    def reloading(self) -> None:
        """Note that a reload begins."""

    def ready(self) -> None:
        """Note that the reload is done."""


class Reloader:
    """Reloads the parts that `sources()` yields; a part that cannot be reloaded is logged and stays as it was."""

    _log = Logger()

    def __init__(
        self,
        sources: Callable[[], Iterable[Reloadable]],
        notifier: ReloadNotifier | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._sources = sources
        self._wall_clock = wall_clock
        self.succeeded_at = wall_clock()
        """The moment at which all parts were last read without a flaw, in seconds since the epoch."""
        self._notifier: ReloadNotifier = notifier or Notifier(None)

    def reload(self) -> None:
        """Reload everything now."""
        self._notifier.reloading()
        sources = list(self._sources())
        good = 0
        for source in sources:
            try:
                source.reload()
            except ValueError as error:
                self._log.error("not reloaded, what was there before stays in use: {reason}", reason=str(error))
            except Exception:
                self._log.failure("not reloaded, what was there before stays in use")
            else:
                good += 1
        if good == len(sources):
            self.succeeded_at = self._wall_clock()
        self._log.info("reloaded {good} of {all}", good=good, all=len(sources))
        self._notifier.ready()
