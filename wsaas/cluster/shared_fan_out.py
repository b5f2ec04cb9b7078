"""A push to many connections, of this process and of the others: a fan-out here, a request to each of the others."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.api.errors import INTERNAL_ERROR
from wsaas.api.merging import Gathered
from wsaas.core.fanout import FanOut
from wsaas.core.session import Session


class SharedFanOut:
    """Takes the steps of `fan_out`, with a turn of the reactor for other work between two of them, while the others
    answer. `done` is called once, with the whole answer.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        fan_out: FanOut[Session],
        others: Deferred[Gathered],
        done: Callable[[bytes], object],
    ) -> None:
        self._clock = clock
        self._fan_out = fan_out
        self._others = others
        self._done = done
        self._step()

    def _step(self) -> None:
        try:
            if self._fan_out.step():
                self._clock.callLater(0, self._step)
                return
        except Exception:
            failure = Failure()
            self._others.addCallback(lambda _: failure)
        self._others.addCallback(self._answer).addErrback(self._failed).addCallback(self._done)

    def _answer(self, others: Gathered) -> bytes:
        return others.counts({"sent": self._fan_out.sent, "skipped": self._fan_out.skipped}).serialize()

    def _failed(self, failure: Failure) -> bytes:
        self._log.failure("the API failed at a PUT request", failure=failure)
        return INTERNAL_ERROR.serialize()
