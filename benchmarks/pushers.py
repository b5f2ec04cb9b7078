"""Raw HTTP/1.1 connections that write prebuilt requests: each writes the next when the last one is answered."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"
CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Pusher(asyncio.Protocol):
    """A kept-alive connection with one request at a time. `answered` gets the status of each answer.

    If the server closes after an answer, the next request gets a new connection.
    """

    transport: Any

    def __init__(self, port: int, answered: Callable[[Pusher, int], None], lost: Callable[[], None]) -> None:
        self._port = port
        self._answered = answered
        self._lost = lost
        self._buffer = b""
        self._spent = True
        self._connecting: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        self._spent = False

    def send(self, request: bytes) -> None:
        if self._spent:
            self._connecting = asyncio.create_task(self._send_anew(request))
        else:
            self.transport.write(request)

    async def _send_anew(self, request: bytes) -> None:
        try:
            await self.connect()
        except OSError:
            self._lost()
        else:
            self.transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self._spent:
            self._lost()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        self._buffer = buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        found = LENGTH.search(buffer, 0, end)
        if found:
            whole = len(buffer) >= end + 4 + int(found[1])
        elif b" 204 " in buffer[:15]:
            whole = True
        else:
            whole = buffer.endswith(LAST_CHUNK)
        if whole:
            self._buffer = b""
            if CLOSE.search(buffer, 0, end):
                self._spent = True
                self.transport.close()
            self._answered(self, int(buffer[9:12]))


class Pushers:
    """Several pushers that share the requests to be sent."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self._all: list[Pusher] = []
        self._idle: list[Pusher] = []
        self._waiting: deque[bytes] = deque()
        self._requests: Iterator[bytes] = iter(())
        self._done: asyncio.Future[None] | None = None
        self._closing = False

    @classmethod
    async def open(cls, port: int, count: int) -> Pushers:
        self = cls()
        for _ in range(count):
            pusher = Pusher(port, self._answered, self._lost)
            await pusher.connect()
            self._all.append(pusher)
        self._idle = list(self._all)
        return self

    async def run(self, requests: Iterable[bytes]) -> None:
        """Send all requests, on each connection one after the other, and wait for the last answer."""
        self._requests = iter(requests)
        self._done = asyncio.get_running_loop().create_future()
        idle, self._idle = self._idle, []
        for pusher in idle:
            self._next(pusher)
        await self._done

    def submit(self, request: bytes) -> None:
        """Send the request as soon as a connection is free."""
        if self._idle:
            self._idle.pop().send(request)
        else:
            self._waiting.append(request)

    def close(self) -> None:
        self._closing = True
        for pusher in self._all:
            pusher.transport.close()

    def _next(self, pusher: Pusher) -> None:
        request = self._waiting.popleft() if self._waiting else next(self._requests, None)
        if request is not None:
            pusher.send(request)
            return
        self._idle.append(pusher)
        if len(self._idle) == len(self._all) and self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _answered(self, pusher: Pusher, status: int) -> None:
        self.statuses[status] += 1
        self._next(pusher)

    def _lost(self) -> None:
        if not self._closing and self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError("the system closed an API connection"))
