"""Tells systemd the service's state, over the socket that NOTIFY_SOCKET names (sd_notify(3)).

READY=1                        it takes clients: units that wait for it may start, `systemctl start` returns
RELOADING=1, MONOTONIC_USEC=n  a SIGHUP is being dealt with, since then; READY=1 ends it
STOPPING=1                     it drains; EXTEND_TIMEOUT_USEC=n is how long that may take, whatever TimeoutStopSec
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping

from twisted.logger import Logger


class Notifier:
    """Tells the service manager the state of the service; without an address it tells nothing.

    `address` is the path of a datagram socket, or the name of an abstract one behind an `@`. `monotonic_ns()` is
    CLOCK_MONOTONIC. A manager that cannot be told is logged, and no reason to stop.
    """

    _log = Logger()

    def __init__(self, address: str | None, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._address = address
        self._monotonic_ns = monotonic_ns

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Notifier:
        """Return the notifier for this environment."""
        return cls(environ.get("NOTIFY_SOCKET") or None)

    def ready(self) -> None:
        """Tell that the start, or a reload, is done."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """Tell that a reload begins; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_ns() // 1000}")

    def stopping(self, within: float) -> None:
        """Tell that the stop begins, and may take `within` seconds."""
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={round(within * 1e6)}")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        name = self._address
        if name.startswith("@"):  # a name in Linux's abstract namespace begins with a zero byte (unix(7))
            name = "\0" + name[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_manager:
                to_manager.setblocking(False)
                to_manager.sendto("\n".join(lines).encode(), name)
        except OSError as error:
            self._log.warn(
                "cannot tell the service manager {what}: {reason}", what=lines[0], reason=error.strerror or str(error)
            )
