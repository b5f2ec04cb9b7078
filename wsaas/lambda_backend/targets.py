"""Targets: where the handler of a route is, and the ways in which a call of it can end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a handler: its event, the id of the request, and the seconds that it may take."""

    event: dict[str, Any]
    request_id: str
    timeout: float


class HandlerFailed(Exception):
    """The handler raised an error, took too long, or cannot be loaded; the text says which, for the log."""


class NotCalled(Exception):
    """The handler was certainly or probably not called, or is to be called again: the webhook may be repeated."""


class Target(Protocol):
    """The handler of a route."""

    def call(self, call: Call) -> Awaitable[Any]:
        """Call the handler, and return what it returns. Raises HandlerFailed or NotCalled."""


def hear_within(reactor: Any, seconds: float, sentence: str) -> tuple[Deferred[Any], Callable[[Any], None]]:
    """Return a Deferred, and what fires it with a result or a Failure. After so many seconds without, the Deferred
    fails with HandlerFailed, which has the sentence, and nobody hears of the result any more.
    """
    heard: Deferred[Any] = Deferred()
    late = reactor.callLater(seconds, lambda: heard.errback(HandlerFailed(sentence)))

    def over(result: Any) -> None:
        if late.active():
            late.cancel()
            heard.callback(result)

    return heard, over
