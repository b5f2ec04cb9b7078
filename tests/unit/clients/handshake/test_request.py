"""wsaas.clients.handshake.request: what clients and proxies send is understood, and what is ambiguous is refused."""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, Client, Harness
from tests.support.client_heads import AGENTS, CLIENTS, HEADS, PROXIES, head
from wsaas.clients.handshake.fast_path import read_common
from wsaas.core.model import Handshake

DEFLATE = b"\r\nSec-WebSocket-Extensions: permessage-deflate"


class Case(SynchronousTestCase):
    def ask(self, data: bytes, **options: Any) -> Client:
        client = Harness(**options).client()
        client.say(data)
        return client

    def heard(self, client: Client) -> Handshake:
        """What the gateway heard of a handshake that is sound."""
        self.assertEqual(client.transport.written, b"")
        [handshake] = client.harness.gateway.handshakes
        return handshake

    def accepted(self, client: Client, subprotocol: str | None = None) -> bytes:
        client.peer.accept(subprotocol)
        self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 101 "), client.transport.written)
        return client.transport.written

    def refused(self, client: Client, status: int) -> str:
        """The message of a refusal."""
        self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 %d " % status), client.transport.written)
        self.assertEqual(client.harness.gateway.handshakes, [])
        message: str = json.loads(client.transport.written.partition(b"\r\n\r\n")[2])["message"]
        return message


class HeadsTests(Case):
    def test_all(self) -> None:
        """Every head that a client, a proxy or an agent is known to send is let in, with compression and without, alike
        on the fast path and on the slow one."""
        for name, text in HEADS.items():
            lists = re.findall("^sec-websocket-protocol: (.*)", text, re.IGNORECASE | re.MULTILINE)
            offered = tuple(re.split(", ?", ",".join(lists))) if lists else ()
            found = []
            for compression in (False, True):
                for fast_path in (read_common, None):
                    client = self.ask(head(text), compression=compression, head_fast_path=fast_path)
                    found.append(self.heard(client))
                    answer = self.accepted(client, offered[0] if offered else None)
                    deflate = "xtensions: permessage-deflate" in text
                    self.assertEqual(DEFLATE in answer, compression and deflate, name)
            self.assertEqual((found[0].path, found[0].query, found[0].subprotocols), ("/room/7", "a=1", offered), name)
            self.assertEqual(found, [found[0]] * 4, name)

    def test_told(self) -> None:
        """The backend is told every header that it may have, whatever bytes it has."""
        for text in (*PROXIES.values(), *AGENTS.values()):
            headers = self.heard(self.ask(head(text))).headers
            for line in text.split("\n")[1:]:
                name, _, value = line.partition(":")
                if not re.match("(?i)connection|keep-alive|te$|upgrade|sec-websocket|content-length|cookie", name):
                    self.assertIn(value.strip(" \t"), headers[name.lower()])

    def test_fast(self) -> None:
        """What clients send themselves goes the fast path, but for a few."""
        taken: list[bool] = []

        def fast_path(*arguments: Any) -> Any:
            found = read_common(*arguments)
            taken.append(found is not None)
            return found

        for text in CLIENTS.values():
            self.ask(head(text), head_fast_path=fast_path)
        self.assertGreater(sum(taken), len(CLIENTS) - 6)


class UnusedTests(Case):
    """A header that the gateway does not use never decides about the connection."""

    def test_any_bytes(self) -> None:
        """Repeated, empty, of any bytes that HTTP allows: forwarded as it is if asked for, ignored otherwise."""
        allowed = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
        for name in (b"Cookie", b"X-Tenant", b"Referer", b"Accept-Encoding", b"Sec-Fetch-Mode", b"~!#"):
            for values in ([b""], [b"a\x85b"], [allowed + b"."], [b"", b"a", b""], [b"a"] * 3, [b"x" * 15000]):
                lines = b"".join(b"%b: %b\r\n" % (name, value) for value in values)
                for forward in ((), (name.decode().lower(),)):
                    client = self.ask(REQUEST + lines + END, forward_headers=forward)
                    sent = b", ".join(value for _, value in self.heard(client).repeated)
                    for value in values:
                        self.assertEqual(value.strip(b" \t") in sent, bool(forward) or not value, (name, value))
                    self.accepted(client)

    def test_traceparent(self) -> None:
        """Two are none: the gateway begins a trace of its own."""
        one = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
        self.assertEqual(self.heard(self.ask(REQUEST + one + END)).trace_id, "0af7651916cd43dd8448eb211c80319c")
        self.assertIsNone(self.heard(self.ask(REQUEST + one + one + END)).trace_id)

    def test_no_body(self) -> None:
        """Content-Length: 0 says what a handshake is, and is not told to the backend."""
        for lines in (b"Content-Length: 0\r\n", b"content-length:00 \r\n", b"Content-Length: 0\r\n" * 2):
            handshake = self.heard(self.ask(REQUEST + lines + END))
            self.assertNotIn("content-length", handshake.headers)


