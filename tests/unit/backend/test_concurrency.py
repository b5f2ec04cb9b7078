"""How webhooks in flight are shared."""

from __future__ import annotations

from copy import deepcopy
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.concurrency import Shares
from wsaas.core.events import EventKind

CONNECT, MESSAGE, REFRESH, DISCONNECT = EventKind


class SharesTests(SynchronousTestCase):
    def fill(self, shares: Shares, kind: EventKind, parties: int = 100) -> int:
        """Take what there is, for so many parties in turn; how many it was."""
        count = refused = 0
        while refused < parties:
            party = f"{(count + refused) % parties}"
            if shares.allow(kind, party):
                shares.acquire(kind, party)
                count, refused = count + 1, 0
            else:
                refused += 1
        return count

    def test_quarter_is_kept(self) -> None:
        """One kind alone gets all but a quarter for each other kind, and those get theirs."""
        kinds = (CONNECT, MESSAGE, DISCONNECT)
        for kind in kinds:
            shares = Shares(64)
            self.assertEqual(self.fill(shares, kind), 32)
            others = [other for other in kinds if other is not kind]
            self.assertEqual([self.fill(shares, other) for other in others], [16, 16])

    def test_refreshes(self) -> None:
        """Refreshes count as messages, an eighth of all places at most; a small total lets one be sent."""
        shares = Shares(64)
        self.assertEqual(self.fill(shares, REFRESH), 8)
        self.assertFalse(shares.room(REFRESH))
        self.assertEqual([self.fill(shares, kind) for kind in (MESSAGE, CONNECT, DISCONNECT)], [24, 16, 16])
        shares.release(REFRESH, "0")
        self.assertTrue(shares.room(REFRESH) and shares.room(MESSAGE))
        self.assertEqual([self.fill(shares, kind) for kind in (MESSAGE, REFRESH)], [1, 0])
        self.assertFalse(any(shares.room(kind) for kind in EventKind))
        self.assertEqual(self.fill(Shares(1), REFRESH), 1)

    def test_borrowed_is_given_back(self) -> None:
        """A place that is free again goes to the next party that asks, within the total."""
        shares = Shares(8)
        self.fill(shares, DISCONNECT)
        shares.release(DISCONNECT, "0")
        self.assertTrue(shares.allow(MESSAGE, "a"))
        shares.acquire(MESSAGE, "a")
        self.assertEqual(self.fill(shares, CONNECT) + self.fill(shares, MESSAGE), 4)
        self.assertEqual(sum(shares.in_flight.values()), 8)

    def test_small_totals(self) -> None:
        """Under 4 nothing is kept back for kinds or parties, and the total still holds."""
        for total in (1, 2, 3):
            shares = Shares(total)
            self.assertEqual(self.fill(shares, DISCONNECT, parties=1), total)
            self.assertFalse(shares.allow(MESSAGE, "another"))

    def test_parties(self) -> None:
        """One party gets three quarters of what its kind can have, and then there is something for others, too."""
        shares = Shares(64)
        self.assertEqual(self.fill(shares, CONNECT, parties=1), 24)
        self.assertFalse(shares.allow(CONNECT, "0"))
        self.assertTrue(all([shares.allow(kind, "0") for kind in (MESSAGE, DISCONNECT)]))
        for party, places in (("b", 6), ("c", 2)):
            taken = 0
            while shares.allow(CONNECT, party):
                shares.acquire(CONNECT, party)
                taken += 1
            self.assertEqual(taken, places)

    def test_nothing_is_remembered(self) -> None:
        """When nothing is in flight, no party is known."""
        shares = Shares(64)
        for _ in range(3):
            shares.acquire(CONNECT, "a")
        shares.acquire(MESSAGE, "b")
        for kind, party in ((CONNECT, "a"), (CONNECT, "a"), (CONNECT, "a"), (MESSAGE, "b")):
            shares.release(kind, party)
        self.assertEqual([held for held in shares._held.values() if held], [])
        self.assertEqual(self.fill(shares, CONNECT), 32)

    def test_try_acquire(self) -> None:
        """A place is acquired in one step exactly where it could be asked for and acquired; else nothing changes."""
        random, acquired = Random(3), 0
        for _ in range(300):
            one, other = (Shares(total) for total in [random.choice((1, 3, 8, 16, 64))] * 2)
            for _ in range(40):
                kind, party = random.choice(list(EventKind)), random.choice("aaaaaabc")
                allowed = other.allow(kind, party)
                if allowed:
                    other.acquire(kind, party)
                    acquired += 1
                self.assertEqual(one.try_acquire(kind, party), allowed)
                self.assertEqual(one.__dict__, other.__dict__)
        self.assertTrue(1000 < acquired < 11000, acquired)

    def test_pass_on(self) -> None:
        """A place is passed on exactly where it could be released, asked for and acquired; else nothing changes."""
        random, passed = Random(3), 0
        for _ in range(3000):
            one, other = Shares(random.choice((1, 3, 8, 16))), Shares(0)
            held: list[tuple[EventKind, str]] = []
            for _ in range(20):
                kind, party = random.choice(list(EventKind)), random.choice("aaabc")
                if one.allow(kind, party):
                    one.acquire(kind, party)
                    held.append((kind, party))
            messages = [party for kind, party in held if kind is MESSAGE]
            if not messages:
                continue
            giver, taker = random.choice(messages), random.choice("aaabc")
            other.__dict__.update(deepcopy(one.__dict__))
            before = deepcopy(one.__dict__)
            other.release(MESSAGE, giver)
            allowed = other.allow(MESSAGE, taker)
            self.assertEqual(one.pass_on(MESSAGE, giver, taker), allowed)
            if allowed:
                passed += 1
                other.acquire(MESSAGE, taker)
                other.offers -= 1
                self.assertEqual(one.__dict__, other.__dict__)
            else:
                self.assertEqual(one.__dict__, before)
        self.assertTrue(500 < passed < 2900, passed)
