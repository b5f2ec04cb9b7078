"""One client's connection: Autobahn's server protocol, held to what the gateway needs, as the session's Peer.

Autobahn reads and writes frames; here is what it leaves open: one session for a connection, reading that stops at once
when there is no room and that leaves time for others, writing that is bounded, and an end that always comes.
"""

from __future__ import annotations

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from wsaas.clients.frames import MASK_LENGTH, measure, take
from wsaas.clients.handshake.opening import Opening
from wsaas.clients.hangup import hung_up
from wsaas.clients.liveness import ENDS, Liveness, Verdict
from wsaas.clients.read_control import EARLY, LANE, ReadControl
from wsaas.clients.send_buffer import SendBuffer
from wsaas.core.model import Cause, CloseCode, Frame
from wsaas.core.session import NO_OUTLET

CLOSE_TIMEOUT = 5.0
"""Seconds from our Close frame, or our last word, until a client that does not go is dropped."""
MAX_EARLY = 65536
"""Bytes that a client may send before its 101; over it they stay in its socket."""
MAX_FRAGMENTS = 1024
"""Fragments of one message. It may have more only if they have `WORTHWHILE` bytes on average."""
WORTHWHILE = 32

_OPEN = Opening.STATE_OPEN


class ClientProtocol(Opening):
    """A client's connection. `ClientFactory` makes the class that is used, with Autobahn's settings on it.

    Bounds: `data` holds one read (64 KiB) and what was early; a message being assembled has at most MAX_MESSAGE_SIZE;
    what waits for the client is bounded by the outbox.
    """

    # Autobahn's own, which it sets where mypy cannot see it.
    maxMessagePayloadSize: int
    message_data: list[bytes] | None  # type: ignore[assignment]
    _isMessageCompressed: bool

    def connectionMade(self) -> None:
        clock = self.factory.clock
        self._flow = ReadControl(self.transport, clock, self.factory.message_rate, self._go_on)
        self._fragments = 0
        self._pong: bytes | None = None
        self._ended_by: tuple[Cause, int] | None = None
        self._consuming = False
        self._leaving = False
        self._lost: Failure | None = None
        self._pulse = Liveness(clock.seconds())
        self._outbox = SendBuffer(self.transport, self.factory.send_buffer, clock.seconds, self)
        self.transport.registerProducer(self._outbox, True)
        super().connectionMade()

    # Reading

    def dataReceived(self, data: bytes) -> None:
        self._pulse.beat(self.factory.clock.seconds())
        self.data = self.data + data if self.data else data
        self._flow.begin_turn()
        self.consumeData()

    def consumeData(self) -> None:
        """Read what was received, as far as there is room for it."""
        if self.state == self.STATE_OPEN or self.state == self.STATE_CLOSING:
            if self._consuming:  # a message that was handed over has made room: the loop below sees it
                return
            self._consuming = True
            try:
                while not self._flow.paused and self._read_frames() and self.state != self.STATE_CLOSED:
                    pass
            finally:
                self._consuming = False
        elif self.state == self.STATE_CONNECTING:
            if not self._asked:
                self._read_head()
            elif len(self.data) >= MAX_EARLY:
                self._flow.pause(EARLY)
        else:
            self.data = b""

    def _read_frames(self) -> bool:
        """Whole messages the short way, all there are, or else Autobahn's next step; whether there may be more."""
        usual = self.current_frame is None and not self.inside_message and not self.failedByMe and self._lost is None
        if usual and self._perMessageCompress is None and self.session is not None:
            data, at, flow, session = self.data, 0, self._flow, self.session
            try:
                while at < len(data) and not flow.paused and (found := measure(data, at)):
                    start, length = found
                    if length > self.maxMessagePayloadSize:
                        break
                    session.announce(length)
                    frame = None if flow.paused else take(data, at, start, length)
                    if frame is None:
                        break
                    at = start + MASK_LENGTH + length
                    flow.frame()
                    session.received(frame)
            finally:
                self.data = data[at:]
            if at or flow.paused:
                return at < len(data)
        return bool(self.processData())

    def _go_on(self) -> None:
        """There is room, or time, again."""
        if self._lost is not None:
            self._conclude(self._lost)
        else:
            self._pulse.beat(self.factory.clock.seconds())
            self.consumeData()

    def onFrameBegin(self) -> None:
        super().onFrameBegin()
        self._flow.frame()

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._fragments = 0

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        self._fragments += 1
        if self.failedByMe:
            return
        if self._fragments > MAX_FRAGMENTS and self.message_data_total_length < WORTHWHILE * self._fragments:
            self._fail_connection(CloseCode.POLICY, "too many small fragments")
        elif self.session is not None:
            # How long a compressed message gets is known only when it is there.
            expected = self.maxMessagePayloadSize if self._isMessageCompressed else self.message_data_total_length
            self.session.announce(expected)

    def onMessageEnd(self) -> None:
        if not self.failedByMe and self.session is not None:
            payload = b"".join(self.message_data or ())
            self.message_data = None
            self.session.received(Frame(payload, self.message_is_binary))

    def pause_reading(self) -> None:
        self._flow.pause(LANE)

    def resume_reading(self) -> None:
        self._flow.resume(LANE)

    # Writing

    @property
    def waiting(self) -> int:
        return self._outbox.waiting

    @property
    def last_active_at(self) -> float:
        return self.factory.wall_clock() - (self.factory.clock.seconds() - self._pulse.heard)

    def _onOpen(self) -> None:
        self._plain = self._perMessageCompress is None
        if self._outbox.clear:
            self.straight(self._outbox.file)
        self.factory.opened(self)
        self._flow.resume(EARLY)

    def send(self, frame: Frame) -> bool:
        # Not open: it has sent its Close, and the session hears of that when all before is written.
        if self.state != _OPEN:
            return False
        if self._plain:
            encoder = self.factory.encoder
            return self._outbox.offer(encoder.encoded if encoder.frame is frame else encoder.encode(frame))
        if not self._outbox.room(len(frame.payload)):
            return False
        self.sendMessage(frame.payload, frame.binary)
        return True

    def straight(self, file: int) -> None:
        if self.session is not None:
            self.session.outlet = file if self.state == _OPEN and self._plain else NO_OUTLET

    def rest(self, data: bytes) -> None:
        """What the socket did not take of a message that was written straight."""
        self._outbox.rest(data)

    def close(self, code: int, reason: str) -> None:
        self.sendCloseFrame(code, reason.encode())

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Everything that Autobahn writes goes through the outbox."""
        self._outbox.write(data)

    def onPing(self, payload: bytes) -> None:
        """Answered at once, or, for a client that does not read, only the last one when it does (RFC 6455, 5.5.3)."""
        if self._outbox.paused:
            self._pong = payload
        else:
            self.sendPong(payload)

    def drained(self) -> None:
        if self._leaving:
            self._lose_connection()
            return
        if self._pong is not None:
            payload, self._pong = self._pong, None
            self.sendPong(payload)
        if self.session is not None:
            self.session.writable()

    # The end

    def look(self) -> None:
        """The keepalive's look."""
        now = self.factory.clock.seconds()
        finding = self._pulse.find(
            now,
            self.factory.ws_timeout,
            full_since=self._outbox.full_since,
            reading=not self._flow.paused,
            hung_up=lambda: hung_up(self.transport),
        )
        if finding in ENDS:
            self._ended_by = ENDS[finding]
            self._abandon()
        elif finding is Verdict.SILENT and not self._outbox.paused:
            self._pulse.pinged(now)
            self.sendPing()

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        super().sendCloseFrame(code, reasonUtf8, isReply)
        self.straight(NO_OUTLET)
        if self._deadline is None and not isReply:  # after a reply the connection is closed at once
            self._deadline = self.factory.clock.callLater(CLOSE_TIMEOUT, self._abandon)

    def _fail_connection(self, code: int = CloseCode.INTERNAL_ERROR, reason: str = "") -> None:
        """Autobahn found a violation: tell the session why before the closing handshake begins."""
        if self.session is not None and not self.failedByMe:
            cause = Cause.TOO_BIG if code == CloseCode.TOO_BIG else Cause.PROTOCOL_ERROR
            self.session.fail(cause, code, reason)
        super()._fail_connection(code, reason)

    def unregisterProducer(self) -> None:
        """Autobahn does this as it drops a connection; the outbox goes on until it is empty."""

    def _closeConnection(self, abort: bool = False) -> None:
        """Close the transport once all is written, or at once; a client that does not let us is dropped in the end."""
        self._flow.close()
        self.straight(NO_OUTLET)
        if self._lost is not None:
            return
        if abort and not self.wasClean:
            self.transport.abortConnection()
            return
        self._leaving = True
        self._stop_deadline()
        self._deadline = self.factory.clock.callLater(CLOSE_TIMEOUT, self._abandon)
        if not self._outbox.paused:
            self._lose_connection()

    def _lose_connection(self) -> None:
        self._outbox.let_go()
        self.transport.unregisterProducer()  # a TLS transport waits for its producer before it says goodbye
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = reason
        self._outbox.stopProducing()
        self._flow.close()
        self._flow.stop()
        self._flow.begin_turn()
        self._conclude(reason)

    def _conclude(self, reason: Failure) -> None:
        """What was read before the connection was lost is handed over, room or not, turn by turn; then it is over."""
        if self.state == self.STATE_OPEN or self.state == self.STATE_CLOSING:
            while self._flow.press_on():
                self.consumeData()
                if not self._flow.paused:
                    break
            else:
                return
        self._stop_deadline()
        self.factory.gone(self)
        # Not by way of the server's own, which first spells the reason for a debug line, whether it is wanted or not.
        WebSocketProtocol._connectionLost(self, reason)  # type: ignore[arg-type]  # says str and takes a Failure
        self.factory.countConnections -= 1

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        session, self.session = self.session, None
        if session is None:
            return
        if self._ended_by is not None:
            session.lost(*self._ended_by, "", clean=False)
        elif wasClean:
            session.lost(Cause.CLIENT, code or CloseCode.NO_STATUS, reason or "", clean=True)
        else:
            session.lost(Cause.NETWORK, CloseCode.ABNORMAL, "", clean=False)