class OriginTests(Case):
    def test_foreign(self) -> None:
        """An Origin that is not understood is a foreign one: let in where any is, and 403 where origins are listed."""
        good = b"https://app.example"
        for values, told in (
            ([b"app://"], "app://"),
            ([b"gateway.example:8080"], "gateway.example:8080"),
            ([b"https://["], "https://["),
            ([b"https://app.example:99999"], "https://app.example:99999"),
            ([b""], ""),
            ([b"\x85"], "\x85"),
            ([good + b"\xa0"], "https://app.example\xa0"),
            ([b"\xa0" + good], "\xa0https://app.example"),
            ([good + b"\x85"], "https://app.example\x85"),
            ([good + b"/"], "https://app.example/"),
            ([good + b" " + good], "https://app.example https://app.example"),
            ([good, good], "https://app.example, https://app.example"),
            ([good, b"https://evil.example"], "https://app.example, https://evil.example"),
        ):
            lines = b"".join(b"Origin: %b\r\n" % value for value in values)
            self.assertEqual(self.heard(self.ask(REQUEST + lines + END)).origin, told)
            client = self.ask(REQUEST + lines + END, allowed_origins=(good.decode(), "null"))
            self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 403 "), values)
            self.assertEqual(client.harness.gateway.handshakes, [])

    def test_trimmed(self) -> None:
        """What HTTP trims around a value, spaces and tabs, is not part of it."""
        for line in (b"Origin:https://app.example", b"Origin: \t https://app.example \t"):
            client = self.ask(REQUEST + line + b"\r\n" + END, allowed_origins=("https://app.example",))
            self.assertEqual(self.heard(client).origin, "https://app.example")


class ListTests(Case):
    def test_subprotocols(self) -> None:
        """Empty elements and repetitions are left out; a list with something that is no subprotocol counts as empty."""
        for values, expected in (
            ([b"v1,,v2, ,"], ("v1", "v2")),
            ([b"v1, v2, v1"], ("v1", "v2")),
            ([b"v1", b"v2,v1"], ("v1", "v2")),
            ([b",\tv1\t ,"], ("v1",)),
            ([b""], ()),
            ([b",,"], ()),
            ([b"v1 v2"], ()),
            ([b"v1, a/b"], ()),
            ([b"v1\x85"], ()),
            ([b"v1\xa0"], ()),
            ([b'"v1"'], ()),
        ):
            lines = b"".join(b"Sec-WebSocket-Protocol: %b\r\n" % value for value in values)
            client = self.ask(REQUEST + lines + END)
            self.assertEqual(self.heard(client).subprotocols, expected, values)
            answer = self.accepted(client, expected[-1] if expected else None)
            self.assertEqual(b"\r\nSec-WebSocket-Protocol: " in answer, bool(expected))

    def test_extensions(self) -> None:
        """The first offer of permessage-deflate that can be accepted is; what is not understood is as not offered."""
        for values, expected in (
            ([b"permessage-deflate"], b"permessage-deflate"),
            ([b"PerMessage-Deflate ; Client_Max_Window_Bits"], b"permessage-deflate"),
            ([b'permessage-deflate; server_max_window_bits="10"'], b"permessage-deflate; server_max_window_bits=10"),
            ([b"permessage-deflate; client_max_window_bits=8"], b"permessage-deflate"),
            ([b"x; a=\"b, permessage-deflate\", permessage-deflate"], b"permessage-deflate"),
            ([b"permessage-deflate; server_max_window_bits=8, permessage-deflate"], b"permessage-deflate"),
            ([b"x", b"permessage-deflate"], b"permessage-deflate"),
            ([b";;=,,\x85, permessage-deflate"], b"permessage-deflate"),
            *(
                ([value], b"")
                for value in (
                    b"", b",", b";", b"x-webkit-deflate-frame", b"permessage-bzip2", b"permessage-deflate\x85",
                    b"permessage-deflate;", b"permessage-deflate; unknown",
                    b"permessage-deflate; server_max_window_bits",
                    b"permessage-deflate; server_max_window_bits=8", b"permessage-deflate; server_max_window_bits=010",
                    b"permessage-deflate; client_max_window_bits=16", b"permessage-deflate; client_max_window_bits=",
                    b"permessage-deflate; server_no_context_takeover=1", b'permessage-deflate; "',
                    b"permessage-deflate; client_max_window_bits; client_max_window_bits",
                    b'x="permessage-deflate', b'"permessage-deflate"', b"permessage-deflate=1",
                )
            ),
        ):  # fmt: skip
            lines = b"".join(b"Sec-WebSocket-Extensions: %b\r\n" % value for value in values)
            client = self.ask(REQUEST + lines + END, compression=True)
            self.heard(client)
            answer = self.accepted(client)
            self.assertEqual(DEFLATE in answer, bool(expected), values)
            self.assertIn(expected, answer)
            self.assertEqual(b"x-webkit" in answer, False)

    def test_upgrade(self) -> None:
        """Upgrade, Connection and Sec-WebSocket-Version are lists, of which one element counts."""
        for was, now in (
            (b"Upgrade: websocket", b"Upgrade: h2c, WebSocket"),
            (b"Upgrade: websocket", b"Upgrade: h2c\r\nUpgrade: ,websocket,"),
            (b"Connection: Upgrade", b"Connection: keep-alive , UPGRADE,x"),
            (b"Connection: Upgrade", b"Connection: close\r\nConnection: upgrade"),
            (b"Version: 13", b"Version: 13, 8"),
            (b"Version: 13", b"Version: 8\r\nSec-WebSocket-Version: 13"),
        ):
            self.accepted(self.ask((REQUEST + END).replace(was, now, 1)))


