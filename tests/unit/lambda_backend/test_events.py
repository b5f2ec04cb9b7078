"""Events: valid by the models of aws-lambda-powertools, and with what handlers look up."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayWebSocketEvent
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayWebSocketConnectEventModel,
    APIGatewayWebSocketDisconnectEventModel,
    APIGatewayWebSocketMessageEventModel,
)
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from wsaas.backend.answer_headers import MAX_HEADER_BYTES
from wsaas.lambda_backend.events import (
    Webhook,
    connect_event,
    connect_state,
    disconnect_event,
    header,
    message_event,
    request_id,
    title,
)
from wsaas.lambda_backend.state import State, read_state

ID = "A1b2C3d4" + "x" * 24
AT = 1731324924561
WEBHOOK = Webhook(ID, f"{ID}_0_connect", AT, "Basic abc", "session=42")
TOLD: dict[str, Any] = {
    "code": "NEW_CONNECTION",
    "ws_uri": f"http://localhost:8081/{ID}",
    "id": ID,
    "path": "/room/7",
    "query": "a=1&a=2&b=%C3%BC&c",
    "origin": "https://app.example",
    "remote_address": "203.0.113.9",
    "subprotocols": ["v2.chat", "v1.chat"],
    "headers": {"user-agent": "Mozilla/5.0", "x-tenant-id": "t1", "accept-language": "de, en"},
}
STATE = State(AT, "203.0.113.9", "Mozilla/5.0", "localhost:8081")


class ConnectTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """The event of a connect has headers as handlers look them up, the query both ways, and no body."""
        event = connect_event(WEBHOOK, TOLD, connect_state(TOLD, AT), "prod")
        APIGatewayWebSocketConnectEventModel.model_validate(event)
        self.assertEqual(
            event["headers"],
            {
                "Host": "localhost:8081",
                "User-Agent": "Mozilla/5.0",
                "X-Tenant-Id": "t1",
                "Accept-Language": "de, en",
                "Origin": "https://app.example",
                "Sec-WebSocket-Protocol": "v2.chat, v1.chat",
                "Authorization": "Basic abc",
                "Cookie": "session=42",
                "X-Forwarded-For": "203.0.113.9",
            },
        )
        self.assertEqual(event["multiValueHeaders"], {name: [value] for name, value in event["headers"].items()})
        self.assertEqual(event["queryStringParameters"], {"a": "2", "b": "ü", "c": ""})
        self.assertEqual(event["multiValueQueryStringParameters"], {"a": ["1", "2"], "b": ["ü"], "c": [""]})
        context = event["requestContext"]
        self.assertEqual(
            context,
            {
                "routeKey": "$connect",
                "eventType": "CONNECT",
                "extendedRequestId": context["requestId"],
                "requestTime": "11/Nov/2024:11:35:24 +0000",
                "messageDirection": "IN",
                "stage": "prod",
                "connectedAt": AT,
                "requestTimeEpoch": AT,
                "identity": {"sourceIp": "203.0.113.9", "userAgent": "Mozilla/5.0"},
                "requestId": request_id(WEBHOOK.webhook_id),
                "domainName": "localhost:8081",
                "connectionId": ID,
                "apiId": "wsaas",
            },
        )
        self.assertEqual((event["isBase64Encoded"], "body" in event), (False, False))
        self.assertRegex(context["requestId"], "^[A-Za-z0-9+/]{15}=$")

    def test_bare(self) -> None:
        """A connect with next to nothing has no query members, and no header that the client did not send."""
        told = {**TOLD, "query": "", "origin": None, "subprotocols": [], "headers": {}}
        event = connect_event(Webhook(ID, "w", AT), told, connect_state(told, AT), "prod")
        APIGatewayWebSocketConnectEventModel.model_validate(event)
        self.assertEqual(set(event), {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"})
        self.assertEqual(event["headers"], {"Host": "localhost:8081", "X-Forwarded-For": "203.0.113.9"})
        self.assertEqual(event["requestContext"]["identity"], {"sourceIp": "203.0.113.9"})

    def test_long_user_agent(self) -> None:
        """The state of a client with a very long User-Agent is a header that the gateway repeats, with all the rest."""
        told = {**TOLD, "headers": {"user-agent": "\xe9" * 15_000}}
        state = connect_state(told, AT)
        self.assertLess(len(state.header()), MAX_HEADER_BYTES)
        self.assertEqual(read_state(state.header()), state)
        self.assertEqual((state.domain_name, state.source_ip), ("localhost:8081", "203.0.113.9"))
        self.assertTrue(state.user_agent.startswith("\xe9" * 500))

    def test_many_parameters(self) -> None:
        """Of a query with very many parameters, as any stranger can send it, the event has the first 500."""
        told = {**TOLD, "query": "&".join(f"a{number}" for number in range(7000))}
        event = connect_event(Webhook(ID, "w", AT), told, connect_state(told, AT), "prod")
        self.assertEqual(list(event["queryStringParameters"]), [f"a{number}" for number in range(500)])

    @examples(60)
    @given(
        st.dictionaries(
            st.from_regex("[a-z][a-z0-9-]{0,10}", fullmatch=True), st.text(st.characters(max_codepoint=255)), max_size=5
        ),
        st.text(st.characters(codec="ascii"), max_size=40),
        st.lists(st.from_regex("[a-z.]{1,8}", fullmatch=True), max_size=3),
        st.sampled_from(["203.0.113.9", "2001:db8::1", "::1"]),
        st.integers(0, 2**41),
    )
    def test_any(self, headers: dict[str, str], query: str, subprotocols: list[str], address: str, at: int) -> None:
        """Whatever a client sends, the event is valid."""
        more = {"headers": headers, "query": query, "subprotocols": subprotocols, "remote_address": address}
        told = {**TOLD, **more}
        event = connect_event(Webhook(ID, "w", at), told, connect_state(told, at), "s")
        APIGatewayWebSocketConnectEventModel.model_validate(event)
        self.assertEqual(APIGatewayWebSocketEvent(event).request_context.connection_id, ID)

    def test_titles(self) -> None:
        """Names of headers are written as HTTP's examples write them."""
        for name, written in (("user-agent", "User-Agent"), ("sec-websocket-protocol", "Sec-WebSocket-Protocol")):
            self.assertEqual(title(name), written)


