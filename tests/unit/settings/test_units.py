"""wsaas.settings.units: durations and sizes with and without units, read and written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.settings.units import duration, format_duration, format_size, size

DAY = 86_400_000
BAD = (
    "",
    " ",
    "-1",
    "+5",
    "1_000",
    "٣",
    "1.5",
    "1,5",
    "5 minutes",
    "s",
    "1e3",
    "1 ",
    "1  s",
    "0x10",
    "1.s",
    ".5s",
    "1s1",
)


class DurationTests(SynchronousTestCase):
    def test_good(self) -> None:
        """A bare number is milliseconds; ms, s, m, h and d stand behind one, in any case, also behind a fraction."""
        parse = duration(0, 30 * DAY)
        for text, seconds in {
            "0": 0.0, "30000": 30.0, "500ms": 0.5, "30s": 30.0, "30 s": 30.0, "2m": 120.0, "24h": 86400.0,
            "1d": 86400.0, "1.5s": 1.5, "0.001s": 0.001, "1.5H": 5400.0, "10S": 10.0, "0s": 0.0,
        }.items():  # fmt: skip
            self.assertEqual(parse(text), seconds, text)

    def test_bad(self) -> None:
        """A text that is no number, has another unit, or is no whole number of milliseconds is refused."""
        wanted = "must be a duration from 100ms to 24h, such as 30s, or 0 for off; a bare number is milliseconds"
        for text in (*BAD, "1M1", "1MB", "1kib", "0.5ms", "99", "86400001", "25h", "9" * 30):
            with self.assertRaises(ValueError) as caught:
                duration(100, DAY, off=True)(text)
            self.assertEqual(str(caught.exception), wanted, text)

    @examples(100)
    @given(st.integers(0, 30 * DAY) | st.integers(0, 720).map(lambda hours: hours * 3_600_000))
    def test_round_trip(self, milliseconds: int) -> None:
        """A formatted duration is read as the same duration."""
        self.assertEqual(duration(0, 30 * DAY)(format_duration(milliseconds / 1000)), milliseconds / 1000)

    def test_readable(self) -> None:
        """A duration is written in the largest unit that fits, hours at most."""
        for seconds, text in (
            (0, "0"),
            (0.5, "500ms"),
            (1.5, "1500ms"),
            (30, "30s"),
            (90, "90s"),
            (120, "2m"),
            (86400, "24h"),
        ):
            self.assertEqual(format_duration(seconds), text)


class SizeTests(SynchronousTestCase):
    def test_good(self) -> None:
        """A bare number is bytes; kB, MB and GB count in thousands, KiB, MiB and GiB in 1024s, in any case."""
        parse = size(0, 2**31)
        for text, number in {
            "1": 1, "7B": 7, "64KiB": 65536, "64 kib": 65536, "1kB": 1000, "1KB": 1000, "1MB": 10**6, "1MiB": 2**20,
            "2GiB": 2**31, "1GB": 10**9, "0.5KiB": 512, "1.5MB": 1_500_000,
        }.items():  # fmt: skip
            self.assertEqual(parse(text), number, text)

    def test_bad(self) -> None:
        """A text that is no number, has no unit of bytes, or is no whole number of them is refused."""
        wanted = "must be a size from 1 to 2GiB, such as 64KiB or 1MB; a bare number is bytes"
        for text in (*BAD, "0", "1M", "1k", "0.1B", "0.0001kB", "3GiB", "2147483649", "30s"):
            with self.assertRaises(ValueError) as caught:
                size(1, 2**31)(text)
            self.assertEqual(str(caught.exception), wanted, text)

    @examples(100)
    @given(st.integers(0, 2**31) | st.integers(0, 2000).map(lambda number: number * 2**20))
    def test_round_trip(self, number: int) -> None:
        """A formatted size is read as the same size."""
        self.assertEqual(size(0, 2**31)(format_size(number)), number)

    def test_readable(self) -> None:
        """A size is written in the largest unit that fits."""
        for number, text in (
            (0, "0"),
            (1, "1"),
            (65536, "64KiB"),
            (1048576, "1MiB"),
            (2**31, "2GiB"),
            (1_000_000, "1MB"),
        ):
            self.assertEqual(format_size(number), text)
