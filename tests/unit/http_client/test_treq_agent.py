"""treq over the pool: what goes out, what comes back, and what a webhook must never do."""

from __future__ import annotations

import gzip
from typing import Any

import treq
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IResponse
from zope.interface.verify import verifyObject

from tests.support.backend_wires import LIMIT, PoolTestCase
from wsaas.http_client.exchange import NotSent, TimedOut
from wsaas.http_client.treq_agent import BytesProducer, PoolAgent, WebhookClient

JSON = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"code":"OK"}'


class AgentTestCase(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.agent = PoolAgent(self.pool, b"https://backend.example", timeout=10.0, limit=LIMIT)
        self.client = WebhookClient(self.agent)

    def request(self) -> tuple[bytes, list[bytes], bytes]:
        """The request line, the headers, the body that went out last."""
        head, _, body = self.backend.wires[-1].requests().partition(b"\r\n\r\n")
        line, *headers = head.split(b"\r\n")
        return line, headers, body


class TreqTests(AgentTestCase):
    def test_exchange(self) -> None:
        """A JSON body goes out and a JSON answer comes back, with its status and headers."""
        data = BytesProducer(b'{"a":1}', b"X-B: 2\r\n")
        waiting = self.client.post("https://backend.example/base/id?a=1", data=data, headers={"X-A": "1"})
        line, headers, body = self.request()
        self.assertEqual(line, b"POST /base/id?a=1 HTTP/1.1")
        self.assertEqual(headers.count(b"Host: backend.example"), 1)
        self.assertIn(b"X-A: 1", headers)
        self.assertIn(b"X-B: 2", headers)
        self.assertIn(b"Content-Length: 7", headers)
        self.assertEqual(body, b'{"a":1}')
        self.backend.wires[0].answer(JSON)
        response = self.successResultOf(waiting)
        self.assertEqual((response.code, response.phrase, response.version), (200, b"OK", (b"HTTP", 1, 1)))
        self.assertEqual(response.headers.getRawHeaders(b"content-type"), [b"application/json"])
        self.assertEqual(self.successResultOf(treq.json_content(response)), {"code": "OK"})
        self.assertEqual(self.successResultOf(treq.content(response)), JSON[-13:])

    def test_no_redirect(self) -> None:
        """A redirect is an answer like any other, and nothing else can be asked for."""
        self.assertRaises(TypeError, self.client.put, "https://backend.example/x", allow_redirects=True)
        for status in (301, 302, 303, 307, 308):
            waiting = self.client.put("https://backend.example/x", data=b"1")
            self.request()
            self.backend.wires[0].answer(
                b"HTTP/1.1 %d Moved\r\nLocation: https://backend.example/y\r\nContent-Length: 0\r\n\r\n" % status
            )
            self.assertEqual(self.successResultOf(waiting).code, status)
            self.assertEqual(self.backend.wires[0].requests(), b"")

    def test_no_cookies(self) -> None:
        """A cookie that one webhook's answer sets does not go out with the next; one given as a header does."""
        for cookie in (b"s=1", b"s=1; Domain=backend.example; Path=/", b"s=1; Max-Age=1000; Secure"):
            waiting = self.client.get("https://backend.example/x")
            self.request()
            self.backend.wires[0].answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: " + cookie + b"\r\nContent-Length: 0\r\n\r\n")
            self.successResultOf(waiting)
            self.client.get("https://backend.example/x").addErrback(lambda _: None)
            self.assertNotIn(b"ookie", b"".join(self.request()[1]))
            self.setUp()
        self.assertRaises(TypeError, self.client.get, "https://backend.example/x", cookies={"s": "1"})
        self.client.get("https://backend.example/x", headers={"Cookie": "forwarded=1"})
        self.assertIn(b"Cookie: forwarded=1", self.request()[1])

    def test_no_compression(self) -> None:
        """Nothing compressed is asked for, and what comes compressed all the same is not inflated."""
        waiting = self.client.get("https://backend.example/x", headers={"Accept-Encoding": "gzip"})
        asked = [line for line in self.request()[1] if line.lower().startswith(b"accept-encoding:")]
        self.assertEqual(asked, [b"Accept-Encoding: identity"])
        bomb = gzip.compress(bytes(500_000))
        self.backend.wires[0].answer(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
        )
        response = self.successResultOf(waiting)
        self.assertTrue(self.successResultOf(treq.content(response)) == bomb)

    def test_failures(self) -> None:
        """The pool's faults come through as they are."""
        waiting = self.client.get("https://backend.example/x")
        self.clock.advance(10)
        self.failureResultOf(waiting, TimedOut)
        self.backend.refusal = OSError()
        self.failureResultOf(self.client.get("https://backend.example/x"), NotSent)

    def test_bounds(self) -> None:
        """`within` gives the same agent with its own deadline and limit."""
        agent = self.agent.within(timeout=1.0, limit=4)
        waiting = WebhookClient(agent).get("https://backend.example/x")
        self.clock.advance(1)
        self.failureResultOf(waiting, TimedOut)
        waiting = WebhookClient(agent).get("https://backend.example/x")
        self.backend.wires[1].answer(JSON)
        response = self.successResultOf(waiting)
        self.assertEqual((response.code, response.length), (200, UNKNOWN_LENGTH))
        self.failureResultOf(treq.content(response), ResponseFailed)

    def test_empty_body(self) -> None:
        """An empty body is delivered like any other."""
        waiting = self.client.delete("https://backend.example/x")
        self.assertIn(b"Content-Length: 0", self.request()[1])
        self.backend.wires[0].answer(b"HTTP/1.1 204 No Content\r\n\r\n")
        response = self.successResultOf(waiting)
        self.assertEqual((response.length, self.successResultOf(treq.content(response))), (0, b""))


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


class AgentTests(AgentTestCase):
    def ask(self, uri: bytes = b"https://backend.example/x", **options: Any) -> Deferred[IResponse]:
        return self.agent.request(b"PUT", uri, **options)

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
        self.assertEqual(
            (response.request.method, response.request.absoluteURI), (b"PUT", b"https://backend.example/x")
        )

    def test_origin(self) -> None:
        """Only the pool's own origin is spoken to: scheme, host and port, and no credentials."""
        for uri in [
            b"http://backend.example/x",
            b"https://other.example/x",
            b"https://backend.example:8443/x",
            b"https://backend.example.evil/x",
            b"https://u:p@backend.example/x",
            b"https://backend.example@evil/x",
            b"/x",
            b"https://backend.example/\xe9",
            b"https://backend.example/a b",
            b"https://backend.example/a\r\nX: y",
            b"https://backend.example:99999/",
        ]:
            self.failureResultOf(self.ask(uri), ValueError)
        self.assertEqual(self.backend.wires, [])
        for uri in (b"https://backend.example", b"https://BACKEND.example:443/?", b"https://backend.example/#f"):
            self.ask(uri)
            self.assertEqual(self.request()[0], b"PUT / HTTP/1.1")

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
        """A body comes from a producer that writes at once; one that takes time is stopped and refused."""
        self.ask(bodyProducer=BytesProducer(b"body"))
        self.assertEqual(self.request()[2], b"body")

        class Slow(BytesProducer):
            stopped = False

            def startProducing(self, consumer: IConsumer) -> Deferred[None]:
                return Deferred()

            def stopProducing(self) -> None:
                self.stopped = True

        slow = Slow(b"body")
        self.failureResultOf(self.ask(bodyProducer=slow), ValueError)
        self.assertTrue(slow.stopped)

        class Broken(BytesProducer):
            def startProducing(self, consumer: IConsumer) -> Deferred[None]:
                return succeed(None).addCallback(lambda _: 1 // 0)

        self.failureResultOf(self.ask(bodyProducer=Broken(b"")), ZeroDivisionError)
