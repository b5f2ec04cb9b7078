"""The connect webhook: what each of the backend's answers means to the client."""

from __future__ import annotations

import select
from typing import ClassVar

from tests.support import websocket_client as client
from tests.support.backend_answers import (
    Answer,
    Gate,
    Request,
    accept,
    after,
    chunked,
    drop,
    endless_body,
    endless_headers,
    gated,
    hang,
    head,
    interim,
    raw,
    reply,
    reset,
    say,
    stale,
    stall,
    trickle,
)
from tests.support.backend_process import BackendProcess
from tests.support.gateway_process import free_port
from tests.support.system_case import Settings, SharedTestCase, SystemTestCase, eventually
from tests.support.websocket_client import handshake


class ConnectTestCase(SharedTestCase):
    """The common part of the tests of connect answers."""

    def assert_forgotten(self, webhook: Request) -> None:
        """No DELETE was sent for this connect: one that began later has its own, and there is no other."""
        self.stage.on_connect(accept())
        self.client().close()
        others = eventually(lambda: self.stage.disconnects)
        self.assertNotIn(webhook.id, [other.id for other in others])

    def assert_accounted(self) -> None:
        """As the backend may have accepted, it hears of the end: one DELETE, cause unknown_connect, last of all."""
        webhook = self.only(lambda: self.stage.disconnects)
        self.assertEqual(webhook.id, self.stage.connects[0].id)
        self.assertEqual(webhook.json()["cause"], "unknown_connect")
        self.assertEqual(webhook.json()["code"], "CONNECTION_CLOSE")
        self.assertIs(self.stage.requests[-1], webhook)
        self.assertEqual(self.stage.messages, [])


