"""Connection ids: 32 characters of [A-Za-z0-9], 8 that name the running process, then 24 random ones.

24 characters of 62 are 142 bits: an id cannot be guessed, and none is ever minted twice.
"""

from __future__ import annotations

import string
from collections.abc import Callable

ALPHABET = string.digits + string.ascii_letters
PREFIX_LENGTH = 8
ID_LENGTH = 32

_LETTERS = frozenset(ALPHABET)


def _spell(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(digits)


def is_id(text: str) -> bool:
    """Say if a path segment has the shape of a connection id. Every other path of the API has another shape."""
    return len(text) == ID_LENGTH and _LETTERS.issuperset(text)


class IdMint:
    """Mints the ids of one process.

    `below(n)` gives a random number from 0 to n - 1 that nobody can predict (`secrets.randbelow`).
    """

    def __init__(self, below: Callable[[int], int]) -> None:
        self._below = below
        self.prefix = _spell(below(62**PREFIX_LENGTH), PREFIX_LENGTH)

    def mint(self) -> str:
        """A new id."""
        length = ID_LENGTH - PREFIX_LENGTH
        return self.prefix + _spell(self._below(62**length), length)
