"""Streamed replies: messages for the client that the backend sends one by one, in one long answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from wsaas.core.model import Frame

MOST_WAITING = 3
"""Streams of one connection that wait, unread, for the one that runs. With so many the lane waits as well."""


class ReplyStream(Protocol):
    """One streamed reply, as the session knows it."""

    def start(self, send: Callable[[Frame], bool], ended: Callable[[], None]) -> None:
        """Begin to read it, and give each message to `send`, in order.

        `send` returns False if the client has no room: the message is kept, and the stream read no further, until
        `resume`. `ended` is called once, at the end; not after `cancel`.
        """

    def resume(self) -> None:
        """Go on: there may be room for the message that had none."""

    def cancel(self) -> None:
        """Give it up: its client is gone, or going."""


class Streams:
    """The streamed replies of one connection: one runs, and at most MOST_WAITING wait for it in their order.

    `send` is given the messages; `roomy` is called when fewer wait than that again.
    """

    __slots__ = ("_current", "_roomy", "_send", "_waiting")

    def __init__(self, send: Callable[[Frame], bool], roomy: Callable[[], object]) -> None:
        self._send = send
        self._roomy = roomy
        self._current: ReplyStream | None = None
        self._waiting: deque[ReplyStream] = deque()

    @property
    def full(self) -> bool:
        """Say if no further stream may be added."""
        return len(self._waiting) >= MOST_WAITING

    def add(self, stream: ReplyStream) -> None:
        """Start a stream, or let it wait."""
        if self._current is None:
            self._start(stream)
        else:
            self._waiting.append(stream)

    def resume(self) -> None:
        """Hear that the client may have room."""
        if self._current is not None:
            self._current.resume()

    def cancel(self) -> None:
        """Give up all of them."""
        current, self._current = self._current, None
        waiting = list(self._waiting)
        self._waiting.clear()
        for stream in (current, *waiting):
            if stream is not None:
                stream.cancel()

    def _start(self, stream: ReplyStream) -> None:
        self._current = stream
        stream.start(self._send, self._ended)

    def _ended(self) -> None:
        self._current = None
        if self._waiting:
            was_full = self.full
            self._start(self._waiting.popleft())
            if was_full:
                self._roomy()
