"""One client's connection: the protocol of its socket, and the session's Peer.

It has a handshake until the 101 and a reader of frames from then on, a send buffer all the time, and a lingering close
at its end; `Phase` says how far it is.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.clients.admission import AdmissionSlot
from wsaas.clients.context import ConnectionContext
from wsaas.clients.frame_reader import FrameReader
from wsaas.clients.frames import PING, encode_close, encode_control
from wsaas.clients.handshake.opening import OpeningHandshake
from wsaas.clients.lingering_close import LingeringClose
from wsaas.clients.liveness import ENDS, Liveness, Verdict
from wsaas.clients.phase import Phase
from wsaas.clients.progress import unacknowledged
from wsaas.clients.read_control import LANE
from wsaas.clients.send_buffer import SendBuffer
from wsaas.clients.slow_frames import SlowFrames
from wsaas.core.events import Cause, CloseCode
from wsaas.core.interfaces import SessionInput
from wsaas.core.model import Frame
from wsaas.core.refusal import Refusal
from wsaas.internals.end_of_turn import Ending

_log = Logger()

_HANDSHAKE, _OPEN, _CLOSING = Phase.HANDSHAKE, Phase.OPEN, Phase.CLOSING  # Enum looks its members up anew each time
_NOT_HEARD = frozenset((Phase.FINISHING, Phase.LINGERING, Phase.OVER))
_VANISHED = (Cause.NETWORK, CloseCode.ABNORMAL, "", False)


@implementer(IHalfCloseableProtocol)
class ClientConnection(Protocol):
    """A client's connection. Bounds: see OpeningHandshake, FrameReader and SendBuffer."""

    transport: Any
    session: SessionInput | None = None
    _handshake: OpeningHandshake | None = None
    """None from the 101 on."""
    _reader: FrameReader
    """Set from the 101 on."""
    _compressor: SlowFrames | None = None
    """Set if messages are compressed."""
    lingering: LingeringClose | None = None
    """Set with our Close frame, or with the client's."""
    _ending: tuple[Cause, int, str, bool] = _VANISHED
    """The cause, the close code, its reason, and whether both sides closed: what the session hears at the end."""

    def __init__(self, context: ConnectionContext, slot: AdmissionSlot, peer_host: str | None = None) -> None:
        self.context = context
        self.slot = slot
        self.peer_host = peer_host
        self.phase = _HANDSHAKE

    # The socket's side

    def connectionMade(self) -> None:
        try:
            self.transport.setTcpNoDelay(True)
        except (AttributeError, OSError):  # a UNIX socket may not know what that is
            pass
        context = self.context
        now = context.seconds()
        self.liveness = Liveness(now)
        self.send_buffer = SendBuffer(self.transport, context.send_buffer, context.seconds, self, context.backpressure)
        self.transport.registerProducer(self.send_buffer, True)
        self._handshake = OpeningHandshake(self, context)
        self._handshake.begin(now)

    def dataReceived(self, data: bytes) -> None:
        phase = self.phase
        if phase is _OPEN or phase is _CLOSING:
            self._reader.receive(data)
        elif phase is _HANDSHAKE and self._handshake is not None:
            liveness = self.liveness
            liveness.heard_at, liveness.hung_up_at = self.context.seconds(), None  # as `heard`, uncalled
            self._handshake.receive(data)
        elif self.lingering is not None:
            self.lingering.discard(len(data))

    def readConnectionLost(self) -> None:
        """Write what waits for a client that has closed its own half only (IHalfCloseableProtocol, for plain TCP)."""
        lingering = LingeringClose.of(self, owing=False)
        self.hear_no_more()
        lingering.half_closed()

    def writeConnectionLost(self) -> None:
        """Do nothing, as our half was closed on purpose (IHalfCloseableProtocol)."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        self.send_buffer.stopProducing()
        if self._handshake is not None:
            self._handshake.stop()
        if self.lingering is not None:
            self.lingering.stop()
        if self.phase is Phase.LINGERING:
            self.end()
        else:
            self.hear_no_more()

    # The session's side

    @property
    def waiting(self) -> int:
        return self.send_buffer.waiting

    @property
    def last_active_at(self) -> float:
        return self.context.wall_clock() - self.context.passed_since(self.liveness.heard_at)

    def accept(self, subprotocol: str | None, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.slot.answered()
        handshake, session = self._handshake, self.session
        assert handshake is not None and session is not None
        try:
            answer, codec = handshake.accept(subprotocol, headers)
        except Exception:
            _log.failure("a handshake could not be completed; connection {connection}", connection=session.id)
            self.transport.abortConnection()
            return
        self._handshake = None
        self.phase = _OPEN
        self.send_buffer.write(answer)
        if codec is None:
            self.send_buffer.join_fan_out(session)
        else:
            self._compressor = SlowFrames(codec, self.context.max_message_size)
        self._reader = FrameReader(self.context, self, session, self._compressor)
        self.context.keepalive.add(self)
        self._reader.begin(handshake.data, paused=handshake.paused)

    def refuse(self, refusal: Refusal) -> None:
        self.slot.answered()
        session, self.session = self.session, None
        if self._handshake is not None:
            self._handshake.refuse(refusal, session)

    def send(self, frame: Frame, ping: bytes | None = None) -> bool:
        # Not open: it has sent its Close, and the session hears of that when all before is written.
        if self.phase is not _OPEN:
            return False
        if self._compressor is None:
            encoder = self.context.encoder
            encoded = encoder.encoded if encoder.frame is frame else encoder.encode(frame)
            return self.send_buffer.offer(encoded if ping is None else encoded + encode_control(PING, ping))
        if not self.send_buffer.room(len(frame.payload)):
            return False
        encoded = self._compressor.encode(frame)
        self.send_buffer.write(encoded if ping is None else encoded + encode_control(PING, ping))
        return True

    def close(self, code: int, reason: str) -> None:
        if self.phase is _OPEN:
            LingeringClose.of(self, owing=unacknowledged(self.transport) > 0)
            self.phase = _CLOSING
            self.send_buffer.write(encode_close(code, reason))
            self.send_buffer.leave_fan_out()

    def pause_reading(self) -> None:
        if self.phase is _OPEN or self.phase is _CLOSING:  # else what was read is handed over, room or not
            self._reader.flow.pause(LANE)

    def resume_reading(self) -> None:
        self._reader.flow.resume(LANE)

    # What its parts tell it

    def look(self) -> None:
        """Check that the client is still there, for the keepalive."""
        now, timeout, buffer = self.context.clock.seconds(), self.context.ws_timeout, self.send_buffer
        verdict = self.liveness.check(
            now, timeout, self.transport, full_since=buffer.full_since, reading=not self._reader.flow.paused
        )
        if verdict in ENDS:
            self._ending = (*ENDS[verdict], "", False)
            LingeringClose.of(self, owing=True).give_up()
        elif verdict is Verdict.SILENT and not buffer.paused:
            self.liveness.pinged(now)
            buffer.write(encode_control(PING))

    def drained(self) -> None:
        """Go on where the send buffer was waited for: it is empty."""
        if self.lingering is not None and self.lingering.leaving:
            self.lingering.close_if_written()
            return
        if self._handshake is None:
            self._reader.drained()
        if self.session is not None:
            self.session.writable()

    def reject(self, answer: bytes) -> None:
        """Write the answer to a handshake that fails, and let the client go."""
        if self.phase is _HANDSHAKE and self._handshake is not None:
            self.phase = Phase.LEAVING
            self._handshake.linger()
            self.send_buffer.write(answer)
            LingeringClose.of(self, owing=True).refuse()

    def let_go(self, close: tuple[int | None, str] | None) -> None:
        """Let the client go: its Close has come, with a code (or None) and a reason; or, where `close` is None, it has
        violated the protocol behind ours.
        """
        if close is not None and self._ending is _VANISHED:
            code, reason = close
            self._ending = Cause.CLIENT, CloseCode.NO_STATUS if code is None else code, reason, True
        if self.phase is not _OPEN and self.phase is not _CLOSING:
            return
        owing = unacknowledged(self.transport) > 0
        answer = encode_close(*close) if self.phase is _OPEN and close is not None else b""
        fast_path = self.context.close_fast_path
        ending = Ending.NONE if owing or fast_path is None else fast_path(self.transport, answer)
        if answer and ending is Ending.NONE:
            self.send_buffer.write(answer)
        self.phase = Phase.LEAVING
        self.send_buffer.leave_fan_out()
        self._reader.stop()
        if ending is Ending.CLOSING:
            self.context.keepalive.remove(self)
            self.send_buffer.let_go()
            return
        lingering = LingeringClose.of(self, owing=owing)
        # What has come may be no answer to our Close, but something that the client said before it read all.
        lingering.owing = owing
        lingering.leave()

    def hear_no_more(self) -> None:
        """End the session when all that was read is handed over; the transport stays for what waits for the client."""
        if self.phase in _NOT_HEARD:
            return
        self.phase = Phase.FINISHING
        self.context.keepalive.remove(self)
        self.send_buffer.leave_fan_out()
        if self._handshake is None:
            self._reader.finish()
        else:
            self.end()

    def end(self) -> None:
        """End the session, and the connection with it if its transport is closed."""
        if self.connected:
            self.phase = Phase.LINGERING
            self.context.owner.session_over(self)
        else:
            self.phase = Phase.OVER
            self.slot.release()
            self.context.owner.gone(self)
            self.lingering = None
            if self._handshake is None:
                self._reader.forget()
            else:
                self._handshake = None  # it has the connection, too: so both are freed at once
        session, self.session = self.session, None
        if session is not None:
            session.disconnected(*self._ending)
