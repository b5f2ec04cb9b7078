"""The usual frames, read and written the short way: a whole message in one frame, without extensions.

Reading leaves everything else, and whatever is wrong, to Autobahn, which has the frame anew from its first byte.
"""

from __future__ import annotations

from autobahn.websocket.xormasker import create_xor_masker  # type: ignore[attr-defined]

from wsaas.core.model import Frame

_TEXT, _BINARY = 0x81, 0x82  # FIN and opcode (RFC 6455, 5.2)
_MASKED = 0x80
MASK_LENGTH = 4
_SMALL = 1024
"""Up to here a big integer is the faster mask."""


def measure(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the mask begins and how long the payload is, if a whole message stands in one frame at `at`."""
    rest = len(data) - at
    if rest < 6 or data[at] not in (_TEXT, _BINARY) or not data[at + 1] & _MASKED:
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
    """The message at `at`, which `measure` has measured; None if it is a text that is not UTF-8."""
    mask, masked = data[start : start + MASK_LENGTH], data[start + MASK_LENGTH : start + MASK_LENGTH + length]
    if length <= _SMALL:
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
        payload = (int.from_bytes(masked, "little") ^ key).to_bytes(length, "little")
    else:
        payload = bytes(create_xor_masker(mask, length).process(masked))
    if data[at] == _BINARY:
        return Frame(payload, True)
    try:
        payload.decode()
    except UnicodeDecodeError:
        return None
    return Frame(payload, False)


def encode(frame: Frame) -> bytes:
    """The frame as a server sends it: one, and not masked."""
    payload = frame.payload
    length = len(payload)
    opcode = b"\x82" if frame.binary else b"\x81"
    if length < 126:
        return b"%b%c%b" % (opcode, length, payload)
    if length < 65536:
        return b"%b\x7e%b%b" % (opcode, length.to_bytes(2, "big"), payload)
    return b"%b\x7f%b%b" % (opcode, length.to_bytes(8, "big"), payload)


class Encoder:
    """Encodes the same frame once for all who get it: it keeps the last one, and how it is `encoded`."""

    __slots__ = ("encoded", "frame")

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self.encoded = b""

    def encode(self, frame: Frame) -> bytes:
        if frame is not self.frame:
            self.encoded = encode(frame)
            self.frame = frame
        return self.encoded
