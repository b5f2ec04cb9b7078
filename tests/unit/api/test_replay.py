"""The route of replays."""

from __future__ import annotations

import json
from collections.abc import Awaitable

from twisted.internet.defer import succeed

from tests.support.api_case import ApiCase, Got
from tests.support.api_fakes import HERE
from wsaas.api.replay import add_replay_route
from wsaas.core.observer import Times
from wsaas.http_client.exchange import Fault, HttpResponse, TimedOut
from wsaas.telemetry.recorder import Recorded

WEBHOOK = f"{HERE}_7_message"


class FakeReplays:
    """One recorded webhook."""

    def __init__(self) -> None:
        self.free = True
        self.asked: list[tuple[str, bytes | None]] = []
        self.answer: HttpResponse | Fault = HttpResponse(404, ((b"a", b"b"),), b"no", False)

    def recorded(self, webhook_id: str) -> Recorded | None:
        head = b"Authorization: Bearer s3cret\r\nContent-Type: application/json\r\n"
        return Recorded(b"PUT", HERE.encode(), head, b"x" * 20_000) if webhook_id == WEBHOOK else None

    def may_begin(self, webhook_id: str) -> bool:
        return self.free

    def replay(self, webhook_id: str, body: bytes | None) -> Awaitable[tuple[object, Times | None]]:
        self.asked.append((webhook_id, body))
        return succeed((self.answer, Times(0.0, 0.001, None, 0.0123456)))


class ReplayTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.replays = FakeReplays()
        add_replay_route(self.api, self.replays, 10.0)

    def replay(self, body: bytes | None = None, webhook: str = WEBHOOK) -> Got:
        return self.ask("POST", f"-/events/{webhook}/replay", body)

    def test_recorded(self) -> None:
        """A recorded webhook is shown whole, so that it can be edited; secrets in its headers are not."""
        got = self.ask("GET", f"-/events/{WEBHOOK}")
        headers = {"authorization": "***", "content-type": "application/json"}
        wanted = {"code": "OK", "method": "PUT", "headers": headers, "body": "x" * 20_000, "size": 20_000}
        self.assertEqual((got.status, got.json), (200, wanted))
        self.assertEqual(self.ask("GET", f"-/events/{HERE}_8_message").json["code"], "NOT_RECORDED")

    def test_answer(self) -> None:
        """The backend's answer is shown, whatever its status, with the times in milliseconds."""
        got = self.replay()
        self.assertEqual(got.status, 200)
        self.assertEqual(
            got.json,
            {
                "code": "OK",
                "status": 404,
                "headers": {"a": "b"},
                "body": "no",
                "size": 2,
                "times": {"queue": 0.0, "connect": 1.0, "first_byte": None, "total": 12.346},
            },
        )
        self.assertEqual(self.replays.asked, [(WEBHOOK, None)])

    def test_edited(self) -> None:
        """Another body may be sent, text or any bytes; an empty one is one."""
        for body, sent in [
            (b'{"body": "caf\xc3\xa9"}', "caf\xe9".encode()),
            (b'{"body_base64": "/wA="}', b"\xff\0"),
            (b'{"body": ""}', b""),
            (b"{}", None),
            (b" ", None),
        ]:
            self.assertEqual(self.replay(body).status, 200)
            self.assertEqual(self.replays.asked[-1][1], sent)

    def test_bad_body(self) -> None:
        """What is none of these is refused, and nothing is sent."""
        for body in (
            b"hello",
            b"[]",
            b'{"body": 1}',
            b'{"bdy": "x"}',
            b'{"body": "x", "body_base64": "eA=="}',
            b'{"body_base64": "\xc3\xa9"}',
            b'{"body_base64": "x"}',
            b'{"body": "\\ud800"}',
            b"[" * 100_000,
            b"\xff",
            b"[" * 900,
        ):
            self.assert_error(self.replay(body), 400, "BAD_REQUEST")
        self.assertEqual(self.replays.asked, [])

    def test_not_recorded(self) -> None:
        """A webhook that is not recorded is answered 404, and the answer says what can be the matter."""
        self.assert_error(self.replay(webhook=f"{HERE}_8_message"), 404, "NOT_RECORDED")
        self.assert_error(self.replay(webhook="nonsense"), 404, "NOT_FOUND")

    def test_busy(self) -> None:
        """While another replay of the connection is under way, it is to be asked again."""
        self.replays.free = False
        got = self.replay()
        self.assert_error(got, 429, "REPLAY_UNDER_WAY")
        self.assertEqual(got.header("retry-after"), ["1"])

    def test_no_answer(self) -> None:
        """A backend that does not answer the replay is told of by the fault."""
        self.replays.answer = TimedOut("no whole answer in time")
        got = self.replay()
        self.assert_error(got, 502, "NO_ANSWER")
        self.assertIn("no whole answer in time", json.dumps(got.json))


class OffTests(ApiCase):
    def test_not_recording(self) -> None:
        """Where nothing is recorded the answer says how it would be."""
        add_replay_route(self.api, None, 10.0)
        got = self.ask("POST", f"-/events/{WEBHOOK}/replay")
        self.assert_error(got, 404, "NOT_RECORDED")
        self.assertIn("CONSOLE=payloads", got.json["message"])
