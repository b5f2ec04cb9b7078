"""The observer that logs each webhook, push and close at debug."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, Stage, text
from wsaas.backend.requests import Webhook
from wsaas.core.errors import NoSuchConnection
from wsaas.core.events import Cause, Closed, Received
from wsaas.core.observer import Attempt, Push, RefusedHandshake, Times
from wsaas.core.outcomes import Acknowledged, Delivered
from wsaas.core.pushes import Pushed, PushKind
from wsaas.http_client.exchange import HttpResponse, Lost, SecondAnswer
from wsaas.telemetry.debug_log import DebugLog

CLOSED = Closed(Cause.API, 4001, "", True)
TIMES = Times(0.0, 0.0, 0.001, 0.0012)


class DebugLogTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """A line has event, status and time, the reply, the second sending, the fault; or the push and who gets it."""
        log, session = DebugLog("http://backend", lambda error: 404), Stage.open().session
        message, request = Received(1, text("hello")), Webhook(b"PUT", b"", b"", b"hello", 0)
        reply = HttpResponse(200, ((b"wsaas-reply", b"text"),), b"pong", False)
        again = SecondAnswer(204, ((b"wsaas-reply", b"text"),), b"", False)
        with capturedLogs() as events:
            log.tried(session, Attempt(message, 1, request, reply, TIMES, Delivered()))
            log.tried(session, Attempt(message, 1, request, again, TIMES, Delivered()))
            log.tried(session, Attempt(message, 1, request, Lost("reset"), TIMES, None, 0.2))
            log.tried(session, Attempt(CLOSED, 1, request, again, TIMES, Acknowledged()))
            log.tried(session, Attempt(message, 0, None, None, None, Delivered()))
            log.pushed(Push(PushKind.CONNECTION, ID, b"hi", False, Pushed.SENT, session))
            log.pushed(Push(PushKind.AWS, ID, b"hi", False, Pushed.QUEUED, session))
            log.pushed(Push(PushKind.CONNECTION, ID, b"hi", False, NoSuchConnection("gone")))
            log.pushed(Push(PushKind.GROUP, "g", b"hi", False, Pushed.SENT))
            log.pushed(Push(PushKind.BROADCAST, "", b"hi", False, Pushed.SENT))
            log.close_asked(ID, 4001, None)
            log.close_asked(ID, 4001, NoSuchConnection("gone"))
        about = f"; connection {ID}, backend http://backend"
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                f"message of 5 bytes: 200 after 1.2 ms, with a text reply of 4 bytes{about}",
                f"message of 5 bytes: 204 after 1.2 ms, sent again{about}",
                f"message of 5 bytes: reset after 1.2 ms{about}",
                f"disconnect of 5 bytes: 204 after 1.2 ms, sent again, cause api, close code 4001{about}",
                f"push of 2 bytes: 200; connection {ID}",
                f"push of 2 bytes: 202; connection {ID}",
                f"push of 2 bytes: 404; connection {ID}",
                "push of 2 bytes: 200; group g",
                "push of 2 bytes: 200; all connections",
                f"close with 4001: 200; connection {ID}",
                f"close with 4001: 404; connection {ID}",
            ],
        )

    def test_silent(self) -> None:
        """What another line says already has none of its own."""
        log, session = DebugLog("http://backend", lambda error: 404), Stage.open().session
        with capturedLogs() as events:
            log.connected(session)
            log.refused(RefusedHandshake("", None, None, ""))
            log.replied(session, text("pong"))
            log.ending(session, CLOSED, True)
            log.disconnected(session, CLOSED)
        self.assertEqual(events, [])