class MessageTests(SynchronousTestCase):
    def test_text(self) -> None:
        """The event of a text message has its body, an id of its own, no headers and no query."""
        event = message_event(Webhook(ID, f"{ID}_1_message", AT), STATE, "prod", "chat", "grüße".encode(), False)
        APIGatewayWebSocketMessageEventModel.model_validate(event)
        self.assertEqual(set(event), {"requestContext", "body", "isBase64Encoded"})
        self.assertEqual((event["body"], event["isBase64Encoded"]), ("grüße", False))
        context = event["requestContext"]
        self.assertEqual((context["routeKey"], context["eventType"]), ("chat", "MESSAGE"))
        self.assertNotEqual(context["messageId"], context["requestId"])

    def test_binary(self) -> None:
        """A binary message is in base64."""
        event = message_event(Webhook(ID, "w", AT), STATE, "prod", "$default", b"\xff\0", True)
        APIGatewayWebSocketMessageEventModel.model_validate(event)
        self.assertEqual((event["body"], event["isBase64Encoded"]), ("/wA=", True))

    def test_repeated(self) -> None:
        """A webhook that is sent again has the same ids, and another one has others."""
        ids = [
            message_event(Webhook(ID, webhook_id, at), STATE, "prod", "$default", b"", False)["requestContext"]
            for webhook_id, at in (("a", 1), ("a", 2), ("b", 2))
        ]
        first, again, other = ((each["requestId"], each["messageId"]) for each in ids)
        self.assertEqual(first, again)
        self.assertNotIn(other[0], first)


class DisconnectTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """The event of a disconnect has code and reason, and the headers that API Gateway sends."""
        told = {"code": "CONNECTION_CLOSE", "cause": "client", "close_code": 1001, "close_reason": "bye"}
        event = disconnect_event(WEBHOOK, told, STATE, "prod")
        APIGatewayWebSocketDisconnectEventModel.model_validate(event)
        self.assertEqual(set(event["headers"]), {"Host", "x-api-key", "X-Forwarded-For", "x-restapi"})
        context = event["requestContext"]
        self.assertEqual((context["disconnectStatusCode"], context["disconnectReason"]), (1001, "bye"))
        self.assertEqual((context["routeKey"], context["eventType"]), ("$disconnect", "DISCONNECT"))

    def test_without_a_code(self) -> None:
        """A connection that broke has 1006 and no reason."""
        context = disconnect_event(WEBHOOK, {"cause": "network"}, STATE, "prod")["requestContext"]
        self.assertEqual((context["disconnectStatusCode"], context["disconnectReason"]), (1006, ""))


class StateTests(SynchronousTestCase):
    def test_round(self) -> None:
        """The state comes back out of its header; anything else is none."""
        for state in (STATE, State(0, "::1", "grüße \u2603", "x")):
            self.assertEqual(read_state(state.header()), state)
            self.assertTrue(state.header().isascii())
        for wrong in (None, "", "x", "e30=", "W10=", "bnVsbA==", "é", "W1tb" * 10_000):
            self.assertIsNone(read_state(wrong))

    def test_headers(self) -> None:
        """A header of a result is found whatever its case, in lists as well."""
        self.assertEqual(header({"sec-websocket-PROTOCOL": "a"}, "Sec-WebSocket-Protocol"), "a")
        self.assertEqual(header({"Sec-WebSocket-Protocol": ["b", "c"]}, "Sec-WebSocket-Protocol"), "b")
        for nothing in (None, {}, {"x": "y"}, "text", []):
            self.assertIsNone(header(nothing, "Sec-WebSocket-Protocol"))
