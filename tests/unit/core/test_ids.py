"""Connection ids and trace ids."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.core.ids import ALPHABET, ID_LENGTH, PREFIX_LENGTH, IdMint, is_id

RANDOM_LENGTH = ID_LENGTH - PREFIX_LENGTH


def drawing(*draws: bytes) -> Callable[[int], bytes]:
    """Gives these bytes, one after the other."""
    rest = list(draws)
    return lambda length: rest.pop(0)


class MintTests(SynchronousTestCase):
    def test_shape(self) -> None:
        """32 characters of [A-Za-z0-9], of which the first 8 are the process's own."""
        mint = IdMint(secrets.token_bytes)
        ids = [mint.mint() for _ in range(100)]
        self.assertEqual(len(set(ids)), 100)
        for id in ids:
            self.assertRegex(id, r"\A[A-Za-z0-9]{32}\Z")
            self.assertEqual(id[:8], mint.prefix)

    def test_two_processes(self) -> None:
        """Each process has a prefix of its own."""
        self.assertNotEqual(IdMint(drawing(b"a" * 8)).prefix, IdMint(drawing(b"b" * 8)).prefix)

    def test_all_characters_are_equally_likely(self) -> None:
        """Of the 256 bytes four stand for each character of the alphabet, and the other eight for none."""
        self.assertEqual((len(ALPHABET), len(set(ALPHABET))), (62, 62))
        first = Counter(IdMint(drawing(bytes([byte, *bytes(PREFIX_LENGTH)]))).prefix[0] for byte in range(256))
        first["0"] -= 8  # that of the zero behind a byte that stands for no character
        self.assertEqual(first, dict.fromkeys(ALPHABET, 4))

    @examples(200)
    @given(st.lists(st.integers(0, 247), min_size=RANDOM_LENGTH, max_size=RANDOM_LENGTH + 16))
    def test_a_byte_for_each_character(self, drawn: list[int]) -> None:
        """Each character comes from a byte of its own, so all of what is drawn is in the id."""
        id = IdMint(drawing(bytes(PREFIX_LENGTH), bytes(drawn))).mint()
        expected = "".join(ALPHABET[byte % 62] for byte in drawn[:RANDOM_LENGTH])
        self.assertEqual(id, "0" * PREFIX_LENGTH + expected)

    def test_as_many_as_needed(self) -> None:
        """Where too many of the bytes stand for no character, more are drawn."""
        id = IdMint(drawing(bytes(8), b"\xff" * 40, b"\1" * 23, b"\2\3")).mint()
        self.assertEqual(id, "0" * 8 + "1" * 23 + "2")


class TraceTests(SynchronousTestCase):
    @examples(100)
    @given(st.binary(min_size=56, max_size=56))
    def test_both_at_once(self, drawn: bytes) -> None:
        """Id and trace id of one draw are those that its bytes give to each by itself, and share none of them."""
        mint = IdMint(drawing(bytes(8), drawn, b"\1" * 40, b"\2" * 16))
        text = [byte for byte in drawn[16:] if byte < 248]
        if len(text) < 24 or not any(drawn[:16]):
            self.assertEqual(mint.mint_both(), ("0" * 8 + "1" * 24, "02" * 16))
        else:
            id = "0" * 8 + "".join(ALPHABET[byte % 62] for byte in text[:24])
            self.assertEqual(mint.mint_both(), (id, drawn[:16].hex()))

    def test_both_anew(self) -> None:
        """Where the draw does not give them, both are drawn anew."""
        for drawn in (b"\7" * 16 + b"\xff" * 17 + b"\7" * 23, bytes(16) + b"\7" * 40):
            mint = IdMint(drawing(bytes(8), drawn, b"\1" * 40, b"\2" * 16))
            self.assertEqual(mint.mint_both(), ("0" * 8 + "1" * 24, "02" * 16))

    def test_never_zero(self) -> None:
        """A trace id is 32 hexadecimal digits; the one of zeros, which the standard forbids, is never made."""
        mint = IdMint(drawing(bytes(8), bytes(16), bytes(15) + b"\xab"))
        self.assertEqual(mint.mint_trace(), "0" * 30 + "ab")


class IsIdTests(SynchronousTestCase):
    def test_ids(self) -> None:
        """What is minted is an id."""
        self.assertTrue(is_id(IdMint(secrets.token_bytes).mint()))
        self.assertTrue(is_id("0" * 32))

    def test_not_ids(self) -> None:
        """No other first segment of a path is one, nor is anything that only looks like it."""
        for segment in ("", "connections", "broadcast", "groups", "-", "@connections", "a" * 31, "a" * 33):
            self.assertFalse(is_id(segment), segment)
        for character in ("-", "_", "/", "%", "@", " ", "\n", "\0", "\u00e9", "\u0663", "\uff21"):
            self.assertFalse(is_id("a" * 31 + character), repr(character))
            self.assertFalse(is_id(character + "a" * 31), repr(character))
