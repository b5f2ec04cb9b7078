"""The webhooks of the Lambda backend, in memory: what the gateway is answered for each result of a handler."""

from __future__ import annotations

import base64
import json
from typing import Any

import treq
from treq.testing import StubTreq, _SynchronousProducer
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from wsaas.backend.signing import sign
from wsaas.lambda_backend.app import LOG_INTERVAL, MAX_REPLIES, LambdaBackend
from wsaas.lambda_backend.events import request_id
from wsaas.lambda_backend.routes import Selection
from wsaas.lambda_backend.state import HEADER, read_state
from wsaas.lambda_backend.targets import Call, HandlerFailed, NotCalled
from wsaas.telemetry.log_limit import LogLimit

ID = "A1b2C3d4" + "x" * 24
NOW = 1795428000.0
KEY = b"k" * 32
TOLD = {
    "code": "NEW_CONNECTION",
    "ws_uri": f"http://gateway.example:8081/{ID}",
    "id": ID,
    "path": "/",
    "query": "",
    "origin": None,
    "remote_address": "203.0.113.9",
    "subprotocols": ["v2.chat"],
    "headers": {"user-agent": "Agent/1"},
}


class FakeTarget:
    """A handler that returns, or raises, what the test says."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.result: Any = None

    def call(self, call: Call) -> Deferred[Any]:
        self.calls.append(call)
        result = self.result(call) if callable(self.result) else self.result
        return fail(result) if isinstance(result, Exception) else succeed(result)


class Unprintable:
    """A result that cannot even be shown."""

    def __str__(self) -> str:
        raise ValueError

    __repr__ = __str__


class AppCase(SynchronousTestCase):
    keys: tuple[bytes, ...] = ()
    route_responses = True
    routes = ("$connect", "$disconnect", "$default", "chat")

    def setUp(self) -> None:
        self.targets = {key: FakeTarget() for key in self.routes}
        self.now = 0.0
        self.clock = Clock()
        backend = LambdaBackend(
            self.targets,
            Selection("$request.body.action"),
            stage="local",
            timeout=9.5,
            route_responses=self.route_responses,
            keys=self.keys,
            clock=lambda: self.now,
            wall_clock=lambda: NOW,
            log_limit=LogLimit(self.clock, LOG_INTERVAL),
        )
        self.agent = StubTreq(backend.app.resource())._agent

    def ask(self, method: str, body: bytes, event: str = "message", **more: str) -> tuple[int, Headers, bytes]:
        kind = {"message": "message", "connect": "connect", "disconnect": "disconnect"}.get(event, event)
        headers = {
            "WSAAS-Event": event,
            "WSAAS-Connection-Id": ID,
            "webhook-id": f"{ID}_1_{kind}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        response = self.successResultOf(
            self.agent.request(
                method.encode(),
                f"http://backend/websocket/{ID}".encode(),
                Headers({name: [value] for name, value in headers.items()}),
                _SynchronousProducer(body),
            )
        )
        return response.code, response.headers, self.successResultOf(treq.content(response))

    def connect(self, told: dict[str, Any] = TOLD, **more: str) -> tuple[int, Headers, bytes]:
        return self.ask("POST", json.dumps(told).encode(), "connect", **more)

    def message(self, body: bytes = b"hi", **more: str) -> tuple[int, str | None, bytes]:
        status, headers, answer = self.ask("PUT", body, **more)
        return status, (headers.getRawHeaders("wsaas-reply") or [None])[0], answer

    def disconnect(self, told: dict[str, Any]) -> int:
        return self.ask("DELETE", json.dumps(told).encode(), "disconnect")[0]


class ConnectTests(AppCase):
    def test_let_in(self) -> None:
        """2xx, no result and no status let the client in, with the state in a header of the answer."""
        for result in ({"statusCode": 200}, {"statusCode": 204, "body": "x"}, {"statusCode": "200"}, {}, None):
            self.targets["$connect"].result = result
            status, _, answer = self.connect()
            told = json.loads(answer)
            self.assertEqual((status, told["code"], set(told)), (200, "OK", {"code", "headers"}))
            state = read_state(told["headers"][HEADER])
            assert state is not None
            self.assertEqual((state.connected_at, state.domain_name), (round(NOW * 1000), "gateway.example:8081"))
            self.assertEqual((state.source_ip, state.user_agent), ("203.0.113.9", "Agent/1"))
        call = self.targets["$connect"].calls[0]
        self.assertEqual((call.request_id, call.timeout), (request_id(f"{ID}_1_connect"), 9.5))
        self.assertEqual(call.event["requestContext"]["connectionId"], ID)

    def test_subprotocol(self) -> None:
        """The result's Sec-WebSocket-Protocol is the subprotocol that is selected."""
        for headers in (
            {"headers": {"sec-websocket-protocol": "v2.chat"}},
            {"multiValueHeaders": {"Sec-WebSocket-Protocol": ["v2.chat"]}},
        ):
            self.targets["$connect"].result = {"statusCode": 200, **headers}
            self.assertEqual(json.loads(self.connect()[2])["subprotocol"], "v2.chat")

    def test_refused(self) -> None:
        """A 4xx is the client's status, with the result's body and media type."""
        self.targets["$connect"].result = {
            "statusCode": 401,
            "body": "no",
            "headers": {"content-type": "text/plain"},
        }
        status, headers, body = self.connect()
        self.assertEqual((status, body, headers.getRawHeaders("content-type")), (401, b"no", ["text/plain"]))
        self.targets["$connect"].result = {"statusCode": 401, "headers": {"Content-Type": None}}
        self.assertEqual(self.connect()[1].getRawHeaders("content-type"), ["application/json"])

    def test_failed(self) -> None:
        """Another status, a result that is none, and a handler that fails are 500: the gateway refuses the client."""
        for result in (
            {"statusCode": 500},
            {"statusCode": 302},
            {"statusCode": "x"},
            {"statusCode": "²"},
            {"statusCode": 200, "headers": ["x"]},
            {"statusCode": 403, "multiValueHeaders": "x"},
            "OK",
            5,
            [],
            HandlerFailed("x"),
            Unprintable(),
        ):
            self.targets["$connect"].result = result
            self.assertEqual(self.connect()[0], 500, repr(type(result)))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_not_called(self) -> None:
        """A handler that was not reached is 503, for each webhook."""
        for key in self.targets:
            self.targets[key].result = NotCalled("refused")
        self.assertEqual((self.connect()[0], self.message()[0], self.disconnect({})), (503, 503, 503))

    def test_what_is_no_webhook(self) -> None:
        """A POST, DELETE or batch without a JSON object is refused; a refresh is OK, and no handler hears of it."""
        for body in (b"", b"[]", b"{", b"\xff"):
            self.assertEqual(self.ask("PUT", body, "messages")[0], 401)
            self.assertEqual(self.ask("POST", body, "connect")[0], 401)
            self.assertEqual(self.ask("DELETE", body, "disconnect")[0], 401)
        self.assertEqual(self.ask("PUT", b'{"messages": {}}', "messages")[0], 401)
        status, _, answer = self.ask("POST", b'{"code": "REFRESH"}', "refresh")
        self.assertEqual((status, json.loads(answer)), (200, {"code": "OK"}))
        self.assertEqual(self.targets["$connect"].calls, [])


