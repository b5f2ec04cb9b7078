"""Frames as bytes (RFC 6455, 5.2): whole messages in one frame, control frames, and the headers of all others.

`measure` and `take` are the fast path for messages; `take_only` is a shorter one for a message by itself, and so is
`take_several` for several short ones. All else, and whatever is wrong, is for the slow path (`slow_frames`), which has
the frame anew from its first byte.
"""

from __future__ import annotations

from autobahn.websocket.xormasker import create_xor_masker  # type: ignore[attr-defined]

from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame, Messages, is_text

_TEXT, _BINARY = 0x81, 0x82  # FIN and opcode
CLOSE, PING, PONG = 0x88, 0x89, 0x8A
"""The first byte of a control frame: FIN and opcode."""
FIN, COMPRESSED, OPCODE = 0x80, 0x40, 0x0F
"""The bits of a frame's first byte. COMPRESSED is the bit of RFC 7692, 6."""
MASKED = 0x80
"""The bit of a frame's second byte."""
MASK_LENGTH = 4
SMALL = 1024
"""Bytes up to which a big integer is the faster mask."""
_REPEATED = tuple(sum(1 << 32 * at for at in range(words)) for words in range(SMALL // MASK_LENGTH + 2))
"""Factors, by words of four bytes: a mask times one of them is the mask so many times."""
_FIRST_WORD = 0xFFFFFFFF
_from_bytes = int.from_bytes  # a method of a class is made anew each time
_CONTROL_MAX = 125
SHORT_TEXT, SHORT_BINARY = ([bytes((first, length)) for length in range(126)] for first in (_TEXT, _BINARY))
"""The headers of a server's messages of up to 125 bytes, by their length."""
_SHORT_HEADER = 2 + MASK_LENGTH
_SHORT_CLOSE, _SHORT_CLOSE_LENGTH = _SHORT_HEADER + 2, MASKED | 2
"""The bytes of a client's Close with a code and no reason, and the second of them."""
_BESIDE = OVERHEAD - MASK_LENGTH
"""Bytes of a lane that a message takes beside its mask and its payload."""
_LONGER = MASKED | 126
"""The second byte of a masked frame whose length follows in two bytes."""
_known = {
    bytes((first, MASKED | length)): (
        MASK_LENGTH + length,
        _REPEATED[length + 7 >> 2],
        length + 7 & ~3,
        first == _BINARY,
    )
    for first in (_TEXT, _BINARY)
    for length in range(126)
}.get
"""A short message from a client, by its first two bytes: the number of bytes behind these, the factor of its mask, the
bytes of whole words, and if it is binary.
"""

REGISTERED = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
"""Close codes below 3000 that a Close frame may carry (IANA, "WebSocket Close Code Number Registry")."""


def measure(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the mask begins and how long the payload is, if a whole message stands in one frame at `at`.

    None if it is another frame, or is not all there.
    """
    rest = len(data) - at
    if rest < 6 or data[at] not in (_TEXT, _BINARY) or not data[at + 1] & MASKED:
        return None
    length = data[at + 1] & 0x7F
    start = at + 2
    if length == 126:
        length = data[at + 2] << 8 | data[at + 3]
        start = at + 4
        if length < 126:
            return None
    elif length == 127:
        return None
    return (start, length) if start + MASK_LENGTH + length <= len(data) else None


def take(data: bytes, at: int, start: int, length: int) -> Frame | None:
    """Return the message at `at`, which `measure` has measured; None if it is a text that is not UTF-8."""
    payload = _unmasked(data, start, length)
    if data[at] == _BINARY:
        return Frame(payload, True)
    return Frame(payload, False) if is_text(payload) else None


def take_only(data: bytes) -> Frame | None:
    """Return the message that is all of `data`, in one frame of at most SMALL bytes of payload; None if it is not.

    Fast path: as `measure` and `take`, which do it where there is more or less than that.
    """
    known = _known(data[:2])
    if known is None:
        known = _measure_longer(data, 0)
        if known is None:
            return None  # before `data` is copied, which may be a long message
        masked = data[4:]
    else:
        masked = data[2:]
    size, factor, width, binary = known
    if len(masked) != size:
        return None
    number = _from_bytes(masked, "little")
    payload = (number ^ (number & _FIRST_WORD) * factor).to_bytes(width, "little")[MASK_LENGTH:size]
    return Frame(payload, binary) if binary or payload.isascii() or is_text(payload) else None


def take_several(data: bytes, most: int, room: int) -> tuple[Messages, int] | None:
    """Return the messages with which `data` begins, and where they end; None if there are none.

    There are `most` of them at most, for which a lane has `room`. Each is whole, in one frame of at most SMALL bytes of
    payload. Reading ends before anything else.

    Fast path: as `measure` and `take` for each, which do it where there is more or less than that.
    """
    frames: list[Frame] = []
    at, end, binaries = 0, len(data), 0
    given = left = room
    for _ in range(most):
        start = at + 2
        known = _known(data[at:start])
        if known is None:
            known, start = _measure_longer(data, at), at + 4
            if known is None:
                break
        size, factor, width, binary = known
        stop = start + size
        room -= size + _BESIDE
        if stop > end or room < 0:
            break
        number = _from_bytes(data[start:stop], "little")  # with the mask itself, which becomes 0
        payload = (number ^ (number & _FIRST_WORD) * factor).to_bytes(width, "little")[MASK_LENGTH:size]
        if binary:
            binaries += 1
        elif not payload.isascii() and not is_text(payload):
            break
        frames.append(Frame(payload, binary))
        left, at = room, stop
    return (Messages(frames, given - left - len(frames) * OVERHEAD, binaries), at) if frames else None


def _measure_longer(data: bytes, at: int) -> tuple[int, int, int, bool] | None:
    """Return what `_known` has for shorter ones of the message at `at`, of 126 bytes to SMALL; None if it is another
    frame.
    """
    if len(data) - at < 4 or data[at + 1] != _LONGER or data[at] not in (_TEXT, _BINARY):
        return None
    length = data[at + 2] << 8 | data[at + 3]
    if not 126 <= length <= SMALL:  # longer, or longer than it need be
        return None
    return MASK_LENGTH + length, _REPEATED[length + 7 >> 2], length + 7 & ~3, data[at] == _BINARY


def _unmasked(data: bytes, start: int, length: int) -> bytes:
    """Return the payload whose mask begins at `start` (RFC 6455, 5.3)."""
    mask, masked = data[start : start + MASK_LENGTH], data[start + MASK_LENGTH : start + MASK_LENGTH + length]
    if length > SMALL:
        return bytes(create_xor_masker(mask, length).process(masked))
    key = _from_bytes((mask * (length // 4 + 1))[:length], "little")
    return (_from_bytes(masked, "little") ^ key).to_bytes(length, "little")


def is_control(data: bytes) -> bool:
    """Say if `data`, two bytes or more, begins with a control frame that breaks no rule so far (RFC 6455, 5.5)."""
    return data[0] in (CLOSE, PING, PONG) and bool(data[1] & MASKED) and data[1] & 0x7F <= _CONTROL_MAX


def take_control(data: bytes) -> bytes | None:
    """Return the payload of the control frame with which `data` begins (`is_control`); None if it is not all there."""
    length = data[1] & 0x7F
    return _unmasked(data, 2, length) if 2 + MASK_LENGTH + length <= len(data) else None


def read_short_close(data: bytes) -> tuple[int, str] | None:
    """Return the code and the empty reason of a Close with a code alone, which is all of `data`; None if it is another.
    The first byte of `data` is that of a Close, as the caller knows.

    Fast path: as `is_control`, `take_control` and `read_close`, for the Close that nearly every client sends.
    """
    if len(data) != _SHORT_CLOSE or data[1] != _SHORT_CLOSE_LENGTH:
        return None
    code = (data[6] ^ data[2]) << 8 | data[7] ^ data[3]
    return (code, "") if code in REGISTERED or 3000 <= code <= 4999 else None


def read_close(payload: bytes) -> tuple[int | None, str] | None:
    """Return the code and the reason of a Close frame; None if it breaks a rule (RFC 6455, 7.4)."""
    if not payload:
        return None, ""
    code = int.from_bytes(payload[:2], "big")
    if code not in REGISTERED and not 3000 <= code <= 4999:
        return None
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        return None


def measure_header(data: bytes) -> tuple[int, int] | None:
    """Return the bytes of the header with which `data` begins, its mask included, and those of the payload.

    None if the header is not all there.
    """
    if len(data) < 2:
        return None
    length = data[1] & 0x7F
    size = 2
    if length >= 126:
        size = 4 if length == 126 else 10
        length = int.from_bytes(data[2:size], "big")
    if data[1] & MASKED:
        size += MASK_LENGTH
    return (size, length) if size <= len(data) else None


def encode(frame: Frame) -> bytes:
    """Return the message as a server sends it: in one frame, and not masked."""
    payload = frame.payload
    length = len(payload)
    if length < 126:
        return (SHORT_BINARY if frame.binary else SHORT_TEXT)[length] + payload
    opcode = b"\x82" if frame.binary else b"\x81"
    if length < 65536:
        return b"%b\x7e%b%b" % (opcode, length.to_bytes(2, "big"), payload)
    return b"%b\x7f%b%b" % (opcode, length.to_bytes(8, "big"), payload)


def encode_close(code: int | None, reason: str) -> bytes:
    """Return a Close frame; without a code it has no reason either."""
    return encode_control(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode())


def encode_control(first: int, payload: bytes = b"") -> bytes:
    """Return a control frame of at most 125 bytes of payload, as a server sends it; `first` is its first byte."""
    return b"%c%c%b" % (first, len(payload), payload)


class Encoder:
    """Encodes a frame for many clients once: it keeps the last frame, and the bytes that it was `encoded` to."""

    __slots__ = ("encoded", "frame")

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self.encoded = b""

    def encode(self, frame: Frame) -> bytes:
        """Return the frame as bytes."""
        if frame is not self.frame:
            self.encoded = encode(frame)
            self.frame = frame
        return self.encoded
