"""How webhooks in flight are shared."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.concurrency import KINDS, Shares
from wsaas.core.model import Closed, Opened, Received


class SharesTests(SynchronousTestCase):
    def fill(self, shares: Shares, kind: type) -> int:
        count = 0
        while shares.allows(kind):
            shares.enter(kind)
            count += 1
        return count

    def test_quarter_is_kept(self) -> None:
        """One kind alone gets all but a quarter for each other kind, and those get theirs."""
        for kind in KINDS:
            shares = Shares(64)
            self.assertEqual(self.fill(shares, kind), 32)
            others = [other for other in KINDS if other is not kind]
            self.assertEqual([self.fill(shares, other) for other in others], [16, 16])

    def test_borrowed_is_given_back(self) -> None:
        """A place that is free again goes to whoever asks, within the total."""
        shares = Shares(8)
        self.fill(shares, Closed)
        shares.leave(Closed)
        self.assertTrue(shares.allows(Received))
        shares.enter(Received)
        self.assertEqual(self.fill(shares, Opened) + self.fill(shares, Received), 4)
        self.assertEqual(sum(shares.in_flight.values()), 8)

    def test_small_totals(self) -> None:
        """Under 4 nothing is kept back, and the total still holds."""
        for total in (1, 2, 3):
            shares = Shares(total)
            self.assertEqual(self.fill(shares, Closed), total)
            self.assertFalse(shares.allows(Received))
