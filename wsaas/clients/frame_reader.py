"""Reads a client's frames, in the order in which they came, as far as there is room and time for them.

Whole messages in one frame take the fast paths (`frames.measure`, `frames.take_several`), control frames are read here,
and all else is for `slow_frames`.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.logger import Logger

from wsaas.clients.context import ConnectionContext
from wsaas.clients.frames import (
    CLOSE,
    MASK_LENGTH,
    PING,
    PONG,
    encode_control,
    is_control,
    read_close,
    read_short_close,
    take,
    take_control,
)
from wsaas.clients.liveness import Liveness
from wsaas.clients.phase import Phase
from wsaas.clients.read_control import ReadControl
from wsaas.clients.send_buffer import SendBuffer
from wsaas.clients.slow_frames import SlowFrames
from wsaas.core.events import Cause, CloseCode
from wsaas.core.interfaces import SessionInput
from wsaas.core.model import Frame

_log = Logger()
_CLOSE = bytes((CLOSE,))


class ReaderOwner(Protocol):
    """A client's connection as the reader of its frames sees it."""

    transport: Any
    phase: Phase
    send_buffer: SendBuffer
    liveness: Liveness

    def close(self, code: int, reason: str) -> None:
        """Send a Close frame, for a violation."""

    def let_go(self, close: tuple[int | None, str] | None) -> None:
        """Let the client go: its Close has come, with a code (or None) and a reason; or, where `close` is None, it has
        violated the protocol behind ours.
        """

    def end(self) -> None:
        """Hear that all messages are handed over, after `finish`."""