class AnswerTests(ConnectTestCase):
    """The table of answers to POST."""

    def test_ok(self) -> None:
        """A 2xx with code OK opens the connection."""
        for answer in (accept(), say({"code": "OK"}, 201), chunked(200, [b'{"code"', b':"OK"}'])):
            self.stage.on_connect(answer)
            connection = self.client()
            self.assertIsNone(connection.subprotocol)
            connection.close()

    def test_ok_with_more(self) -> None:
        """Fields that the gateway does not know are no reason to refuse."""
        self.stage.on_connect(accept(more={"a": [1]}, message="welcome"))
        self.client()

    def test_ok_after_interim(self) -> None:
        """Informational answers before the real one are skipped."""
        for status in (100, 103):
            self.stage.on_connect(interim(status, accept()))
            self.client()

    def test_waits(self) -> None:
        """Nothing is upgraded, and nothing at all said to the client, before the backend has answered."""
        gate = Gate()
        self.stage.on_connect(gated(gate, accept()))
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask(self.path)
        self.only(lambda: self.stage.connects)
        self.assertEqual(select.select([raw_client.socket], [], [], 0.1)[0], [])
        gate.open()
        raw_client.accepted()

    def test_other_code(self) -> None:
        """A 2xx with any other code is a 403 whose body repeats the code; the backend hears no more of it."""
        for code in ("DENIED", "ok", "FULL"):
            self.stage.on_connect(say({"code": code}))
            refusal = self.refused()
            self.assertEqual((refusal.status, refusal.json()), (403, {"code": code}))
        self.assert_forgotten(self.stage.connects[0])

    def test_4xx(self) -> None:
        """A 4xx is passed on, with WWW-Authenticate, Retry-After, its body and the Content-Type of that, and no other
        header; no DELETE follows.
        """
        for status in (400, 401, 403, 404, 409, 418, 429):
            headers = [("WWW-Authenticate", 'Basic realm="x"'), ("Retry-After", "7"), ("X-Inside", "secret")]
            headers += [("Set-Cookie", "a=b"), ("Content-Type", "text/plain; charset=utf-8")]
            self.stage.on_connect(reply(status, b"not \xc3\xbcber 9", headers))
            refusal = self.refused()
            self.assertEqual(refusal.status, status)
            self.assertEqual(refusal.headers.get("www-authenticate"), 'Basic realm="x"')
            self.assertEqual(refusal.headers.get("retry-after"), "7")
            self.assertNotIn("x-inside", refusal.headers)
            self.assertNotIn("set-cookie", refusal.headers)
            self.assertEqual(refusal.headers.get("content-type"), "text/plain; charset=utf-8")
            self.assertEqual(refusal.body, b"not \xc3\xbcber 9")
        self.assert_forgotten(self.stage.connects[-1])

    def test_4xx_without_body(self) -> None:
        """In the place of a body that is missing, or longer than 16 KiB, the client gets the gateway's own."""
        for body in (b"", b"x" * 16385, b"x" * 100000):
            self.stage.on_connect(reply(409, body, [("Content-Type", "text/plain")]))
            refusal = self.refused()
            self.assertEqual(refusal.headers.get("content-type"), "application/json")
            self.assertEqual(refusal.json()["code"], "REFUSED")
        self.stage.on_connect(reply(409, b"x" * 16384, [("Content-Type", "text/plain")]))
        self.assertEqual(self.refused().body, b"x" * 16384)

    def test_several_challenges(self) -> None:
        """Every WWW-Authenticate of a 401 reaches the client, and none is made up."""
        self.stage.on_connect(
            reply(401, b"", [("WWW-Authenticate", "Bearer"), ("WWW-Authenticate", 'Basic realm="x"')]), reply(401)
        )
        for expected in ({"Bearer", 'Basic realm="x"'}, set()):
            raw_client = self.raw(self.gw.ws_port)
            raw_client.send(handshake(self.path))
            lines = raw_client.rest().decode("latin-1").split("\r\n")
            self.assertTrue(lines[0].startswith("HTTP/1.1 401 "), lines)
            found = {line.partition(":")[2].strip() for line in lines if line.lower().startswith("www-authenticate:")}
            self.assertEqual(found, expected)

    def test_3xx(self) -> None:
        """A redirect is a 502 and is not followed."""
        for status in (301, 302, 303, 307, 308):
            self.stage.on_connect(reply(status, b"", [("Location", "/elsewhere")]))
            self.assertEqual(self.refused().status, 502)
        self.assertEqual(len(self.stage.connects), 5)
        self.assertEqual(self.pair.backend.strays.requests, [])
        self.assert_forgotten(self.stage.connects[0])

    def test_5xx(self) -> None:
        """A 5xx is a 503 with Retry-After, asked once and forgotten."""
        for status in (500, 501, 503, 599):
            self.stage.on_connect(reply(status))
            refusal = self.refused()
            self.assertEqual(refusal.status, 503)
            self.assertGreaterEqual(int(refusal.headers["retry-after"]), 1)
        self.assertEqual(len(self.stage.connects), 4)
        self.assert_forgotten(self.stage.connects[0])

    def test_502(self) -> None:
        """A 502, which comes from something in between that cannot know, is a 503, and a DELETE follows."""
        self.assert_unclear(reply(502), 503)
        self.assertEqual(len(self.stage.connects), 1)

    def test_504(self) -> None:
        """A 504 likewise."""
        self.assert_unclear(reply(504), 503)

    def assert_unclear(self, answer: Answer, *statuses: int) -> None:
        self.stage.on_connect(answer)
        self.assertIn(self.refused().status, statuses or (502,))
        self.assert_accounted()
        self.assertEqual(len({webhook.header("webhook-id") for webhook in self.stage.connects}), 1)

    def test_not_json(self) -> None:
        """A 2xx that is not JSON is a 502, and a DELETE follows."""
        self.assert_unclear(reply(200, b"<html>welcome</html>"))
        self.assertEqual(len(self.stage.connects), 1)

    def test_empty(self) -> None:
        """A 2xx without a body is a 502, and a DELETE follows."""
        self.assert_unclear(reply(204))

    def test_no_code(self) -> None:
        """A 2xx whose JSON has no code is a 502, and a DELETE follows."""
        self.assert_unclear(say({"status": "OK"}))

    def test_no_object(self) -> None:
        """A 2xx whose JSON is no object is a 502, and a DELETE follows."""
        self.assert_unclear(say(["OK"]))

    def test_code_no_string(self) -> None:
        """A 2xx whose code is no string is a 502, and a DELETE follows."""
        self.assert_unclear(say({"code": {"OK": 1}}))

    def test_not_utf8(self) -> None:
        """A 2xx whose JSON is not UTF-8 is a 502, and a DELETE follows."""
        self.assert_unclear(reply(200, b'{"code": "OK\xff"}'))

    def test_deep_json(self) -> None:
        """A 2xx whose JSON is nested too deep to be read is a 502, and a DELETE follows."""
        self.assert_unclear(reply(200, b"[" * 30000 + b"]" * 30000))

    def test_lost(self) -> None:
        """A connection that is closed after the request was sent is a 502, and a DELETE follows."""
        self.assert_unclear(drop())

    def test_reset(self) -> None:
        """A connection that is reset after the request was sent is a 502, and a DELETE follows."""
        self.assert_unclear(reset())

    def test_cut_head(self) -> None:
        """Half a head is a 502; as a byte came, the POST is not repeated; a DELETE follows."""
        self.assert_unclear(raw(b"HTTP/1.1 200 O"))
        self.assertEqual(len(self.stage.connects), 1)

    def test_cut_body(self) -> None:
        """Half a body is a 502, even if what came would make sense; a DELETE follows."""
        self.assert_unclear(raw(head(200, [("Content-Length", "100")]) + b'{"code": "OK"}'))
        self.assertEqual(len(self.stage.connects), 1)

    def test_garbage(self) -> None:
        """An answer that is not HTTP is a 502, and a DELETE follows."""
        self.assert_unclear(raw(b"\x15\x03\x01\x00\x02\x02\x28 not HTTP\r\n\r\n"))

    def test_endless_body(self) -> None:
        """An answer that does not end is cut at a bound: a 502, and a DELETE follows."""
        before = self.gw.rss()
        self.assert_unclear(endless_body())
        self.assertLess(self.gw.rss() - before, 16 << 20)

    def test_endless_headers(self) -> None:
        """Headers that do not end are cut at a bound: a 502, and a DELETE follows."""
        before = self.gw.rss()
        self.assert_unclear(endless_headers())
        self.assertLess(self.gw.rss() - before, 16 << 20)

    def test_stale_connection(self) -> None:
        """A kept-alive connection that turns out closed does not cost the client its connect: the same POST again."""
        self.stage.on_connect(stale(accept()))
        self.client()
        self.stage.requests.clear()
        self.client()
        webhooks = self.stage.connects
        self.assertEqual(webhooks[-1].nth, 1)
        self.assertEqual(len({webhook.header("webhook-id") for webhook in webhooks}), 1)

    def assert_unclear_again(self, answer: Answer) -> None:
        self.client().close()
        eventually(lambda: self.stage.disconnects)
        self.stage.requests.clear()
        self.assert_unclear(stale(answer), 503)
        self.assertEqual([webhook.nth for webhook in self.stage.connects][1:], [1])

    def test_second_refused(self) -> None:
        """A POST that was sent again, and then got another code, is a 503: the first may have been let in, so a DELETE
        follows."""
        self.assert_unclear_again(say({"code": "FULL"}))

    def test_second_4xx(self) -> None:
        """The same for a 4xx."""
        self.assert_unclear_again(reply(409))

    def test_second_5xx(self) -> None:
        """The same for a 5xx."""
        self.assert_unclear_again(reply(503))

    def test_second_3xx(self) -> None:
        """The same for a 3xx."""
        self.assert_unclear_again(reply(302, b"", [("Location", "/elsewhere")]))

    def test_kept_alive_closed(self) -> None:
        """A backend that closes its connections when it likes loses nobody."""
        self.stage.on_connect(say({"code": "OK"}))
        closing = reply(200, b'{"code": "OK"}', hang_up=True)
        self.stage.on_connect(closing)
        for _ in range(20):
            self.client().close()
        eventually(lambda: len(self.stage.disconnects) == 20)


