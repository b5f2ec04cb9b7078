"""What the backend's answers mean: the tables of the contract, row by row."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.answers import Again, read
from wsaas.backend.exchange import Answer, Fault, Lost, NotSent, SecondAnswer, TimedOut
from wsaas.gateway.model import (
    Accepted,
    Cause,
    Closed,
    Delivered,
    Dismissed,
    Frame,
    Handshake,
    Opened,
    Received,
    Refused,
    Told,
    Unclear,
)

NOW = 1_700_000_000.0
OPENED = Opened(Handshake("/", "", None, "127.0.0.1", subprotocols=("v1.chat", "v2.chat")))
RECEIVED = Received(1, Frame(b"hi", binary=False))
CLOSED = Closed(Cause.CLIENT, 1000, "", clean=True)


def answer(status: int, body: bytes = b"", truncated: bool = False, **headers: str) -> Answer:
    pairs = tuple((name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items())
    return Answer(status, pairs, body, truncated)


def second(first: Answer) -> Answer:
    """The same, to a request that had to be sent again."""
    return SecondAnswer(first.status, first.headers, first.body, first.truncated)


def ok(**members: Any) -> Answer:
    return answer(200, json.dumps({"code": "OK", **members}).encode())


class ConnectTests(SynchronousTestCase):
    def read(self, what: Answer | Fault) -> object:
        return read(OPENED, what, lambda: NOW)

    def test_ok(self) -> None:
        """2xx with the code OK accepts, and what else it carries is kept."""
        self.assertEqual(self.read(ok()), Accepted())
        self.assertEqual(self.read(answer(201, b'{"code":"OK","unknown":1}')), Accepted())
        self.assertEqual(
            self.read(ok(subprotocol="v2.chat", groups=["a", "b", "a"], headers={"X-User": " 42 "})),
            Accepted("v2.chat", ("a", "b"), ((b"X-User", b"42"),)),
        )

    def test_other_code(self) -> None:
        """2xx with any other code refuses with 403 and tells the client that code."""
        self.assertEqual(self.read(answer(200, b'{"code":"BANNED"}')), Refused(403, "BANNED"))

    def test_senseless(self) -> None:
        """2xx that is not JSON, has no code, or asks for what cannot be, gives 502, and a DELETE follows."""
        bad = [b"", b"OK", b"[]", b'"OK"', b"{}", b'{"code":null}', b'{"code":1}', b"\xff", b"[" * 60000]
        for body in bad:
            self.assertEqual(self.read(answer(200, body)), Unclear(502, "BAD_GATEWAY"), body[:20])
        self.assertEqual(self.read(answer(200, b'{"code":"OK"}', truncated=True)), Unclear(502, "BAD_GATEWAY"))
        for members in (
            {"subprotocol": "v3.chat"},
            {"subprotocol": ["v1.chat"]},
            {"groups": "a"},
            {"groups": [1]},
            {"groups": [""]},
            {"groups": ["x" * 257]},
            {"groups": ["\ud800"]},
            {"groups": [str(number) for number in range(65)]},
            {"headers": []},
            {"headers": {"a": 1}},
            {"headers": {"a b": "x"}},
            {"headers": {"a": "x\r\ny: z"}},
            {"headers": {"a": "x\0"}},
            {"headers": {"a": "\u20ac"}},
            {"headers": {str(number): "" for number in range(33)}},
            {"headers": {"a": "x" * 9000}},
        ):
            self.assertEqual(self.read(ok(**members)), Unclear(502, "BAD_GATEWAY"), members)

    def test_headers_that_cannot_be_set(self) -> None:
        """Hop-by-hop and framing headers, and the gateway's own, are left out; the others are kept."""
        own = ("Connection", "TRANSFER-ENCODING", "Content-Length", "Host", "Authorization", "Webhook-Id", "WSAAS-X")
        for name in own:
            self.assertEqual(self.read(ok(headers={name: "x", "X-A": "1"})), Accepted(headers=((b"X-A", b"1"),)), name)

    def test_4xx_passes_through(self) -> None:
        """401, 403, 404, 429 and other 4xx reach the client, with WWW-Authenticate and Retry-After, nothing else."""
        for status, code in ((401, "UNAUTHORIZED"), (403, "FORBIDDEN"), (404, "NOT_FOUND"), (418, "REFUSED")):
            self.assertEqual(self.read(answer(status, b"secret", set_cookie="a=b")), Refused(status, code))
        passed = answer(401, www_authenticate='Basic realm="x"', retry_after="7", server="y")
        headers = ((b"www-authenticate", b'Basic realm="x"'), (b"retry-after", b"7"))
        self.assertEqual(self.read(passed), Refused(401, "UNAUTHORIZED", headers))
        self.assertEqual(
            self.read(answer(429, retry_after="7")), Refused(429, "TOO_MANY_REQUESTS", ((b"retry-after", b"7"),))
        )

    def test_3xx(self) -> None:
        """A redirect is not followed: 502."""
        self.assertEqual(self.read(answer(302, location="http://elsewhere/")), Refused(502, "BAD_GATEWAY"))

    def test_5xx_and_unreachable(self) -> None:
        """5xx and a backend that cannot be reached give 503 with Retry-After, and no DELETE follows."""
        self.assertEqual(self.read(answer(500)), Refused(503, "UNAVAILABLE", ((b"retry-after", b"5"),)))
        self.assertEqual(
            self.read(answer(503, retry_after="9", www_authenticate="no")),
            Refused(503, "UNAVAILABLE", ((b"retry-after", b"9"),)),
        )
        self.assertEqual(self.read(NotSent("refused")), Refused(503, "UNAVAILABLE", ((b"retry-after", b"5"),)))

    def test_from_between(self) -> None:
        """502, 504 and their like come from a proxy that cannot know: 503 with Retry-After, and a DELETE follows."""
        for status in (502, 504, 520, 524):
            self.assertEqual(self.read(answer(status)), Unclear(503, "UNAVAILABLE", ((b"retry-after", b"5"),)), status)
        patient = Unclear(503, "UNAVAILABLE", ((b"retry-after", b"9"),))
        self.assertEqual(self.read(answer(504, retry_after="9")), patient)
        envoy = b"upstream connect error or disconnect/reset before headers. reset reason: connection termination"
        self.assertEqual(self.read(answer(503, envoy)), Unclear(503, "UNAVAILABLE", ((b"retry-after", b"5"),)))

    def test_sent_twice(self) -> None:
        """When the POST had to be sent again, only an OK is clear: after any other, 503, and a DELETE follows."""
        self.assertEqual(self.read(second(ok(subprotocol="v1.chat"))), Accepted("v1.chat"))
        unclear = Unclear(503, "UNAVAILABLE", ((b"retry-after", b"5"),))
        for status in (302, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504):
            self.assertEqual(self.read(second(answer(status, www_authenticate="Basic"))), unclear, status)
        for body in (b'{"code":"BANNED"}', b'{"code":"ok"}', b"<html>", b""):
            self.assertEqual(self.read(second(answer(200, body))), unclear, body)

    def test_no_answer(self) -> None:
        """Lost after it was sent: 502; nothing in time: 504; a DELETE follows both."""
        self.assertEqual(self.read(Lost("reset")), Unclear(502, "BAD_GATEWAY"))
        self.assertEqual(self.read(TimedOut("10 s")), Unclear(504, "TIMEOUT"))


