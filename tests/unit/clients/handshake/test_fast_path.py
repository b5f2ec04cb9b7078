"""The fast path of the opening handshake, beside the slow one."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import Client, Harness
from tests.support.properties import rounds
from wsaas.clients.handshake.fast_path import read_common, scan
from wsaas.clients.handshake.request_head import MAX_FIELDS, MalformedHandshake, RequestHead, parse

LINES = [b"GET /room/7?a=1 HTTP/1.1", b"GET / HTTP/1.1", b"GET http://h/a?b HTTP/1.1",
         b"GET ws://[::1]:8?b HTTP/1.1", b"GET /a;b?c=%zz&d=[e]#f HTTP/1.1", b"GET //host/a HTTP/1.1",
         b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"GET /?a=b&a=c HTTP/1.1", b"GET /[ HTTP/1.1", b"GET //[ HTTP/1.1",
         b"GET /caf%C3%A9/a:b@c HTTP/1.1", b"GET http:///a HTTP/1.1", b"GET * HTTP/1.1", b"HEAD / HTTP/1.1",
         b"get / HTTP/1.1", b"GET /#f HTTP/1.1"]  # fmt: skip
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
# Of each header the values it may have: the first is the usual one, None is for not there.
VALUES: dict[bytes, list[bytes | None]] = {
    b"Host": [b"gateway", b"gateway:8080", b"[::1]:80", b"a:", b"a:b", b"a:70000", b"", b"a b", b"a_b.", b"\x85", None],
    b"Upgrade": [b"websocket", b"WebSocket", b"h2c, websocket", b",websocket,", b"h2c", b"websocket\x85", b"", None],
    b"Connection": [b"Upgrade", b"keep-alive, Upgrade", b"Upgrade,close", b"close", b"upgrade ", b"upgrade\xa0", None],
    b"Sec-WebSocket-Key": [KEY, KEY[:-1], KEY[:-3] + b"=", KEY[:-4] + b"\xe9Q==", b"A" * 24, b"", None],
    b"Sec-WebSocket-Version": [b"13", b"8", b"013", b"13, 8", b"8,13", b"13\xa0", b"x", b"", None],
    b"Origin": [None, b"https://app.example", b"http://a:80", b"http://a:99999", b"null", b"file:///a", b"http://",
                b"app", b"https://[::1]", b"http://[", b"HTTPS://A.example", b"http://caf\xe9", b"app://",
                b"https://app.example\xa0", b""],
    b"Sec-WebSocket-Protocol": [None, b"v1", b"v1, v2", b"v1,v1", b"v1,,v2", b"v1 v2", b"v\xe9", b" a ,b ", b"a/b",
                                b"v1\x85", b""],
    b"Sec-WebSocket-Extensions": [None, b"permessage-deflate", b"permessage-deflate; client_max_window_bits",
                                  b"permessage-deflate; client_max_window_bits=99", b"permessage-deflate; x", b"x;;",
                                  b"permessage-deflate; server_max_window_bits=10", b"x-webkit-deflate-frame", b""],
    b"Content-Length": [None, b"0", b"00", b"5", b"", b"0x0"],
    b"traceparent": [None, b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"a\xa0", b"\xa0a"],
    b"Authorization": [None, b"Bearer \xe9"],
    b"X-Other": [None, b"a", b"\t"],
}  # fmt: skip


def generated(random: Random) -> bytes:
    """A head with at most a few things in it that are not usual."""
    odd = random.choices([0, 0.1, 0.4], [2, 5, 1])[0]
    lines = [random.choice(LINES) if random.random() < odd else random.choice(LINES[:2])]
    for name, values in VALUES.items():
        value = random.choice(values) if random.random() < odd else values[0]
        spelled = random.choice([name, name.lower(), name.upper()]) if random.random() < odd else name
        if value is not None:
            lines += [spelled + b":" + random.choice([b" ", b"", b"\t "]) + value]
            if random.random() < odd / 20:
                lines += [lines[-1]]
    if random.random() < odd:
        lines[1:] = random.sample(lines[1:], len(lines) - 1)
    return b"\r\n".join(lines)


def spoilt(random: Random, head: bytes) -> bytes:
    """The head, in one of three cases with a byte changed, taken out or put in."""
    at, byte = random.randrange(len(head)), random.choice(b"\r\n\t :\0\x7f\x85/aZ0").to_bytes(1, "big")
    return random.choice([head, head, head[:at] + byte + head[at + random.randrange(2) :]])


class DifferentialTests(SynchronousTestCase):
    def is_usual(self, head: bytes, compression: bool) -> bool:
        """Whether the fast path takes it."""
        try:
            return read_common(parse(head), compression) is not None
        except MalformedHandshake:
            return False

    def outcome(self, head: bytes, early: bytes, cut: int, choice: int, **options: Any) -> tuple[object, ...]:
        """All that comes of a handshake: what the gateway hears, and what the client hears."""
        harness = Harness(**options)
        client = Client(harness, "203.0.113.9")
        data = head + b"\r\n\r\n" + early
        client.say(data[:cut])
        client.say(data[cut:])
        handshakes = harness.gateway.handshakes
        if handshakes:
            client.peer.accept([None, *handshakes[0].subprotocols, "never offered"][choice])
        sessions = [(session.calls, session.subprotocol) for session in harness.gateway.sessions]
        failures = len(self.flushLoggedErrors())
        written, ended = client.transport.written, (client.transport.closed, client.transport.aborted)
        return handshakes, written, ended, sessions, failures

    def test_alike(self) -> None:
        """With whatever is in the head, all is as on the slow path."""
        random, usual = Random(7), 0
        count = rounds(300)
        for _ in range(count):
            head, options = generated(random), {"compression": random.random() < 0.2}
            early = random.choice([b"", b"", b"\x81\x82\0\0\0\0hi", b"\xff"])
            cut, choice = random.randrange(len(head) + 4), random.choice([0, 0, 1, -2, -1])
            slowly = self.outcome(head, early, cut, choice, **options, head_fast_path=None, scan_fast_path=None)
            self.assertEqual(self.outcome(head, early, cut, choice, **options), slowly, head)
            usual += self.is_usual(head, options["compression"])
        self.assertTrue(count / 3 < usual < count, usual)

    def test_scanned_alike(self) -> None:
        """A head that is scanned is read as on the slow path; one that is not is left to that."""
        random, scanned, alike = Random(11), 0, 0
        count = rounds(2000)
        for _ in range(count):
            head = spoilt(random, generated(random))
            found = scan(head)
            if found is not None:
                scanned += 1
                self.assertEqual(found, parse(head), head)
            else:
                alike += self.parsed(head) is None
        self.assertTrue(count / 5 < scanned < count, scanned)
        self.assertTrue(count / 20 < alike, alike)

    def parsed(self, head: bytes) -> RequestHead | None:
        try:
            return parse(head)
        except MalformedHandshake:
            return None

    def test_left_to_the_slow_path(self) -> None:
        """A repeated header, a body, a target that is no path, too many headers, and whatever is malformed."""
        first = b"GET / HTTP/1.1\r\nHost: a"
        self.assertEqual(scan(first), parse(first))
        for head in (
            first + b"\r\nHOST: b",
            first + b"\r\nContent-Length: 0",
            first + b"\r\ntransfer-encoding: chunked",
            b"GET http://h/ HTTP/1.1\r\nHost: a",
            first + b"".join(b"\r\nX-%d: 1" % number for number in range(MAX_FIELDS)),
            first + b"\r\n folded: 1",
            first + b"\r\nX : 1",
            first + b"\nX: 1",
            first + b"\r\n",
            b"",
        ):
            self.assertIsNone(scan(head), head)
        most = b"GET / HTTP/1.1" + b"".join(b"\r\nX-%d: 1" % number for number in range(MAX_FIELDS))
        self.assertEqual(scan(most), parse(most))

    def test_clients(self) -> None:
        """Browsers, and the libraries that most clients are written with, go the fast path."""
        for more in (
            b"",
            b"\r\nOrigin: https://app.example\r\nSec-WebSocket-Protocol: v1, v2\r\nAccept-Encoding: gzip, deflate"
            b"\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ):
            for connection in (b"Upgrade", b"keep-alive, Upgrade"):
                head = (
                    b"GET /room HTTP/1.1\r\nHost: gateway.example:8080\r\nUpgrade: websocket\r\nConnection: %b\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b%b" % (connection, KEY, more)
                )
                self.assertTrue(self.is_usual(head, False), head)
