"""A request that a cookie jar sees: the same as Twisted's, but parsed when it is looked at."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any

from treq.cookies import IndexableCookieJar
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import client, http
from twisted.web.client import CookieAgent
from twisted.web.http_headers import Headers

from wsaas.http_client.treq_client import NoCookies
from wsaas.internals import supported
from wsaas.internals.cookie_request import parse_late

URLS = (
    b"http://a.example/x",
    b"http://a.example:8080/x/y?q=1",
    b"https://a.example/",
    b"http://b.example/x",
    b"http://[2001:db8::1]:3000/",
    b"http://127.0.0.1:3000/x",
)


class SettingAgent:
    """Answers each request with cookies of its own, and keeps the Cookie headers that it got."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def request(self, method: bytes, uri: bytes, headers: Headers, bodyProducer: Any = None) -> Deferred[Any]:
        self.sent.append((uri, headers.getRawHeaders(b"Cookie")))
        n = len(self.sent)
        cookies = [b"plain%d=1" % n, b"pathed%d=2; Path=/x" % n, b"secure%d=3; Secure" % n, b"old%d=4; Max-Age=0" % n]
        response: Any = type("Response", (), {"headers": Headers({b"Set-Cookie": cookies})})()
        return succeed(response)


def traffic(jar: CookieJar) -> tuple[list[Any], list[str]]:
    """Each URL's Cookie header in two rounds of requests, and the cookies that are in the jar at the end."""
    agent = SettingAgent()
    for uri in URLS * 2:
        CookieAgent(agent, jar).request(b"GET", uri, Headers())
    return agent.sent, sorted(repr(cookie) for cookie in jar)


class LateTests(SynchronousTestCase):
    def setUp(self) -> None:
        kinds = client._FakeStdlibRequest.__mro__
        self.patch(client, "_FakeStdlibRequest", next(each for each in kinds if each.__module__ == client.__name__))
        self.patch(supported, "_judged", {})

    def test_same_cookies(self) -> None:
        """A jar that keeps cookies keeps and sends the same ones, whether URLs are parsed late or not."""
        expected = traffic(IndexableCookieJar())
        self.assertTrue(expected[1])
        self.assertTrue(parse_late() and parse_late())
        self.assertEqual(traffic(IndexableCookieJar()), expected)

    def test_not_parsed(self) -> None:
        """For a jar that asks nothing no URL is parsed."""
        self.assertTrue(parse_late())
        self.patch(http, "urlparse", None)
        self.assertEqual(traffic(NoCookies()), ([(uri, None) for uri in URLS * 2], []))

    def test_attributes(self) -> None:
        """A parsed request has what Twisted's has, and nothing else."""
        parse_late()
        request = client._FakeStdlibRequest(b"https://a.example:8443/x")
        self.assertEqual((request.get_header("Cookie"), request.host), (None, "a.example:8443"))
        request.add_unredirected_header("Cookie", "a=1")
        self.assertEqual((request.get_header("Cookie"), request.get_type()), ("a=1", "https"))
        self.assertRaises(AttributeError, getattr, request, "nothing")

    def test_missing(self) -> None:
        """Where Twisted has no such request, or another one, it stays as it is."""
        for other in (object, type("Other", (), {"__init__": lambda self, uri: None})):
            self.patch(supported, "_judged", {})
            self.patch(client, "_FakeStdlibRequest", other)
            self.assertFalse(parse_late())
            self.assertIs(client._FakeStdlibRequest, other)
