"""The body of an answer that is read while it comes.

    head -> StreamedResponse -> its `stream` -> read(consumer) -> received, received, ... -> ended
                                                   pause, resume    cancel: the connection is dropped

A body that nobody begins to read before the answer is handled is dropped with its connection. While it is paused the
connection is not read from, so that TCP slows the backend down. Held meanwhile: one read (64 KiB).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Protocol

from wsaas.http_client.exchange import Fault, HttpResponse

# Seconds between two parts within which the second one is acknowledged at once. After a longer pause the system has
# acknowledged by itself; and a call for each part of a slow stream costs a tenth of it.
QUICK = 0.2


class BodyConsumer(Protocol):
    """Takes a body, part after part."""

    def body_received(self, data: bytes) -> None:
        """Take the next part."""

    def body_ended(self, fault: Fault | None) -> None:
        """Hear that the body is whole, or the Fault that cut it short. Nothing follows."""


class BodySource(Protocol):
    """A connection, as the body that comes on it knows it."""

    def pause_body(self) -> None:
        """Stop reading, and count no time meanwhile."""

    def resume_body(self) -> None:
        """Read on."""

    def drop(self) -> None:
        """End the connection at once, and tell nothing more."""


class BodyStream:
    """One body. It begins paused, until `read`. Bound: while it is paused, it holds what one read gave (64 KiB)."""

    __slots__ = ("_consumer", "_end", "_held", "_part_at", "_source", "paused")

    def __init__(self, source: BodySource) -> None:
        self._source: BodySource | None = source
        """None once the connection has nothing more to do with the body."""
        self._consumer: BodyConsumer | None = None
        self._held = b""
        self._end: tuple[Fault | None] | None = None
        """Set when the end has come, until it is told."""
        self._part_at = inf
        self.paused = True

    @property
    def wanted(self) -> bool:
        """Say if there is a consumer."""
        return self._consumer is not None

    def read(self, consumer: BodyConsumer) -> None:
        """Give the body to this consumer, as it comes."""
        self._consumer = consumer

    def pause(self) -> None:
        """Give the consumer nothing until `resume`. Idempotent."""
        if not self.paused:
            self.paused = True
            if self._source is not None:
                self._source.pause_body()

    def resume(self) -> None:
        """Go on, with what was held first. Idempotent."""
        if not self.paused:
            return
        self.paused = False
        held, self._held = self._held, b""
        if held and self._consumer is not None:
            self._consumer.body_received(held)
        if self.paused:  # the consumer has enough again
            return
        if self._end is not None:
            self._tell_end()
        elif self._source is not None:
            self._source.resume_body()

    def cancel(self) -> None:
        """Read no more of it, and drop its connection. Idempotent."""
        source, self._source, self._consumer = self._source, None, None
        self._held = b""
        if source is not None:
            source.drop()

    # The connection's side

    def received(self, data: bytes) -> None:
        """Take the next part."""
        if self.paused:
            self._held += data
        elif self._consumer is not None:
            self._consumer.body_received(data)

    def follows_soon(self, now: float) -> bool:
        """Note the moment of a part; return True if it comes soon behind another one, or is the first."""
        soon = now - self._part_at < QUICK
        self._part_at = now
        return soon

    def ended(self, fault: Fault | None) -> None:
        """Hear that the connection is done with the body."""
        self._source = None
        self._end = (fault,)
        if not self.paused:
            self._tell_end()

    def _tell_end(self) -> None:
        consumer, end, self._consumer, self._end = self._consumer, self._end, None, None
        if consumer is not None and end is not None:
            consumer.body_ended(end[0])


@dataclass(frozen=True, slots=True)
class StreamedResponse(HttpResponse):
    """An answer of which only the head is there: `body` is empty, and `stream` is what follows."""

    stream: BodyStream | None = None
