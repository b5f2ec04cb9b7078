"""How events become requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.backend.requests import MAX_DECISION, Contract, Webhook
from wsaas.core.events import Batch, Cause, Closed, Opened, Received, Refresh
from wsaas.core.gateway import record_of
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.records import Record
from wsaas.core.session import Session
from wsaas.core.timestamps import iso8601

ID = "Gateway1" + "c" * 24
NOW = 1_763_892_000.25
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TEXT = st.text(max_size=20)
NOBODY: Any = None
HANDSHAKE = Handshake(
    path="/room/7",
    query="a=1",
    origin="https://app.example",
    remote_address="203.0.113.9",
    subprotocols=("v2.chat",),
    headers={"user-agent": "x"},
    repeated=((b"Authorization", b"Bearer caf\xe9"),),
)


def headers_of(webhook: Webhook) -> dict[str, str]:
    result = {name.decode().lower(): value.decode("latin-1") for name, value in webhook.headers}
    assert len(result) == len(webhook.headers), "a header is repeated"
    assert webhook.head == b"".join(b"%b: %b\r\n" % header for header in webhook.headers)
    return result


class ContractTests(SynchronousTestCase):
    def contract(self, secrets: tuple[bytes, ...] = (), content_type: str = "application/json") -> Contract:
        return Contract(
            local_address="http://gateway:8081",
            ws_timeout=30.0,
            message_content_type=content_type,
            max_message_size=1000,
            secrets=secrets,
            user_agent="WSAAS/1.0",
            wall_clock=lambda: NOW,
            bits=lambda n: 0xAB,
        )

    def session(self, *forwarded: tuple[bytes, bytes]) -> Session:
        record = Record(ID, NOW, forwarded or HANDSHAKE.repeated, TRACE)
        return Session(record, HANDSHAKE, NOBODY, Limits(1000, 1000, 1000), NOBODY)

    def test_connect(self) -> None:
        """A connect is a POST whose JSON has the core members and who wants to connect."""
        webhook = self.contract().webhook(self.session(), Opened(HANDSHAKE))
        self.assertEqual((webhook.method, webhook.id, webhook.limit), (b"POST", ID.encode(), 65536))
        self.assertEqual(
            json.loads(webhook.body),
            {
                "code": "NEW_CONNECTION",
                "ws_uri": f"http://gateway:8081/{ID}",
                "timeout": 30000,
                "id": ID,
                "path": "/room/7",
                "query": "a=1",
                "origin": "https://app.example",
                "remote_address": "203.0.113.9",
                "subprotocols": ["v2.chat"],
                "headers": {"user-agent": "x"},
            },
        )
        self.assertEqual(
            headers_of(webhook),
            {
                "user-agent": "WSAAS/1.0",
                "accept": "*/*",
                "authorization": "Bearer caf\xe9",
                "content-type": "application/json",
                "wsaas-event": "connect",
                "wsaas-connection-id": ID,
                "webhook-id": f"{ID}_0_connect",
                "webhook-timestamp": "1763892000",
                "traceparent": f"00-{TRACE}-00000000000000ac-01",
            },
        )

    def test_message(self) -> None:
        """A message is a PUT with its bytes unchanged; its content type tells text from binary."""
        text = self.contract(content_type="text/plain").webhook(self.session(), Received(7, Frame(b"h\xc3\xa9", False)))
        self.assertEqual((text.method, text.body, text.limit), (b"PUT", b"h\xc3\xa9", 1000))
        headers = headers_of(text)
        self.assertEqual(headers["content-type"], "text/plain")
        self.assertEqual(headers["webhook-id"], f"{ID}_7_message")
        self.assertEqual(headers["wsaas-event"], "message")
        binary = self.contract().webhook(self.session(), Received(8, Frame(b"\xff\0", True)))
        self.assertEqual(binary.body, b"\xff\0")
        self.assertEqual(headers_of(binary)["content-type"], "application/octet-stream")

    def test_batch(self) -> None:
        """A batch is JSON, and its answer may have replies as long as a message, which JSON makes longer."""
        messages = (Received(7, Frame(b"hi", binary=False)), Received(8, Frame(b"\x00\xff", binary=True)))
        webhook = self.contract().webhook(self.session(), Batch(messages))
        self.assertEqual((webhook.method, webhook.limit), (b"PUT", MAX_DECISION + 2 * 1000))
        told = [{"webhook_id": f"{ID}_7_message", "text": "hi"}, {"webhook_id": f"{ID}_8_message", "binary": "AP8="}]
        self.assertEqual(json.loads(webhook.body), {"messages": told})
        self.assertEqual(headers_of(webhook)["webhook-id"], f"{ID}_7_messages")

    def test_refresh(self) -> None:
        """A refresh is a POST with a number of its own in the webhook-id; it says since when the time is over."""
        webhook = self.contract().webhook(self.session(), Refresh(3, NOW))
        self.assertEqual((webhook.method, webhook.limit), (b"POST", MAX_DECISION))
        self.assertEqual(
            json.loads(webhook.body),
            {
                "code": "REFRESH",
                "ws_uri": f"http://gateway:8081/{ID}",
                "id": ID,
                "expired_at": iso8601(NOW),
            },
        )
        headers = headers_of(webhook)
        self.assertEqual(headers["webhook-id"], f"{ID}_3_refresh")
        self.assertEqual((headers["wsaas-event"], headers["content-type"]), ("refresh", "application/json"))

    @examples(200)
    @given(TEXT, TEXT, st.none() | TEXT, TEXT, st.lists(TEXT, max_size=3), st.dictionaries(TEXT, TEXT, max_size=3))
    def test_connect_json(
        self, path: str, query: str, origin: str | None, address: str, subprotocols: list[str], headers: dict[str, str]
    ) -> None:
        """The JSON of a connect is what json.dumps makes of it, whatever the client said."""
        handshake = Handshake(path, query, origin, address, tuple(subprotocols), headers)
        session = Session(Record(ID, NOW, (), TRACE), handshake, NOBODY, Limits(1000, 1000, 1000), NOBODY)
        members: dict[str, Any] = {
            "code": "NEW_CONNECTION",
            "ws_uri": f"http://gateway:8081/{ID}",
            "timeout": 30000,
            "id": ID,
            "path": path,
            "query": query,
            "origin": origin,
            "remote_address": address,
            "subprotocols": subprotocols,
            "headers": headers,
        }
        body = self.contract().webhook(session, Opened(handshake)).body
        self.assertEqual(body, json.dumps(members).encode())

    @examples(200)
    @given(st.sampled_from(Cause), st.integers(1000, 4999), TEXT, st.booleans(), st.integers(0, 10**6))
    def test_disconnect_json(self, cause: Cause, code: int, reason: str, clean: bool, lost: int) -> None:
        """The JSON of a disconnect is what json.dumps makes of it, whatever the reason."""
        members = {
            "code": "CONNECTION_CLOSE",
            "ws_uri": f"http://gateway:8081/{ID}",
            "id": ID,
            "cause": cause.value,
            "close_code": code,
            "close_reason": reason,
            "clean": clean,
            "connected_at": iso8601(NOW),
            "lost_messages": lost,
        }
        body = self.contract().webhook(self.session(), Closed(cause, code, reason, clean, lost)).body
        self.assertEqual(body, json.dumps(members).encode())

    def test_disconnect(self) -> None:
        """A disconnect is a DELETE whose JSON says why."""
        webhook = self.contract().webhook(self.session(), Closed(Cause.CLIENT, 1001, "bye", True, lost_messages=2))
        self.assertEqual(webhook.method, b"DELETE")
        self.assertEqual(
            json.loads(webhook.body),
            {
                "code": "CONNECTION_CLOSE",
                "ws_uri": f"http://gateway:8081/{ID}",
                "id": ID,
                "cause": "client",
                "close_code": 1001,
                "close_reason": "bye",
                "clean": True,
                "connected_at": iso8601(NOW),
                "lost_messages": 2,
            },
        )
        self.assertEqual(headers_of(webhook)["webhook-id"], f"{ID}_0_disconnect")

    def test_repeated_headers(self) -> None:
        """What the connect answer asked for goes out with every later webhook."""
        session = self.session()
        session.repeated += ((b"X-User", b"42"),)
        for event in (Received(1, Frame(b"", False)), Closed(Cause.NETWORK, 1006, "", False)):
            headers = headers_of(self.contract().webhook(session, event))
            self.assertEqual((headers["x-user"], headers["authorization"]), ("42", "Bearer caf\xe9"))

    def test_replaced(self) -> None:
        """A forwarded header takes the place of the gateway's own of that name, one of the connect answer that of both:
        each is there once, and as many are there in the DELETE after a crash.
        """
        forwarded = ((b"user-agent", b"Firefox"), (b"Cookie", b"a=b"), (b"x-tenant", b"1"))
        session = self.session(*forwarded)
        self.assertEqual(headers_of(self.contract().webhook(session, Opened(HANDSHAKE)))["user-agent"], "Firefox")
        asked = ((b"COOKIE", b"c=d"), (b"User-Agent", b"mine"), (b"Accept", b"text/plain"))
        session.repeat(asked)
        unused: Any = None
        closed = Closed(Cause.RESTART, 1006, "", False)
        revived = Session(record_of(session), HANDSHAKE, None, Limits(1000, 1000, 1000), unused, closed)
        for each in (session, revived):
            headers = headers_of(self.contract().webhook(each, closed))
            self.assertEqual(
                [headers[name] for name in ("cookie", "user-agent", "accept", "x-tenant")],
                ["c=d", "mine", "text/plain", "1"],
            )

    def test_signature(self) -> None:
        """With secrets each webhook is signed by each, over id, timestamp and the exact bytes; without, none is."""
        keys = (b"k" * 24, b"l" * 32)
        webhook = self.contract(secrets=keys).webhook(self.session(), Received(1, Frame(b"\xff\0.", True)))
        signed = f"{ID}_1_message.1763892000.".encode() + b"\xff\0."
        expected = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
        self.assertEqual(headers_of(webhook)["webhook-signature"], f"v1,{expected[0]} v1,{expected[1]}")
        unsigned = self.contract().webhook(self.session(), Received(1, Frame(b"", True)))
        self.assertNotIn("webhook-signature", headers_of(unsigned))

    def test_iso8601(self) -> None:
        """Moments are UTC with milliseconds."""
        self.assertEqual(iso8601(NOW), "2025-11-23T10:00:00.250Z")
        self.assertEqual(iso8601(0), "1970-01-01T00:00:00.000Z")
        self.assertEqual(iso8601(NOW + 0.7499999999), "2025-11-23T10:00:01.000Z")
        for moment in (NOW + 0.0009, NOW + 0.7499, 1.5, 1e9 + 0.0299999, 1e9 - 0.0000003):
            there = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
            self.assertEqual(iso8601(moment), there.replace("+00:00", "Z"))
