"""Connection ids."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.core.ids import ALPHABET, ID_LENGTH, PREFIX_LENGTH, IdMint, is_id


def dice(*numbers: int) -> Callable[[int], int]:
    """Throws these numbers, one after the other."""
    rest = list(numbers)
    return lambda below: rest.pop(0) % below


class MintTests(SynchronousTestCase):
    def test_shape(self) -> None:
        """32 characters of [A-Za-z0-9], of which the first 8 are the process's own."""
        mint = IdMint(secrets.randbelow)
        ids = [mint.mint() for _ in range(100)]
        self.assertEqual(len(set(ids)), 100)
        for id in ids:
            self.assertRegex(id, r"\A[A-Za-z0-9]{32}\Z")
            self.assertEqual(id[:8], mint.prefix)

    def test_two_processes(self) -> None:
        """Each process has a prefix of its own."""
        self.assertNotEqual(IdMint(dice(1)).prefix, IdMint(dice(2)).prefix)

    def test_all_ids_are_equally_likely(self) -> None:
        """Every character is drawn from the whole alphabet: as many numbers are asked for as there are ids."""
        self.assertEqual((len(ALPHABET), len(set(ALPHABET))), (62, 62))
        asked = []
        IdMint(lambda below: asked.append(below) or 0).mint()
        self.assertEqual(asked, [62**8, 62**24])

    @examples(200)
    @given(st.integers(0, 62**8 - 1), st.integers(0, 62**24 - 1))
    def test_one_number_one_id(self, first: int, second: int) -> None:
        """The id gives the numbers back, so two different draws are two different ids."""
        id = IdMint(dice(first, second)).mint()
        self.assertEqual(len(id), ID_LENGTH)
        for number, digits in [(first, id[:PREFIX_LENGTH]), (second, id[PREFIX_LENGTH:])]:
            self.assertEqual(sum(ALPHABET.index(digit) * 62**place for place, digit in enumerate(digits)), number)


class IsIdTests(SynchronousTestCase):
    def test_ids(self) -> None:
        """What is minted is an id."""
        self.assertTrue(is_id(IdMint(secrets.randbelow).mint()))
        self.assertTrue(is_id("0" * 32))

    def test_not_ids(self) -> None:
        """No other first segment of a path is one, nor is anything that only looks like it."""
        for segment in ("", "connections", "broadcast", "groups", "-", "@connections", "a" * 31, "a" * 33):
            self.assertFalse(is_id(segment), segment)
        for character in ("-", "_", "/", "%", "@", " ", "\n", "\0", "\u00e9", "\u0663", "\uff21"):
            self.assertFalse(is_id("a" * 31 + character), repr(character))
            self.assertFalse(is_id(character + "a" * 31), repr(character))
