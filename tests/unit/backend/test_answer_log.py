"""What the log says of an answer that is no OK, and of none: what was answered, where, and what to do."""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.support.http_responses import answer
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.responses import read
from wsaas.core.events import Cause, Closed, Event, Opened, Received
from wsaas.core.model import Frame, Handshake
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, NotSent, SecondAnswer, TimedOut
from wsaas.telemetry.log_limit import LogLimit

ID = "Gateway1" + "c" * 24
ADDRESS = "http://backend:3000/websocket"
CONNECT: Event = Opened(Handshake("/", "", None, "127.0.0.1"))
MESSAGE: Event = Received(1, Frame(b"hi", binary=False))
DISCONNECT: Event = Closed(Cause.CLIENT, 1000, "", clean=True)
INFO, WARN = LogLevel.info, LogLevel.warn
Row = tuple[HttpResponse | Fault, object, tuple[str, ...]]


def page(status: int, text: str) -> HttpResponse:
    return answer(status, f"<!doctype html><title>{text}</title>".encode(), content_type="text/html; charset=utf-8")


def moved(status: int, location: str) -> HttpResponse:
    return answer(status, location=location)


def said(status: int, **members: str) -> HttpResponse:
    return answer(status, json.dumps(members).encode())


class AnswerLogTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = AnswerLog(LogLimit(self.clock), ADDRESS)

    def lines(self, event: Event, *answers: HttpResponse | Fault) -> list[tuple[object, str]]:
        """Level and text of the lines that these answers bring about."""
        with capturedLogs() as events:
            for each in answers:
                read(ID, event, each, lambda: 0.0, self.log)
        return [(event["log_level"], formatEvent(event)) for event in events]

    def check(self, event: Event, rows: list[Row]) -> None:
        """Each answer brings about one line of this level, with id and address, in which these words are."""
        for what, level, words in rows:
            self.setUp()
            [(found, line)] = self.lines(event, what)
            self.assertEqual(found, level, line)
            for word in (*words, f"connection {ID}", f"backend {ADDRESS}"):
                self.assertIn(word, line)


class ConnectTests(AnswerLogTestCase):
    def test_wrong_place(self) -> None:
        """TARGET_ADDRESS that leads to something else: the line says what it must lead to."""
        self.check(
            CONNECT,
            [
                (answer(404), WARN, ("answered 404", "client gets 404", f"which gets POST {ADDRESS}/{ID}")),
                (page(404, "Not Found"), WARN, ("404 with a page of HTML", "TARGET_ADDRESS must lead to")),
                (answer(405), WARN, ("405", "the backend's route must take POST")),
                (page(200, "Welcome"), WARN, ("answered 200, but its body is not JSON", "a page for people", "502")),
                (answer(200, b"OK"), WARN, ("its body is not JSON", 'answer {"code": "OK"}')),
                (answer(200, b'{"status": "OK"}'), WARN, ('its JSON has no "code"', 'answer {"code": "OK"}')),
                (said(405, code="METHOD_NOT_ALLOWED", message="GET"), WARN, ("not to the gateway's own ports",)),
                (said(404, code="NOT_FOUND", message="no such path"), WARN, ("not to the gateway's own ports",)),
            ],
        )

    def test_redirects(self) -> None:
        """A redirect says where it leads, without credentials and query, and what it may mean."""
        self.check(
            CONNECT,
            [
                (moved(301, f"/websocket/{ID}/"), WARN, ("301 (Location: ", "without a slash at its end", "gets 502")),
                (moved(308, f"https://backend/websocket/{ID}"), WARN, ("write https:// into TARGET_ADDRESS",)),
                (moved(302, "/login?next=secret"), WARN, ("Location: http://backend:3000/login)", "a login page")),
                (moved(307, "http://u:p@other:80/a?t=secret#x"), WARN, ("Location: http://other:80/a)",)),
                (moved(301, "http://[bad"), WARN, ("answered 301: ",)),
                (moved(301, "/" + "x" * 3000), WARN, ("xxx): the client",)),
                (answer(304), WARN, ("answered 304: ",)),
            ],
        )
        with capturedLogs() as events:
            read(ID, CONNECT, moved(302, "//u:p@x/?secret=1"), lambda: 0.0, AnswerLog(LogLimit(Clock()), ADDRESS))
        self.assertNotIn("secret", formatEvent(events[0]))
        self.assertNotIn("u:p", formatEvent(events[0]))

    def test_refusals(self) -> None:
        """What looks like a decision about this client is no warning; what a guard before the route says is one."""
        guard = b"<h1>Forbidden</h1><p>CSRF verification failed. Request aborted."
        self.check(
            CONNECT,
            [
                (answer(401), INFO, ("401", "the client gets 401", "Authorization as it came")),
                (answer(403), INFO, ("403", "csrf_exempt")),
                (answer(403, guard), WARN, ("403 with a page", "a CSRF guard stands before the route")),
                (said(403, detail="CSRF Failed: no token"), WARN, ("403", "a CSRF guard stands before the route")),
                (answer(409), INFO, ("409", "the backend decided so")),
                (answer(429), INFO, ("429", "fewer webhooks")),
                (answer(415), WARN, ("415", "must take POST with a JSON body")),
                (said(200, code="BANNED"), INFO, ("the code BANNED", "the client gets 403")),
            ],
        )

    def test_nearly_ok(self) -> None:
        """An OK in small letters is told from another code."""
        for code in ("ok", "Ok", " OK"):
            words = (f"the code {code}, which is not", '{"code": "OK"}', "the client gets 403")
            self.check(CONNECT, [(said(200, code=code), WARN, words)])

    def test_failures(self) -> None:
        """A failure says what the client gets, whether a DELETE follows, and where to look."""
        self.check(
            CONNECT,
            [
                (answer(500), WARN, ("500: the client gets 503. To do: the backend's log",)),
                (answer(502), WARN, ("502: the client gets 503, and a DELETE follows", "The proxy's log")),
                (answer(503), WARN, ("503", "not ready")),
                (answer(504), WARN, ("504", "and a DELETE follows", "in time")),
                (answer(599), WARN, ("599",)),
                (SecondAnswer(200, (), b'{"code": "FULL"}', False), INFO, ("gets 503, and a DELETE follows",)),
                (SecondAnswer(409, (), b"", False), WARN, ("409 when it was sent again: ", "503, and a DELETE")),
                (NotSent("connection refused"), WARN, ("no answer (connection refused)", "is the backend running")),
                (NotSent("unknown host name"), WARN, ("is the name in TARGET_ADDRESS right",)),
                (NotSent("TLS: wrong version number"), WARN, ("should TARGET_ADDRESS begin with http://",)),
                (NotSent("TLS: certificate verify failed"), WARN, ("TARGET_CA",)),
                (NotSent("no route to the host"), WARN, ("is there a way to it",)),
                (Lost("no answer: closed by the backend"), WARN, ("the client gets 502, and a DELETE", "hung up")),
                (Lost("the answer is no HTTP: x"), WARN, ("https://",)),
                (TimedOut("no whole answer in time"), WARN, ("the client gets 504", "WEBHOOK_TIMEOUT")),
            ],
        )

    def test_ok(self) -> None:
        """An OK needs no line."""
        self.assertEqual(self.lines(CONNECT, said(200, code="OK")), [])


