"""The line of a connection that ended."""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Stage
from wsaas.core.events import Cause, Closed
from wsaas.telemetry.connection_log import log_end


class ConnectionLogTests(SynchronousTestCase):
    def test_line(self) -> None:
        """The line says how long the connection was there, what went through it, and how it ended."""
        stage = Stage.open("one", "three")
        stage.session.push(stage.session.lane.head.frame)  # type: ignore[union-attr]
        session = stage.session
        with capturedLogs() as events:
            log_end(session, Closed(Cause.CLIENT, 1001, "", True, lost_messages=2, at=session.connected_at + 61.5))
        (event,) = events
        self.assertEqual(event["log_level"], LogLevel.info)
        fields = "seconds cause close_code messages_in bytes_in messages_out bytes_out lost_messages connection client"
        self.assertEqual(
            [event[name] for name in fields.split()],
            [61.5, "client", 1001, 2, 8, 1, 3, 2, session.id, "203.0.113.9"],
        )
        text = formatEvent(event)
        for words in ("after 61.500 s, cause client, close code 1001", "2 messages (8 bytes) came in", session.id):
            self.assertIn(words, text)
