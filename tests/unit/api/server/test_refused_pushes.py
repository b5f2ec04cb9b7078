"""Pushes that the API refuses before the router sees them are counted like all others, each once."""

from __future__ import annotations

from tests.support.api_fakes import GONE, HERE, router_of
from tests.support.http_wire import MAX_MESSAGE_SIZE, WireCase
from wsaas.api.errors import HostNotAllowed, MalformedRequest, RequestTimeout, Unauthorized, UnsupportedCoding
from wsaas.api.server.fast_path import FastPath
from wsaas.api.server.site import ApiSite, api_site
from wsaas.core.errors import BadRequest, GatewayError, MessageTooLong, NoSuchConnection, NotUtf8
from wsaas.core.pushes import PushKind

CONNECTION, GROUP, BROADCAST = PushKind.CONNECTION, PushKind.GROUP, PushKind.BROADCAST  # aws: test_aws.py
TARGETS = ((CONNECTION, f"/{HERE}"), (GROUP, "/groups/room"), (BROADCAST, "/broadcast"))
TOO_LONG = MAX_MESSAGE_SIZE + 1
CHUNKED = "Transfer-Encoding: chunked\r\n"


class RefusedPushTests(WireCase):
    tokens: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        self.router = router_of(self.session)
        self.site = self.site_of(FastPath)

    def site_of(self, fast_path: type[FastPath] | None) -> ApiSite:
        return api_site(
            self.clock,
            self.router,
            tokens=self.tokens,
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            fast_path=fast_path,
        )

    def check(self, target: str, headers: str, body: str, kind: PushKind, error: type[GatewayError]) -> None:
        """Send a push, wait for longer than any request may take, and check that it is counted once as this error."""
        self.router.counters.pushes.clear()
        wire = self.wire()
        wire.send(f"PUT {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}".encode())
        self.clock.advance(11)
        wire.run()
        self.assertEqual((self.router.counters.pushes, len(wire.statuses())), ({(kind, error): 1}, 1))

    def test_by_the_server(self) -> None:
        """The HTTP server refuses what is too long, too slow or malformed, and counts it."""
        for kind, target in TARGETS:
            for headers, body, error in (
                (f"Content-Length: {TOO_LONG}\r\n", "", MessageTooLong),
                (f"Content-Length: {'9' * 30}\r\n", "", MessageTooLong),
                (CHUNKED, f"{TOO_LONG:x}\r\n{'x' * TOO_LONG}\r\n", MessageTooLong),
                ("Content-Length: 5\r\n", "hell", RequestTimeout),
                ("Host: b\r\nContent-Length: 5\r\n", "hello", MalformedRequest),
            ):
                self.check(target, headers, body, kind, error)

    def test_by_the_gate(self) -> None:
        """A push without the token is counted, whether it has a body or not."""
        self.tokens = ("secret",)
        self.site = self.site_of(FastPath)
        for kind, target in TARGETS:
            for body in ("", "hello"):
                self.check(target, f"Content-Length: {len(body)}\r\n", body, kind, Unauthorized)

    def test_by_host(self) -> None:
        """A push by a name that is not the API's is counted."""
        wire = self.wire()
        wire.send(f"PUT /{HERE} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1\r\n\r\nx".encode())
        self.assertEqual((wire.statuses(), self.router.counters.pushes), ([403], {(CONNECTION, HostNotAllowed): 1}))

    def test_by_the_route(self) -> None:
        """A push with a wrong parameter or in a coding is counted; one that the router refuses is counted once."""
        coding = "Content-Encoding: gzip\r\nContent-Length: 1\r\n"
        for kind, target in TARGETS:
            self.check(f"{target}?wrong=1", "Content-Length: 1\r\n", "x", kind, BadRequest)
            self.check(target, coding, "x", kind, UnsupportedCoding)
            for slow in ("", "X-Slow: \t\r\n"):
                self.router.counters.pushes.clear()
                wire = self.wire()
                head = f"PUT {target} HTTP/1.1\r\nHost: localhost\r\n{slow}Content-Length: 1\r\n\r\n"
                wire.send(head.encode() + b"\xff")
                self.assertEqual((wire.statuses(), self.router.counters.pushes), ([400], {(kind, NotUtf8): 1}))
        self.check("/groups/" + "x" * 300, "X-Slow: \t\r\nContent-Length: 1\r\n", "x", GROUP, BadRequest)
        self.check(f"/{GONE}", "X-Slow: \t\r\nContent-Length: 1\r\n", "x", CONNECTION, NoSuchConnection)

    def test_no_push(self) -> None:
        """Other requests that are refused are not counted: another method, a join, another path."""
        for request in (f"DELETE /{HERE}?wrong=1", f"PUT /groups/room/{GONE}", "PUT /nothing", "GET /broadcast"):
            self.wire().send(f"{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        self.assertEqual(self.router.counters.pushes, {})