class TimeoutTests(ConnectTestCase):
    """A backend that takes too long."""

    settings: ClassVar[Settings] = {"WEBHOOK_TIMEOUT": "700"}

    def assert_timeout(self, answer: Answer) -> None:
        self.stage.on_connect(answer)
        self.assertEqual(self.refused().status, 504)
        self.assert_accounted()
        self.assertEqual(len(self.stage.connects), 1)

    def test_hang(self) -> None:
        """No answer within WEBHOOK_TIMEOUT is a 504, and a DELETE follows."""
        self.assert_timeout(hang())

    def test_body_stalls(self) -> None:
        """The time is for headers and body together: a body that stalls is a 504, and a DELETE follows."""
        self.assert_timeout(stall(head(200, [("Content-Length", "100")]) + b'{"code":'))

    def test_trickle(self) -> None:
        """The time is for all of the answer: one that comes byte by byte is a 504, and a DELETE follows."""
        self.assert_timeout(trickle(head(200, [("Content-Length", "14")]) + b'{"code": "OK"}', 0.05))

    def test_slow(self) -> None:
        """An answer that is slow but within WEBHOOK_TIMEOUT is as good as any."""
        self.stage.on_connect(after(0.2, accept()))
        self.client()


class UnreachableTests(SystemTestCase):
    """A backend that is not there, or that hangs up on the very first request."""

    def test_refused(self) -> None:
        """Connection refused is a 503 with Retry-After; when the backend is back it has heard nothing of it."""
        port = free_port()
        gateway = self.gateway(TARGET_ADDRESS=f"http://127.0.0.1:{port}/websocket")
        for _ in range(5):
            refusal = client.refused(gateway.ws + "/away")
            self.assertEqual(refusal.status, 503)
            self.assertGreaterEqual(int(refusal.headers["retry-after"]), 1)
        backend = self.backend(port=port)
        stage = backend.stage("/back")
        self.connect(gateway.ws + "/back").close()
        self.only(lambda: stage.disconnects)
        self.assertEqual(backend.strays.requests, [])

    def test_lost_on_fresh_connection(self) -> None:
        """A POST on a fresh connection is sent once: if that is lost, the client gets 502 and a DELETE follows."""
        backend = self.backend()
        stage = backend.stage("/first")
        stage.on_connect(drop())
        gateway = self.gateway(backend)
        self.assertEqual(client.refused(gateway.ws + "/first").status, 502)
        webhook = self.only(lambda: stage.disconnects)
        self.assertEqual(webhook.json()["cause"], "unknown_connect")
        self.assertEqual([request.method for request in stage.requests], ["POST", "DELETE"])


class SecondPostTests(SystemTestCase):
    """A backend of its own process that lets a client in, and whose kept-alive connection ends before it can say so."""

    def test_refused_as_already_there(self) -> None:
        """The POST goes out again and is answered 409, as the id is there already: the client gets 503, and the backend
        hears of the end, once."""
        backend = BackendProcess()
        self.addCleanup(backend.stop)
        gateway = self.gateway(TARGET_ADDRESS=backend.address)
        self.connect(gateway.ws + "/").close()
        eventually(lambda: [request for request in backend.requests if request.method == "DELETE"])
        before = len(backend.requests)
        backend.answer("connect", 409, stale=True)
        self.assertEqual(client.refused(gateway.ws + "/").status, 503)
        eventually(lambda: backend.requests[-1].method == "DELETE" and len(backend.requests) == before + 3)
        first, second, end = backend.requests[before:]
        self.assertEqual([first.method, second.method], ["POST", "POST"])
        self.assertEqual({first.id, second.id, end.id}, {first.id})
        self.assertEqual((end.json()["cause"], end.header("webhook-id")), ("unknown_connect", f"{end.id}_0_disconnect"))
