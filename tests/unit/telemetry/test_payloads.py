"""Headers and bodies as they are shown."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.requests import Webhook
from wsaas.http_client.exchange import HttpResponse, Lost
from wsaas.telemetry.payloads import MAX_HEADER, MAX_SHOWN, Payloads, body_members, shown_headers

HEAD = (
    b"User-Agent: WSAAS\r\nAuthorization: Bearer s3cret\r\nCOOKIE: a=s3cret\r\nX-Api-Key: s3cret\r\n"
    b"webhook-signature: v1,s3cret\r\nX-User: 42: caf\xe9\r\n"
)


class PayloadTests(SynchronousTestCase):
    def members(self, request: object, answer: object) -> dict[str, Any]:
        members: dict[str, Any] = json.loads('{"x":1' + Payloads("http://backend/base").members(request, answer) + "}")
        return members

    def test_webhook(self) -> None:
        """Request and answer are shown with their headers and bodies; no secret is."""
        answer = HttpResponse(200, ((b"set-cookie", b"s3cret"), (b"via", b"a"), (b"via", b"b")), b"pong", False)
        shown = self.members(Webhook(b"PUT", b"id", HEAD, b"hello", 0), answer)
        self.assertEqual(
            shown["request"],
            {
                "method": "PUT",
                "url": "http://backend/base/id",
                "headers": {
                    "user-agent": "WSAAS",
                    "authorization": "***",
                    "cookie": "***",
                    "x-api-key": "***",
                    "webhook-signature": "whsec ok",
                    "x-user": "42: caf\xe9",
                },
                "body": "hello",
                "size": 5,
            },
        )
        self.assertEqual(
            shown["answer"], {"status": 200, "headers": {"set-cookie": "***", "via": "a, b"}, "body": "pong", "size": 4}
        )
        self.assertNotIn("s3cret", json.dumps(shown))

    def test_without(self) -> None:
        """Of a try without an answer, or that nobody watched begin, what there is is shown."""
        self.assertEqual(set(self.members(Webhook(b"PUT", b"id", b"", b"", 0), Lost("reset"))), {"x", "request"})
        self.assertEqual(self.members(None, None), {"x": 1})

    def test_bodies(self) -> None:
        """A body is text if it is UTF-8, else base64; it is cut at 10 KB, never within a character."""
        long = b"x" * (MAX_SHOWN - 1)
        for body, shown in [
            (b"", {"body": "", "size": 0}),
            (b"\xff", {"body_base64": "/w==", "size": 1}),
            (b"x\xc3", {"body_base64": "eMM=", "size": 2}),
            (b"x" * 20_000, {"body": "x" * MAX_SHOWN, "size": 20_000}),
            (long + "\N{SNOWMAN}".encode(), {"body": long.decode(), "size": MAX_SHOWN + 2}),
            (long + b"\xc3\xa9", {"body": long.decode(), "size": MAX_SHOWN + 1}),
        ]:
            self.assertEqual(body_members(body), shown)
        self.assertIn("body_base64", body_members(b"\xff" * 20_000))
        self.assertIn("body_base64", body_members(b"x" * (MAX_SHOWN - 10) + b"\xff" + b"x" * 100))

    def test_long_headers(self) -> None:
        """A header is cut at 1 KB, repeated ones together."""
        shown = shown_headers([(b"a", b"x" * 5000), (b"b", b"y" * 900), (b"B", b"z" * 900)])
        self.assertEqual([len(value) for value in shown.values()], [MAX_HEADER, MAX_HEADER])
