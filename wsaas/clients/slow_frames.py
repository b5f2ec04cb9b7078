"""Slow path for frames: fragmented, compressed and long messages, frames that came in part, and violations.

Autobahn reads them (`wsaas.internals.autobahn`), one after the other; here only their headers are read, so that reading
can stop before each, and a message has not more fragments than it is worth.

After a violation nothing is read any more (RFC 6455, 7.1.7): frames are skipped, and only the client's Close counts.
"""

from __future__ import annotations

from wsaas.clients.frames import COMPRESSED, FIN, MASKED, OPCODE, PING, PONG, measure_header
from wsaas.clients.read_control import ReadControl
from wsaas.core.events import CloseCode
from wsaas.core.model import Frame
from wsaas.internals.autobahn import AutobahnCodec

MAX_FRAGMENTS = 1024
"""Fragments of one message. It may have more only if they have `WORTHWHILE` bytes on average."""
WORTHWHILE = 32
MAX_INFLATION = 1032
"""Bytes that one byte of compressed data can become (RFC 1951, 3.2.5: 258 bytes take two bits at least)."""
HELD_BACK = 32
"""Bytes of compressed data that zlib may hold back from a message before; it has some of them in its registers."""

_CONTROL = 0x08  # in an opcode
_RESERVED = 0x70  # bits that are for extensions
_SKIPPED = frozenset((0, 1, 2, PING & OPCODE, PONG & OPCODE))


class SlowFrames:
    """Reads one client's frames by Autobahn, from the first on that has no fast path.

    `max_length` is that of a message, in bytes. Bound: as AutobahnCodec.
    """

    __slots__ = (
        "_codec",
        "_fragments",
        "_given",
        "_inflates",
        "_inside",
        "_length",
        "_max_length",
        "_missing",
        "closed",
        "compressing",
        "failure",
        "message",
        "violated_again",
    )

    def __init__(self, codec: AutobahnCodec, max_length: int) -> None:
        self._codec: AutobahnCodec | None = codec
        """None after a violation."""
        self._max_length = max_length
        self._given = 0
        """Bytes of a header that is not all there which Autobahn has already."""
        self._missing = 0
        """Bytes of the current frame's payload that have not come."""
        self._inside = False
        """Set while a message has fragments to come."""
        self._inflates = False
        """Set while the message is a compressed one."""
        self._fragments = self._length = 0
        """Of the current message so far; the length in bytes as they came."""
        self.compressing = codec.compressing
        """Set if permessage-deflate was agreed on."""
        self.message: Frame | None = None
        """The message that the last `read` completed."""
        self.failure: tuple[int, str] | None = None
        """The close code and the reason of the violation that the last `read` found."""
        self.closed = False
        """Set if that violation was in a Close frame."""
        self.violated_again = False
        """Set when another one is found, in the same frame or in one that is skipped."""

    @property
    def between_frames(self) -> bool:
        """Return True if the next byte is the first one of a frame."""
        return not (self._missing or self._given)

    @property
    def between_messages(self) -> bool:
        """Return True if the next frame may be read on the fast path."""
        return not (self._missing or self._given or self._inside or self.compressing or self._codec is None)

    def expected(self, data: bytes) -> int | None:
        """Return how many bytes the message will have at least that begins or goes on with `data`; None for no message.

        How long a compressed message gets is known only when it is there: this is then the most that it can become.
        """
        header = None if self._missing or self._codec is None else measure_header(data)
        if header is None or data[0] & _CONTROL:
            return None
        inflates = self._inflates if self._inside else self.compressing and data[0] & COMPRESSED
        length = header[1] + (self._length if self._inside else 0)
        if length > self._max_length:
            return None
        return min(self._max_length, MAX_INFLATION * (length + HELD_BACK)) if inflates else length

    def read(self, data: bytes, flow: ReadControl) -> int:
        """Read the frame that begins, or goes on, with `data`; return how many bytes are read, 0 to wait for more.

        The attributes say what came of it.
        """
        self.message = self.failure = None
        if self._missing:
            end = min(len(data), self._missing)
            self._missing -= end
            self._give(data[:end])
            return end
        given = self._given
        header = measure_header(data)
        if header is None:
            self._given = len(data)
            self._give(data[given:])
            return 0
        flow.frame()
        self._given = 0
        end = min(len(data), sum(header))
        self._missing = sum(header) - end
        if self._codec is None:
            self.violated_again = not given and not self._may_be_skipped(data)
        elif self._begins(data[0], header[1]):
            self._give(data[given:end])
        return end

    def encode(self, frame: Frame) -> bytes:
        """Return a message as bytes, for a connection whose messages are compressed."""
        assert self._codec is not None
        return self._codec.encode(frame.payload, frame.binary)

    def close(self) -> None:
        """Let go of Autobahn's side."""
        codec, self._codec = self._codec, None
        if codec is not None:
            codec.close()

    def _begins(self, first: int, length: int) -> bool:
        """Count the frame if it is one of a message; return False if that has too many."""
        if first & _CONTROL:
            return True
        if not self._inside:
            self._fragments = self._length = 0
            self._inflates = self.compressing and bool(first & COMPRESSED)
        self._inside = not first & FIN
        self._fragments += 1
        self._length += length
        if MAX_FRAGMENTS < self._fragments and self._length < WORTHWHILE * self._fragments:
            self._fail(CloseCode.POLICY, "too many small fragments")
            return False
        return True

    def _give(self, data: bytes) -> None:
        codec = self._codec
        if codec is None or not data:
            return
        codec.receive(data)
        if codec.failure is not None:
            self.closed, self.violated_again = codec.closed, codec.violated_again
            self._fail(*codec.failure)
        elif codec.message is not None:
            self.message = Frame(*codec.message)

    def _fail(self, code: int, reason: str) -> None:
        self.failure = code, reason
        self.close()

    def _may_be_skipped(self, data: bytes) -> bool:
        """Say if this frame, behind a violation, breaks no rule. (A Close does: a sound one is not read here.)"""
        reserved = _RESERVED & ~COMPRESSED if self.compressing else _RESERVED
        return bool(data[1] & MASKED) and not data[0] & reserved and data[0] & OPCODE in _SKIPPED
