"""An HTTPChannel of Twisted's that begins requests in turns of the reactor.

Twisted begins a request as soon as the one before is answered, in the same turn, and though the answers before are
unread: what came in one read (64 KiB) may make hundreds of megabytes of answers, and keep everybody waiting meanwhile.
Here a request that is behind another one waits for a later turn, and for its client to have read the answers.

Used of Twisted: of HTTPChannel `_dataBuffer`, what was read behind a request that is being answered,
`_waitingForTransport`, whether answers are unread, and `_networkProducer`, the transport as something to be paused; of
LineReceiver `_buffer`, what was read and not looked at, and `paused`, which keeps it there.
"""

# mypy: allow-untyped-calls
# (twisted.web is only partly annotated.)

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request


class TurnsChannel(HTTPChannel):
    """Lets requests wait. Its heir gives what was read to `wait`, unread, while `paused` or `_waitingForTransport`.

    Bounds: `_buffer` holds two reads (128 KiB) at most, for reading stops while anything waits in it; of answers there
    are those of one turn beyond what the transport takes before it says that it has enough (64 KiB).
    """

    answering = False
    """Whether a request is being answered, at whose end `go_on` or `requestDone` is called. The heir keeps this."""
    over = False
    """Whether no further request will be begun. The heir keeps this."""
    _next_turn: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.paused = self._waitingForTransport = False  # looked up for each read: not in seven classes

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._next_turn is not None:
            self._next_turn.cancel()
        super().connectionLost(reason)

    def wait(self, data: bytes) -> None:
        """Leave `data`, which comes behind all that waits, to the next turn, or the first with all answers read.

        While a request is being answered nothing goes on.
        """
        self._buffer += data
        self.paused = True  # LineReceiver keeps what it is given, then
        self._networkProducer.pauseProducing()
        if not self.answering:
            self.go_on()

    def go_on(self) -> None:
        """Have what waits served from the next turn on."""
        if self._next_turn is None:
            self._next_turn = self.callLater(0, self._take_turn)

    def resumeProducing(self) -> None:
        """The client has read its answers (IPushProducer)."""
        super().resumeProducing()
        if self.paused:
            self.wait(b"")

    def requestDone(self, request: Request) -> None:
        """Leave what came behind the request to a later turn."""
        behind = b"".join(self._dataBuffer) + self._buffer
        self._dataBuffer, self._buffer, self.paused = [], b"", False
        super().requestDone(request)
        if not self.over and (behind or self._waitingForTransport):
            self.wait(behind)

    def _take_turn(self) -> None:
        self._next_turn = None
        if self._waitingForTransport or self.over:
            return
        data, self._buffer, self.paused = self._buffer, b"", False
        if data:
            self.dataReceived(data)
        if not (self.paused or self._waitingForTransport or self.over):
            self._networkProducer.resumeProducing()