class NoRouteTests(AppCase):
    routes = ("chat",)

    def test_no_routes(self) -> None:
        """Without $connect every client is let in; without a route for a message it hears Forbidden."""
        self.assertEqual(json.loads(self.connect()[2])["code"], "OK")
        status, reply, body = self.message(b"hi")
        told = {"message": "Forbidden", "connectionId": ID, "requestId": request_id(f"{ID}_1_message")}
        self.assertEqual((status, reply, json.loads(body)), (200, "text", told))
        self.assertEqual(self.disconnect({"cause": "client"}), 204)


class MessageTests(AppCase):
    def test_replies(self) -> None:
        """The body of the result is the reply: text, binary, or none."""
        for result, reply in (
            ({"statusCode": 200, "body": "grüße"}, (200, "text", "grüße".encode())),
            ({"statusCode": 500, "body": "x"}, (200, "text", b"x")),
            ({"body": "/wA=", "isBase64Encoded": True}, (200, "binary", b"\xff\0")),
            ({"statusCode": 200}, (204, None, b"")),
            ({"statusCode": 200, "body": ""}, (204, None, b"")),
            (None, (204, None, b"")),
            ("OK", (204, None, b"")),
            ({}, (204, None, b"")),
        ):
            self.targets["$default"].result = result
            self.assertEqual(self.message(), reply, result)

    def test_selected(self) -> None:
        """A message goes to the route that it selects, as text or in base64."""
        self.message(b'{"action": "chat"}')
        self.message(b"\xff\0", Content_Type="application/octet-stream")
        self.assertEqual(self.targets["chat"].calls[0].event["body"], '{"action": "chat"}')
        event = self.targets["$default"].calls[0].event
        self.assertEqual((event["body"], event["isBase64Encoded"]), ("/wA=", True))

    def test_state(self) -> None:
        """The state comes back from the header of the connect answer; without it the event is whole all the same."""
        header = json.loads(self.connect()[2])["headers"][HEADER]
        self.message(**{HEADER: header})
        self.message()
        with_state, without = (call.event["requestContext"] for call in self.targets["$default"].calls)
        self.assertEqual((with_state["domainName"], without["domainName"]), ("gateway.example:8081", "localhost"))
        self.assertEqual(set(with_state), set(without))

    def test_failed(self) -> None:
        """A handler that fails, or returns a body that is none, is an error to the client; the message is delivered."""
        error = {"message": "Internal server error", "connectionId": ID, "requestId": request_id(f"{ID}_1_message")}
        for result in (HandlerFailed("x"), {"body": {"a": 1}}, {"body": "?", "isBase64Encoded": True}):
            self.targets["$default"].result = result
            status, reply, body = self.message()
            self.assertEqual((status, reply, json.loads(body)), (200, "text", error), result)

    def test_log(self) -> None:
        """Whatever clients cause is one line of a kind in LOG_INTERVAL; the next says how many were left out."""
        with capturedLogs() as events:
            for result in (HandlerFailed("x"), HandlerFailed("y"), NotCalled("z"), NotCalled("z")):
                for key in ("$connect", "$default"):
                    self.targets[key].result = result
                self.connect()
                self.message()
            self.clock.advance(LOG_INTERVAL)
            self.message()
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                f"$connect failed: x; connection {ID}",
                f"$default failed: x; connection {ID}",
                f"no handler was called: z; connection {ID}",
                f"no handler was called: z; connection {ID} (3 more like it left out)",
            ],
        )

    def test_batch(self) -> None:
        """Messages in one webhook are handled in order, each with its own id; the replies come back together."""
        self.targets["$default"].result = lambda call: {"body": call.event["body"].upper()}
        self.targets["chat"].result = {"body": "/wA=", "isBase64Encoded": True}
        messages = [
            {"webhook_id": "a", "text": "one"},
            {"webhook_id": "b", "binary": base64.b64encode(b"\xff").decode()},
            {"webhook_id": "c", "text": '{"action": "chat"}'},
        ]
        body = json.dumps({"messages": messages}).encode()
        status, _, answer = self.ask("PUT", body, "messages")
        replies = [{"text": "ONE"}, {"text": "/W=="}, {"binary": "/wA="}]
        self.assertEqual((status, json.loads(answer)), (200, {"accepted": 3, "replies": replies}))
        ids = [call.request_id for call in self.targets["$default"].calls]
        self.assertEqual(ids, [request_id("a"), request_id("b")])

    def test_batch_cut_short(self) -> None:
        """What was not reached, or finds too little time, is left for the next webhook; nothing at all is 503."""
        messages = {"messages": [{"webhook_id": each, "text": each} for each in "abc"]}
        body = json.dumps(messages).encode()

        def unreached_at(text: str) -> Any:
            return lambda call: NotCalled("x") if call.event["body"] == text else None

        self.targets["$default"].result = unreached_at("b")
        self.assertEqual(json.loads(self.ask("PUT", body, "messages")[2]), {"accepted": 1, "replies": []})
        self.targets["$default"].result = unreached_at("a")
        self.assertEqual(self.ask("PUT", body, "messages")[0], 503)

        def slow(call: Call) -> None:
            self.now += 5

        self.targets["$default"].result = slow
        self.assertEqual(json.loads(self.ask("PUT", body, "messages")[2])["accepted"], 1)

    def test_batch_with_long_replies(self) -> None:
        """Long replies go back in an answer of their own, unescaped, so that the gateway reads it whole."""
        messages = {"messages": [{"webhook_id": each, "text": each} for each in ("short", "long", "longer", "last")]}
        long = {"short": "x", "long": "\u00e9\0" * (MAX_REPLIES // 3), "longer": "\u00e9" * MAX_REPLIES, "last": "y"}
        self.targets["$default"].result = lambda call: {"body": long[call.event["body"]]}
        sizes = []
        while messages["messages"]:
            _, _, answer = self.ask("PUT", json.dumps(messages).encode(), "messages")
            told = json.loads(answer)
            taken = messages["messages"][: told["accepted"]]
            self.assertEqual(told["replies"], [{"text": long[each["text"]]} for each in taken])
            del messages["messages"][: told["accepted"]]
            sizes.append(
                (told["accepted"], len(answer) < 200 + 2 * sum(len(long[each["text"]].encode()) for each in taken))
            )
        self.assertEqual([accepted for accepted, _ in sizes], [2, 1, 1])
        self.assertTrue(sizes[1][1])
        self.targets["$default"].result = {"body": "/wAA" * (MAX_REPLIES // 3), "isBase64Encoded": True}
        messages["messages"] = [{"webhook_id": each, "text": each} for each in "ab"]
        told = json.loads(self.ask("PUT", json.dumps(messages).encode(), "messages")[2])
        self.assertEqual(told, {"accepted": 1, "replies": [{"binary": "/wAA" * (MAX_REPLIES // 3)}]})


class NoResponseTests(AppCase):
    route_responses = False

    def test_no_route_response(self) -> None:
        """Without route responses no result is sent, but errors are."""
        self.targets["$default"].result = {"body": "x"}
        self.assertEqual(self.message(), (204, None, b""))
        self.targets["$default"].result = HandlerFailed("x")
        self.assertEqual(self.message()[1], "text")


class DisconnectTests(AppCase):
    def test_told(self) -> None:
        """The handler hears of the end with its code; one that fails is not called again."""
        self.assertEqual(self.disconnect({"cause": "client", "close_code": 1001, "close_reason": "bye"}), 204)
        context = self.targets["$disconnect"].calls[0].event["requestContext"]
        self.assertEqual((context["disconnectStatusCode"], context["disconnectReason"]), (1001, "bye"))
        self.targets["$disconnect"].result = HandlerFailed("x")
        self.assertEqual(self.disconnect({}), 204)


class SignatureTests(AppCase):
    keys = (KEY, b"o" * 32)

    def test_signature(self) -> None:
        """With WEBHOOK_SECRET a webhook needs a fresh signature of one of its keys over its own body."""
        name, body = f"{ID}_1_message", b"hi"

        def asked(at: float = NOW, key: bytes = KEY, signed: bytes = body, stamp: str | None = None) -> int:
            signature = sign([b"n" * 32, key], name.encode(), int(at), signed).decode()
            more = {"webhook_timestamp": stamp or str(int(at)), "webhook_signature": signature}
            return self.message(body, **more)[0]

        self.assertEqual((asked(), asked(key=b"o" * 32), asked(NOW - 300), asked(NOW + 300)), (204,) * 4)
        calls = len(self.targets["$default"].calls)
        events = self.enterContext(capturedLogs())
        for status in (
            asked(NOW - 301),
            asked(NOW + 301),
            asked(key=b"w" * 32),
            asked(signed=b"ho"),
            asked(stamp="x"),
            asked(stamp="9" * 40),
            self.message(body)[0],
            self.connect()[0],
            self.disconnect({}),
        ):
            self.assertEqual(status, 401)
        self.assertEqual(len(self.targets["$default"].calls), calls)
        self.assertEqual(len(events), 1)
