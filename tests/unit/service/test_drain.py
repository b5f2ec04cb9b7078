"""The pace of a drain: how fast clients are let go, by what the others can take."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.drain import PACE, Drain, batch_size


async def done(*ignored: object) -> None:
    """Do nothing, for those parts of a gateway that end."""


class BatchTests(SynchronousTestCase):
    def test_alone(self) -> None:
        """A gateway without others closes all within the time, and some 500 a second at least."""
        self.assertEqual(batch_size(10, 10), 50)
        self.assertEqual(batch_size(5000, 10), 50)
        self.assertEqual(batch_size(25_000, 10), 250)
        self.assertEqual(batch_size(7, 0), 50)
        self.assertEqual(batch_size(700, 0), 700)

    def test_others(self) -> None:
        """A node gives each of the others 500 a second at most, and takes longer for that, up to a bound."""
        self.assertEqual(batch_size(25_000, 10, others=5, longest=20), 250)
        self.assertEqual(batch_size(25_000, 10, others=9, longest=20), 250)
        self.assertEqual(batch_size(25_000, 10, others=3, longest=20), 150)
        self.assertEqual(batch_size(25_000, 10, others=1, longest=20), 125)
        self.assertEqual(batch_size(100, 10, others=1, longest=20), 50)
        self.assertEqual(batch_size(700, 0, others=1, longest=0), 700)


class PaceTests(SynchronousTestCase):
    def paced(self, count: int, others: int | None) -> list[int]:
        """How many of so many clients are closed after each turn of the pace, by a drain of 30 seconds."""
        clock, closed = Clock(), []
        left = list(range(count))

        def close(client: int) -> bool:
            closed.append(client)
            if len(closed) == count:
                left.clear()
            return True

        node = None
        if others is not None:
            report = SimpleNamespace(survivors=others)
            node = SimpleNamespace(report=report, copied=True, answering=False, drain=done, leave=done, stop=done)
        parts: Any = SimpleNamespace(
            reactor=clock,
            settings=SimpleNamespace(drain_timeout=30.0),
            gateway=SimpleNamespace(registry=left, close_for_drain=close),
            clients=SimpleNamespace(owes=False, keepalive=SimpleNamespace(stop=int)),
            courier=SimpleNamespace(stop=int),
            pool=SimpleNamespace(close=done),
            journal=SimpleNamespace(stop=done),
            worker=None,
            node=node,
            events=None,
        )
        site: Any = SimpleNamespace(context=SimpleNamespace(connections=()))
        Deferred.fromCoroutine(Drain(parts).run((), (), site))
        found = [len(closed)]
        while clock.getDelayedCalls():
            clock.advance(PACE)
            found.append(len(closed))
        self.assertEqual(found[-1], count)
        return [after - before for before, after in pairwise(found) if after > before]

    def test_survivors(self) -> None:
        """25,000 clients go to two other nodes at 500 a second for each, although the drain alone would be quicker."""
        self.assertEqual(set(self.paced(25_000, 2)), {125})
        self.assertEqual(set(self.paced(15_000, 2)), {100})
        self.assertEqual(set(self.paced(15_000, None)), {150})
