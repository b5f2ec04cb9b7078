"""An exchange: one request, and the answer or the fault with which it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred

# Headers that name codings, and the words that leave a body as it is (the parser undoes chunks).
_CODINGS = {b"content-encoding": (b"identity", b""), b"transfer-encoding": (b"chunked", b"identity", b"")}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A backend's answer. Header names are in lower case; `body` is as it came, without the chunks around it, and not
    decoded.

    `truncated` says that the body was longer than the limit: the rest was not read, and the connection was dropped.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    truncated: bool

    def header(self, name: bytes) -> bytes | None:
        """Return the value of the first header of this (lower-case) name."""
        for known, value in self.headers:
            if known == name:
                return value
        return None

    @property
    def coding(self) -> str | None:
        """The header by which the body is compressed or encoded otherwise (RFC 9110, 8.4; RFC 9112, 7), None if there
        is no such header. The text is short, for the log.
        """
        for name, value in self.headers:
            if name in _CODINGS:
                for word in value.lower().split(b","):
                    if word.strip(b" \t") not in _CODINGS[name]:
                        return f"{name.decode('ascii').title()}: {value[:40].decode('latin-1')}"
        return None

    @property
    def sent(self) -> int:
        """The number of times that the request had been sent when this answer came."""
        return 1


@dataclass(frozen=True, slots=True)
class SecondAnswer(HttpResponse):
    """The answer to a request that was sent more than once. The backend may have acted on the first one, too, and its
    answer to that is lost. (A class of its own, so that the usual answer costs nothing more.)
    """

    sent: int = 2


class Fault(Exception):
    """The reason why an exchange has no answer; `str()` of it is short, for the log, and without secrets."""


class NotSent(Fault):
    """The backend cannot have acted on the request: its name is unknown, it refused, was not reached, or TLS failed."""


class Lost(Fault):
    """The request was sent, or part of it, and then the connection was lost or the bytes that came were no answer."""


class TimedOut(Fault):
    """The request was sent, or part of it, and no whole answer came before the deadline."""


class Timing:
    """The moments of one exchange by the pool's clock, for those who want to know where its time goes.

    `begun` is when there was a connection for it, and `first_byte` when its answer began; None before that.
    """

    __slots__ = ("begun", "first_byte")

    begun: float | None
    first_byte: float | None

    def __init__(self) -> None:
        self.begun = self.first_byte = None


IsStream = Callable[[int, Sequence[tuple[bytes, bytes]]], bool]
"""Says of a status and headers (names in lower case) if the body is to be read while it comes."""


Terms = tuple[int, IsStream | None]
"""The part of an answer that is read: its body, up to so many bytes, or while it comes, if that says so."""


class Droppable(Protocol):
    """A connection, as an exchange on it knows it."""

    def drop(self) -> None:
        """End the connection at once, and tell the exchange nothing more."""

    def close(self) -> None:
        """End the connection behind what is written, and tell the exchange nothing more."""


class Exchange:
    """One request under way. `sent` counts the connections that it was written to.

    `done` is called once, with the answer or a Fault, unless the exchange is cancelled before. (A Deferred would cost a
    twentieth of a message.)
    """

    __slots__ = (
        "_done",
        "connecting",
        "connection",
        "deadline",
        "request",
        "sent",
        "silence",
        "terms",
        "timing",
    )

    def __init__(
        self,
        request: bytes,
        limit: int,
        deadline: float,
        done: Callable[[HttpResponse | Fault], object],
        timing: Timing | None = None,
        streams: IsStream | None = None,
        silence: float = 0.0,
    ) -> None:
        self.terms: Terms = limit, streams
        self.silence = silence
        """Seconds between two parts of such a body, at most."""
        self.request = request
        self.deadline = deadline
        self.sent = 0
        self.timing = timing
        self.connecting: Deferred[Any] | None = None
        self.connection: Droppable | None = None
        self._done: Callable[[HttpResponse | Fault], object] | None = done

    def end(self, result: HttpResponse | Fault, moment: float = 0.0) -> None:
        """Call `done`, the first time. The `moment` of the answer is given where the fast path took it."""
        done, self._done = self._done, None
        if done is not None:
            done(result)

    def send_again(self) -> None:
        """Make the answer a SecondAnswer: the request is about to be sent once more."""
        first = self._done
        if first is not None:
            self._done = lambda result: first(self._second(result))

    def _second(self, result: HttpResponse | Fault) -> HttpResponse | Fault:
        if isinstance(result, Fault) or type(result) is not HttpResponse:
            return result
        return SecondAnswer(result.status, result.headers, result.body, result.truncated, self.sent)

    def cancel(self) -> None:
        """Drop the connection, and call `done` no more."""
        self._done = None
        if self.connecting is not None:
            self.connecting.cancel()
        if self.connection is not None:
            self.connection.drop()

    def leave(self) -> None:
        """Call `done` no more, and hang up behind the request, which still arrives if it was sent."""
        self._done = None
        if self.connecting is not None:
            self.connecting.cancel()
        if self.connection is not None:
            self.connection.close()
