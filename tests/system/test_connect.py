"""The connect webhook: what the backend is asked, and what each of its answers means to the client."""

from __future__ import annotations

import base64
import json
import re
import select
import urllib.request

from websockets.typing import Subprotocol

from tests.system import client
from tests.system.answers import (
    Answer,
    Gate,
    Request,
    accept,
    after,
    calling,
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
from tests.system.api import ApiAnswer
from tests.system.case import SharedTestCase, SystemTestCase, eventually
from tests.system.client import TEXT, frame
from tests.system.gateway import free_port


class ConnectTestCase(SharedTestCase):
    """What the tests of connect answers have in common."""

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
        """A 4xx is passed on, with WWW-Authenticate and Retry-After and no other header; no DELETE follows."""
        for status in (400, 401, 403, 404, 409, 418, 429):
            headers = [("WWW-Authenticate", 'Basic realm="x"'), ("Retry-After", "7"), ("X-Inside", "secret")]
            self.stage.on_connect(reply(status, b"inside", [*headers, ("Set-Cookie", "a=b")]))
            refusal = self.refused()
            self.assertEqual(refusal.status, status)
            self.assertEqual(refusal.headers.get("www-authenticate"), 'Basic realm="x"')
            self.assertEqual(refusal.headers.get("retry-after"), "7")
            self.assertNotIn("x-inside", refusal.headers)
            self.assertNotIn("set-cookie", refusal.headers)
            self.assertNotIn(b"inside", refusal.body)
        self.assert_forgotten(self.stage.connects[-1])

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
        for status in (500, 502, 503, 504):
            self.stage.on_connect(reply(status))
            refusal = self.refused()
            self.assertEqual(refusal.status, 503)
            self.assertGreaterEqual(int(refusal.headers["retry-after"]), 1)
        self.assertEqual(len(self.stage.connects), 4)
        self.assert_forgotten(self.stage.connects[0])

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

    def test_kept_alive_closed(self) -> None:
        """A backend that closes its connections when it likes loses nobody."""
        self.stage.on_connect(say({"code": "OK"}))
        closing = reply(200, b'{"code": "OK"}', hang_up=True)
        self.stage.on_connect(closing)
        for _ in range(20):
            self.client().close()
        eventually(lambda: len(self.stage.disconnects) == 20)


def handshake(path: str, *lines: str) -> bytes:
    """A good handshake, with further header lines."""
    key = base64.b64encode(bytes(16)).decode()
    fixed = ["Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    every = [f"GET {path} HTTP/1.1", *fixed, f"Sec-WebSocket-Key: {key}", *lines]
    return ("\r\n".join(every) + "\r\n\r\n").encode("latin-1")


class TimeoutTests(ConnectTestCase):
    """A backend that takes too long."""

    settings = {"WEBHOOK_TIMEOUT": "700"}

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
        """A POST on a fresh connection is sent once: if the connection is lost, the client gets 502 and a DELETE follows."""
        backend = self.backend()
        stage = backend.stage("/first")
        stage.on_connect(drop())
        gateway = self.gateway(backend)
        self.assertEqual(client.refused(gateway.ws + "/first").status, 502)
        webhook = self.only(lambda: stage.disconnects)
        self.assertEqual(webhook.json()["cause"], "unknown_connect")
        self.assertEqual([request.method for request in stage.requests], ["POST", "DELETE"])


class BodyTests(SharedTestCase):
    """What the connect webhook says."""

    def test_core(self) -> None:
        """The core fields are as they always were: code, ws_uri under LOCAL_ADDRESS, and the timeout in ms."""
        self.client()
        webhook = self.only(lambda: self.stage.connects)
        fields = webhook.json()
        self.assertEqual(fields["code"], "NEW_CONNECTION")
        self.assertEqual(fields["ws_uri"], f"http://localhost:{self.gw.http_port}/{webhook.id}")
        self.assertEqual(fields["timeout"], 30000)
        self.assertEqual((webhook.method, webhook.path), ("POST", f"/websocket/{webhook.id}"))
        self.assertEqual((webhook.header("content-type") or "").split(";")[0], "application/json")
        self.assertEqual(webhook.header("host"), f"127.0.0.1:{self.pair.backend.port}")

    def test_all(self) -> None:
        """Everything that a backend may want to know of the handshake is in the body."""
        self.client(
            "?a=1&b=%20x",
            origin="https://app.example",
            subprotocols=[Subprotocol("v1.chat"), Subprotocol("v2.chat")],
            user_agent_header="Tester/1",
            additional_headers={"X-Own": "yes", "Cookie": "session=1", "Authorization": "Bearer t"},
        )
        webhook = self.only(lambda: self.stage.connects)
        fields = webhook.json()
        self.assertEqual(fields["id"], webhook.id)
        self.assertEqual((fields["path"], fields["query"]), (self.path, "a=1&b=%20x"))
        self.assertEqual(fields["origin"], "https://app.example")
        self.assertEqual(fields["remote_address"], "127.0.0.1")
        self.assertEqual(fields["subprotocols"], ["v1.chat", "v2.chat"])
        self.assertEqual(fields["headers"]["user-agent"], "Tester/1")
        self.assertEqual(fields["headers"]["x-own"], "yes")
        self.assertEqual(set(fields["headers"]) & {"authorization", "cookie", "sec-websocket-key"}, set())

    def test_bare(self) -> None:
        """What the client did not say is empty, not left out."""
        self.raw_client()
        fields = self.only(lambda: self.stage.connects).json()
        self.assertEqual((fields["query"], fields["origin"], fields["subprotocols"]), ("", None, []))

    def test_ids(self) -> None:
        """An id is 32 letters and digits; the first 8 name the process, the rest is never the same."""
        for _ in range(5):
            self.client().close()
        ids = [webhook.id for webhook in self.stage.connects]
        for id in ids:
            self.assertTrue(re.fullmatch("[A-Za-z0-9]{32}", id), id)
        self.assertEqual(len({id[:8] for id in ids}), 1)
        self.assertEqual(len({id[8:] for id in ids}), 5)

    def test_ws_uri(self) -> None:
        """The ws_uri is all that a backend needs: what is PUT there reaches the client."""
        connection = self.client()
        uri = self.only(lambda: self.stage.connects).json()["ws_uri"]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(uri, b"hello", method="PUT"), timeout=10) as answer:
            self.assertEqual(json.load(answer), {"code": "OK"})
        self.assertEqual(connection.recv(timeout=10), "hello")


class AddressTests(SharedTestCase):
    """LOCAL_ADDRESS and WS_TIMEOUT are what the backend is told."""

    settings = {"LOCAL_ADDRESS": "https://gateway.example/push", "WS_TIMEOUT": "45000"}

    def test_settings(self) -> None:
        """ws_uri starts with LOCAL_ADDRESS, and timeout is WS_TIMEOUT, in both bodies that have them."""
        self.client().close()
        webhook, end = self.only(lambda: self.stage.connects), self.only(lambda: self.stage.disconnects)
        self.assertEqual(webhook.json()["ws_uri"], f"https://gateway.example/push/{webhook.id}")
        self.assertEqual(end.json()["ws_uri"], f"https://gateway.example/push/{webhook.id}")
        self.assertEqual(webhook.json()["timeout"], 45000)


class AcceptTests(SharedTestCase):
    """What an OK may carry."""

    def test_subprotocol(self) -> None:
        """The subprotocol that the backend chose is the one that is selected."""
        self.stage.on_connect(accept(subprotocol="v2.chat"))
        connection = self.client(subprotocols=[Subprotocol("v1.chat"), Subprotocol("v2.chat")])
        self.assertEqual(connection.subprotocol, "v2.chat")

    def test_headers(self) -> None:
        """The headers that the backend asked for are on every later webhook of this connection, and of no other."""
        self.stage.on_connect(accept(headers={"X-User": "42", "X-Room": "a, b"}), accept())
        first, second = self.client(), self.client()
        first.send("one")
        second.send("two")
        eventually(lambda: len(self.stage.messages) == 2)
        first.close()
        second.close()
        eventually(lambda: len(self.stage.disconnects) == 2)
        chosen = self.stage.connects[0].id
        for webhook in self.stage.messages + self.stage.disconnects:
            expected = ("42", "a, b") if webhook.id == chosen else (None, None)
            self.assertEqual((webhook.header("X-User"), webhook.header("X-Room")), expected)

    def test_framing_headers(self) -> None:
        """Headers that frame a request or belong to the hop, or would split one, are not repeated."""
        hostile = {
            "Content-Length": "999",
            "Transfer-Encoding": "chunked",
            "Connection": "close",
            "Host": "elsewhere",
            "Upgrade": "h2c",
            "X-Split": "a\r\nX-Injected: 1",
            "X Bad": "1",
        }
        self.stage.on_connect(accept(headers={**hostile, "X-Good": "1"}))
        connection = self.client()
        connection.send("message")
        webhook = self.only(lambda: self.stage.messages)
        self.assertEqual(webhook.body, b"message")
        self.assertEqual(webhook.header("Host"), f"127.0.0.1:{self.pair.backend.port}")
        self.assertNotEqual(webhook.header("Content-Length"), "999")
        for name in ("X-Injected", "Upgrade", "X Bad"):
            self.assertEqual(webhook.every(name), [])


class MeanwhileTests(SharedTestCase):
    """What happens while the connect webhook is pending."""

    def test_early_messages(self) -> None:
        """What a client sends before its 101 is delivered after the backend's OK, in order."""
        gate = Gate()
        self.stage.on_connect(gated(gate, accept()))
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask(self.path)
        raw_client.send(frame(TEXT, b"one") + frame(TEXT, b"two"))
        self.only(lambda: self.stage.connects)
        self.assertEqual(self.stage.messages, [])
        gate.open()
        raw_client.accepted()
        raw_client.send(frame(TEXT, b"three"))
        eventually(lambda: len(self.stage.messages) == 3)
        self.assertEqual(self.stage.bodies, [b"one", b"two", b"three"])

    def test_early_messages_refused(self) -> None:
        """What a client sends before it is refused goes nowhere."""
        gate = Gate()
        self.stage.on_connect(gated(gate, reply(403)))
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask(self.path)
        raw_client.send(frame(TEXT, b"one"))
        webhook = self.only(lambda: self.stage.connects)
        gate.open()
        self.assertEqual(raw_client.refusal(), 403)
        self.stage.on_connect(accept())
        self.client().close()
        self.assertNotEqual(self.only(lambda: self.stage.disconnects).id, webhook.id)
        self.assertEqual(self.stage.messages, [])

    def test_second_handshake(self) -> None:
        """A second handshake behind the first is not one: the backend is asked once."""
        gate = Gate()
        self.stage.on_connect(gated(gate, accept()))
        raw_client = self.raw(self.gw.ws_port)
        raw_client.send(handshake(self.path) + handshake(self.path))
        self.only(lambda: self.stage.connects)
        gate.open()
        raw_client.accepted()
        self.ended()
        self.assertEqual(len(self.stage.connects), 1)

    def test_early_push(self) -> None:
        """A push from inside the connect handler is queued (202) and is the first that the client gets."""
        answers: list[ApiAnswer] = []

        def push(request: Request) -> None:
            answers.append(self.api.push(request.id, "first"))
            answers.append(self.api.push(request.id, b"second"))

        self.stage.on_connect(calling(push, accept()))
        connection = self.client()
        self.assertEqual([(answer.status, answer.code) for answer in answers], [(202, "OK"), (202, "OK")])
        self.assertEqual([connection.recv(timeout=10), connection.recv(timeout=10)], ["first", b"second"])

    def leave_early(self, answer: Answer) -> Request:
        """A client that is gone when the backend answers; its connect webhook."""
        gate = Gate()
        self.stage.on_connect(gated(gate, answer))
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask(self.path)
        webhook = self.only(lambda: self.stage.connects)
        raw_client.leave()
        gate.open()
        return webhook

    def test_leaves_then_accepted(self) -> None:
        """A client that leaves while its POST is pending still gets its one DELETE if the backend said OK."""
        webhook = self.leave_early(accept())
        end = self.only(lambda: self.stage.disconnects)
        self.assertEqual((end.id, end.json()["cause"], end.json()["clean"]), (webhook.id, "network", False))
        assert webhook.answered is not None
        self.assertGreater(end.arrived, webhook.answered)
        self.assertEqual(self.api.get(f"/{webhook.id}").status, 404)

    def test_leaves_then_refused(self) -> None:
        """A client that leaves while its POST is pending gets no DELETE if the backend refused it."""
        webhook = self.leave_early(reply(403))
        self.stage.on_connect(accept())
        self.client().close()
        self.assertNotEqual(self.only(lambda: self.stage.disconnects).id, webhook.id)
