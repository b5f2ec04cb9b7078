"""Measures how late the reactor is: a timer, and the time by which it rings too late."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsaas.core.histogram import Histogram

INTERVAL = 0.25
"""Seconds between two looks."""


class ReactorDelay(Service):
    """Looks every INTERVAL while it runs. `monotonic()` counts seconds, those of pauses too, which the reactor's clock
    leaves out.
    """

    def __init__(self, clock: IReactorTime, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._call: IDelayedCall | None = None
        self._due = 0.0
        self.histogram = Histogram(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

    def startService(self) -> None:
        super().startService()
        self._wait()

    def stopService(self) -> None:
        super().stopService()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _wait(self) -> None:
        self._due = self._monotonic() + INTERVAL
        self._call = self._clock.callLater(INTERVAL, self._look)

    def _look(self) -> None:
        self.histogram.observe(max(0.0, self._monotonic() - self._due))
        self._wait()