class OtherTests(AnswerLogTestCase):
    def test_messages(self) -> None:
        """A message that is refused, sent again, or closes its connection says so."""
        self.check(
            MESSAGE,
            [
                (answer(400), WARN, ("it is not sent again", "MESSAGE_CONTENT_TYPE", "text/plain")),
                (answer(404), WARN, ("it is not sent again", f"which gets PUT {ADDRESS}/{ID}")),
                (answer(413), WARN, ("MAX_MESSAGE_SIZE",)),
                (answer(409), INFO, ("it is not sent again, and the connection goes on",)),
                (moved(301, "/x"), WARN, ("it is not sent again", "Location: http://backend:3000/x")),
                (answer(401), INFO, ("the connection is closed with 1008",)),
                (answer(403, b"CSRF"), WARN, ("the connection is closed with 1008", "csrf_exempt")),
                (answer(410), INFO, ("the connection is closed with 1000",)),
                (answer(429), INFO, ("it is sent again",)),
                (answer(408), INFO, ("it is sent again", "in time")),
                (answer(500), WARN, ("it is sent again", "the backend's log")),
                (Lost("reset"), WARN, ("no answer (reset): it is sent again",)),
            ],
        )
        self.assertEqual(self.lines(MESSAGE, answer(200), answer(204)), [])

    def test_disconnects(self) -> None:
        """A disconnect that is sent again says so, whatever the answer; one that is refused, too."""
        self.check(
            DISCONNECT,
            [
                (moved(302, "/login"), WARN, ("it is sent again", "Location: http://backend:3000/login")),
                (answer(429), WARN, ("it is sent again", "fewer webhooks")),
                (answer(408), WARN, ("it is sent again",)),
                (answer(500), WARN, ("it is sent again",)),
                (NotSent("connection refused"), WARN, ("it is sent again",)),
                (answer(405), WARN, ("it is not sent again", "must take DELETE")),
                (answer(400), WARN, ("must take DELETE with a JSON body",)),
                (answer(403), WARN, ("it is not sent again",)),
            ],
        )
        self.assertEqual(self.lines(DISCONNECT, answer(200), answer(404), answer(410)), [])


class BoundTests(AnswerLogTestCase):
    def test_one_in_ten_seconds(self) -> None:
        """Of each kind one line in ten seconds is written; the next says how many were left out."""
        answers = [answer(404), answer(500), Lost("reset"), said(200, code="BANNED"), said(200, code="ok")]
        self.assertEqual(len(self.lines(CONNECT, *answers * 100)), len(answers))
        self.assertEqual(len(self.lines(MESSAGE, *[answer(400), answer(503)] * 100)), 2)
        self.clock.advance(10)
        [(_, line)] = self.lines(CONNECT, answer(404))
        self.assertIn("(99 more like it left out)", line)

    def test_nothing_is_looked_up_in_vain(self) -> None:
        """For a line that is left out, nothing is read in the answer."""

        class Costly(bytes):
            def lower(self) -> bytes:
                raise AssertionError("looked at")

        self.lines(MESSAGE, answer(403))
        self.assertEqual(self.lines(MESSAGE, HttpResponse(403, (), Costly(b"x" * 60000), False)), [])

    def test_long_code(self) -> None:
        """A code of any length takes a bounded part of the line."""
        [(_, line)] = self.lines(CONNECT, said(200, code="x" * 50000))
        self.assertLess(len(line), 1000)
