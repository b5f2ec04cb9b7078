"""treq's client over the pool: what a request to a backend must never do, and what its answer says."""

from __future__ import annotations

import gc
import gzip
from typing import Any
from urllib.request import Request

from hyperlink import EncodedURL
from treq.client import HTTPClient
from treq.cookies import scoped_cookie
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.backend_wires import LIMIT, OK, PoolTestCase
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, NotSent, SecondAnswer, TimedOut
from wsaas.http_client.treq_agent import PoolAgent
from wsaas.http_client.treq_client import NoCookies, SpelledUrl, TreqClient
from wsaas.internals.plain_callbacks import PlainCallbacks

HEAD = b"WSAAS-Event: connect\r\nwebhook-id: a_0_connect\r\n"
PATH = "/base/id"


class TreqClientTests(PoolTestCase):
    deferred: type[Deferred[Any]] = Deferred

    def setUp(self) -> None:
        super().setUp()
        self.client = TreqClient(PoolAgent(self.pool, timeout=10.0, limit=LIMIT, deferred=self.deferred), self.clock)
        self.results: list[HttpResponse | Fault | Failure] = []

    def post(self, head: bytes = HEAD, path: str = PATH) -> None:
        self.client.request("POST", path, head, b"{}", self.results.append)

    def answer(self) -> HttpResponse:
        """The answer to the one request that has been answered since the last call."""
        [answer] = self.results
        self.results.clear()
        assert isinstance(answer, HttpResponse)
        return answer

    def sent(self) -> bytes:
        """All that went out on the newest connection since the last call."""
        return self.backend.wires[-1].requests()

    def test_exchange(self) -> None:
        """A request goes out as a message does, byte for byte but for its method; the answer is the pool's own."""
        self.post()
        by_treq = self.sent()
        self.backend.wires[0].answer(OK)
        answer = self.answer()
        self.assertEqual((type(answer), answer.status, answer.body, answer.sent), (HttpResponse, 200, b"OK", 1))
        self.pool.exchange(b"POST", b"/base/id", HEAD, b"{}", LIMIT, 10.0, lambda _: None)
        self.assertEqual(by_treq, self.sent())

    def test_unmodified(self) -> None:
        """The request goes through treq's own HTTPClient.request."""
        calls: list[dict[str, Any]] = []
        original = HTTPClient.request

        def request(client: HTTPClient, *args: Any, **options: Any) -> Any:
            calls.append(options)
            return original(client, *args, **options)

        self.patch(HTTPClient, "request", request)
        self.post()
        self.assertEqual([(each["allow_redirects"], each["unbuffered"]) for each in calls], [(False, True)])

    def test_no_redirect(self) -> None:
        """A redirect is an answer like any other."""
        for status in (301, 302, 303, 307, 308):
            self.post()
            self.sent()
            self.backend.wires[0].answer(
                b"HTTP/1.1 %d Moved\r\nLocation: https://backend.example/y\r\nContent-Length: 0\r\n\r\n" % status
            )
            self.assertEqual(self.answer().status, status)
            self.assertEqual((self.sent(), len(self.backend.wires)), (b"", 1))

    def test_no_cookies(self) -> None:
        """A cookie that one answer sets does not go out with the next request; one given as a header does."""
        for cookie in (b"s=1", b"s=1; Domain=backend.example; Path=/", b"s=1; Max-Age=1000; Secure"):
            self.post()
            self.sent()
            self.backend.wires[0].answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: " + cookie + b"\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(self.answer().header(b"set-cookie"), cookie)
            self.post()
            self.assertNotIn(b"ookie", self.sent())
            self.backend.wires[0].answer(OK)
            self.answer()
        self.post(b"Cookie: forwarded=1\r\n")
        self.assertIn(b"\r\nCookie: forwarded=1\r\n", self.sent())

    def test_no_compression(self) -> None:
        """Nothing compressed is asked for; a compressed answer comes as it is, and says which coding it has."""
        self.post()
        asked = [line for line in self.sent().split(b"\r\n") if line.lower().startswith(b"accept-encoding:")]
        self.assertEqual(asked, [b"Accept-Encoding: identity"])
        bomb = gzip.compress(bytes(500_000))
        self.backend.wires[0].answer(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
        )
        answer = self.answer()
        self.assertEqual((answer.body == bomb, answer.coding), (True, "Content-Encoding: gzip"))

    def test_faults(self) -> None:
        """The pool's faults come through treq's layers as they are; any other error is a Failure."""
        self.post()
        self.clock.advance(10)
        self.post()
        self.backend.wires[1].end()
        self.backend.refusal = OSError()
        self.post()
        self.assertEqual([type(each) for each in self.results], [TimedOut, Lost, NotSent])
        self.post(path="https://elsewhere.example/")
        self.assertIsInstance(self.results[-1], Failure)

    def test_bounds(self) -> None:
        """Of a long body as many bytes come as the agent's limit says."""
        self.post()
        self.backend.wires[0].answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(2000))
        answer = self.answer()
        self.assertEqual((len(answer.body), answer.truncated), (LIMIT, True))

    def test_sent_again(self) -> None:
        """The answer to a request that had to be sent again says so."""
        self.post()
        self.backend.wires[0].answer(OK)
        self.answer()
        self.post()
        self.backend.wires[0].end()
        self.backend.wires[1].answer(OK)
        answer = self.answer()
        self.assertEqual((type(answer), answer.sent), (SecondAnswer, 2))

    def test_freed(self) -> None:
        """What a request takes is freed with its answer or fault, and does not wait for the garbage collector."""
        self.post()
        self.backend.wires[0].answer(OK)
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                self.post()
                self.backend.wires[0].answer(OK)
            self.results.clear()
            self.assertLess(gc.collect(), 50)
        finally:
            gc.enable()


class PlainCallbacksTests(TreqClientTests):
    """The same on the fast path."""

    deferred = PlainCallbacks


class SpelledUrlTests(SynchronousTestCase):
    def test_parts(self) -> None:
        """The parts of a URL that is sent as it is spelled are those that hyperlink finds in it."""
        url, other = SpelledUrl(PATH), EncodedURL.from_text(PATH)
        self.assertEqual(url.to_uri().to_text(), other.to_uri().to_text())
        self.assertEqual((url.scheme, url.host, url.path, url.port), (other.scheme, other.host, other.path, other.port))
        self.assertRaises(AttributeError, getattr, url, "nothing")


class NoCookiesTests(SynchronousTestCase):
    def test_policy(self) -> None:
        """A cookie that is put in by its policy, past the methods that treq calls, is refused as well."""
        jar = NoCookies()
        jar.set_cookie_if_ok(scoped_cookie("http://backend.example/", "s", "1"), Request("http://backend.example/"))
        self.assertEqual(list(jar), [])
