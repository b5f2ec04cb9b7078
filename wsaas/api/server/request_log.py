"""One log line for each request of the API, with LOG_API=on.

A path may hold an id, and with an id any reader of the log could push: so each is shortened.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from wsaas.core.ids import ID_LENGTH

_log = Logger()

SHOWN = 12
"""Characters of an id that are shown: the eight that name the process, and four of its own."""
MAX_SHOWN = 200
"""Characters of a path that are shown."""
_ID = re.compile(rb"[A-Za-z0-9]{%d}" % ID_LENGTH)


class RequestLog:
    """Logs requests, without their queries, which may hold ids too, and without headers and bodies."""

    def answered(self, method: bytes, target: bytes, status: int, length: int, seconds: float, client: str) -> None:
        """Log a request that was answered with so many bytes, after so many seconds from when it was whole."""
        _log.info(
            "{method} {path}: {status}, {length} bytes after {milliseconds:.1f} ms; client {client}",
            method=method[:20].decode("latin-1"),
            path=shortened(target),
            status=status,
            length=length,
            milliseconds=seconds * 1000,
            client=client,
        )


def shortened(target: bytes) -> str:
    """Return the path of a request with its ids shortened, for the log."""
    path = unquote_to_bytes(target.partition(b"?")[0])
    shown = _ID.sub(lambda id: id[0][:SHOWN] + b"...", path).decode("utf-8", "backslashreplace")
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."


def client_of(address: IAddress) -> str:
    """Return the address of a client of the API for the log; `unix` for one of a UNIX socket."""
    return getattr(address, "host", None) or "unix"
