"""The message webhook: exact bytes, in order, and what each answer of the backend does."""

from __future__ import annotations

import itertools
from typing import ClassVar

from tests.support.backend_answers import (
    Answer,
    Gate,
    Request,
    calling,
    drop,
    endless_body,
    gated,
    hang,
    head,
    raw,
    reply,
    reset,
    stall,
)
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import CONTINUATION, PING, TEXT, closing, frame

MIB = 1 << 20


class BytesTests(SharedTestCase):
    """The body is the message, as it is."""

    def test_exact(self) -> None:
        """Text and binary messages arrive byte for byte, the empty and the largest among them, in order."""
        messages: list[str | bytes] = [
            '{"a": "\u00e9\u2603\U0001f600\\u0000"}',
            "",
            b"",
            bytes(range(256)),
            "line\r\nline\r\n\r\n\x00",
            b"x" * MIB,
            "y" * MIB,
        ]
        connection = self.client()
        for message in messages:
            connection.send(message)
        eventually(lambda: len(self.stage.messages) == len(messages))
        for webhook, message in zip(self.stage.messages, messages, strict=True):
            self.assertTrue(webhook.body == (message.encode() if isinstance(message, str) else message))
            expected = "application/json" if isinstance(message, str) else "application/octet-stream"
            self.assertEqual(webhook.header("Content-Type"), expected)
            self.assertEqual(webhook.header("Content-Length"), str(len(webhook.body)))

    def test_fragments(self) -> None:
        """A message in fragments is one message, even with a ping between them."""
        raw_client = self.raw_client()
        raw_client.send(frame(TEXT, b"one ", final=False) + frame(PING, b"?"))
        raw_client.send(frame(CONTINUATION, b"", final=False) + frame(CONTINUATION, b"message"))
        self.assertEqual(self.only(lambda: self.stage.messages).body, b"one message")

    def test_slow_frame(self) -> None:
        """A frame that comes byte by byte is the same message."""
        raw_client = self.raw_client()
        for byte in frame(TEXT, b"slowly"):
            raw_client.send(bytes([byte]))
        self.assertEqual(self.only(lambda: self.stage.messages).body, b"slowly")


class ContentTypeTests(SharedTestCase):
    settings: ClassVar[Settings] = {"MESSAGE_CONTENT_TYPE": "text/plain; charset=utf-8"}

    def test_content_type(self) -> None:
        """MESSAGE_CONTENT_TYPE is the type of text messages, and of those only."""
        connection = self.client()
        connection.send("text")
        connection.send(b"binary")
        eventually(lambda: len(self.stage.messages) == 2)
        types = [webhook.header("Content-Type") for webhook in self.stage.messages]
        self.assertEqual(types, ["text/plain; charset=utf-8", "application/octet-stream"])


class ReplyTests(SharedTestCase):
    """WSAAS-Reply: the answer's body goes to the client."""

    def test_reply(self) -> None:
        """The body of a 2xx with WSAAS-Reply is sent as text or binary; without it, nothing is."""
        self.stage.on_message(
            reply(200, "\u2603".encode(), [("WSAAS-Reply", "text")]),
            reply(200, b"not this", [("Content-Type", "application/json")]),
            reply(201, bytes(range(256)), [("wsaas-reply", "binary")]),
            reply(200, b"", [("WSAAS-Reply", "text")]),
        )
        connection = self.client()
        for _ in range(4):
            connection.send("?")
        self.assertEqual([connection.recv(timeout=10) for _ in range(3)], ["\u2603", bytes(range(256)), ""])

    def test_before_next(self) -> None:
        """The reply is at the client while the next message is still being delivered."""
        connection = self.client()
        seen: list[str | bytes] = []

        def look(request: Request) -> None:
            seen.append(connection.recv(timeout=10))

        self.stage.on_message(reply(200, b"reply", [("WSAAS-Reply", "text")]), calling(look, reply()))
        connection.send("one")
        connection.send("two")
        eventually(lambda: seen)
        self.assertEqual(seen, ["reply"])

    def test_not_utf8(self) -> None:
        """A text reply that is not UTF-8 is logged and not sent; the connection goes on."""
        self.stage.on_message(
            reply(200, b"\xff\xfe", [("WSAAS-Reply", "text")]), reply(200, b"good", [("WSAAS-Reply", "text")])
        )
        connection = self.client()
        connection.send("one")
        connection.send("two")
        self.assertEqual(connection.recv(timeout=10), "good")
        self.assertIn("UTF-8", self.gw.log())

    def test_not_2xx(self) -> None:
        """Only a 2xx replies."""
        self.stage.on_message(
            reply(404, b"no", [("WSAAS-Reply", "text")]), reply(200, b"good", [("WSAAS-Reply", "text")])
        )
        connection = self.client()
        connection.send("one")
        connection.send("two")
        self.assertEqual(connection.recv(timeout=10), "good")