class MessageTests(SynchronousTestCase):
    def read(self, what: Answer | Fault) -> object:
        return read(RECEIVED, what, lambda: NOW)

    def test_delivered(self) -> None:
        """2xx is delivered, and without WSAAS-Reply its body is nothing to the client."""
        for status in (200, 202, 204):
            self.assertEqual(self.read(answer(status, b"ignored")), Delivered())

    def test_reply(self) -> None:
        """With WSAAS-Reply the body goes to the client, as text or binary."""
        self.assertEqual(self.read(answer(200, b"yes", wsaas_reply="text")), Delivered(Frame(b"yes", binary=False)))
        self.assertEqual(self.read(answer(200, b"\xff", wsaas_reply="Binary")), Delivered(Frame(b"\xff", binary=True)))
        self.assertEqual(self.read(answer(200, b"", wsaas_reply="text")), Delivered(Frame(b"", binary=False)))

    def test_bad_reply(self) -> None:
        """A text reply that is not UTF-8, one of an unknown kind and one that is too long are not sent."""
        self.assertEqual(self.read(answer(200, b"\xff", wsaas_reply="text")), Delivered())
        self.assertEqual(self.read(answer(200, b"a", wsaas_reply="json")), Delivered())
        self.assertEqual(self.read(answer(200, b"a", truncated=True, wsaas_reply="text")), Delivered())

    def test_dismissed(self) -> None:
        """401 and 403 close with 1008, 410 with 1000."""
        self.assertEqual(self.read(answer(401)), Dismissed(1008))
        self.assertEqual(self.read(answer(403)), Dismissed(1008))
        self.assertEqual(self.read(answer(410)), Dismissed(1000))

    def test_refused_by_the_backend(self) -> None:
        """Any other 4xx, and 3xx, is the backend's affair: the connection goes on."""
        for status in (400, 404, 409, 413, 422, 301, 307):
            self.assertEqual(self.read(answer(status, b"x", wsaas_reply="text")), Delivered(), status)

    def test_again(self) -> None:
        """408, 425, 429, 5xx, no answer in time and a lost connection are tried again, Retry-After honoured."""
        for status in (408, 425, 429, 500, 502, 503, 504, 599):
            self.assertEqual(self.read(answer(status)), Again(f"status {status}"))
            self.assertEqual(self.read(answer(status, retry_after="3")), Again(f"status {status}", 3.0))
        for fault in (NotSent("refused"), Lost("reset"), TimedOut("late")):
            self.assertEqual(self.read(fault), Again(str(fault)))

    def test_retry_after(self) -> None:
        """Retry-After is a number of seconds or a date; anything else counts as absent."""
        for value, seconds in (
            ("0", 0.0),
            ("120", 120.0),
            (formatdate(NOW + 60, usegmt=True), 60.0),
            (formatdate(NOW - 60, usegmt=True), 0.0),
            ("soon", None),
            ("-1", None),
            ("9" * 5000, 999999999.0),
            ("\xb2", None),
        ):
            self.assertEqual(self.read(answer(503, retry_after=value)), Again("status 503", seconds), value[:20])


class DisconnectTests(SynchronousTestCase):
    def read(self, what: Answer | Fault) -> object:
        return read(CLOSED, what, lambda: NOW)

    def test_told(self) -> None:
        """2xx and 4xx end it."""
        for status in (200, 204, 400, 401, 403, 404, 410):
            self.assertEqual(self.read(answer(status)), Told(), status)

    def test_again(self) -> None:
        """Everything else is tried again."""
        for status in (301, 308, 408, 425, 429, 500, 503):
            self.assertEqual(self.read(answer(status)), Again(f"status {status}"))
        for fault in (NotSent("refused"), Lost("reset"), TimedOut("late")):
            self.assertEqual(self.read(fault), Again(str(fault)))
