"""The start under twistd. If it fails: one line with the reason, status 1, no pid file, and no process that waits."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from wsaas.logs import say
from wsaas.settings.load import SettingsError


class StartFailed(Exception):
    """The gateway cannot start; the text says why and what to do about it, in one line."""


class Launch:
    """One start. `twistd` has twistd's own options, to which twistd adds as it goes on; it is empty without twistd.

    A daemon's terminal is kept until the start is over: that is where its line belongs. The process that was started
    there waits for a word over a pipe, which it keeps open itself; twistd sends that word for exceptions, but not for
    SystemExit, its own included.
    """

    def __init__(self, twistd: Mapping[str, Any]) -> None:
        self._twistd = twistd
        self._terminal: int | None = None
        self._pipe: tuple[int, int] | None = None
        self._over = not twistd

    def begin(self) -> None:
        """Keep the terminal for the line about a failure, unless the log goes there anyway."""
        elsewhere = any(self._twistd.get(name) for name in ("syslog", "logger"))
        if not self._twistd.get("nodaemon") or elsewhere or self._twistd.get("logfile") not in (None, "", "-"):
            with suppress(OSError):  # there may be none
                self._terminal = os.dup(2)

    def forked(self) -> None:
        """Note that this is the process that will stay."""
        if self._twistd.get("statusPipe") is not None:
            pipe = os.fstat(self._twistd["statusPipe"])
            self._pipe = pipe.st_dev, pipe.st_ino

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Report StartFailed, and SettingsError of the demo, in one line, and turn it into SystemExit."""
        try:
            yield
        except (SettingsError, StartFailed) as error:
            say(f"wsaas: {error}", sys.stderr)  # which is the log by now
            if self._terminal is not None:
                with suppress(OSError), open(os.dup(self._terminal), "w") as terminal:
                    say(f"wsaas: {error}", terminal)
            raise SystemExit(1) from None

    def succeeded(self) -> None:
        """Note that the start has succeeded: twistd reports what comes after."""
        self._over = True
        self._leave_terminal()

    def end(self) -> None:
        """Clean up as the process ends: after a failed start tell the process that waits, and remove the pid file."""
        if self._over:
            return
        self._over = True
        self._leave_terminal()
        name = self._twistd.get("pidfile")
        with suppress(OSError, ValueError):
            if name:
                with open(name) as file:
                    ours = int(file.read()) == os.getpid()
                if ours:
                    os.unlink(name)
        with suppress(OSError):
            if self._pipe is not None:
                descriptor = self._twistd["statusPipe"]
                pipe = os.fstat(descriptor)  # twistd may have used and closed it
                if (pipe.st_dev, pipe.st_ino) == self._pipe:
                    os.write(descriptor, b"1 see above")

    def _leave_terminal(self) -> None:
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None
