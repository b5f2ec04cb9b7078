"""A histogram as plain numbers: one count for each bucket, and the sum of all values."""

from __future__ import annotations

from bisect import bisect_left


class Histogram:
    """Counts values by the buckets of `bounds`, which grow. A value equal to a bound is in the bucket below it.

    The last count is that of the values above all bounds. Bound: one exemplar for each bucket.
    """

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.exemplars: list[tuple[str, float, float] | None] = [None] * len(self.counts)
        """The trace, the value and the moment, by a clock of the caller's, of a value in each bucket, or None."""

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value
