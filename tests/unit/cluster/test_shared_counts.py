"""The numbers of clients by network, of all workers together."""

from __future__ import annotations

import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.shared_counts import ROWS, SharedCounts


class SharedCountsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def worker(self, number: int, count: int = 3) -> SharedCounts:
        counts = SharedCounts(self.directory, number, count)
        self.addCleanup(counts.close)
        return counts

    def test_together(self) -> None:
        """Each worker hears how many clients of a network there are at all of them."""
        one, two, three = (self.worker(number) for number in (1, 2, 3))
        self.assertEqual([one.add("203.0.113.9"), two.add("203.0.113.9"), three.add("203.0.113.9")], [1, 2, 3])
        self.assertEqual(two.add("203.0.113.10"), 1)
        one.remove("203.0.113.9")
        self.assertEqual(two.add("203.0.113.9"), 3)

    def test_successor(self) -> None:
        """The clients of a worker that died count until its successor begins, those of the others all the while."""
        one, two = self.worker(1), self.worker(2)
        for counts in (one, two, two):
            counts.add("2001:db8::/64")
        successor = self.worker(2)
        self.assertEqual(successor.add("2001:db8::/64"), 2)
        self.assertEqual(self.worker(2, 2).add("2001:db8::/64"), 1)

    def test_rows(self) -> None:
        """Networks are spread over the rows by a key that each table has for itself; the file is for its owner only."""
        one = self.worker(1)
        rows = {one._row(f"198.51.100.{number}") // 3 for number in range(200)}
        self.assertGreater(len(rows), 195)
        self.assertLess(max(rows), ROWS)
        other = self.worker(1, 1)
        self.assertNotEqual(rows, {other._row(f"198.51.100.{number}") for number in range(200)})
        self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in self.directory.iterdir()}, {0o600})
