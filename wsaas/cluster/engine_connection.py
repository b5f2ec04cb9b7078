"""One connection to Redis or Valkey: commands out, replies in, in order (RESP2), parsed by hiredis.

Every command has a deadline. A server that lets one pass has stopped, or lost its network: the connection is dropped,
and with it all that was under way.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import hiredis
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from wsaas.http_client.causes import cause
from wsaas.http_client.request_writer import RequestWriter

CALL_TIMEOUT = 1.0
"""Seconds within which the engine answers a command."""
MAX_UNDER_WAY = 10_000
"""Commands that wait for their answers, at most; one more fails at once."""

Word = bytes | str | int


class EngineAway(Exception):
    """The engine has not answered: the command was not sent, or may have been carried out."""


class EngineRefused(Exception):
    """The engine answered with an error; the text is the engine's."""


def _refused(text: str) -> EngineRefused:
    """Return an error without the place in a script, which Redis writes behind it and tells a reader nothing."""
    error, _, place = text.rpartition(" script: ")
    return EngineRefused(error.removesuffix(".") if ", on @" in place else text)


_LOST = ("READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED")
"""Errors after which the connection is of no use: the server is no master (any more), or not yet."""


class EngineConnection(Protocol):
    """A connection. `lost` fires with the reason, in words, when it is gone.

    Bound: MAX_UNDER_WAY commands. A reply is as long as the engine makes it: that is trusted with all of the cluster.
    """

    def __init__(self, clock: IReactorTime, timeout: float = CALL_TIMEOUT) -> None:
        self._clock = clock
        self._timeout = timeout
        self._reader = hiredis.Reader(replyError=_refused)
        self._under_way: deque[tuple[float, Deferred[Any]]] = deque()
        self._writer: RequestWriter | None = None
        self._deadline: IDelayedCall | None = None
        self._reason: str | None = None
        self.heard = False
        """True once the server has sent something."""
        self.closed = False
        """True once the server, or the network, has ended the connection."""
        self.lost: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        self._writer = RequestWriter(self.transport)

    def call(self, *words: Word, within: float | None = None) -> Deferred[Any]:
        """Send a command; fires with its reply. Fails with EngineAway or EngineRefused.

        Numbers come as int, texts as bytes, lists as lists, nil as None.
        """
        answered: Deferred[Any] = Deferred()
        if self._reason is not None or len(self._under_way) >= MAX_UNDER_WAY:
            answered.errback(EngineAway(self._reason or "too many commands wait for the engine"))
            return answered
        until = self._clock.seconds() + (self._timeout if within is None else within)
        self._under_way.append((until, answered))
        assert self._writer is not None
        self._writer.write(hiredis.pack_command(words))  # type: ignore[arg-type]
        if self._deadline is None or self._deadline.getTime() > until:
            self._look_in(until - self._clock.seconds())
        return answered

    def drop(self, reason: str) -> None:
        """End the connection at once. All that is under way fails with EngineAway."""
        if self._reason is None:
            self._reason = reason
            if self._deadline is not None and self._deadline.active():
                self._deadline.cancel()
            transport: Any = self.transport
            if transport is not None:
                transport.abortConnection()
            self.lost.callback(reason)
            while self._under_way:
                self._under_way.popleft()[1].errback(EngineAway(reason))

    def dataReceived(self, data: bytes) -> None:
        self.heard = True
        try:
            self._reader.feed(data)
            while self._reason is None and (reply := self._reader.gets()) is not False:
                self._replied(reply)
        except hiredis.HiredisError as error:
            self.drop(f"the answer is not that of Redis: {error}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = self._reason is None
        self.drop("closed by the engine" if reason.check(ConnectionDone) else cause(reason.value))

    def _replied(self, reply: Any) -> None:
        if not self._under_way:
            self.drop("an answer came to nothing that was asked")
            return
        _, answered = self._under_way.popleft()
        if not isinstance(reply, EngineRefused):
            answered.callback(reply)
        elif str(reply).startswith(_LOST):
            answered.errback(EngineAway(str(reply)))
            self.drop(str(reply))
        else:
            answered.errback(reply)

    def _late(self) -> None:
        """Drop the connection if its oldest command is late; else look again when that would be late."""
        self._deadline = None
        if self._under_way:
            left = min(until for until, _ in self._under_way) - self._clock.seconds()
            if left <= 0:
                self.drop("no answer in time")
            else:
                self._look_in(left)

    def _look_in(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._clock.callLater(seconds, self._late)
