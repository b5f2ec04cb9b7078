"""The answers of a scripted backend: well-behaved ones, and every kind of misbehaviour.

An answer is a coroutine function of an `Exchange`. It returns whether the connection may be used again.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

Headers = Iterable[tuple[str, str]]


@dataclass
class Request:
    """One request as it came: `nth` on its connection (from 1), moments by the monotonic clock."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    nth: int
    arrived: float
    answered: float | None = None
    certificate: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The connection id: the last segment of the path."""
        return self.path.rsplit("/", 1)[-1]

    def every(self, name: str) -> list[str]:
        """All values of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The one value of a header, or None; a repeated header is an error."""
        values = self.every(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """A request that has been read, and the connection it came on."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send bytes; the request counts as answered from the moment before its last ones leave."""
        self.request.answered = time.monotonic()
        self.writer.write(data)
        await self.writer.drain()


Answer = Callable[[Exchange], Awaitable[bool]]


class Gate:
    """Holds answers back until the test opens it."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    @property
    def is_open(self) -> bool:
        return self._opened.done()

    def wait(self, within: float) -> None:
        """Wait, in the test's thread, until it is open; TimeoutError if that takes longer."""
        self._opened.result(within)

    async def passed(self) -> None:
        await asyncio.shield(asyncio.wrap_future(self._opened))


def head(status: int, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(status: int = 200, body: bytes = b"", headers: Headers = (), *, hang_up: bool = False) -> Answer:
    """A plain answer; with `hang_up` the connection is closed after it without having said so."""
    sent = list(headers)

    async def answer(exchange: Exchange) -> bool:
        length = [] if status == 204 or status == 304 else [("Content-Length", str(len(body)))]
        await exchange.write(head(status, sent + length) + body)
        return not hang_up

    return answer


def say(fields: object, status: int = 200, headers: Headers = ()) -> Answer:
    """A JSON answer."""
    return reply(status, json.dumps(fields).encode(), [("Content-Type", "application/json"), *headers])


def accept(**fields: object) -> Answer:
    """The answer to a connect webhook that lets the client in."""
    return say({"code": "OK", **fields})


def chunked(status: int, parts: Iterable[bytes]) -> Answer:
    """An answer in chunks (RFC 9112, 7.1)."""
    pieces = list(parts)

    async def answer(exchange: Exchange) -> bool:
        await exchange.write(head(status, [("Transfer-Encoding", "chunked")]))
        for piece in pieces:
            await exchange.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await exchange.write(b"0\r\n\r\n")
        return True

    return answer


def gated(gate: Gate, then: Answer) -> Answer:
    """Answer once the gate is open."""

    async def answer(exchange: Exchange) -> bool:
        await gate.passed()
        return await then(exchange)

    return answer


def after(seconds: float, then: Answer) -> Answer:
    """A slow answer."""

    async def answer(exchange: Exchange) -> bool:
        await asyncio.sleep(seconds)
        return await then(exchange)

    return answer


def calling(function: Callable[[Request], object], then: Answer) -> Answer:
    """Call a blocking function with the request, in a thread, and answer after it."""

    async def answer(exchange: Exchange) -> bool:
        await asyncio.get_running_loop().run_in_executor(None, function, exchange.request)
        return await then(exchange)

    return answer


def interim(status: int, then: Answer) -> Answer:
    """An informational answer (100, 103) before the real one."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.write(head(status, [("Link", "</x>")] if status == 103 else []))
        return await then(exchange)

    return answer


def stale(then: Answer) -> Answer:
    """Hang up without a word on a connection that was used before; answer on a fresh one."""

    async def answer(exchange: Exchange) -> bool:
        return False if exchange.request.nth > 1 else await then(exchange)

    return answer


def hang() -> Answer:
    """Say nothing until the other side gives up."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.reader.read()
        return False

    return answer


def drop() -> Answer:
    """Read the request and close without a byte of an answer."""

    async def answer(exchange: Exchange) -> bool:
        return False

    return answer


def reset() -> Answer:
    """Read the request and reset the connection."""

    async def answer(exchange: Exchange) -> bool:
        sock = exchange.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        exchange.writer.transport.abort()
        return False

    return answer


def raw(data: bytes) -> Answer:
    """Bytes as they are (half an answer, garbage), then close."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.write(data)
        return False

    return answer


def stall(data: bytes) -> Answer:
    """Bytes as they are, then silence until the other side gives up."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.write(data)
        await exchange.reader.read()
        return False

    return answer


def trickle(data: bytes, seconds: float) -> Answer:
    """Bytes one at a time, with a pause between them."""

    async def answer(exchange: Exchange) -> bool:
        for byte in data:
            await exchange.write(bytes([byte]))
            await asyncio.sleep(seconds)
        return True

    return answer


def endless(start: bytes, again: bytes) -> Answer:
    """Bytes that never end: headers or a body, until the other side hangs up."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.write(start)
        while True:
            await exchange.write(again)
            await asyncio.sleep(0)

    return answer


def endless_headers() -> Answer:
    return endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_body() -> Answer:
    return endless(head(200, [("Content-Length", str(10**12))]), b"x" * 65536)
