"""What an answer of the backend means, and the warnings that it causes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.responses import read
from wsaas.core.events import Event
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.telemetry.log_limit import LogLimit

NOW = 1_700_000_000.0
ID = "Gateway1" + "c" * 24
ADDRESS = "http://backend:3000/websocket"


class AnswerTestCase(SynchronousTestCase):
    event: Event

    def setUp(self) -> None:
        self._log_of_answers = AnswerLog(LogLimit(Clock()), ADDRESS)

    def read(self, what: HttpResponse | Fault) -> object:
        return read(ID, self.event, what, lambda: NOW, self._log_of_answers)

    @contextmanager
    def warnings(self) -> Iterator[list[str]]:
        """The warnings that are logged meanwhile."""
        lines: list[str] = []
        with capturedLogs() as events:
            yield lines
        lines += [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
