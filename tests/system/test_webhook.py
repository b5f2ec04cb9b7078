"""The common headers of all webhooks: sender, connection, webhook-id and signature."""

from __future__ import annotations

import base64
import re
import secrets
import time
from typing import ClassVar

from tests.support.backend_answers import Request, accept, reply
from tests.support.signatures import signature
from tests.support.system_case import Settings, SharedTestCase, eventually
from wsaas.service.version import user_agent


class WebhookTestCase(SharedTestCase):
    def life(self, headers: list[tuple[str, str]] | None = None) -> list[Request]:
        """The webhooks of a client that connects, says one thing and leaves: POST, PUT, DELETE."""
        connection = self.client(additional_headers=headers or [])
        connection.send("hello")
        eventually(lambda: self.stage.messages)
        connection.close()
        eventually(lambda: self.stage.disconnects)
        webhooks = self.stage.requests
        self.assertEqual([webhook.method for webhook in webhooks], ["POST", "PUT", "DELETE"])
        return webhooks


class HeaderTests(WebhookTestCase):
    def test_authorization(self) -> None:
        """Authorization is on all three exactly as the client's handshake had it."""
        value = 'Digest  username="M\xfcller",  realm="a, b"'
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask(self.path, [("Authorization", value)])
        raw_client.accepted()
        raw_client.send(b"\x81\x80\0\0\0\0")
        eventually(lambda: self.stage.messages)
        raw_client.leave()
        eventually(lambda: self.stage.disconnects)
        self.assertEqual([webhook.header("Authorization") for webhook in self.stage.requests], [value] * 3)

    def test_no_authorization(self) -> None:
        """Authorization is on none if the handshake had none, whichever clients share the gateway's connections."""
        self.client(additional_headers={"Authorization": "Bearer other"}).close()
        eventually(lambda: self.stage.disconnects)
        self.stage.requests.clear()
        for webhook in self.life():
            self.assertEqual(webhook.every("Authorization"), [])

    def test_own_headers(self) -> None:
        """Webhooks say which program sends them, that it takes any type, and that it takes nothing compressed."""
        for webhook in self.life([("User-Agent", "client"), ("Accept", "x/y"), ("Accept-Encoding", "gzip")]):
            self.assertEqual(webhook.header("User-Agent"), user_agent())
            self.assertTrue(re.fullmatch(r"WSAAS(/[\w.+-]+)?", user_agent()))
            self.assertEqual(webhook.header("Accept"), "*/*")
            self.assertEqual(webhook.header("Accept-Encoding"), "identity")

    def test_event(self) -> None:
        """WSAAS-Event and WSAAS-Connection-Id say what it is about, without a look into the body."""
        webhooks = self.life()
        self.assertEqual([w.header("WSAAS-Event") for w in webhooks], ["connect", "message", "disconnect"])
        self.assertEqual({w.header("WSAAS-Connection-Id") for w in webhooks}, {webhooks[0].id})
        self.assertEqual({w.path for w in webhooks}, {f"/websocket/{webhooks[0].id}"})

    def test_webhook_id(self) -> None:
        """webhook-id is id, sequence and event; no two events have the same."""
        connection = self.client()
        for text in ("one", "two", "three"):
            connection.send(text)
        eventually(lambda: len(self.stage.messages) == 3)
        connection.close()
        eventually(lambda: self.stage.disconnects)
        names = [webhook.header("webhook-id") or "" for webhook in self.stage.requests]
        id, sequences = self.connection_id(), []
        for name, event in zip(names, ["connect", *["message"] * 3, "disconnect"], strict=True):
            found = re.fullmatch(rf"{id}_(\d+)_{event}", name)
            assert found is not None, name
            sequences.append(int(found[1]))
        self.assertEqual(len(set(names)), 5)
        self.assertEqual(sequences[1:4], [1, 2, 3])

    def test_webhook_id_of_retry(self) -> None:
        """A retry has the webhook-id of the first attempt, so that the backend can drop repeats."""
        self.stage.on_message(reply(503), reply())
        self.stage.on_disconnect(reply(503), reply())
        connection = self.client()
        connection.send("hello")
        eventually(lambda: len(self.stage.messages) == 2)
        connection.close()
        eventually(lambda: len(self.stage.disconnects) == 2)
        for webhooks in (self.stage.messages, self.stage.disconnects):
            self.assertEqual(webhooks[0].header("webhook-id"), webhooks[1].header("webhook-id"))
            self.assertEqual(webhooks[0].body, webhooks[1].body)

    def test_timestamp(self) -> None:
        """webhook-timestamp is now, in whole seconds."""
        for webhook in self.life():
            self.assertLess(abs(int(webhook.header("webhook-timestamp") or "0") - time.time()), 60)

    def test_unsigned(self) -> None:
        """Without a secret there is no signature."""
        for webhook in self.life():
            self.assertEqual(webhook.every("webhook-signature"), [])

    def test_traceparent(self) -> None:
        """A trace that the client began is continued: its trace id, a parent id of our own (W3C Trace Context)."""
        trace, parent = secrets.token_hex(16), secrets.token_hex(8)
        for webhook in self.life([("traceparent", f"00-{trace}-{parent}-01")]):
            found = re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-01", webhook.header("traceparent") or "")
            assert found is not None, webhook.header("traceparent")
            self.assertEqual(found[1], trace)
            self.assertNotEqual(found[2], parent)

    def test_own_trace(self) -> None:
        """Without a trace, or with one that is none, the gateway begins one for the connection."""
        for headers in ([], [("traceparent", "nonsense")], [("traceparent", f"00-{'0' * 32}-{'0' * 16}-01")]):
            self.stage.requests.clear()
            found = [w.header("traceparent") or "" for w in self.life(headers)]
            for value in found:
                self.assertTrue(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", value), value)
                self.assertNotIn("0" * 32, value)
            self.assertEqual(len({value[3:35] for value in found}), 1)

    def test_nothing_forwarded(self) -> None:
        """Other headers of the handshake stay here unless FORWARD_HEADERS names them."""
        for webhook in self.life([("Cookie", "session=1"), ("X-Tenant", "7")]):
            self.assertEqual(webhook.every("Cookie") + webhook.every("X-Tenant"), [])

    def test_cookies(self) -> None:
        """Cookies that the backend sets are not stored: they go out with no webhook."""
        setting = [("Set-Cookie", "session=other; Path=/")]
        self.stage.on_connect(reply(200, b'{"code": "OK"}', setting))
        self.stage.on_message(reply(200, b"", setting))
        for webhook in self.life() + self.life_again():
            self.assertEqual(webhook.every("Cookie"), [])

    def life_again(self) -> list[Request]:
        self.stage.requests.clear()
        return self.life()


class ForwardTests(WebhookTestCase):
    settings: ClassVar[Settings] = {
        "FORWARD_HEADERS": "Cookie, X-Tenant, User-Agent",
        "ALLOWED_ORIGINS": "https://app.example",
    }

    def test_forwarded(self) -> None:
        """The headers that FORWARD_HEADERS names are on every webhook as the handshake had them."""
        for webhook in self.life([("Cookie", "session=1; b=2"), ("x-tenant", "7"), ("X-Other", "1")]):
            self.assertEqual(webhook.every("Cookie"), ["session=1; b=2"])
            self.assertEqual(webhook.every("X-Tenant"), ["7"])
            self.assertEqual(webhook.every("X-Other"), [])

    def test_each_once(self) -> None:
        """Several headers of one name are one, and so are those of the handshake, the gateway and the connect answer:
        what the connect answer asked for counts, then what was forwarded.
        """
        self.stage.on_connect(accept(headers={"X-TENANT": 8}))
        headers = [
            ("Cookie", "a=1"),
            ("X-Tenant", "6"),
            ("cookie", "b=2"),
            ("x-tenant", "7"),
            ("User-Agent", "Firefox"),
        ]
        raw_client = self.raw(self.gw.ws_port)
        raw_client.open(self.path, headers)
        raw_client.send(b"\x81\x80\0\0\0\0")
        eventually(lambda: self.stage.messages)
        raw_client.leave()
        eventually(lambda: self.stage.disconnects)
        for webhook, tenant in zip(self.stage.requests, ("6, 7", "8", "8"), strict=True):
            self.assertEqual(webhook.header("Cookie"), "a=1; b=2")
            self.assertEqual(webhook.header("X-Tenant"), tenant)
            self.assertEqual(webhook.header("User-Agent"), "Firefox")
            self.assertEqual(webhook.header("Accept"), "*/*")

    def test_absent(self) -> None:
        """A header that the handshake did not have is not made up."""
        for webhook in self.life():
            self.assertEqual(webhook.every("Cookie") + webhook.every("X-Tenant"), [])


NEW = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OLD = "whsec_" + base64.b64encode(bytes(range(100, 132))).decode()


class SignatureTests(WebhookTestCase):
    settings: ClassVar[Settings] = {"WEBHOOK_SECRET": f"{NEW} {OLD}"}

    def test_signed(self) -> None:
        """Every webhook can be verified with every secret, while they are rotated."""
        for webhook in self.life():
            found = (webhook.header("webhook-signature") or "").split(" ")
            self.assertEqual(set(found), {signature(NEW, webhook), signature(OLD, webhook)})

    def test_binary(self) -> None:
        """The signature is over the bytes of the body, whatever they are; so is that of a retry."""
        self.stage.on_message(reply(503), reply())
        connection = self.client()
        connection.send(bytes(range(256)))
        eventually(lambda: len(self.stage.messages) == 2)
        for webhook in self.stage.messages:
            self.assertIn(signature(NEW, webhook), webhook.header("webhook-signature") or "")

    def test_secret_stays_here(self) -> None:
        """The secret is in no log line."""
        self.life()
        for secret in (NEW, OLD):
            self.assertNotIn(secret.removeprefix("whsec_"), self.gw.log())
