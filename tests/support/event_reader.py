"""A reader of a gateway's event stream: one plain request whose lines are read by and by."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.api_client import Api

Event = Mapping[str, Any]


class EventReader:
    """Reads `/-/events` with this query, on a connection of its own or on `line`. It is made once the stream begins.

    `headers` are header lines, each ending in CRLF.
    """

    def __init__(self, api: Api, query: str = "", line: socket.socket | None = None, headers: str = "") -> None:
        self.socket = line or api.dial()
        self.socket.sendall(f"GET /-/events{query} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n".encode())
        self._data = b""
        self.seen: list[Event] = []
        """All events so far, without the greeting."""
        while b"\r\n\r\n" not in self._data:
            self._receive(10.0)
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])
        if self.status == 200:
            self.hello = self.until(lambda event: event["event"] == "hello")
            self.seen.clear()

    def until(self, wanted: Callable[[Event], object], within: float = 60.0) -> Event:
        """Read until there is such an event; return it. One that was seen before counts as well."""
        for event in self.seen:
            if wanted(event):
                return event
        deadline = time.monotonic() + within
        while True:
            line, end, rest = self._data.partition(b"\n")
            if end:
                self._data = rest
                if line:
                    event = json.loads(line)
                    self.seen.append(event)
                    if wanted(event):
                        return event
            elif time.monotonic() > deadline:
                raise AssertionError(f"no such event within {within} s, but {self.seen}")
            else:
                self._receive(deadline - time.monotonic())

    def poll(self) -> None:
        """Read what is there."""
        with contextlib.suppress(AssertionError):
            self.until(lambda event: False, 0.02)

    def words(self) -> list[str]:
        """The kinds of the events so far."""
        return [event["event"] for event in self.seen]

    def close(self) -> None:
        self.socket.close()

    def _receive(self, within: float) -> None:
        self.socket.settimeout(max(within, 0.01))
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return
        if not data:
            raise EOFError(f"the stream ended behind {self.seen}")
        self._data += data
