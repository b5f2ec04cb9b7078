"""Reads a streamed reply for a while, as the gateway would send it on."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from wsaas.backend.stream_decoders import Decoder, Unsendable
from wsaas.http_client.body_stream import BodyStream
from wsaas.http_client.exchange import Fault

MAX_MESSAGES = 100
"""Messages of a stream that are read at most."""
READING_TIME = 2.0
"""Seconds for which a stream is read. One that goes on is given up then, and counts as well."""


class StreamReading:
    """Reads one stream. `done(messages, flaw)` is called at its end; `flaw` says why it was cut short, if it was."""

    def __init__(
        self,
        clock: IReactorTime,
        decoder: Decoder,
        body: BodyStream,
        done: Callable[[list[bytes], str | None], object],
    ) -> None:
        self._decoder = decoder
        self._body = body
        self._done: Callable[[list[bytes], str | None], object] | None = done
        self._messages: list[bytes] = []
        self._timer = clock.callLater(READING_TIME, self._end)
        body.read(self)
        body.resume()

    def body_received(self, data: bytes) -> None:
        """Take the next part: BodyConsumer."""
        self._decoder.feed(data)
        try:
            while len(self._messages) < MAX_MESSAGES and (message := self._decoder.next()) is not None:
                self._messages.append(message)
        except Unsendable as problem:
            self._end(str(problem))
        if len(self._messages) == MAX_MESSAGES:
            self._end()

    def body_ended(self, fault: Fault | None) -> None:
        """Hear that the body is whole, or cut short: BodyConsumer."""
        flaw = None if fault is None else f"the early end of the backend's answer ({fault})"
        try:
            last = self._decoder.last() if fault is None else None
        except Unsendable as problem:
            last, flaw = None, str(problem)
        if last is not None:
            self._messages.append(last)
        self._end(flaw)

    def _end(self, flaw: str | None = None) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        if self._timer.active():
            self._timer.cancel()
        self._body.cancel()
        done(self._messages, flaw)
