"""The disconnect webhook: one for every connection, saying how it ended."""

from __future__ import annotations

import re
import time
from typing import Any, ClassVar

from wsproto.events import Ping

from tests.support.backend_answers import Answer, drop, hang, raw, reply, reset
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import CLOSE, PING, PONG, TEXT, close_frame, closing, frame


class CauseTests(SharedTestCase):
    """The body of a disconnect webhook for each way to end."""

    settings: ClassVar[Settings] = {"MAX_MESSAGE_SIZE": "65536"}

    def assert_end(self, cause: str, code: int, clean: bool, reason: str = "") -> dict[str, Any]:
        end = self.ended()
        self.assertEqual(
            (end["cause"], end["close_code"], end["close_reason"], end["clean"]), (cause, code, reason, clean)
        )
        self.assertEqual(self.stage.requests[-1].method, "DELETE")
        return end

    def test_client(self) -> None:
        """A client's close: cause client, its code and reason, clean; and everything else that a DELETE says."""
        connection = self.client()
        connection.close(1001, "going away \u2603")
        end = self.assert_end("client", 1001, True, "going away \u2603")
        webhook, id = self.stage.disconnects[0], self.connection_id()
        self.assertEqual((end["code"], end["id"], end["lost_messages"]), ("CONNECTION_CLOSE", id, 0))
        self.assertEqual(end["ws_uri"], f"http://localhost:{self.gw.http_port}/{id}")
        self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", end["connected_at"]), end)
        self.assertEqual((webhook.header("content-type") or "").split(";")[0], "application/json")
        self.assertEqual(self.api.get(f"/{id}").status, 404)

    def test_own_code(self) -> None:
        """The codes that applications use among themselves come through."""
        self.client().close(4321, "")
        self.assert_end("client", 4321, True)

    def test_no_code(self) -> None:
        """A close frame without a code is 1005."""
        self.raw_client().send(frame(CLOSE, b""))
        self.assert_end("client", 1005, True)

    def test_reset(self) -> None:
        """A connection that just dies: cause network, 1006, not clean."""
        self.raw_client().reset()
        self.assert_end("network", 1006, False)

    def test_socket_closed(self) -> None:
        """A client that hangs up without a close frame is the same."""
        self.raw_client().leave()
        self.assert_end("network", 1006, False)

    def test_half_closed(self) -> None:
        """A client that ends only its own half counts as hung up; its earlier messages are delivered first."""
        raw_client = self.raw_client()
        raw_client.send(frame(TEXT, b"last words"))
        raw_client.half_close()
        self.assert_end("network", 1006, False)
        self.assertEqual(self.stage.bodies, [b"last words"])

    def test_half_a_frame(self) -> None:
        """Half a message is none."""
        raw_client = self.raw_client()
        raw_client.send(frame(TEXT, b"whole") + frame(TEXT, b"half of it")[:-3])
        raw_client.leave()
        self.assert_end("network", 1006, False)
        self.assertEqual(self.stage.bodies, [b"whole"])

    def test_api(self) -> None:
        """Closed over the API: cause api, with the code and reason that the client saw."""
        connection = self.client()
        self.assertEqual(self.api.close(self.connection_id(), "?code=4001&reason=bye").status, 200)
        self.assertEqual(closing(connection), (4001, "bye"))
        self.assert_end("api", 4001, True, "bye")

    def test_backend(self) -> None:
        """Closed by an answer to a message: cause backend."""
        self.stage.on_message(reply(403))
        connection = self.client()
        connection.send("?")
        self.assertEqual(closing(connection)[0], 1008)
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"], end["clean"]), ("backend", 1008, True))

    def test_protocol_error(self) -> None:
        """A frame that must not be: cause protocol_error, and the client is told 1002."""
        raw_client = self.raw_client()
        raw_client.send(frame(TEXT, b"unmasked", masked=False))
        self.assertEqual(raw_client.close_code(), 1002)
        raw_client.leave()
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"]), ("protocol_error", 1002))
        self.assertEqual(self.stage.messages, [])

    def test_not_utf8(self) -> None:
        """A text message that is not UTF-8 is not delivered: 1007, cause protocol_error."""
        raw_client = self.raw_client()
        raw_client.send(frame(TEXT, b"\xff"))
        self.assertEqual(raw_client.close_code(), 1007)
        raw_client.leave()
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"]), ("protocol_error", 1007))
        self.assertEqual(self.stage.messages, [])

    def test_too_big(self) -> None:
        """A message over MAX_MESSAGE_SIZE is refused on its header: 1009, cause too_big."""
        raw_client = self.raw_client()
        raw_client.send(frame(TEXT, b"fine"))
        raw_client.send(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask" + b"first bytes")
        self.assertEqual(raw_client.close_code(), 1009)
        raw_client.leave()
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"]), ("too_big", 1009))
        self.assertEqual(self.stage.bodies, [b"fine"])

    def test_too_big_in_fragments(self) -> None:
        """The limit is for the whole message; the largest that is allowed passes."""
        raw_client = self.raw_client()
        raw_client.send(frame(TEXT, b"x" * 40000, final=False) + frame(0, b"x" * 25536))
        raw_client.send(frame(TEXT, b"x" * 40000, final=False) + frame(0, b"x" * 25537))
        self.assertEqual(raw_client.close_code(), 1009)
        raw_client.leave()
        self.assertEqual(self.ended()["cause"], "too_big")
        self.assertEqual([len(body) for body in self.stage.bodies], [65536])

    def test_speaks_after_close(self) -> None:
        """Data behind a Close frame is ignored."""
        raw_client = self.raw_client()
        raw_client.send(close_frame(1000) + frame(TEXT, b"and another thing") + close_frame(4000))
        self.assert_end("client", 1000, True)
        self.assertEqual(self.stage.messages, [])

    def test_closed_by_both(self) -> None:
        """Closed over the API while the client closes: still one DELETE."""
        connection = self.client()
        id = self.connection_id()
        self.api.close(id)
        connection.close(4000)
        end = self.ended()
        self.assertIn(end["cause"], ("api", "client"))
        self.assertEqual(self.api.close(id).status, 404)
        self.client().close()
        eventually(lambda: len(self.stage.disconnects) == 2)
        self.assertEqual([w.id for w in self.stage.disconnects].count(id), 1)

    def test_never_reads_the_close(self) -> None:
        """A client that ignores the closing handshake is gone all the same, soon."""
        self.raw_client()
        self.assertEqual(self.api.close(self.connection_id(), "?code=4001").status, 200)
        end = self.ended(15)
        self.assertEqual((end["cause"], end["close_code"]), ("api", 4001))


class AnswerTests(SharedTestCase):
    """The effect of each answer to a DELETE."""

    settings: ClassVar[Settings] = {"WEBHOOK_TIMEOUT": "700"}

    def test_ends(self) -> None:
        """2xx, 404, 410 and other 4xx end it: said once, never again."""
        answers = (200, 202, 204, 404, 410, 400, 401, 403, 409)
        self.stage.on_disconnect(*(reply(status) for status in answers), reply(503), reply())
        for _ in answers:
            before = len(self.stage.disconnects)
            self.client().close()
            eventually(lambda before=before: len(self.stage.disconnects) == before + 1)  # type: ignore[misc]
        # One more, which is retried: had any of those before it been, it would have come by now.
        self.client().close()
        eventually(lambda: len(self.stage.disconnects) >= len(answers) + 2)
        ids = [webhook.id for webhook in self.stage.disconnects]
        self.assertEqual(len(ids), len(answers) + 2)
        self.assertEqual(len(set(ids)), len(answers) + 1)

    def assert_retried(self, *answers: Answer) -> None:
        self.stage.on_disconnect(*answers, reply())
        self.client().close()
        eventually(lambda: len(self.stage.disconnects) >= len(answers) + 1, 30)
        webhooks = self.stage.disconnects
        self.assertEqual(len(webhooks), len(answers) + 1)
        self.assertEqual(len({webhook.header("webhook-id") for webhook in webhooks}), 1)
        self.assertEqual(len({webhook.body for webhook in webhooks}), 1)

    def test_5xx(self) -> None:
        """5xx is retried, the same event with the same webhook-id."""
        self.assert_retried(reply(500), reply(502), reply(503))

    def test_4xx_of_the_moment(self) -> None:
        """408, 425 and 429 are retried."""
        self.assert_retried(reply(408), reply(425), reply(429))

    def test_redirect(self) -> None:
        """A redirect is no answer to a DELETE: neither followed nor taken for one."""
        self.assert_retried(reply(302, b"", [("Location", "/elsewhere")]))
        self.assertEqual(self.pair.backend.strays.requests, [])

    def test_lost(self) -> None:
        """A lost connection or half an answer is retried."""
        self.assert_retried(raw(b"HTTP/1.1 200 OK\r\nContent-Le"), raw(b"\x00garbage\r\n\r\n"))

    def test_dropped(self) -> None:
        """A connection that is closed or reset without an answer is retried."""
        self.stage.on_disconnect(drop(), reset(), reply())
        self.client().close()
        eventually(lambda: len(self.stage.disconnects) == 3)
        self.assertEqual(len({webhook.header("webhook-id") for webhook in self.stage.disconnects}), 1)

    def test_timeout(self) -> None:
        """An answer that does not come within WEBHOOK_TIMEOUT is retried."""
        self.assert_retried(hang())

    def test_retry_after(self) -> None:
        """Retry-After is honoured."""
        self.stage.on_disconnect(reply(503, b"", [("Retry-After", "1")]), reply())
        self.client().close()
        eventually(lambda: len(self.stage.disconnects) == 2)
        first, second = self.stage.disconnects
        assert first.answered is not None
        self.assertGreaterEqual(second.arrived - first.answered, 0.99)


class KeepaliveTests(SharedTestCase):
    """WS_TIMEOUT."""

    settings: ClassVar[Settings] = {"WS_TIMEOUT": "2000"}

    def test_silent(self) -> None:
        """A client from which nothing comes is pinged after half of WS_TIMEOUT and gone after all of it."""
        began = time.monotonic()
        raw_client = self.raw_client()
        self.assertIsInstance(raw_client.next(), Ping)
        self.assertGreaterEqual(time.monotonic() - began, 0.5)
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"], end["clean"]), ("timeout", 1006, False))
        self.assertGreaterEqual(time.monotonic() - began, 1.5)

    def test_pongs(self) -> None:
        """A client that only ever answers pings stays."""
        raw_client, pings = self.raw_client(), 0
        began = time.monotonic()
        while time.monotonic() - began < 5:
            event = raw_client.next()
            self.assertIsInstance(event, Ping)
            assert isinstance(event, Ping)
            raw_client.send(frame(PONG, bytes(event.payload)))
            pings += 1
        self.assertGreaterEqual(pings, 2)
        self.assertEqual(self.stage.disconnects, [])
        self.assertEqual(self.api.get(f"/{self.connection_id()}").status, 200)

    def test_speaks(self) -> None:
        """A client that speaks, or pings by itself, needs no ping."""
        raw_client = self.raw_client()
        began = time.monotonic()
        while time.monotonic() - began < 3:
            raw_client.send(frame(TEXT, b"here") if int(time.monotonic() * 10) % 2 else frame(PING, b""))
            time.sleep(0.02)
        self.assertEqual(self.stage.disconnects, [])


class PatientTests(SharedTestCase):
    settings: ClassVar[Settings] = {"WS_TIMEOUT": "0"}

    def test_off(self) -> None:
        """WS_TIMEOUT=0 turns it off, and the backend is told so."""
        self.raw_client()
        self.assertEqual(self.only(lambda: self.stage.connects).json()["timeout"], 0)
