"""The backend of every system under test: it accepts every event at once, and counts.

    python -m benchmarks.sink        prints its port in one line, and ends at the end of its standard input

    POST   /{system}/{id}     connect      200 {"code": "OK"}
    PUT    /{system}/{id}     message      the same, each message of a batch counted; under /nchan/ a 204, because a 200
                                           would be published. A body of eight digits, "stream", a number of lines and
                                           the seconds between two is answered by so many lines, each with the moment
                                           at which it was written, by the clock that all processes share
    DELETE /{system}/{id}     disconnect   the same
    POST   /grip/{id}         WebSocket over HTTP (Pushpin), each event in it counted as one of the above

    GET /-/counts/{system}    {"connect": n, "message": n, "disconnect": n, "bytes": n}
    GET /-/ids/{system}       the ids that are connected, oldest first
    GET /-/watch              reports each message from then on: the number of its client (the first eight digits of the
                              body), as a 32-bit integer in this machine's byte order

The sink reads only the HTTP that the systems write: requests with a Content-Length or no body, on kept-alive
connections.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
import time
from collections import Counter, defaultdict
from typing import Any

import uvloop

OK = b'HTTP/1.1 200 OK\r\nServer: sink\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"code": "OK"}'
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nServer: sink\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BATCH = b'{"messages": ['
"""The beginning of the messages of one client in one request (WEBHOOK_BATCH)."""
STREAM = b" stream "
STREAMED = (
    b"HTTP/1.1 200 OK\r\nServer: sink\r\nWSAAS-Reply: lines\r\nContent-Type: text/plain\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
LINE = 100
"""Bytes of a line of a stream."""
EVENTS = {b"POST": "connect", b"PUT": "message", b"DELETE": "disconnect"}


class Tally:
    """Counts of events by system, and the connection that watches them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.ids: dict[str, dict[str, None]] = defaultdict(dict)
        self.watcher: Any = None
        self._numbers: list[int] = []
        self._loop = loop

    def event(self, system: str, event: str, id: str, body: bytes) -> None:
        counts = self.counts[system]
        counts[event] += 1
        if event == "message":
            counts["bytes"] += len(body)
            if self.watcher is not None:
                if not self._numbers:
                    self._loop.call_soon(self._tell)
                self._numbers.append(int(body[:8]))
        elif event == "connect":
            self.ids[system][id] = None
        else:
            self.ids[system].pop(id, None)

    def _tell(self) -> None:
        numbers, self._numbers = self._numbers, []
        if self.watcher is not None:
            self.watcher.write(struct.pack(f"={len(numbers)}I", *numbers))


class Sink(asyncio.Protocol):
    """One connection of a system under test."""

    transport: Any

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def _stream(self, lines: int, interval: float) -> None:
        """Answer by lines. Each is due at its own moment, however late the timer is for an earlier one."""
        loop = asyncio.get_running_loop()
        self.transport.write(STREAMED)
        began, written = loop.time(), 0

        def go_on() -> None:
            nonlocal written
            while written < lines:
                if self._gone:
                    return
                due = began + written * interval
                if due > loop.time():
                    loop.call_at(due, go_on)
                    return
                line = b"%.6f " % time.monotonic()
                self.transport.write(b"%x\r\n%s\n\r\n" % (LINE + 1, line.ljust(LINE, b".")))
                written += 1
            self.transport.write(b"0\r\n\r\n")

        go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True
        if self._tally.watcher is self.transport:
            self._tally.watcher = None

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while buffer:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                break
            head = buffer[:end]
            found = LENGTH.search(head)
            stop = end + 4 + (int(found[1]) if found else 0)
            if len(buffer) < stop:
                break
            body, buffer = buffer[end + 4 : stop], buffer[stop:]
            self._request(head, body)
        self._buffer = buffer

    def _request(self, head: bytes, body: bytes) -> None:
        method, path, _ = head.split(b" ", 2)
        _, system, id = path.decode("latin-1").split("/", 2)
        if system == "grip":
            self._grip(id, body)
        elif system == "-":
            self._control(id)
        else:
            event = EVENTS[method]
            if event == "message" and body[8:].startswith(STREAM):
                lines, interval = body[8 + len(STREAM) :].split()
                self._tally.event(system, event, id, body)
                self._stream(int(lines), float(interval))
                return
            self.transport.write(NO_CONTENT if event == "message" and system == "nchan" else OK)
            if event == "message" and body.startswith(BATCH):
                for each in json.loads(body)["messages"]:
                    self._tally.event(system, event, id, each["text"].encode())
            else:
                self._tally.event(system, event, id, body)

    def _grip(self, id: str, body: bytes) -> None:
        """Answer WebSocket over HTTP: the body is a list of events, each a type, a hex length and content."""
        answer = b""
        while body:
            line, _, body = body.partition(b"\r\n")
            kind, _, length = line.partition(b" ")
            content, body = (body[: int(length, 16)], body[int(length, 16) + 2 :]) if length else (b"", body)
            if kind == b"OPEN":
                subscriptions = b"".join(
                    b"TEXT %x\r\n%s\r\n" % (len(each), each)
                    for each in (
                        b'c:{"type": "subscribe", "channel": "%s"}' % name for name in (id.encode(), b"broadcast")
                    )
                )
                answer += b"OPEN\r\n" + subscriptions
                self._tally.event("pushpin", "connect", id, b"")
            elif kind in (b"TEXT", b"BINARY"):
                self._tally.event("pushpin", "message", id, content)
            elif kind in (b"CLOSE", b"DISCONNECT"):
                answer += b"CLOSE %x\r\n%s\r\n" % (len(content), content) if kind == b"CLOSE" else b""
                self._tally.event("pushpin", "disconnect", id, b"")
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer)
        )

    def _control(self, what: str) -> None:
        name, _, system = what.partition("/")
        if name == "watch":
            self._tally.watcher = self.transport
            return
        found: object = self._tally.counts[system] if name == "counts" else list(self._tally.ids[system])
        text = json.dumps(found).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


async def main() -> None:
    loop = asyncio.get_running_loop()
    tally = Tally(loop)
    server = await loop.create_server(lambda: Sink(tally), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