class FrameReader:
    """Reads the frames of one open connection, and hands its messages to the session.

    Bound: `_data` holds one read (64 KiB) and what was early; see `SlowFrames` for a message that is incomplete.
    """

    __slots__ = ("_context", "_data", "_finishing", "_owner", "_pong", "_reading", "_session", "_slow", "flow")

    def __init__(
        self, context: ConnectionContext, owner: ReaderOwner, session: SessionInput, slow: SlowFrames | None
    ) -> None:
        self._context = context
        self._owner = owner
        self._session = session
        self._slow = slow
        """Made for the first frame that needs it, unless messages are compressed."""
        self.flow = ReadControl(owner.transport, context.clock, context.message_rate, self._go_on, context.backpressure)
        self._data = b""
        self._reading = False
        """Set while `_read` runs, which a message that is handed over may call again."""
        self._finishing = False
        """Set when nothing more is heard, and only what was read before is handed over."""
        self._pong: bytes | None = None
        """The payload of a Pong that is held back until the client reads."""

    def begin(self, early: bytes, *, paused: bool) -> None:
        """Read what came before the 101, and go on reading from the transport if that was `paused`."""
        if early:
            self.receive(early)
        if paused and not self.flow.paused:
            self._owner.transport.resumeProducing()

    def receive(self, data: bytes) -> None:
        """Take what the client sent, and read the frames that are whole."""
        context, flow = self._context, self.flow
        liveness = self._owner.liveness
        liveness.heard_at, liveness.hung_up_at = context.seconds(), None  # as `heard`, uncalled
        if not (self._data or flow.paused or self._reading) and context.message_fast_path is not None:
            slow = self._slow
            if (slow is None or slow.between_messages) and (frame := context.message_fast_path(data)) is not None:
                session = self._session
                if not session.lane.messages or self._finds_room(frame):  # an empty lane has room for any message
                    pace = flow.pace
                    pace.left -= 1  # as `flow.frame`, uncalled: no turn ends with its only frame
                    if pace.left <= 0:
                        flow.defer_if_due()
                    session.received(frame)
                    return
            elif slow is None and data[:1] == _CLOSE and self._take_only_close(data):
                return
        self._data = self._data + data if self._data else data
        flow.begin_turn()
        self._read()

    def _finds_room(self, frame: Frame) -> bool:
        self._session.announce(len(frame.payload))
        return not self.flow.paused

    def _take_only_close(self, data: bytes) -> bool:
        """Fast path: take a Close that comes by itself, as `_read_some` does; return False if that must."""
        close: tuple[int | None, str] | None = read_short_close(data)
        if close is None and len(data) > 1 and is_control(data):
            payload = take_control(data)
            close = None if payload is None else read_close(payload)
        if close is None:
            return False
        self._owner.let_go(close)  # no rate counts the last frame
        return True

    def drained(self) -> None:
        """Send the Pong that was held back: the client reads again."""
        if self._pong is not None:
            payload, self._pong = self._pong, None
            self._send_pong(payload)

    def stop(self) -> None:
        """Read nothing any more."""
        self._data = b""
        self.flow.close()

    def finish(self) -> None:
        """Hand over all that was read before, room or not, turn by turn; then tell the owner."""
        self._finishing = True
        self.flow.close()
        self.flow.stop()
        if self._data or self._reading:
            self.flow.begin_turn()
            self._hand_over()
        else:
            self._finished()

    def forget(self) -> None:
        """Leave the connection, which is over and calls no other method: see `ReadControl.forget`."""
        if not self._reading:  # else it is over while a message of it is handed over, and is asked once more
            self.flow.forget()
            del self._owner

    def _hand_over(self) -> None:
        while self.flow.clear():
            try:
                self._read()
            except Exception:
                _log.failure(
                    "messages from before the end of a connection could not be handed over; connection {connection}",
                    connection=self._session.id,
                )
                self._data = b""
            if not self.flow.paused:
                self._data = b""
                self._finished()
                return

    def _finished(self) -> None:
        if self._slow is not None:
            self._slow.close()
        self._owner.end()

    def _go_on(self) -> None:
        """Go on reading: there is room, or time, again."""
        if self._finishing:
            self._hand_over()
        else:
            self._owner.liveness.listens(self._context.clock.seconds())
            self._read()

    def _read(self) -> None:
        if self._reading:  # a message that was handed over has made room: the loop below sees it
            return
        self._reading = True
        try:
            while self._data and not self.flow.paused and self._read_some():
                pass
        finally:
            self._reading = False

    def _read_some(self) -> bool:
        """Read whole messages on the fast path, all there are, or else one frame; return False if more must come."""
        slow, data, at, flow, session = self._slow, self._data, 0, self.flow, self._session
        context = self._context
        measure, take_messages = context.frame_fast_path, context.messages_fast_path
        if take_messages is not None and (slow is None or slow.between_messages):
            several = take_messages(data, flow.left, session.lane.room)
            if several is not None:
                messages, at = several
                self._data = data[at:]
                flow.count(len(messages.frames))
                session.received_all(messages)
                return at < len(data)
        if measure is not None and (slow is None or slow.between_messages):
            try:
                while at < len(data) and not flow.paused and (found := measure(data, at)):
                    start, length = found
                    if length > context.max_message_size:
                        break
                    session.announce(length)
                    frame = None if flow.paused else take(data, at, start, length)
                    if frame is None:
                        break
                    at = start + MASK_LENGTH + length
                    flow.frame()
                    session.received(frame)
            finally:
                self._data = data[at:]
            if at or flow.paused:
                return at < len(data)
        if slow is None or slow.between_frames:
            if len(data) < 2:
                return False
            if is_control(data):
                payload = take_control(data)
                if payload is None:
                    return False
                if self._read_control(data[0], payload):
                    return True
        return self._read_slowly()

    def _read_control(self, first: int, payload: bytes) -> bool:
        """Read a control frame, which stands at the beginning; return False if it is a Close that breaks a rule."""
        size = 2 + MASK_LENGTH + len(payload)
        if first == CLOSE:
            close = read_close(payload)
            if close is None:
                return False
            self._data = b""  # nothing counts behind a Close (RFC 6455, 5.5.1)
            self.flow.frame()
            self._owner.let_go(close)
            return True
        self._data = self._data[size:]
        self.flow.frame()
        if first == PING and self._owner.phase is Phase.OPEN:
            self._send_pong(payload)
        elif first == PONG and payload:
            self._session.outgoing.ponged(payload)
        return True

    def _send_pong(self, payload: bytes) -> None:
        """Answer a Ping at once; for a client that does not read, only the last one, when it does (RFC 6455, 5.5.3)."""
        if self._owner.send_buffer.paused:
            self._pong = payload
        else:
            self._owner.send_buffer.write(encode_control(PONG, payload))

    def _read_slowly(self) -> bool:
        slow, data, session = self._slow, self._data, self._session
        if slow is None:
            slow = self._slow = SlowFrames(self._context.make_codec(), self._context.max_message_size)
        expected = slow.expected(data)
        if expected is not None:
            session.announce(expected)
            if self.flow.paused:
                return True
        read = slow.read(data, self.flow)
        self._data = data[read:]
        if slow.message is not None:
            session.received(slow.message)
        if slow.failure is not None:
            self._failed(*slow.failure)
        if slow.closed or slow.violated_again:
            self._data = b""
            self._owner.let_go((None, "") if slow.closed else None)
        return read > 0

    def _failed(self, code: int, reason: str) -> None:
        """Tell the session of a violation, and begin to close, or let go a client to which a Close has gone before."""
        owner = self._owner
        cause = Cause.TOO_BIG if code == CloseCode.TOO_BIG else Cause.PROTOCOL_ERROR
        self._session.fail(cause, code, reason)
        if owner.phase is Phase.OPEN:
            owner.close(code, reason)
        else:
            owner.let_go(None)