class EmptyLineTests(Case):
    """Empty lines before the request line (RFC 9112, 2.2)."""

    def test_one(self) -> None:
        """One is ignored, however it comes, on the fast path of the head and on the slow one."""
        found = []
        for fast_path in (read_common, None):
            for pieces in ([b"\r\n" + REQUEST + END], [b"\r", b"\n", REQUEST, END], [b"\r\n", REQUEST + END]):
                client = Harness(head_fast_path=fast_path).client()
                for piece in pieces:
                    client.say(piece)
                found.append(self.heard(client))
                self.accepted(client)
        self.assertEqual(found, [self.heard(self.ask(REQUEST + END))] * 6)

    def test_head(self) -> None:
        """A HEAD behind it is answered without a body."""
        client = self.ask(b"\r\n" + (REQUEST + END).replace(b"GET", b"HEAD", 1))
        head, _, body = client.transport.written.partition(b"\r\n\r\n")
        self.assertEqual((head.split()[1], body), (b"405", b""))

    def test_more(self) -> None:
        """A second one is refused, and so is a line end that is none."""
        for begin in (b"\r\n\r\n", b"\n", b"\r", b"\r\n\n", b"\r\n "):
            self.refused(self.ask(begin + REQUEST + END), 400)


class TargetTests(Case):
    def test_absolute_form(self) -> None:
        """A target that names its host is understood, and its host is the one that is told (RFC 9112, 3.2.2)."""
        for target, path, query, host in (
            (b"http://other.example/room/7?a=1", "/room/7", "a=1", "other.example"),
            (b"WSS://other.example:443/a", "/a", "", "other.example:443"),
            (b"ws://other.example", "/", "", "other.example"),
            (b"https://[::1]:8?a=1", "/", "a=1", "[::1]:8"),
            (b"http://other.example//x?http://y/?", "//x", "http://y/?", "other.example"),
        ):
            handshake = self.heard(self.ask((REQUEST + END).replace(b"/room/7?a=1", target)))
            self.assertEqual((handshake.path, handshake.query, handshake.headers["host"]), (path, query, host))

    def test_credential(self) -> None:
        """A credential in its query is taken out there too."""
        data = (REQUEST + END).replace(b"/room/7?a=1", b"http://other.example?access_token=abc")
        handshake = self.heard(self.ask(data, auth_query="access_token"))
        self.assertEqual((handshake.path, handshake.query), ("/", ""))
        self.assertEqual(handshake.repeated, ((b"Authorization", b"Bearer abc"),))

    def test_refused(self) -> None:
        """What is neither a path nor such a URL is refused."""
        for target in (
            b"*", b"gateway:80", b"http://", b"http:///a", b"http:/a", b"ftp://a/", b"://a/", b"http://user@a/",
            b"http://a b/",
            b"http://a#b", b"/a#b", b"http://a\\b/", b"http://[::1/", b"http://a:b/", b"http://\x85/", b"/\xff", b"a/b",
        ):  # fmt: skip
            self.refused(self.ask((REQUEST + END).replace(b"/room/7?a=1", target)), 400)


