"""Connection ids: 32 characters of [A-Za-z0-9], 8 that name the running process, then 24 random ones. And trace ids.

24 characters of 62 are 142 bits: an id cannot be guessed, and none is ever minted twice.
"""

from __future__ import annotations

import string
from collections.abc import Callable

ALPHABET = string.digits + string.ascii_letters
PREFIX_LENGTH = 8
ID_LENGTH = 32

_CHARACTERS = frozenset(ALPHABET)
# A byte stands for a character; each character for four bytes, so that all are equally likely. 8 bytes are left over.
_OF_BYTES = (ALPHABET * 5)[:256].encode("ascii")
_LEFT_OVER = bytes(range(248, 256))
_ENOUGH = 16
"""Bytes drawn beyond those that are needed: with more than that left over, more are drawn."""

_TRACE_BYTES = 16

RandomBytes = Callable[[int], bytes]
"""Gives so many bytes that nobody can predict, such as `secrets.token_bytes`."""


def _characters(length: int, random_bytes: RandomBytes) -> str:
    drawn = b""
    while len(drawn) < length:
        drawn += random_bytes(length + _ENOUGH).translate(_OF_BYTES, _LEFT_OVER)
    return drawn[:length].decode("ascii")


def is_id(text: str) -> bool:
    """Say if a path segment has the shape of a connection id. Every other path of the API has another shape."""
    return len(text) == ID_LENGTH and _CHARACTERS.issuperset(text)


class IdMint:
    """Mints the ids of one process."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random_bytes = random_bytes
        self.prefix = _characters(PREFIX_LENGTH, random_bytes)

    def mint(self) -> str:
        """Return a new connection id."""
        return self.prefix + _characters(ID_LENGTH - PREFIX_LENGTH, self._random_bytes)

    def mint_both(self) -> tuple[str, str]:
        """Return a new connection id and a new trace id, from one draw."""
        drawn = self._random_bytes(_TRACE_BYTES + ID_LENGTH - PREFIX_LENGTH + _ENOUGH)
        trace = drawn[:_TRACE_BYTES]
        text = drawn[_TRACE_BYTES:].translate(_OF_BYTES, _LEFT_OVER)
        if len(text) < ID_LENGTH - PREFIX_LENGTH or not trace.strip(b"\0"):
            return self.mint(), self.mint_trace()
        return self.prefix + text[: ID_LENGTH - PREFIX_LENGTH].decode("ascii"), trace.hex()

    def mint_trace(self) -> str:
        """Return a new trace id: 32 hexadecimal digits, not all of them 0 (W3C Trace Context, 3.2.2.3)."""
        while not (drawn := self._random_bytes(_TRACE_BYTES)).strip(b"\0"):
            pass
        return drawn.hex()
