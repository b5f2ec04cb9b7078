"""The connect webhook: what the backend is asked, what its OK may carry, and what happens while it is pending."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import ClassVar

from websockets.typing import Subprotocol

from tests.support.api_client import ApiAnswer
from tests.support.backend_answers import (
    Answer,
    Gate,
    Request,
    accept,
    calling,
    gated,
    reply,
)
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import TEXT, frame, handshake


class BodyTests(SharedTestCase):
    """The body of the connect webhook."""

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
        """A member without a value in the handshake is empty, not left out."""
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

    settings: ClassVar[Settings] = {"LOCAL_ADDRESS": "https://gateway.example/push", "WS_TIMEOUT": "45000"}

    def test_settings(self) -> None:
        """ws_uri starts with LOCAL_ADDRESS, and timeout is WS_TIMEOUT, in both bodies that have them."""
        self.client().close()
        webhook, end = self.only(lambda: self.stage.connects), self.only(lambda: self.stage.disconnects)
        self.assertEqual(webhook.json()["ws_uri"], f"https://gateway.example/push/{webhook.id}")
        self.assertEqual(end.json()["ws_uri"], f"https://gateway.example/push/{webhook.id}")
        self.assertEqual(webhook.json()["timeout"], 45000)


class AcceptTests(SharedTestCase):
    """The members of an OK."""

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

    def test_response_headers(self) -> None:
        """The 101 has the headers that the answer wants, a list one each; no webhook has them, nor another client."""
        cookies = ["session=7; Path=/; HttpOnly", "theme=dark"]
        self.stage.on_connect(accept(response_headers={"Set-Cookie": cookies, "X-Shard": 7}, headers={"X-A": "1"}))
        connection = self.client()
        response = connection.response
        assert response is not None
        self.assertEqual(response.headers.get_all("Set-Cookie"), cookies)
        self.assertEqual(response.headers["X-Shard"], "7")
        connection.close()
        self.assertEqual(self.only(lambda: self.stage.disconnects).header("X-Shard"), None)
        self.stage.on_connect(accept())
        other = self.client().response
        assert other is not None
        self.assertEqual((other.headers.get_all("Set-Cookie"), other.headers.get_all("X-Shard")), ([], []))

    def test_bad_response_headers(self) -> None:
        """What is no header of a 101, or would frame or split it, is left out with a warning; the client is let in."""
        hostile = {"Content-Length": "9", "Connection": "close", "Sec-WebSocket-Accept": "x", "Upgrade": "h2c"}
        bad = {**hostile, "Sec-WebSocket-Protocol": "v9", "X-Split": "a\r\nX-Injected: 1", "X Bad": "1", "X-No": None}
        self.stage.on_connect(accept(response_headers={**bad, "X-Good": "1"}))
        connection = self.client()
        response = connection.response
        assert response is not None
        self.assertEqual(response.headers.get_all("X-Good"), ["1"])
        for name in ("X-Injected", "X-Split", "X-No", "Content-Length", "Sec-WebSocket-Protocol"):
            self.assertEqual(response.headers.get_all(name), [])
        self.assertIn('left 8 of "response_headers" out of the OK to a connect: ', self.gw.log())
        connection.send("open")
        self.only(lambda: self.stage.messages)

    def test_framing_headers(self) -> None:
        """Headers that frame a request or belong to the hop are not repeated; others beside them are."""
        hostile = {
            "Content-Length": "999",
            "Transfer-Encoding": "chunked",
            "Connection": "close",
            "Host": "elsewhere",
            "Upgrade": "h2c",
        }
        self.stage.on_connect(accept(headers={**hostile, "X-Good": "1"}))
        connection = self.client()
        connection.send("message")
        webhook = self.only(lambda: self.stage.messages)
        self.assertEqual(webhook.body, b"message")
        self.assertEqual(webhook.header("Host"), f"127.0.0.1:{self.pair.backend.port}")
        self.assertNotEqual(webhook.header("Content-Length"), "999")
        self.assertEqual(webhook.every("Upgrade"), [])
        self.assertEqual(webhook.header("X-Good"), "1")

    def test_impossible_headers(self) -> None:
        """Of an OK, what is no header or would split one is left out with a warning; the client is let in."""
        bad = {"X-Split": "a\r\nX-Injected: 1", "X Bad": "1", "X-Nul": "a\0b", "": "1", "X-List": ["1"]}
        self.stage.on_connect(accept(headers={**bad, "X-Good": "1"}, groups=["a", ".."], subprotocol="v9"))
        connection = self.client()
        connection.send("message")
        webhook = self.only(lambda: self.stage.messages)
        self.assertEqual(webhook.header("X-Good"), "1")
        for name in ("X-Injected", *bad):
            self.assertEqual(webhook.every(name), [])
        for member in ("headers", "groups", "subprotocol"):
            self.assertIn(f'"{member}" out of the OK to a connect: ', self.gw.log())
        self.assertIn(webhook.id, self.gw.log())

    def test_values(self) -> None:
        """Text that is not ASCII is UTF-8 in a webhook's header, numbers and booleans are as JSON writes them."""
        values = {"X-User": "\u0141ukasz", "X-Id": 42, "X-Admin": True, "X-Share": 0.5}
        self.stage.on_connect(accept(headers=values))
        self.client().close()
        webhook = self.only(lambda: self.stage.disconnects)
        user = (webhook.header("X-User") or "").encode("latin-1").decode()
        self.assertEqual(user, "\u0141ukasz")
        self.assertEqual([webhook.header(name) for name in ("X-Id", "X-Admin", "X-Share")], ["42", "true", "0.5"])


class MeanwhileTests(SharedTestCase):
    """Events while the connect webhook is pending."""

    def test_early_messages(self) -> None:
        """Messages that a client sends before its 101 are delivered after the backend's OK, in order."""
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

    def test_many_early_messages(self) -> None:
        """Early data beyond the bound stays in the client's socket until the 101; none is lost."""
        gate = Gate()
        self.stage.on_connect(gated(gate, accept()))
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask(self.path)
        self.only(lambda: self.stage.connects)
        for number in range(6):
            raw_client.send(frame(TEXT, b"%d" % number * 30000))
        gate.open()
        raw_client.accepted()
        eventually(lambda: len(self.stage.messages) == 6)
        self.assertEqual([(body[:1], len(body)) for body in self.stage.bodies], [(b"%d" % n, 30000) for n in range(6)])

    def test_early_messages_refused(self) -> None:
        """Messages that a client sends before it is refused are dropped."""
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
        raw_client.ask(self.path)
        self.only(lambda: self.stage.connects)
        raw_client.send(handshake(self.path))
        for _ in range(3):  # by then the gateway has seen it
            self.api.get("/-/ready")
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
