"""Nothing that reads a stranger's or the backend's bytes takes time that grows faster than they do.

`tests.thorough.fuzz.test_cost` looks further.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.growth import FOLD, grows
from tests.support.hostile import FEW, TARGETS, made


class GrowthTests(SynchronousTestCase):
    def test_every_parser(self) -> None:
        """Four times the input takes four times as long, with a margin, whatever is repeated and wherever it stands."""
        for name, target in TARGETS.items():
            for frame in target.frames:
                for pump in FEW:
                    ratio = grows(
                        target.reads,
                        lambda size: made(frame, pump, size),  # noqa: B023
                        target.longest // FOLD,
                    )
                    self.assertIsNone(ratio, (name, frame, pump))
        self.flushLoggedErrors()

    def test_measure(self) -> None:
        """The measure itself: what looks at everything once for each byte is seen."""
        self.assertIsNotNone(grows(lambda data: [data.count(b"x") for _ in data], lambda size: b"a" * size, 5000))
        self.assertIsNone(grows(lambda data: [byte + 1 for byte in data], lambda size: b"a" * size, 1000))
