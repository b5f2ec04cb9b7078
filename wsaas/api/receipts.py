"""A push that is answered when its receipt is settled, or its time is over."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsaas.core.receipts import Receipt


class AwaitedReceipt:
    """A receipt for one push, and the time that its settlement may take."""

    def __init__(self, clock: IReactorTime) -> None:
        self.receipt = Receipt(self._settle)
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._settled: Deferred[bool] = Deferred(self._given_up)

    def within(self, seconds: float) -> Deferred[bool]:
        """Fire with True when the client has read the message; with False when it cannot, or has not in time.

        The caller that cancels the Deferred waits no longer.
        """
        if not self._settled.called:
            self._timer = self._clock.callLater(seconds, self._too_late)
        return self._settled

    def _too_late(self) -> None:
        self._timer = None
        self.receipt.withdraw()
        self._settled.callback(False)

    def _settle(self, received: bool) -> None:
        self._stop()
        self._settled.callback(received)

    def _given_up(self, _: object) -> None:
        self._stop()
        self.receipt.withdraw()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
