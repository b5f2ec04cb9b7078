"""A request and the wait for its answer, and the ways in which the wait can end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred

# Headers that name codings, and the words that leave a body as it is (chunks are undone by the parser).
_CODINGS = {b"content-encoding": (b"identity", b""), b"transfer-encoding": (b"chunked", b"identity", b"")}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What the backend answered. Header names are in lower case; `body` is as it came, less the chunks around it: in
    whatever coding that is.

    `truncated` says that the body was longer than asked for: the rest was not read, the connection was dropped.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    truncated: bool

    def header(self, name: bytes) -> bytes | None:
        """The first header of this (lower-case) name."""
        for known, value in self.headers:
            if known == name:
                return value
        return None

    @property
    def coding(self) -> str | None:
        """The header that says that the body is compressed or encoded otherwise (RFC 9110, 8.4; RFC 9112, 7), if one
        does: short, for the log. No webhook asks for that, so that there is nothing to decode it.
        """
        for name, value in self.headers:
            if name in _CODINGS:
                for word in value.lower().split(b","):
                    if word.strip(b" \t") not in _CODINGS[name]:
                        return f"{name.decode('ascii').title()}: {value[:40].decode('latin-1')}"
        return None

    @property
    def sent(self) -> int:
        """Times that the request had been sent when this answer came."""
        return 1


@dataclass(frozen=True, slots=True)
class SecondAnswer(HttpResponse):
    """The answer to a request that had to be sent again: the backend may have acted on it before, and said so to a
    connection that was gone. (A class of its own, so that the usual answer costs nothing more.)
    """

    sent: int = 2


class Fault(Exception):
    """Why there is no answer; `str()` of it is a short cause for the log, without secrets."""


class NotSent(Fault):
    """Nothing of the request can have been acted upon: unknown name, refused, unreachable, TLS failed."""


class Lost(Fault):
    """The request went out, or part of it, and then the connection was lost or what came was no answer."""


class TimedOut(Fault):
    """The request went out, or part of it, and there was no whole answer within the deadline."""


class Droppable(Protocol):
    """A connection, as an exchange on it knows it."""

    def drop(self) -> None:
        """End the connection at once, and tell the exchange nothing more."""


class Exchange:
    """One request and the wait for its answer. `sent` counts the connections that it was written to.

    `done` hears once how it ended, unless it is cancelled before. (A Deferred would take a twentieth of the time that a
    message takes in all.)
    """

    __slots__ = ("_done", "connecting", "connection", "deadline", "limit", "request", "sent")

    def __init__(
        self, request: bytes, limit: int, deadline: float, done: Callable[[HttpResponse | Fault], object]
    ) -> None:
        self.request = request
        self.limit = limit
        self.deadline = deadline
        self.sent = 0
        self.connecting: Deferred[Any] | None = None
        self.connection: Droppable | None = None
        self._done: Callable[[HttpResponse | Fault], object] | None = done

    def end(self, result: HttpResponse | Fault) -> None:
        """The end, a good or a bad one."""
        done, self._done = self._done, None
        if done is not None:
            done(result)

    def send_again(self) -> None:
        """The request goes out once more, as it is not known what became of it: its answer will be a SecondAnswer."""
        first = self._done
        if first is not None:
            self._done = lambda result: first(self._second(result))

    def _second(self, result: HttpResponse | Fault) -> HttpResponse | Fault:
        if isinstance(result, Fault):
            return result
        return SecondAnswer(result.status, result.headers, result.body, result.truncated, self.sent)

    def cancel(self) -> None:
        """Nobody wants to know any more: the connection is dropped."""
        self._done = None
        if self.connecting is not None:
            self.connecting.cancel()
        if self.connection is not None:
            self.connection.drop()
