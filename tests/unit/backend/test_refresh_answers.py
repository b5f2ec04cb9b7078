"""The answers to a refresh, and the seconds for which a connection is accepted."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogLevel, capturedLogs

from tests.support.answer_case import AnswerTestCase
from tests.support.http_responses import answer
from wsaas.backend.refresh_answers import MAX_EXPIRES_IN
from wsaas.backend.retries import Retry
from wsaas.core.events import Opened, Refresh
from wsaas.core.model import Handshake
from wsaas.core.outcomes import Accepted, Expired, Kept
from wsaas.core.router import MAX_REASON
from wsaas.http_client.exchange import Lost, NotSent, TimedOut


class RefreshAnswerTests(AnswerTestCase):
    event = Refresh(1, 1_700_000_000.0)

    def says(self, status: int = 200, **members: Any) -> object:
        return self.read(answer(status, json.dumps(members).encode()))

    def test_ok(self) -> None:
        """An OK keeps the connection, for good or for the seconds that it says, with the headers that it says."""
        self.assertEqual(self.says(code="OK"), Kept())
        self.assertEqual(self.says(code="OK", expires_in=None), Kept())
        self.assertEqual(
            self.says(201, code="OK", expires_in=3600, headers={"X-User": 42}, groups=["a"]),
            Kept(((b"X-User", b"42"),), 3600.0),
        )

    def test_other_code(self) -> None:
        """Another code closes with 1008, or with the code and the reason that the answer has; the log says the code."""
        self.assertEqual(self.says(code="REVOKED"), Expired(1008, ""))
        self.assertEqual(
            self.says(code="REVOKED", close_code=4001, close_reason="bye \u2603"), Expired(4001, "bye \u2603")
        )
        self.assertEqual(self.says(code="ok", close_code=1000), Expired(1000))
        AnswerTestCase.setUp(self)
        with capturedLogs() as events:
            self.says(code="REVOKED", close_code=4001)
        self.assertEqual(
            [(event["log_level"], event["event"], event["code"], event["then"]) for event in events],
            [(LogLevel.info, "refresh", "REVOKED", "the connection is closed with 4001")],
        )

    def test_4xx(self) -> None:
        """A 4xx closes in the same way, whatever its body is, and even if that says OK; its body needs no code."""
        for body in (b"", b"no", b"[]", b"{}", b"\xff", b'{"code": "OK"}', b'{"code": 1}'):
            for status in (400, 401, 403, 404, 410, 499):
                self.assertEqual(self.read(answer(status, body)), Expired(1008, ""), (status, body))
        self.assertEqual(self.says(401, code="X", close_code=3000, close_reason="over"), Expired(3000, "over"))
        self.assertEqual(self.says(401, code="X", close_code=1008), Expired(1008))
        self.assertEqual(self.says(403, close_code=4003, close_reason="over"), Expired(4003, "over"))
        self.assertEqual(self.says(410, code=None, close_code=4003), Expired(4003))

    def test_failures(self) -> None:
        """All else is tried again: faults, 408, 425, 429, 5xx, 3xx, and a 2xx that makes no sense."""
        for fault in (TimedOut("late"), NotSent("connection refused"), Lost("reset")):
            self.assertEqual(self.read(fault), Retry(str(fault)))
        for status in (408, 425, 429, 500, 502, 503, 302):
            self.assertEqual(
                self.read(answer(status, b'{"code":"OK"}', retry_after="3")), Retry(f"status {status}", 3.0)
            )
        for body, words in ((b"", "not JSON"), (b"OK", "not JSON"), (b"{}", 'no "code"'), (b'{"code":1}', 'no "code"')):
            AnswerTestCase.setUp(self)
            with self.warnings() as lines:
                outcome = self.read(answer(200, body))
            assert isinstance(outcome, Retry)
            self.assertIn(words, outcome.reason)
            self.assertIn("a refresh was answered 200, but", lines[0])
            self.assertIn('it is sent again. To do: answer {"code": "OK"} to keep the client', lines[0])
        self.assertIsInstance(self.read(answer(200, b'{"code":"OK"}', truncated=True)), Retry)

    def test_close_code(self) -> None:
        """A close code that a gateway may not send, and a reason that does not fit, are left out with a warning."""
        for bad in (1001, 1006, 2999, 5000, 0, -1, 4001.5, 1e3, True, "4001", 10**30, [4001]):
            AnswerTestCase.setUp(self)
            with self.warnings() as lines:
                self.assertEqual(self.says(code="X", close_code=bad, close_reason="r"), Expired(1008, "r"), bad)
            self.assertIn('left "close_code" out of the answer to a refresh', lines[0])
        fits = "\u2603" * (MAX_REASON // 3)
        self.assertEqual(self.says(code="X", close_reason=fits), Expired(1008, fits))
        for long, words in ((fits + "x", "at most 123 bytes"), (7, "text, not a number"), ("\ud800", "surrogate")):
            AnswerTestCase.setUp(self)
            with self.warnings() as lines:
                self.assertEqual(self.says(code="X", close_code=4001, close_reason=long), Expired(4001, ""))
            self.assertIn(words, lines[0])


class ExpiresInTests(AnswerTestCase):
    event = Opened(Handshake("/", "", None, "127.0.0.1"))

    def accepted(self, expires_in: str) -> object:
        return self.read(answer(200, b'{"code": "OK", "expires_in": %s}' % expires_in.encode()))

    def test_number(self) -> None:
        """The seconds may have a fraction; they are a second at least and ten years at most, whatever the digits."""
        for text, seconds in (
            ("3600", 3600.0),
            ("1.5", 1.5),
            ("6e1", 60.0),
            ("0", 1.0),
            ("-5", 1.0),
            ("0.001", 1.0),
            ("-1e999", 1.0),
            ("1e999", MAX_EXPIRES_IN),
            ("9" * 60000, MAX_EXPIRES_IN),
        ):
            self.assertEqual(self.accepted(text), Accepted(expires_in=seconds), text[:20])
        self.assertEqual(self.accepted("null"), Accepted())

    def test_no_number(self) -> None:
        """Anything else is left out with a warning: the connection does not expire."""
        for text in ('"3600"', "true", "[60]", "{}", "NaN", "Infinity"):
            AnswerTestCase.setUp(self)
            with self.warnings() as lines:
                self.assertEqual(self.accepted(text), Accepted(), text)
            self.assertIn('left "expires_in" out of the OK to a connect', lines[0])
            self.assertIn("it is a number of seconds", lines[0])