class RefusedTests(Case):
    def test_smuggling(self) -> None:
        """What two servers may read differently is refused: bodies, second ones of what decides, odd line ends."""
        for line in (
            b"Content-Length: 5", b"Content-Length:", b"Content-Length: +0", b"Content-Length: 0x0",
            b"Content-Length: 0, 0",
            b"Content-Length: 0\r\nContent-Length: 5", b"Content-Length: -0", b"Content-Length: 0 0",
            b"Content-Length: \xb2",
            b"Content-Length: 0\x85", b"Transfer-Encoding: chunked", b"Transfer-Encoding:",
            b"Transfer-Encoding: identity",
            b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"Host: gateway", b"host:",
            b"Authorization: a\r\nauthorization: a",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b" folded", b"\tfolded", b"X : a", b"X\t: a", b" X: a",
            b": a", b"",
            b"noise", b"X\xe9: a", b"X(: a", b"X: a\nY: b", b"X: a\rY: b", b"X: a\n Y: b", b"X: a\x00", b"X: a\x0b",
            b"X: a\x0c",
            b"X: a\x1c", b"X: a\x1d", b"X: a\x1e", b"X: a\x7f", b"X: a\r", b"X: a\n",
        ):  # fmt: skip
            for data in (REQUEST + line + b"\r\n" + END, (REQUEST + END).replace(b"Host:", line + b"\r\nHost:", 1)):
                client = self.ask(data)
                if line:  # an empty one ends the head: what is behind it is no header
                    self.refused(client, 400)
        self.refused(self.ask(REQUEST.replace(b"Host: gateway\r\n", b"\r\nHost: gateway\r\n")), 400)

    def test_named(self) -> None:
        """The answer names the header that is repeated, and the number of the one that is malformed."""
        for line, words in (
            (b"host: gateway", "Host is repeated"),
            (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key is repeated"),
            (b"X : a", f"header {REQUEST.count(b': ') + 1} is malformed"),
        ):
            self.assertIn(words, self.refused(self.ask(REQUEST + line + b"\r\n" + END), 400))

    def test_split(self) -> None:
        """A byte that ends a line for `str.splitlines`, and so for Autobahn,
        ends none here: no header hides behind it."""
        for name in (b"X-A", b"Cookie", b"User-Agent", b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Extensions"):
            data = REQUEST + name + b": a\x85Origin: https://app.example\r\n" + END
            for compression in (False, True):
                client = self.ask(data, allowed_origins=("https://app.example",), compression=compression)
                self.assertIsNone(self.heard(client).origin)
                self.assertNotIn("origin", self.heard(client).headers)

    def test_no_handshake(self) -> None:
        """What is no handshake is told so, and a version that is not spoken which one is (RFC 6455, 4.2.2)."""
        good = REQUEST + END
        for was, now, status in (
            (b"Upgrade: websocket\r\n", b"", 426),
            (b"Upgrade: websocket", b"Upgrade: h2c", 426),
            (b"Upgrade: websocket", b"Upgrade: websocket\x85", 426),
            (b"Upgrade: websocket", b"Upgrade: websocket/13", 426),
            (b"Connection: Upgrade", b"Connection: close", 400),
            (b"Connection: Upgrade\r\n", b"", 400),
            (b"Connection: Upgrade", b"Connection: upgrade\xa0", 400),
            (b"Host: gateway\r\n", b"", 400),
            (b"Host: gateway", b"Host: a b", 400),
            (b"Host: gateway", b"Host: a:b", 400),
            (b"Host: gateway", b"Host: a/b", 400),
            (b"Host: gateway", b"Host: a@b", 400),
            (b"Host: gateway", b"Host: [::1", 400),
            (b"Host: gateway", b"Host: \x85", 400),
            (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ", 400),
            (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ==\xa0", 400),
            (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"", 400),
            (b"GET ", b"POST ", 405),
            (b"HTTP/1.1", b"HTTP/1.0", 505),
        ):
            self.assertIn(was, good)
            self.assertTrue(self.refused(self.ask(good.replace(was, now)), status))
        for value in (b"8", b"013", b"x", b"13.0", b"13\x85", b"", b"8, 7"):
            client = self.ask(good.replace(b"Version: 13", b"Version: " + value))
            self.refused(client, 426)
            self.assertIn(b"\r\nSec-Websocket-Version: 13\r\n", client.transport.written)
        client = self.ask(good.replace(b"Sec-WebSocket-Version: 13\r\n", b""))
        self.refused(client, 426)
        self.assertIn(b"\r\nSec-Websocket-Version: 13\r\n", client.transport.written)
