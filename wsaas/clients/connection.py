"""One client's connection: Autobahn's server protocol, held to what the gateway needs, as the session's Peer.

Autobahn reads and writes frames; here is what it leaves open: one session for a connection, reading that stops at once
when there is no room and that leaves time for others, writing that is bounded, and an end that always comes.
"""

from __future__ import annotations

from wsaas.clients.closing import Closing
from wsaas.clients.frames import MASK_LENGTH, measure, take
from wsaas.clients.handshake.opening import Opening
from wsaas.clients.liveness import Liveness
from wsaas.clients.read_control import EARLY, LANE, ReadControl
from wsaas.clients.send_buffer import SendBuffer
from wsaas.core.events import CloseCode
from wsaas.core.model import Frame

MAX_EARLY = 65536
"""Bytes that a client may send before its 101; over it they stay in its socket."""
MAX_FRAGMENTS = 1024
"""Fragments of one message. It may have more only if they have `WORTHWHILE` bytes on average."""
WORTHWHILE = 32

_OPEN = Opening.STATE_OPEN


class ClientProtocol(Closing):
    """A client's connection. `ClientFactory` makes the class that is used, with Autobahn's settings on it.

    Bounds: `data` holds one read (64 KiB) and what was early; a message being assembled has at most MAX_MESSAGE_SIZE;
    what waits for the client is bounded by the outbox.
    """

    # Autobahn's own, which it sets where mypy cannot see it.
    maxMessagePayloadSize: int
    message_data: list[bytes] | None  # type: ignore[assignment]
    _isMessageCompressed: bool

    def connectionMade(self) -> None:
        clock = self.context.clock
        self._flow = ReadControl(self.transport, clock, self.context.message_rate, self._go_on)
        self._fragments = 0
        self._pong: bytes | None = None
        self._consuming = False
        self._ended_by = self._lingering = self._lost = self._progress = None
        self._pulse = Liveness(clock.seconds())
        self._outbox = SendBuffer(self.transport, self.context.send_buffer, clock.seconds, self)
        self.transport.registerProducer(self._outbox, True)
        super().connectionMade()

    # Reading

    def dataReceived(self, data: bytes) -> None:
        if self._lost is not None:  # it is leaving, and reads on
            return
        self._pulse.beat(self.context.clock.seconds())
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
            handshake = self._handshake
            if handshake is not None and not handshake.head_received:
                self._read_head(handshake)
            elif len(self.data) >= MAX_EARLY:
                self._flow.pause(EARLY)
        else:
            self.data = b""

    def _read_frames(self) -> bool:
        """Whole messages the short way, all there are, or else Autobahn's next step; whether there may be more."""
        usual = self.current_frame is None and not self.inside_message and not self.failedByMe and self._lost is None
        if usual and self._plain and self.session is not None:
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
        """Go on reading: there is room, or time, again."""
        if self._lost is not None:
            self._conclude(self._lost)
        else:
            self._pulse.beat(self.context.clock.seconds())
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
        return self.context.wall_clock() - (self.context.clock.seconds() - self._pulse.heard)

    def _onOpen(self) -> None:
        self._plain = not self.websocket_extensions_in_use
        if self._plain and self.session is not None:
            self._outbox.join_fan_out(self.session, self.context.direct_fds)
        self.context.keepalive.add(self)
        self._flow.resume(EARLY)

    def send(self, frame: Frame) -> bool:
        # Not open: it has sent its Close, and the session hears of that when all before is written.
        if self.state != _OPEN:
            return False
        if self._plain:
            encoder = self.context.encoder
            return self._outbox.offer(encoder.encoded if encoder.frame is frame else encoder.encode(frame))
        if not self._outbox.room(len(frame.payload)):
            return False
        self.sendMessage(frame.payload, frame.binary)
        return True

    def write_remainder(self, data: bytes) -> None:
        """Take over the bytes of a message that the socket did not take."""
        self._outbox.write_remainder(data)

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
        if self._lingering is not None and self._lingering.leaving:
            self._say_goodbye(self._lingering)
            return
        if self._pong is not None:
            payload, self._pong = self._pong, None
            self.sendPong(payload)
        if self.session is not None:
            self.session.writable()
