"""The connections whose client is gone and of whose end the backend has not heard yet, with the moment of each loss."""

from __future__ import annotations

from wsaas.core.histogram import Histogram


class OwedEnds:
    """Moments of loss by id, in seconds since the epoch. `delay` takes the seconds from each loss to the answer of its
    DELETE; one that is given up is not in it.

    Bound: one moment for each session that the registry has.
    """

    def __init__(self, delay: Histogram) -> None:
        self.delay = delay
        self._moments: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._moments)

    def lost(self, id: str, moment: float) -> float:
        """Note that a client is gone, and return the moment of its loss: the first one counts."""
        return self._moments.setdefault(id, moment)

    def answered(self, id: str, now: float) -> None:
        """Note that the backend has answered the DELETE."""
        moment = self._moments.pop(id, None)
        if moment is not None:
            self.delay.observe(max(0.0, now - moment))  # the wall clock may have been set back

    def forget(self, id: str) -> None:
        """Forget a connection of which nothing is left to say. Idempotent."""
        self._moments.pop(id, None)

    def oldest(self) -> float | None:
        """Return the earliest moment of loss, None if the backend has heard of every end."""
        return min(self._moments.values(), default=None)