class AnswerTests(SharedTestCase):
    """The table of answers to PUT."""

    settings: ClassVar[Settings] = {"WEBHOOK_TIMEOUT": "700"}

    def assert_closed(self, status: int, code: int) -> None:
        self.stage.on_message(reply(status))
        connection = self.client()
        connection.send("one")
        self.assertEqual(closing(connection)[0], code)
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"], end["clean"]), ("backend", code, True))
        self.assertEqual(len(self.stage.messages), 1)

    def test_401(self) -> None:
        """401 closes the connection with 1008."""
        self.assert_closed(401, 1008)

    def test_403(self) -> None:
        """403 closes the connection with 1008."""
        self.assert_closed(403, 1008)

    def test_410(self) -> None:
        """410 closes the connection with 1000."""
        self.assert_closed(410, 1000)

    def test_refused(self) -> None:
        """Any other 4xx, and 3xx, is the backend's word on this message: not repeated, and the connection goes on."""
        statuses = [400, 404, 405, 409, 413, 415, 418, 422, 451, 300, 301, 302, 303, 304, 307, 308]
        location = [("Location", "/elsewhere")]
        self.stage.on_message(*(reply(status, b"", location) for status in statuses), reply())
        connection = self.client()
        for number in range(len(statuses) + 1):
            connection.send(str(number))
        eventually(lambda: len(self.stage.messages) == len(statuses) + 1)
        self.assertEqual(self.stage.bodies, [str(n).encode() for n in range(len(statuses) + 1)])
        self.assertEqual(self.pair.backend.strays.requests, [])
        self.assertEqual(self.api.get(f"/{self.connection_id()}").status, 200)

    def assert_retried(self, *answers: Answer) -> None:
        """Each answer once, each followed by a good one: every message comes twice, in order, none overtakes."""
        self.stage.on_message(*itertools.chain(*((answer, reply()) for answer in answers)))
        connection = self.client()
        for number in range(len(answers)):
            connection.send(str(number))
        eventually(lambda: len(self.stage.messages) >= 2 * len(answers), 30)
        connection.close()
        self.ended()
        expected = [str(number).encode() for number in range(len(answers)) for _ in "12"]
        self.assertEqual(self.stage.bodies, expected)
        names = [webhook.header("webhook-id") for webhook in self.stage.messages]
        self.assertEqual(names[::2], names[1::2])
        self.assertEqual(len(set(names)), len(answers))

    def test_retried(self) -> None:
        """408, 425, 429 and 5xx are retried with the same webhook-id, before anything that came later."""
        self.assert_retried(*(reply(status) for status in (408, 425, 429, 500, 502, 503, 504)))

    def test_lost(self) -> None:
        """A lost connection, before or in the middle of the answer, is a reason to try again."""
        body_cut = raw(head(200, [("Content-Length", "100")]) + b"half")
        self.assert_retried(raw(b"HTTP/1.1 2"), body_cut, raw(b"\x00garbage\r\n\r\n"))

    def test_dropped(self) -> None:
        """A connection closed without a word loses no message and doubles none under another webhook-id."""
        self.stage.on_message(drop(), reset(), reply())
        connection = self.client()
        connection.send("one")
        connection.send("two")
        eventually(lambda: self.stage.bodies[-1:] == [b"two"])
        self.assertEqual(self.stage.bodies, [b"one", b"one", b"one", b"two"])
        self.assertEqual(len({webhook.header("webhook-id") for webhook in self.stage.messages}), 2)

    def test_timeout(self) -> None:
        """An answer that does not come, or not whole, within WEBHOOK_TIMEOUT is a reason to try again."""
        self.assert_retried(hang(), stall(head(200, [("Content-Length", "10")]) + b"half"))

    def test_endless_answer(self) -> None:
        """An answer without an end is cut; it costs the gateway no memory and the client no later message."""
        before = self.gw.rss()
        self.stage.on_message(endless_body(), reply())
        connection = self.client()
        connection.send("one")
        connection.send("two")
        eventually(lambda: self.stage.bodies[-1:] == [b"two"])
        self.assertLess(self.gw.rss() - before, 16 << 20)

    def test_retry_after(self) -> None:
        """Retry-After is honoured."""
        self.stage.on_message(reply(503, b"", [("Retry-After", "1")]), reply())
        self.client().send("one")
        eventually(lambda: len(self.stage.messages) == 2)
        first, second = self.stage.messages
        assert first.answered is not None
        self.assertGreaterEqual(second.arrived - first.answered, 0.99)

    def test_one_at_a_time(self) -> None:
        """While a message is with the backend, the next one of this client waits; another client's does not."""
        gate = Gate()
        self.stage.on_message(gated(gate, reply()), reply())
        first, second = self.client(), self.client()
        first.send("held")
        self.only(lambda: self.stage.messages)
        first.send("waits")
        second.send("passes")
        eventually(lambda: len(self.stage.messages) == 2)
        self.assertEqual(self.stage.bodies, [b"held", b"passes"])
        gate.open()
        eventually(lambda: len(self.stage.messages) == 3)
        self.assertEqual(self.stage.bodies[2], b"waits")

    def test_delivered_before_disconnect(self) -> None:
        """Messages of a client that is gone already are delivered all the same, and its DELETE comes after them."""
        gate = Gate()
        self.stage.on_message(gated(gate, reply()), reply())
        connection = self.client()
        for text in ("one", "two", "three"):
            connection.send(text)
        self.only(lambda: self.stage.messages)
        connection.close()
        self.assertEqual(self.stage.disconnects, [])
        gate.open()
        end = self.ended()
        self.assertEqual([r.body for r in self.stage.requests[1:4]], [b"one", b"two", b"three"])
        self.assertEqual((end["cause"], end["lost_messages"]), ("client", 0))
        self.assertEqual(self.stage.requests[-1].method, "DELETE")


class PatienceTests(SharedTestCase):
    """A backend that does not come back in time."""

    settings: ClassVar[Settings] = {"MESSAGE_PATIENCE": "1000"}

    def test_undelivered(self) -> None:
        """After MESSAGE_PATIENCE the connection is closed with 1013, and the DELETE counts what was lost."""
        self.stage.on_message(reply(503))
        connection = self.client()
        for text in ("one", "two", "three"):
            connection.send(text)
        self.assertEqual(closing(connection, 30)[0], 1013)
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"], end["lost_messages"]), ("undelivered", 1013, 3))
        self.assertEqual(set(self.stage.bodies), {b"one"})
        self.assertGreater(len(self.stage.messages), 1)

    def test_recovers(self) -> None:
        """A backend that comes back before that costs nothing but time."""
        self.stage.on_message(reply(503), reply(503), reply())
        connection = self.client()
        connection.send("one")
        connection.send("two")
        eventually(lambda: self.stage.bodies[-1:] == [b"two"])
        self.assertEqual(self.api.get(f"/{self.connection_id()}").status, 200)
