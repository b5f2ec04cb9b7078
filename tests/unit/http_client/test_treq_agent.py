"""The pool as an IAgent: what goes out, what comes back."""

from __future__ import annotations

import io
from typing import Any

import treq
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer, ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IResponse
from zope.interface.verify import verifyObject

from tests.support.backend_wires import LIMIT, PoolTestCase
from wsaas.http_client.exchange import NotSent, TimedOut
from wsaas.http_client.late_headers import RequestHeaders
from wsaas.http_client.treq_agent import BytesProducer, PoolAgent

JSON = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"code":"OK"}'


class Receiver(Protocol):
    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.ends: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        for name in ("pauseProducing", "resumeProducing", "stopProducing", "loseConnection"):
            getattr(self.transport, name)()
        self.data.append(data)

    def connectionLost(self, reason: Failure = Failure(ResponseDone())) -> None:  # noqa: B008
        self.ends.append(reason)


class AgentTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.agent = PoolAgent(self.pool, timeout=10.0, limit=LIMIT)

    def ask(self, uri: bytes = b"/x", **options: Any) -> Deferred[IResponse]:
        return self.agent.request(b"PUT", uri, **options)

    def request(self) -> tuple[bytes, list[bytes], bytes]:
        """The request line, the headers, the body that went out last."""
        head, _, body = self.backend.wires[-1].requests().partition(b"\r\n\r\n")
        line, *headers = head.split(b"\r\n")
        return line, headers, body

    def test_treq(self) -> None:
        """treq's own client, called as its documentation says, sends JSON over the agent and reads the answer."""
        client = HTTPClient(self.agent, data_to_body_producer=BytesProducer)
        options: dict[str, Any] = {"reactor": self.clock}
        waiting = client.post("/base/id?a=1", json={"a": 1}, headers={"X-A": "1"}, **options)
        line, headers, body = self.request()
        self.assertEqual(line, b"POST /base/id?a=1 HTTP/1.1")
        self.assertEqual(headers.count(b"Host: backend.example"), 1)
        self.assertIn(b"X-A: 1", headers)
        self.assertIn(b"Content-Length: 7", headers)
        self.assertEqual(body, b'{"a":1}')
        self.backend.wires[0].answer(JSON)
        response = self.successResultOf(waiting)
        self.assertEqual((response.code, response.phrase, response.version), (200, b"OK", (b"HTTP", 1, 1)))
        self.assertEqual(response.headers.getRawHeaders(b"content-type"), [b"application/json"])
        self.assertEqual(self.successResultOf(treq.json_content(response)), {"code": "OK"})
        self.assertEqual(self.successResultOf(treq.content(response)), JSON[-13:])

    def test_failures(self) -> None:
        """The pool's faults come through as they are; the deadline is the agent's."""
        waiting = self.ask()
        self.clock.advance(10)
        self.failureResultOf(waiting, TimedOut)
        self.backend.refusal = OSError()
        self.failureResultOf(self.ask(), NotSent)

    def test_cancel(self) -> None:
        """Cancelling a request drops its connection."""
        waiting = self.ask()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(self.backend.wires[0].aborted)

    def test_limit(self) -> None:
        """Of a body that is longer than the agent's limit the beginning is delivered, and then ResponseFailed."""
        agent = PoolAgent(self.pool, timeout=1.0, limit=4)
        waiting = agent.request(b"GET", b"/x")
        self.backend.wires[0].answer(JSON)
        response = self.successResultOf(waiting)
        self.assertEqual((response.code, response.length), (200, UNKNOWN_LENGTH))
        self.failureResultOf(treq.content(response), ResponseFailed)

    def test_empty_body(self) -> None:
        """An empty body is delivered like any other."""
        waiting = self.ask()
        self.assertIn(b"Content-Length: 0", self.request()[1])
        self.backend.wires[0].answer(b"HTTP/1.1 204 No Content\r\n\r\n")
        response = self.successResultOf(waiting)
        self.assertEqual((response.length, self.successResultOf(treq.content(response))), (0, b""))

    def test_interfaces(self) -> None:
        """The agent, the response and the producer are what they say."""
        verifyObject(IAgent, self.agent)
        verifyObject(IBodyProducer, BytesProducer(b""))
        waiting = self.ask()
        self.backend.wires[0].answer(JSON)
        response = self.successResultOf(waiting)
        verifyObject(IResponse, response)
        response.setPreviousResponse(response)
        self.assertIs(response.previousResponse, response)
        self.assertEqual((response.request.method, response.request.absoluteURI), (b"PUT", b"/x"))

    def test_origin(self) -> None:
        """No origin but the pool's own is spoken to, and no more than one request: a URI is a path."""
        for uri in [
            b"http://backend.example/x",
            b"https://other.example/x",
            b"https://u:p@backend.example/x",
            b"backend.example/x",
            b"*",
            b"",
            b"/\xe9",
            b"/a b",
            b"/a\r\nX: y",
            b"/#f",
        ]:
            self.failureResultOf(self.ask(uri), ValueError)
        self.assertEqual(self.backend.wires, [])
        for uri in (b"/", b"/x?a=1&b=%20", b"//other.example/x"):
            self.ask(uri)
            line, headers, _ = self.request()
            self.assertEqual((line, headers[0]), (b"PUT %b HTTP/1.1" % uri, b"Host: backend.example"))

    def test_headers(self) -> None:
        """Framing and hop-by-hop headers do not go out; what is no header is refused."""
        ours = "Connection Transfer-Encoding TE Upgrade Host Expect Content-Length Keep-Alive Trailer Accept-Encoding"
        mine = Headers({name: ["x"] for name in ours.split()})
        mine.addRawHeader("X-Mine", b"caf\xe9")
        self.ask(headers=mine)
        self.assertEqual(
            self.request()[1],
            [
                b"Host: backend.example",
                b"Accept-Encoding: identity",
                b"Content-Length: 0",
                b"X-Mine: caf\xe9",
            ],
        )
        for name, value in [(b"X", b"a\x00b"), (b"X", b"a\x1bb"), (b"X", b"a\x7f")]:
            self.failureResultOf(self.ask(headers=Headers({name: [value]})), ValueError)

    def test_ready_lines(self) -> None:
        """Headers that are lines go out as they are spelled; of what is added to them, only what may."""
        headers = RequestHeaders(b"WSAAS-Event: connect\r\nwebhook-id: x\r\n").copy()
        headers.addRawHeader(b"Accept-Encoding", b"gzip")
        headers.addRawHeader(b"X-Mine", b"1")
        self.ask(headers=headers)
        self.assertEqual(self.request()[1][3:], [b"WSAAS-Event: connect", b"webhook-id: x", b"X-Mine: 1"])
        headers.addRawHeader(b"X", b"a\x00b")
        self.failureResultOf(self.ask(headers=headers), ValueError)

    def test_delivery(self) -> None:
        """The body is delivered in one piece, at once, as often as it is asked for."""
        waiting = self.ask()
        self.backend.wires[0].answer(JSON)
        response = self.successResultOf(waiting)
        for _ in range(2):
            receiver = Receiver()
            response.deliverBody(receiver)
            self.assertEqual(receiver.data, [JSON[-13:]])
            receiver.ends[0].trap(ResponseDone)

    def test_body(self) -> None:
        """A body is a BytesProducer's; any other producer is refused, as it may take time."""
        producer = BytesProducer(b"body")
        self.ask(bodyProducer=producer)
        self.assertEqual(self.request()[2], b"body")
        self.failureResultOf(self.ask(bodyProducer=FileBodyProducer(io.BytesIO(b"body"))), ValueError)
        consumer = StringTransport()
        self.successResultOf(producer.startProducing(consumer))
        for name in ("pauseProducing", "resumeProducing", "stopProducing"):
            getattr(producer, name)()
        self.assertEqual((consumer.value(), producer.length), (b"body", 4))
