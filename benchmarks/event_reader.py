"""A reader of the gateway's event stream, in a thread: it counts, and keeps nothing."""

from __future__ import annotations

import socket
from collections import Counter
from threading import Thread

from benchmarks.systems import Wsaas

_TIMEOUT = 10.0


class Reader:
    """Reads all events from its creation to `stop`, or those of a `query`. The stream has begun when this is made."""

    def __init__(self, system: Wsaas, query: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", system.api_port), _TIMEOUT)
        self._socket.sendall(system.events(query).encode("ascii"))
        self._rest = b""
        while b'"event":"hello"' not in self._rest:
            self._rest += self._socket.recv(65536)
        self._lines: Counter[str] = Counter()
        self._socket.settimeout(0.5)
        self._stopping = False
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> Counter[str]:
        """Read what is left, and return how many lines there were: of messages, and of skipped events."""
        self._stopping = True
        self._thread.join()
        self._socket.close()
        return self._lines

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(1 << 20)
            except TimeoutError:
                if self._stopping:
                    return
                continue
            if not data:
                return
            *whole, self._rest = (self._rest + data).split(b"\n")
            for kind in ("message", "skipped"):
                word = b'"event":"%b"' % kind.encode("ascii")
                self._lines[kind] += sum(word in line for line in whole)
