"""A streamed reply on its way from the backend's answer to the client, and the bound on all of them.

waits for a place -> reads -> decodes -> sends, as long as the client has room, and a few messages in each turn
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.concurrency import PER_FREE
from wsaas.backend.fair_queue import FairQueue
from wsaas.backend.stream_decoders import Decoder, Events, Lines, Unsendable
from wsaas.core.counters import StreamCounters
from wsaas.core.model import Frame
from wsaas.core.session import Session
from wsaas.http_client.body_stream import BodyStream
from wsaas.http_client.exchange import Fault
from wsaas.net.http_grammar import OWS
from wsaas.telemetry.webhooks import REPLY, WITHOUT_CONTENT

MESSAGES_PER_TURN = 100
"""Messages of one stream that are sent in one turn of the reactor, before others have theirs."""
KINDS: dict[bytes, Callable[[int], Decoder]] = {b"lines": Lines, b"events": Events}
"""The values of WSAAS-Reply for streams, in lower case."""


def asks_for_stream(status: int, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Say if the answer to a message with this head is a streamed reply, whose body is read while it comes."""
    for name, value in headers:
        if name == REPLY:
            return 200 <= status < 300 and status not in WITHOUT_CONTENT and value.strip(OWS).lower() in KINDS
    return False


class ReplyStreams:
    """The places for the streams that are read at once, `most` of them. A party gets at most three quarters of them.

    At most `most // 4 + 1` further streams wait unread; any other one is cut at once, with a warning.
    """

    def __init__(
        self, clock: IReactorTime, most: int, max_message_size: int, answer_log: AnswerLog, counters: StreamCounters
    ) -> None:
        self.clock = clock
        self.answer_log = answer_log
        self.counters = counters
        self._free = most
        self._most_waiting = most // 4 + 1
        self._max_message_size = max_message_size
        self._held: Counter[str] = Counter()
        self._waiting: FairQueue[StreamedReply] = FairQueue()

    def open(self, session: Session, kind: bytes, body: BodyStream) -> StreamedReply:
        """Make the reply of a body of this kind, for the client of this session."""
        return StreamedReply(self, session.id, session.handshake.party, KINDS[kind](self._max_message_size), body)

    def acquire(self, stream: StreamedReply) -> None:
        """Let a stream begin, now or in its turn."""
        if self._allows(stream.party) and not self._waiting.size:
            self._begin(stream)
        elif self._waiting.size < self._most_waiting:
            self._waiting.append(stream)
        else:
            stream.cut(
                "surplus", "MAX_STREAMS, as so many are read, and others wait: raise it, or let the backend end some"
            )

    def release(self, stream: StreamedReply) -> None:
        """Give the place of a stream to the next one; a stream that has no place yet waits no longer."""
        if stream.has_place:
            stream.has_place = False
            self._free += 1
            self._held[stream.party] -= 1
            if not self._held[stream.party]:
                del self._held[stream.party]
            while self._free and (following := self._waiting.take(self._allows)) is not None:
                self._begin(following)
        elif stream.party in self._waiting.parties:
            self._waiting.remove(lambda each: each is stream)

    def _allows(self, party: str) -> bool:
        return self._free > 0 and self._held[party] < PER_FREE * self._free

    def _begin(self, stream: StreamedReply) -> None:
        self._free -= 1
        self._held[stream.party] += 1
        stream.has_place = True
        stream.begin()


class StreamedReply:
    """One streamed reply: ReplyStream. It holds the bytes of one read that are not sent yet, and one message."""

    def __init__(self, streams: ReplyStreams, id: str, party: str, decoder: Decoder, body: BodyStream) -> None:
        self.party = party
        self.has_place = False
        self._streams = streams
        self._id = id
        self._decoder = decoder
        self._body = body
        self._send: Callable[[Frame], bool] | None = None
        self._ended: Callable[[], None] | None = None
        self._unsent: Frame | None = None
        """The message for which there was no room."""
        self._whole = False
        """Set when the body has come to its end, and what was decoded is still to be sent."""
        self._turn: IDelayedCall | None = None
        self._sending = self._again = False
        self._gone = False
        body.read(self)

    # The session's side

    def start(self, send: Callable[[Frame], bool], ended: Callable[[], None]) -> None:
        self._send, self._ended = send, ended
        self._streams.acquire(self)

    def begin(self) -> None:
        """Read: there is a place."""
        self._body.resume()

    def resume(self) -> None:
        if self._unsent is not None and self._turn is None:
            self._go_on()

    def cancel(self) -> None:
        if self._over():
            self._streams.counters.cut += 1
        self._body.cancel()

    def cut(self, kind: str, reason: str) -> None:
        """Read no further, and say why; lines of one kind share a bound."""
        self._streams.answer_log.warn(
            f"stream {kind}", self._id, "a streamed reply was cut short by {reason}", reason=reason
        )
        ended = self._ended
        self.cancel()
        if ended is not None:
            ended()

    # The body's side

    def body_received(self, data: bytes) -> None:
        self._decoder.feed(data)
        self._go_on()

    def body_ended(self, fault: Fault | None) -> None:
        if fault is not None:
            self.cut("ended early", f"the early end of the backend's answer ({fault})")
            return
        self._whole = True
        self._go_on()

    # Steps

    def _go_on(self) -> None:
        """Send what is decoded, until the client has no room, or others must have their turn."""
        self._again = True
        if self._sending:  # by the loop below, which sees that there is more
            return
        self._sending = True
        try:
            while self._again:
                self._again = False
                self._send_some()
        except Unsendable as problem:
            self.cut("unsendable", str(problem))
        finally:
            self._sending = False

    def _send_some(self) -> None:
        for _ in range(MESSAGES_PER_TURN):
            frame, self._unsent = self._unsent or self._next(), None
            send = self._send
            if send is None:  # it was cancelled meanwhile
                return
            if frame is None:
                if self._whole:
                    self._finish()
                else:
                    self._body.resume()
                return
            if not send(frame):
                if self._send is not None:
                    self._unsent = frame
                    self._body.pause()
                return
        self._body.pause()
        self._turn = self._streams.clock.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._turn = None
        self._go_on()

    def _next(self) -> Frame | None:
        message = self._decoder.next()
        if message is None and self._whole:
            message = self._decoder.last()
        return None if message is None else Frame(message, binary=False)

    def _finish(self) -> None:
        ended = self._ended
        if self._over():
            self._streams.counters.ended += 1
            if ended is not None:
                ended()

    def _over(self) -> bool:
        """Let go of all; return False if that is done already."""
        if self._gone:
            return False
        self._gone = True
        self._send = self._ended = self._unsent = None
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._streams.release(self)
        return True
