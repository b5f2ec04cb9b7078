"""SIGHUP: whatever was read from files is read anew, and no connection notices."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Protocol, runtime_checkable

from twisted.application.service import Service
from twisted.logger import Logger
from twisted.python.logfile import LogFile

from wsaas.service.systemd import Notifier


@runtime_checkable
class Reloadable(Protocol):
    """Something that comes from files."""

    def reload(self) -> None:
        """Take the files as they are now, and log it. ValueError if they are no good: then all stays as it was."""


class Reloader(Service):
    """From its start on, SIGHUP reloads what `sources()` then yields; what cannot be is logged and stays as it was.

    A handler that was there before is called first. The handler outlives the service: SIGHUP would end the process
    otherwise, in the middle of a drain perhaps.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, sources: Callable[[], Iterable[Reloadable]], notifier: Notifier | None = None
    ) -> None:
        self._reactor = reactor
        self._sources = sources
        self._notifier = notifier or Notifier(None)

    def startService(self) -> None:
        super().startService()
        before = signal.getsignal(signal.SIGHUP)

        def hang_up(number: int, frame: FrameType | None) -> None:
            if callable(before):
                before(number, frame)
            self._reactor.callFromThread(self.reload)

        signal.signal(signal.SIGHUP, hang_up)

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


def reopen(file: LogFile) -> None:
    """Go on in a file of the same name, for a rotation tool that has moved the old one away.

    If there cannot be one, the log goes on where it is.
    """
    try:
        with open(file.path, "ab"):
            pass
    except OSError as error:
        Logger().error("cannot reopen the log: {reason}", reason=str(error))
    else:
        file.reopen()
