"""What the backend's answers mean: the tables of the contract, row by row."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

from tests.support.answer_case import ADDRESS, ID, NOW, AnswerTestCase
from tests.support.http_responses import answer
from wsaas.backend.responses import MAX_REFUSAL
from wsaas.backend.retries import Retry
from wsaas.core.events import Cause, Closed, Opened, Received
from wsaas.core.model import Frame, Handshake
from wsaas.core.outcomes import Accepted, Acknowledged, CloseRequested, Delivered, Indeterminate, Refused
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.http_client.exchange import HttpResponse, Lost, NotSent, SecondAnswer, TimedOut
from wsaas.net.handshake_response import HandshakeResponse

OPENED = Opened(Handshake("/", "", None, "127.0.0.1", subprotocols=("v1.chat", "v2.chat")))
RECEIVED = Received(1, Frame(b"hi", binary=False))
CLOSED = Closed(Cause.CLIENT, 1000, "", clean=True)


def _refusal(
    status: int, code: str, headers: tuple[tuple[bytes, bytes], ...] = (), foreign: bool = False, body: bytes = b""
) -> Refusal:
    reasons = {502: RefusalReason.NO_ANSWER, 503: RefusalReason.BACKEND_FAILED, 504: RefusalReason.TIMEOUT}
    response = HandshakeResponse(status, code, headers, foreign, body)
    return Refusal(reasons.get(status, RefusalReason.VETOED), response=response)


def refused(*response: Any, **more: Any) -> Refused:
    return Refused(_refusal(*response, **more))


def indeterminate(*response: Any) -> Indeterminate:
    return Indeterminate(_refusal(*response))


def second(first: HttpResponse) -> HttpResponse:
    """The same, to a request that had to be sent again."""
    return SecondAnswer(first.status, first.headers, first.body, first.truncated)


def ok(**members: Any) -> HttpResponse:
    return answer(200, json.dumps({"code": "OK", **members}).encode())


class ConnectTests(AnswerTestCase):
    event = OPENED

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
        self.assertEqual(self.read(answer(200, b'{"code":"BANNED"}')), refused(403, "BANNED", foreign=True))

    def test_senseless(self) -> None:
        """2xx that is no JSON object with a code gives 502, and a DELETE follows; the log says why, and what to do."""
        bad = [b"", b"OK", b"[]", b'"OK"', b"{}", b'{"code":null}', b'{"code":1}', b"\xff", b"[" * 60000]
        for body in bad:
            self.assertEqual(self.read(answer(200, body)), indeterminate(502, "BAD_GATEWAY"), body[:20])
        self.assertEqual(self.read(answer(200, b'{"code":"OK"}', truncated=True)), indeterminate(502, "BAD_GATEWAY"))
        self.assertEqual(
            self.read(answer(200, b'{"code":"OK"}', content_encoding="gzip")), indeterminate(502, "BAD_GATEWAY")
        )

    def test_left_out(self) -> None:
        """One detail that cannot be used is left out, with a warning that names connection, backend and detail."""
        for members, accepted, words in (
            (
                {"subprotocol": "v3.chat", "groups": ["a"]},
                Accepted(groups=("a",)),
                'left "subprotocol" out of the OK to a connect: the client did not offer it',
            ),
            (
                {"groups": ["a", "", ".."]},
                Accepted(groups=("a",)),
                "left 2 of \"groups\" out of the OK to a connect: '': ",
            ),
            ({"headers": {"X-A": "1", "X-B": []}}, Accepted(headers=((b"X-A", b"1"),)), "'X-B': its value is a list"),
        ):
            with self.warnings() as lines:
                self.assertEqual(self.read(ok(**members)), accepted)
            self.assertIn(words, lines[0])
            self.assertIn(f"connection {ID}, backend {ADDRESS}", lines[0])
            self.assertEqual(len(lines), 1)

    def test_warnings_are_bounded(self) -> None:
        """A backend whose every OK has the same flaws has one line of each kind in ten seconds."""
        with self.warnings() as lines:
            for _ in range(100):
                self.read(ok(groups=[""], headers={"": ""}))
                self.read(answer(200, b"<html>"))
        self.assertEqual(len(lines), 3)

    def test_4xx_passes_through(self) -> None:
        """401, 403, 404, 429 and other 4xx reach the client, with WWW-Authenticate and Retry-After, nothing else."""
        for status, code in ((401, "UNAUTHORIZED"), (403, "FORBIDDEN"), (404, "NOT_FOUND"), (418, "REFUSED")):
            self.assertEqual(self.read(answer(status, b"", set_cookie="a=b")), refused(status, code))
        passed = answer(401, www_authenticate='Basic realm="x"', retry_after="7", server="y")
        headers = ((b"www-authenticate", b'Basic realm="x"'), (b"retry-after", b"7"))
        self.assertEqual(self.read(passed), refused(401, "UNAUTHORIZED", headers))
        self.assertEqual(
            self.read(answer(429, retry_after="7")), refused(429, "TOO_MANY_REQUESTS", ((b"retry-after", b"7"),))
        )

    def test_4xx_with_body(self) -> None:
        """A body of at most 16 KiB comes with its Content-Type; a longer one, one that is cut off and one in a coding
        that was not asked for do not come at all: half of a JSON text is none.
        """
        for status, code in ((401, "UNAUTHORIZED"), (403, "FORBIDDEN"), (404, "NOT_FOUND"), (429, "TOO_MANY_REQUESTS")):
            self.assertEqual(
                self.read(answer(status, b"<p>", content_type="text/html", set_cookie="a=b", retry_after="7")),
                refused(status, code, ((b"retry-after", b"7"), (b"content-type", b"text/html")), body=b"<p>"),
            )
        self.assertEqual(self.read(answer(418, b"tea")), refused(418, "REFUSED", body=b"tea"))
        full = b"x" * MAX_REFUSAL
        self.assertEqual(self.read(answer(418, full)), refused(418, "REFUSED", body=full))
        for bad in (
            answer(418, full + b"x", content_type="text/plain"),
            answer(418, b"x", truncated=True, content_type="text/plain"),
            answer(418, b"x", content_encoding="gzip", content_type="text/plain"),
        ):
            self.assertEqual(self.read(bad), refused(418, "REFUSED"))

    def test_3xx(self) -> None:
        """A redirect is not followed: 502."""
        self.assertEqual(self.read(answer(302, location="http://elsewhere/")), refused(502, "BAD_GATEWAY"))

    def test_5xx_and_unreachable(self) -> None:
        """5xx and a backend that cannot be reached give 503 with Retry-After, and no DELETE follows."""
        self.assertEqual(self.read(answer(500)), refused(503, "UNAVAILABLE", ((b"retry-after", b"5"),)))
        self.assertEqual(
            self.read(answer(503, retry_after="9", www_authenticate="no")),
            refused(503, "UNAVAILABLE", ((b"retry-after", b"9"),)),
        )
        self.assertEqual(self.read(NotSent("refused")), refused(503, "UNAVAILABLE", ((b"retry-after", b"5"),)))

    def test_from_between(self) -> None:
        """502, 504 and their like come from a proxy that cannot know: 503 with Retry-After, and a DELETE follows."""
        for status in (502, 504, 520, 524):
            self.assertEqual(
                self.read(answer(status)), indeterminate(503, "UNAVAILABLE", ((b"retry-after", b"5"),)), status
            )
        patient = indeterminate(503, "UNAVAILABLE", ((b"retry-after", b"9"),))
        self.assertEqual(self.read(answer(504, retry_after="9")), patient)
        envoy = b"upstream connect error or disconnect/reset before headers. reset reason: connection termination"
        self.assertEqual(self.read(answer(503, envoy)), indeterminate(503, "UNAVAILABLE", ((b"retry-after", b"5"),)))

    def test_sent_twice(self) -> None:
        """When the POST had to be sent again, only an OK is clear: after any other, 503, and a DELETE follows."""
        self.assertEqual(self.read(second(ok(subprotocol="v1.chat"))), Accepted("v1.chat"))
        unclear = indeterminate(503, "UNAVAILABLE", ((b"retry-after", b"5"),))
        for status in (302, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504):
            self.assertEqual(self.read(second(answer(status, www_authenticate="Basic"))), unclear, status)
        for body in (b'{"code":"BANNED"}', b'{"code":"ok"}', b"<html>", b""):
            self.assertEqual(self.read(second(answer(200, body))), unclear, body)

    def test_no_answer(self) -> None:
        """Lost after it was sent: 502; nothing in time: 504; a DELETE follows both."""
        self.assertEqual(self.read(Lost("reset")), indeterminate(502, "BAD_GATEWAY"))
        self.assertEqual(self.read(TimedOut("10 s")), indeterminate(504, "TIMEOUT"))


class MessageTests(AnswerTestCase):
    event = RECEIVED

    def test_delivered(self) -> None:
        """2xx is delivered, and without WSAAS-Reply its body is nothing to the client."""
        for status in (200, 202, 204):
            self.assertEqual(self.read(answer(status, b"ignored")), Delivered())

    def test_reply(self) -> None:
        """With WSAAS-Reply the body goes to the client, as text or binary."""
        self.assertEqual(self.read(answer(200, b"yes", wsaas_reply="text")), Delivered(Frame(b"yes", binary=False)))
        self.assertEqual(self.read(answer(200, b"\xff", wsaas_reply="Binary")), Delivered(Frame(b"\xff", binary=True)))
        self.assertEqual(self.read(answer(200, b"", wsaas_reply="text")), Delivered(Frame(b"", binary=False)))

    def test_no_content(self) -> None:
        """A 204 and a 205 have no body, so that there is no reply, of whatever kind, and nothing is amiss."""
        for status in (204, 205):
            for kind in ("text", "binary", "lines", "events", "json"):
                self.assertEqual(self.read(answer(status, wsaas_reply=kind)), Delivered(), (status, kind))

    def test_bad_reply(self) -> None:
        """A text reply that is not UTF-8, one of an unknown kind, one that is too long and one in a coding that was not
        asked for are not sent; the message is delivered, and a warning says why.
        """
        for bad, words in (
            (answer(200, b"a\xff", wsaas_reply="text"), "says text, and byte 1 is not UTF-8"),
            (answer(200, b"a", wsaas_reply="json"), "none of text, binary, lines and events but json"),
            (answer(200, b"a", truncated=True, wsaas_reply="text"), "over MAX_MESSAGE_SIZE"),
            (
                answer(200, b"a", wsaas_reply="text", content_encoding="gzip"),
                "says Content-Encoding: gzip, which was not",
            ),
            (answer(200, b"a", wsaas_reply="binary", content_encoding="br"), "Accept-Encoding: identity"),
            (answer(200, b"a", wsaas_reply="binary", transfer_encoding="gzip, chunked"), "Transfer-Encoding: gzip"),
        ):
            self.setUp()
            with self.warnings() as lines:
                self.assertEqual(self.read(bad), Delivered())
            self.assertIn(words, lines[0])
            self.assertIn(f"connection {ID}, backend {ADDRESS}", lines[0])

    def test_coded_without_reply(self) -> None:
        """The body of an answer that is no reply is not looked at, in whatever coding it is."""
        with self.warnings() as lines:
            self.assertEqual(self.read(answer(200, b"\x1f\x8b", content_encoding="gzip")), Delivered())
        self.assertEqual(lines, [])

    def test_dismissed(self) -> None:
        """401 and 403 close with 1008, 410 with 1000."""
        self.assertEqual(self.read(answer(401)), CloseRequested(1008))
        self.assertEqual(self.read(answer(403)), CloseRequested(1008))
        self.assertEqual(self.read(answer(410)), CloseRequested(1000))

    def test_refused_by_the_backend(self) -> None:
        """Any other 4xx, and 3xx, is the backend's affair: the connection goes on."""
        for status in (400, 404, 409, 413, 422, 301, 307):
            self.assertEqual(self.read(answer(status, b"x", wsaas_reply="text")), Delivered(), status)

    def test_again(self) -> None:
        """408, 425, 429, 5xx, no answer in time and a lost connection are tried again, Retry-After honoured."""
        for status in (408, 425, 429, 500, 502, 503, 504, 599):
            self.assertEqual(self.read(answer(status)), Retry(f"status {status}"))
            self.assertEqual(self.read(answer(status, retry_after="3")), Retry(f"status {status}", 3.0))
        for fault in (NotSent("refused"), Lost("reset"), TimedOut("late")):
            self.assertEqual(self.read(fault), Retry(str(fault)))

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
            ("Mon, 99 Nov 2026 10:00:00 GMT", None),
            ("Mon, 23 Nov 2026 10:00:00 +" + "9" * 20, None),
        ):
            self.assertEqual(self.read(answer(503, retry_after=value)), Retry("status 503", seconds), value[:20])


class DisconnectTests(AnswerTestCase):
    event = CLOSED

    def test_told(self) -> None:
        """2xx and 4xx end it."""
        for status in (200, 204, 400, 401, 403, 404, 410):
            self.assertEqual(self.read(answer(status)), Acknowledged(), status)

    def test_again(self) -> None:
        """Everything else is tried again."""
        for status in (301, 308, 408, 425, 429, 500, 503):
            self.assertEqual(self.read(answer(status)), Retry(f"status {status}"))
        for fault in (NotSent("refused"), Lost("reset"), TimedOut("late")):
            self.assertEqual(self.read(fault), Retry(str(fault)))
