"""SIGHUP: whatever was read from files is read anew, and no connection notices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from twisted.logger import Logger

from wsaas.service.systemd import Notifier


@runtime_checkable
class Reloadable(Protocol):
    """Something that comes from files."""

    def reload(self) -> None:
        """Take the files as they are now, and log it. ValueError if they are no good: then all stays as it was."""


class ReloadNotifier(Protocol):
    """Somebody who wants to know when a reload begins and ends."""

    def reloading(self) -> None:
        """Note that a reload begins."""

    def ready(self) -> None:
        """Note that it is done."""


class Reloader:
    """Reloads what `sources()` yields; what cannot be reloaded is logged and stays as it was."""

    _log = Logger()

    def __init__(self, sources: Callable[[], Iterable[Reloadable]], notifier: ReloadNotifier | None = None) -> None:
        self._sources = sources
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
        self._log.info("reloaded {good} of {all}", good=good, all=len(sources))
        self._notifier.ready()
