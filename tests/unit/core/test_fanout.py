"""The fan-out: what reaches many, a batch at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.fanout import BATCH, FanOut


class FanOutTests(SynchronousTestCase):
    def test_batches(self) -> None:
        """Nobody serves more than a batch at a time."""
        batches: list[list[str]] = []

        def act(batch: list[str]) -> int:
            batches.append(batch)
            return len(batch) - 1

        fan_out = FanOut(map(str, range(BATCH * 2 + 1)), act)
        self.assertEqual([fan_out.step() for _ in range(3)], [True, True, False])
        self.assertEqual([id for batch in batches for id in batch], [str(number) for number in range(BATCH * 2 + 1)])
        self.assertEqual(
            ([len(batch) for batch in batches], fan_out.sent, fan_out.skipped), ([BATCH, BATCH, 1], BATCH * 2 - 2, 3)
        )
        self.assertFalse(FanOut(iter(()), len).step())

    def test_smaller_batch(self) -> None:
        """A batch can be smaller; what it leaves comes with the next one."""
        batches: list[list[int]] = []
        fan_out = FanOut(range(5), lambda batch: batches.append(batch) or len(batch))  # type: ignore[func-returns-value]
        self.assertEqual([fan_out.step(2), fan_out.step()], [True, False])
        self.assertEqual((batches, fan_out.sent), ([[0, 1], [2, 3, 4]], 5))
