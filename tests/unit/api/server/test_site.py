"""What the API's connections refuse, keep and put up with, byte by byte."""

from __future__ import annotations

import gc
import tempfile
from random import Random
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web import http
from twisted.web.resource import Resource

from tests.support.api_fakes import HERE, MAX_MESSAGE_SIZE
from tests.support.http_wire import Wire, WireCase
from tests.support.properties import rounds
from wsaas.api import app as routes
from wsaas.api.access import Access
from wsaas.api.responses import ApiResponse
from wsaas.api.server.context import ApiContext
from wsaas.api.server.limits import CLOSE_TIMEOUT, IDLE_TIMEOUT, LINGER_TIMEOUT
from wsaas.api.server.site import ApiSite
from wsaas.core.counters import Counters
from wsaas.core.model import Frame

ID = HERE.encode()
GET = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % ID
READY = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"


def put(body: bytes, *headers: bytes) -> bytes:
    return put_head(b"Content-Length: %d" % len(body), *headers) + body


def put_head(*headers: bytes) -> bytes:
    return b"\r\n".join([b"PUT /%s HTTP/1.1" % ID, b"Host: localhost", *headers, b"", b""])


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


CHUNKED = b"Transfer-Encoding: chunked"
EXPECT = b"Expect: 100-continue"


class BodyTests(WireCase):
    def test_lengths(self) -> None:
        """A body up to MAX_MESSAGE_SIZE is read, with a length and in chunks; what follows it is the next request."""
        body = b"x" * MAX_MESSAGE_SIZE
        chunked = put_head(CHUNKED) + chunk(body[:7]) + chunk(body[7:]) + b"0\r\nTrailer: x\r\nY:\xe4\t\r\n\r\n"
        wire = self.wire()
        wire.send(put(body) + chunked + put(b""))
        self.assertEqual(wire.statuses(), [200, 200, 200])
        self.assertEqual(self.session.pushed, [Frame(body, False), Frame(body, False), Frame(b"", False)])

    def test_length_over(self) -> None:
        """A Content-Length over the limit is answered 413 as soon as the headers are there, and the connection ends."""
        wire = self.wire()
        wire.send(put_head(b"Content-Length: %d" % (MAX_MESSAGE_SIZE + 1)))
        (got,) = wire.answers()
        self.assertEqual((got.status, got.json["code"]), (413, "MESSAGE_TOO_LONG"))
        self.assertEqual(got.header("Connection"), ["close"])
        self.assert_takes_nothing_more(wire)

    def test_length_absurd(self) -> None:
        """A Content-Length of thousands of digits is too long like any other."""
        for length in [b"9" * 18, b"9" * 19, b"9" * 5000, b"0" * 5000]:
            self.assertEqual(self.exchange(put_head(b"Content-Length: " + length)), [413])

    def test_chunks_over(self) -> None:
        """A chunked body is refused at the first byte over the limit, in one large chunk or many small ones."""
        over = MAX_MESSAGE_SIZE + 1
        for body in [chunk(b"x" * over), chunk(b"x") * over, b"ffffffff\r\n" + b"x" * over]:
            wire = self.wire()
            wire.send(put_head(CHUNKED), body)
            self.assertEqual(wire.statuses(), [413])
            self.assert_takes_nothing_more(wire)

    def test_chunks_over_at_once(self) -> None:
        """A body too long is never handed on, though it came whole, with a request behind it, in one piece."""
        wire = self.wire()
        wire.send(put_head(CHUNKED) + chunk(b"x" * 600) * 2 + b"0\r\n\r\n" + GET)
        self.assertEqual(wire.statuses(), [413])
        self.assertEqual(self.session.pushed, [])

    def test_chunks_below(self) -> None:
        """The chunk just before the limit is not refused yet."""
        wire = self.wire()
        wire.send(put_head(CHUNKED), chunk(b"x" * MAX_MESSAGE_SIZE))
        self.assertEqual(wire.statuses(), [])

    def test_refused_client_lingers(self) -> None:
        """A refused client may go on sending for a moment, so that it reads the answer before the connection closes."""
        wire = self.wire()
        wire.send(put_head(b"Content-Length: 10000000"), b"x" * 100000)
        self.clock.advance(LINGER_TIMEOUT - 0.1)
        self.assertFalse(wire.transport.disconnecting)
        wire.send(b"x" * 100000)
        self.clock.advance(0.1)
        self.assertTrue(wire.transport.disconnecting)
        self.clock.advance(CLOSE_TIMEOUT - 0.1)
        self.assertFalse(wire.transport.disconnected)
        self.clock.advance(0.1)
        self.assertTrue(wire.transport.disconnected, "a client that does not take the answer is cut off")

    def test_memory_only(self) -> None:
        """A body never goes to disk, however long and of whatever framing."""

        def no_file(*arguments: object, **named: object) -> None:
            raise AssertionError("a temporary file")

        self.patch(tempfile, "TemporaryFile", no_file)
        size = 200_000
        self.site = self.new_site(max_message_size=size)
        body = b"x" * size
        self.assertEqual(self.exchange(put(body)), [200])
        self.assertEqual(self.exchange(put_head(CHUNKED) + chunk(body) + b"0\r\n\r\n"), [200])

    def test_post_form(self) -> None:
        """A form is not parsed: POST is a method that no path has, whatever its body."""
        body = b"a=1&" * 100
        for kind in [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"multipart/form-data"]:
            request = put(body, b"Content-Type: " + kind).replace(b"PUT", b"POST", 1)
            self.assertEqual(self.exchange(request + GET), [405, 200])

    def assert_takes_nothing_more(self, wire: Wire) -> None:
        wire.send(b"x" * 2 * MAX_MESSAGE_SIZE, b"\r\n0\r\n\r\n", GET, b"\x00\n\r\n")
        self.assertEqual(wire.statuses(), [])
        self.assertEqual(self.session.pushed, [])
        self.clock.advance(LINGER_TIMEOUT)
        self.assertTrue(wire.transport.disconnecting)


class ContinueTests(WireCase):
    tokens = ("secret",)
    token = b"Authorization: Bearer secret"

    def test_continue(self) -> None:
        """A client that asks first hears 100 before its body, and the answer after it."""
        wire = self.wire()
        wire.send(put_head(b"Content-Length: 1", EXPECT, self.token))
        self.assertEqual(wire.statuses(), [100])
        wire.send(b"x")
        self.assertEqual(wire.statuses(), [200])

    def test_no_continue(self) -> None:
        """A client that asks first and is refused hears only that."""
        self.assertEqual(self.exchange(put_head(b"Content-Length: 1001", EXPECT, self.token)), [413])
        self.assertEqual(self.exchange(put_head(b"Content-Length: 1", EXPECT)), [401])
        self.assertEqual(self.exchange(put_head(CHUNKED, EXPECT)), [401])


class TokenTests(WireCase):
    tokens = ("secret", "other")

    def test_before_the_body(self) -> None:
        """Without the token, a request with a body is answered 401 before the body is read, and the connection ends."""
        for framing in [b"Content-Length: 1", b"Content-Length: 1000000", CHUNKED]:
            for token in [b"X: y", b"Authorization: Bearer wrong", b"Authorization: Basic secret"]:
                wire = self.wire()
                wire.send(put_head(framing, token))
                (got,) = wire.answers()
                self.assertEqual((got.status, got.json["code"]), (401, "UNAUTHORIZED"))
                self.assertEqual(got.header("WWW-Authenticate"), ["Bearer"])
                wire.send(b"1\r\nx\r\n0\r\n\r\n")
                self.clock.advance(LINGER_TIMEOUT)
                self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(self.session.pushed, [])

    def test_without_a_body(self) -> None:
        """A request without a body is refused too, and its connection lives on."""
        wire = self.wire()
        wire.send(GET + put(b"") + put(b"x", b"Authorization: Bearer other"))
        self.assertEqual(wire.statuses(), [401, 401, 200])
        self.assertFalse(wire.transport.disconnecting)

    def test_right(self) -> None:
        """With one of the tokens a body of any framing is read."""
        for token in self.tokens:
            header = b"Authorization: Bearer " + token.encode()
            self.assertEqual(self.exchange(put(b"x", header)), [200])
            self.assertEqual(self.exchange(put_head(CHUNKED, header) + chunk(b"x") + b"0\r\n\r\n"), [200])

    def test_probes(self) -> None:
        """The probes need no token, with a body neither."""
        self.assertEqual(self.exchange(READY), [200])
        self.assertEqual(self.exchange(put(b"x").replace(b"PUT /" + ID, b"GET /-/healthy", 1)), [200])


SMUGGLING = {
    "length and chunks": put_head(b"Content-Length: 4", CHUNKED) + b"0\r\n\r\n",
    "chunks and length": put_head(CHUNKED, b"Content-Length: 4") + b"0\r\n\r\n",
    "two lengths": put_head(b"Content-Length: 1", b"Content-Length: 2") + b"x",
    "one length twice": put_head(b"Content-Length: 1", b"Content-Length: 1") + b"x",
    "a list of lengths": put_head(b"Content-Length: 1, 1") + b"x",
    "a plus": put_head(b"Content-Length: +1") + b"x",
    "a minus": put_head(b"Content-Length: -1") + b"x",
    "a hexadecimal length": put_head(b"Content-Length: 0x1") + b"x",
    "an underscore": put_head(b"Content-Length: 1_0") + b"x",
    "an empty length": put_head(b"Content-Length: ") + b"x",
    "a chunk of 0x1": put_head(CHUNKED) + b"0x1\r\nx\r\n0\r\n\r\n",
    "a chunk of +1": put_head(CHUNKED) + b"+1\r\nx\r\n0\r\n\r\n",
    "a chunk of _1": put_head(CHUNKED) + b"_1\r\nx\r\n0\r\n\r\n",
    "a chunk of -1": put_head(CHUNKED) + b"-1\r\nx\r\n0\r\n\r\n",
    "a chunk that goes on": put_head(CHUNKED) + b"1\r\nxy\r\n0\r\n\r\n",
    "a chunk with a long extension": put_head(CHUNKED) + b"1;" + b"x" * 2000 + b"\r\nx\r\n0\r\n\r\n",
    "endless trailers": put_head(CHUNKED) + b"0\r\n" + b"Trailer: x\r\n" * 6000,
    "a trailer that is no field": put_head(CHUNKED) + b"1\r\nx\r\n0\r\nnonsense\r\n\r\n",
    "a trailer without a name": put_head(CHUNKED) + b"0\r\nA: b\r\n: x\r\n\r\n",
    "a trailer with a space before the colon": put_head(CHUNKED) + b"0\r\nA : b\r\n\r\n",
    "a trailer that goes on": put_head(CHUNKED) + b"0\r\nA: b\r\n c\r\n\r\n",
    "a bare newline in a trailer": put_head(CHUNKED) + b"0\r\nA: b\n\nGET / HTTP/1.1\r\n\r\n",
    "a bare return in a trailer": put_head(CHUNKED) + b"0\r\nA: b\rC: d\r\n\r\n",
    "a null in a trailer": put_head(CHUNKED) + b"0\r\nA: \x00\r\n\r\n",
    "a request for a trailer": put_head(CHUNKED) + b"0\r\n" + READY,
    "identity": put_head(b"Transfer-Encoding: identity", b"Content-Length: 1") + b"x",
    "identity alone": put_head(b"Transfer-Encoding: identity"),
    "identity and chunked": put_head(b"Transfer-Encoding: identity", CHUNKED) + b"0\r\n\r\n",
    "chunked twice": put_head(CHUNKED, CHUNKED) + b"0\r\n\r\n",
    "gzip": put_head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "xchunked": put_head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "empty coding": put_head(b"Transfer-Encoding: ") + b"0\r\n\r\n",
    "chunked in HTTP/1.0": put_head(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
    "a space before the colon": put_head(b"Content-Length : 1") + b"x",
    "a line that goes on": put_head(b"X: y", b" z", b"Content-Length: 1") + b"x",
    "a line that goes on with a tab": put_head(b"X: y", b"\tContent-Length: 1") + b"x",
    "the first header goes on": b"GET / HTTP/1.1\r\n Host: localhost\r\nHost: localhost\r\n\r\n",
    "a bare newline in a value": put_head(b"X: y\nContent-Length: 1") + b"x",
    "a bare return in a value": put_head(b"X: y\rContent-Length: 1") + b"x",
    "a null in a value": put_head(b"X: y\x00"),
    "a vertical tab in a value": put_head(b"X: y\x0bContent-Length: 1"),
    "a form feed in a value": put_head(b"X: y\x0c"),
    "an escape in a value": put_head(b"X: y\x1b[2J"),
    "a delete in a value": put_head(b"X: y\x7f"),
    "no colon": put_head(b"nonsense"),
    "no name": put_head(b": x"),
    "no Host": b"GET /-/ready HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "two Hosts in HTTP/1.0": b"GET /-/ready HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "HTTP/0.9": b"GET /-/ready\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": READY.replace(b"1.1", b"1.2"),
    "no version": b"GET /-/ready \r\nHost: localhost\r\n\r\n",
    "two spaces": b"GET  /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the path": b"GET /-/rea dy HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method that is none": b"GE(T /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an absolute target without Host": b"GET http://localhost/-/ready HTTP/1.1\r\n\r\n",
    "an absolute target with two Hosts": READY.replace(b"/-", b"http://x/-").replace(b"Host", b"Host: x\r\nHost"),
    "an absolute target without a host": READY.replace(b"/-", b"http:///-"),
    "an absolute target with a user": READY.replace(b"/-", b"http://localhost@x/-"),
    "an absolute target with a fragment": READY.replace(b"/-/ready", b"http://localhost/-/ready#x"),
    "an absolute target of another scheme": READY.replace(b"/-", b"ftp://localhost/-"),
    "an absolute target of a host that is none": READY.replace(b"/-", b"http://local\\host/-"),
    "an absolute target of a port that is none": READY.replace(b"/-", b"http://localhost:x/-"),
    "a target without a slash": b"GET x%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % ID,
    "a star": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a long request line": b"GET /" + b"x" * 20000,
    "a long header": put_head(b"X: " + b"y" * 20000),
    "a long header of a push": put(b"", b"X: " + b"y" * 20000),
    "long headers": put_head(*[b"X: " + b"y" * 1000] * 20),
    "many headers": put_head(*[b"X: y"] * 600),
    "two blank lines": b"\r\n\r\n" + READY,
}


class TargetTests(WireCase):
    """A target that names its host (RFC 9112, 3.2.2)."""

    def test_absolute_form(self) -> None:
        """It is understood, of all methods, on a connection with other requests."""
        for begin in (b"http://localhost", b"HTTPS://[::1]:8081", b"http://gateway.example:8081"):
            absolute = begin + b"/"
            wire = self.wire()
            wire.send(
                put(b"a").replace(b"/", absolute, 1),
                put(b"b") + put(b"c").replace(b"/", absolute, 1) + put(b"d"),
                READY.replace(b"/-", absolute + b"-").replace(b"ready", b"ready?x=1"),
                READY.replace(b"/-/ready", begin),
                READY.replace(b"/-/ready", begin + b"?x=1"),
                put(b"e").replace(b"/" + ID, absolute + b"groups/http://x"),
            )
            self.assertEqual(wire.statuses(), [200, 200, 200, 200, 400, 404, 404, 404])
            wire.send(READY.replace(b"GET /", b"HEAD " + absolute))
            self.assertEqual([got.status for got in wire.answers("HEAD")], [200])
        self.assertEqual([frame.payload for frame in self.session.pushed], [b"a", b"b", b"c", b"d"] * 3)

    def test_host(self) -> None:
        """Its host must be ours, whatever the Host header says; the Host of the next request counts again."""
        for named, told, status in ((b"localhost", b"evil.example", 200), (b"evil.example:8081", b"localhost", 403)):
            for request in (GET, put(b"x")):
                absolute = request.replace(b"/", b"http://" + named + b"/", 1).replace(b": localhost", b": " + told)
                self.assertEqual(self.exchange(absolute), [status])
            wire = self.wire()
            wire.send(GET.replace(b"/", b"http://" + named + b"/", 1), GET, GET.replace(b"localhost", b"evil.example"))
            self.assertEqual(wire.statuses(), [status, 200, 403])
        self.assertEqual(len(self.session.pushed), 1)


class MalformedTests(WireCase):
    def test_table(self) -> None:
        """What two servers might read differently, and what is no HTTP, is answered 400 at once; no more is read."""
        for name, request in SMUGGLING.items():
            with self.subTest(name):
                wire = self.wire()
                wire.send(request)
                (got,) = wire.answers()
                self.assertEqual((name, got.status, got.json["code"]), (name, 400, "BAD_REQUEST"))
                self.assertEqual(got.header("Connection"), ["close"])
                wire.send(GET)
                self.assertEqual(wire.statuses(), [])
                self.clock.advance(LINGER_TIMEOUT)
                self.assertTrue(wire.transport.disconnecting)
                wire.hang_up()
        self.assertEqual(self.session.pushed, [])
        self.assertEqual(self.session.closed, [])

    def test_byte_by_byte(self) -> None:
        """The same when every byte comes alone."""
        for name, request in SMUGGLING.items():
            with self.subTest(name):
                wire = self.wire()
                wire.send(*[bytes([byte]) for byte in request])
                self.assertEqual((name, wire.statuses()), (name, [400]))
                wire.hang_up()

    def test_after_a_good_one(self) -> None:
        """What was asked before is answered before."""
        self.assertEqual(self.exchange(READY + SMUGGLING["two Hosts"] + READY), [200, 400])

    def test_http_1_0(self) -> None:
        """A probe in HTTP/1.0 needs no Host (RFC 9112, 3.2): old load balancers send none. Its connection ends."""
        wire = self.wire()
        wire.send(b"GET /-/ready HTTP/1.0\r\n\r\n")
        self.assertEqual(wire.statuses(), [200])
        self.assertTrue(wire.transport.disconnecting)

    def test_strange_hosts(self) -> None:
        """No Host header makes the router fail."""
        for host in [b"", b"x" * 300, b"a..b", b"\xff\xfe", b"[::1]:80", b"x:y:z", b"\xc3\xa9"]:
            self.assertEqual(self.exchange(READY.replace(b"Host: localhost", b"Host: " + host)), [200], host)

    def test_strange_paths(self) -> None:
        """No path makes the router fail, or log."""
        for path in b"/%FF /\xa0 /% /%zz /%00 /?%FF // /.. /; /# /<x> /%C3%A9".split(b" "):
            self.assertEqual(self.exchange(READY.replace(b"/-/ready", path)), [404], path)
        for query in [b"?\xa0", b"?code=%FF", b"?" + b"&" * 10000, b"?reason=\xa0"]:
            request = GET.replace(b"GET", b"DELETE").replace(b" HTTP", query + b" HTTP", 1)
            self.assertIn(self.exchange(request), ([200], [400]), query)

    def test_long_names(self) -> None:
        """A header's name has at most 256 bytes: Twisted keeps every new one, up to ten thousand, for ever."""
        for length, status in ((256, 200), (257, 400)):
            request = READY.replace(b"\r\n\r\n", b"\r\n%b: x\r\n\r\n" % (b"a" * length))
            self.assertEqual(self.exchange(request), [status])

    def test_long_paths(self) -> None:
        """A path that is longer than any of this API is not looked for, nor decoded."""
        decoded: list[bytes] = []

        def decode(text: bytes) -> bytes:
            decoded.append(text)
            return unquote_to_bytes(text)

        self.patch(routes, "unquote_to_bytes", decode)
        for path, status in ((b"/" + b"a/" * 5000, 404), (b"/groups/" + b"%41" * 5000, 400), (b"/" + b"x" * 2048, 404)):
            self.assertEqual(self.exchange(READY.replace(b"/-/ready", path)), [status])
        self.assertEqual(decoded, [])
        name = b"%41" * 256
        self.assertEqual(self.exchange(GET.replace(b"GET /", b"PUT /groups/%b/" % name, 1)), [200])
        self.assertIn(b"/groups/%b/%b" % (name, ID), decoded)

    def test_many_parameters(self) -> None:
        """A query has at most 500 parameters, empty ones included, and 2000 percent-encoded bytes."""
        for query, words in (
            (b"code=1000" + b"&" * 499, ""),
            (b"code=1000" + b"&" * 500, "500 parameters"),
            (b"reason=" + b"%41" * 2000, "reason"),
            (b"reason=" + b"%41" * 2001, "2000 percent-encoded"),
        ):
            wire = self.wire()
            wire.send(GET.replace(b"GET", b"DELETE").replace(b" HTTP", b"?%b HTTP" % query, 1))
            (got,) = wire.answers()
            self.assertEqual(got.status, 400 if words else 200)
            self.assertIn(words, got.json.get("message", ""))

    def test_what_twisted_reads(self) -> None:
        """Twisted's own reading of cookies and of the query, slow and asked for by nobody, is left out."""
        self.patch(http, "parse_qs", lambda *_: self.fail("the query is read"))
        self.patch(http.Request, "parseCookies", lambda _: self.fail("the cookies are read"))
        self.assertEqual(self.exchange(READY.replace(b"\r\n\r\n", b"\r\nCookie: a=b\r\n\r\n")), [200])
        self.assertEqual(self.exchange(GET.replace(b"GET", b"DELETE").replace(b" HTTP", b"?code=1000 HTTP", 1)), [200])

    def test_noise(self) -> None:
        """However a request is mangled, every answer is JSON, none is a 500, and nothing is logged as an error."""
        random = Random(20261123)
        seeds = [put(b"hello"), put_head(CHUNKED) + chunk(b"hello") + b"0\r\n\r\n", GET, READY, *SMUGGLING.values()]
        spices = [bytes([byte]) for byte in b"\r\n\t :\x00\x85\xff%/0?;"] + [b"\r\n", b"9" * 30, b"chunked"]
        seen: set[int] = set()
        for _ in range(rounds(200)):
            request = bytearray(random.choice(seeds)[:2000])
            for _ in range(random.randrange(1, 4)):
                place = random.randrange(len(request) + 1)
                request[place : place + random.randrange(3)] = random.choice(spices)
            wire = self.wire()
            cut = random.randrange(len(request) + 1)
            wire.send(bytes(request[:cut]), bytes(request[cut:]))
            head = request.lstrip(b"\r\n").startswith(b"HEAD")
            seen.update(got.status for got in wire.answers("HEAD" if head else "GET"))
            wire.hang_up()
        self.assertLessEqual(seen, {100, 200, 400, 403, 404, 405, 413})
        self.assertLessEqual({200, 400, 404}, seen)
        self.assertEqual(self.flushLoggedErrors(), [])


class DeadlineTests(WireCase):
    def test_drip(self) -> None:
        """A request must be there 10 seconds after its first byte; more bytes give it no more time."""
        for request in [put(b"x" * 100), put_head(CHUNKED) + chunk(b"x") * 100, put_head(b"X: y" * 100)]:
            wire = self.wire()
            for second in range(10):
                self.assertFalse(wire.transport.disconnecting, second)
                wire.send(request[second * 10 : second * 10 + 10])
                self.clock.advance(1)
            (got,) = wire.answers()
            self.assertEqual((got.status, got.json["code"]), (408, "REQUEST_TIMEOUT"))
            self.assertEqual(got.header("Connection"), ["close"])
            wire.send(request)
            self.clock.advance(LINGER_TIMEOUT)
            self.assertTrue(wire.transport.disconnecting)
            self.assertEqual(wire.statuses(), [])

    def test_drip_of_a_head(self) -> None:
        """A HEAD that comes too slowly is told so without a body; one of whose method nothing came yet, with one."""
        for piece, asked in [(b"HEAD / HTTP/1.1\r\nHost: loc", "HEAD"), (b"HE", "GET")]:
            wire = self.wire()
            wire.send(piece)
            self.clock.advance(10)
            self.assertEqual([got.status for got in wire.answers(asked)], [408])

    def test_first_byte(self) -> None:
        """The time runs from the first byte, not from the connection's begin or the first whole line."""
        wire = self.wire()
        self.clock.advance(50)
        wire.send(b"G")
        self.clock.advance(9.9)
        self.assertEqual(wire.statuses(), [])
        self.clock.advance(0.1)
        self.assertEqual(wire.statuses(), [408])

    def test_slow_but_in_time(self) -> None:
        """A request that comes in pieces within its time is answered, and the next has as much again."""
        wire = self.wire()
        for _ in range(3):
            wire.send(GET[:10])
            self.clock.advance(9.9)
            wire.send(GET[10:])
            self.assertEqual(wire.statuses(), [200])

    def test_overlapping(self) -> None:
        """A request that begins in the same piece in which the last one ended has its own time, no less and no more."""
        wire = self.wire()
        wire.send(GET[:10])
        self.clock.advance(9)
        wire.send(GET[10:] + GET[:10])
        self.clock.advance(9.9)
        self.assertEqual(wire.statuses(), [200])
        self.clock.advance(0.1)
        self.assertEqual(wire.statuses(), [408])

    def test_idle(self) -> None:
        """A connection may be silent for 75 seconds between requests, and before the first; it ends without a word."""
        wire = self.wire()
        self.clock.advance(IDLE_TIMEOUT - 1)
        wire.send(put(b"x"))
        self.clock.advance(IDLE_TIMEOUT - 1)
        wire.send(put(b"x"))
        self.clock.advance(IDLE_TIMEOUT - 0.1)
        self.assertFalse(wire.transport.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(wire.statuses(), [200, 200])

    def test_blank_line(self) -> None:
        """The blank line that old clients send after a body is no request, and the request behind it is served: one
        blank line before each, the first included (RFC 9112, 2.2).
        """
        for pieces in ([b"\r\n", put(b"x")], [b"\r", b"\n" + put(b"x")], [b"\r\n" + put(b"x")]):
            wire = self.wire()
            wire.send(*pieces, *pieces, b"\r\n" + READY + b"\r\n" + put(b"x") + b"\r\n" + READY)
            self.assertEqual(wire.statuses(), [200] * 5)
            wire.send(b"\r\n", b"\r\n")
            self.assertEqual(wire.statuses(), [400])
        wire = self.wire()
        wire.send(put(b"x"), b"\r", b"\n")
        self.clock.advance(20)
        self.assertFalse(wire.transport.disconnecting)

    def test_cut_off(self) -> None:
        """A connection that was told to close and does not is cut off."""
        wire = self.wire()
        wire.send(b"G")
        self.clock.pump([10, LINGER_TIMEOUT])
        self.assertFalse(wire.transport.disconnected)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(wire.transport.disconnected)

    def test_close_asked_for(self) -> None:
        """A client that asks for the end gets it after its answer, and is cut off if it does not take that."""
        wire = self.wire()
        wire.send(READY.replace(b"Host", b"Connection: close\r\nHost") + READY)
        (got,) = wire.answers()
        self.assertEqual((got.status, got.header("Connection")), (200, ["close"]))
        self.assertTrue(wire.transport.disconnecting)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(wire.transport.disconnected)

    def test_close_among_others(self) -> None:
        """The wish for the end counts in any case and place of the list, and in whichever of several headers."""
        for options, ends in (
            (b"Connection: close, TE", True),  # as curl sends it
            (b"Connection: TE,Close", True),
            (b"Connection: close, keep-alive", True),
            (b"Connection: keep-alive\r\nConnection:\tclose ", True),
            (b"Connection: closed, te", False),
        ):
            wire = self.wire()
            wire.send(READY.replace(b"Host", options + b"\r\nHost"))
            (got,) = wire.answers()
            self.assertEqual(got.status, 200)
            self.assertEqual(wire.transport.disconnecting, ends, options)

    def test_nothing_left(self) -> None:
        """A connection that is gone leaves no timer, in whatever phase it went, and the site runs none of its own."""
        self.site.doStart()
        for pieces in [(), (b"G",), (GET,), (put_head(CHUNKED),), (b"\x00\r\n",), (GET.replace(b"1.1", b"1.0"),)]:
            wire = self.wire()
            wire.send(*pieces)
            wire.hang_up()
            self.assertEqual(self.clock.getDelayedCalls(), [], pieces)
        self.site.doStop()


class PipelineTests(WireCase):
    def test_in_order(self) -> None:
        """Requests sent at once are answered one by one, in their order."""
        wire = self.wire()
        wire.send(b"".join(put(b"%d" % number) for number in range(50)) + GET.replace(ID, b"x") + READY)
        self.assertEqual(wire.statuses(), [200] * 50 + [404, 200])
        self.assertEqual([frame.payload for frame in self.session.pushed], [b"%d" % number for number in range(50)])

    def test_while_answering(self) -> None:
        """A request that comes while another is answered waits for it, without a deadline for the one that waits."""
        waiting: Deferred[ApiResponse] = Deferred()
        access = Access(())
        api = routes.Api(access, Counters())

        @api.route("/-/slow", "GET")
        async def slow(request: object, query: object) -> ApiResponse:
            return await waiting

        wire = Wire(ApiSite(api.resource(), ApiContext(self.clock, access, MAX_MESSAGE_SIZE, 10.0, Counters())))
        wire.send(b"GET /-/slow HTTP/1.1\r\nHost: localhost\r\n\r\n", READY, READY[:9])
        self.clock.advance(100)
        self.assertEqual(wire.statuses(), [])
        self.assertFalse(wire.transport.disconnecting)
        waiting.callback(ApiResponse(200, {"code": "OK"}))
        wire.run()
        self.assertEqual(wire.statuses(), [200, 404])
        self.clock.advance(10)
        self.assertEqual(wire.statuses(), [408], "the third has begun, and never ends")

    def test_gone_while_answering(self) -> None:
        """A client that leaves while its answer is made cancels the making, and nothing is logged."""
        cancelled: list[Deferred[ApiResponse]] = []
        waiting: Deferred[ApiResponse] = Deferred(cancelled.append)
        access = Access(())
        api = routes.Api(access, Counters())

        @api.route("/-/slow", "GET")
        async def slow(request: object, query: object) -> ApiResponse:
            return await waiting

        wire = Wire(ApiSite(api.resource(), ApiContext(self.clock, access, MAX_MESSAGE_SIZE, 10.0, Counters())))
        wire.send(b"GET /-/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.hang_up()
        gc.collect()
        self.assertEqual(cancelled, [waiting])
        self.assertEqual(self.flushLoggedErrors(), [])


class HeadTests(WireCase):
    def test_head(self) -> None:
        """A HEAD is answered with the headers of its GET and no body, good or bad, and the next request is found."""
        for path in [b"/" + ID, b"/x", b"/-/ready"]:
            wire = self.wire()
            wire.send(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
            (get,) = wire.answers()
            wire.send(b"HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path * 2)
            heads = wire.answers("HEAD")
            self.assertEqual([head.status for head in heads], [get.status] * 2)
            self.assertEqual(heads[0].header("Content-Length"), get.header("Content-Length"))

    def test_refused(self) -> None:
        """A HEAD that is refused for its body gets no body either."""
        wire = self.wire()
        wire.send(put_head(b"Content-Length: 9999").replace(b"PUT", b"HEAD"))
        (got,) = wire.answers("HEAD")
        self.assertEqual(got.status, 413)


class SiteTests(WireCase):
    def test_http_1_only(self) -> None:
        """TLS negotiates no HTTP/2, even where the h2 package is installed."""
        self.assertEqual(self.site.acceptableProtocols(), [b"http/1.1"])

    def test_no_access_log(self) -> None:
        """Nothing of a request is written to the log, answered or refused or given up."""
        with capturedLogs() as events:
            self.site.doStart()
            self.addCleanup(self.site.doStop)
            self.exchange(GET)
            self.wire().send(GET.replace(b"GET", b"HEAD"))
            self.exchange(GET.replace(b"/", b"//"))
            self.exchange(put_head(b"Content-Length: 1001"))
            self.exchange(GET[:-2])
            self.clock.pump([IDLE_TIMEOUT] * 3)
        self.assertEqual([formatEvent(event) for event in events], [])

    def test_last_resort(self) -> None:
        """Even a resource that fails outright is answered 500 in JSON, and logged once."""

        class Broken(Resource):
            isLeaf = True

            def render(self, request: object) -> int:
                raise RuntimeError("secret")

        wire = Wire(ApiSite(Broken(), ApiContext(self.clock, Access(()), MAX_MESSAGE_SIZE, 10.0, Counters())))
        wire.send(GET)
        (got,) = wire.answers()
        self.assertEqual((got.status, got.json["code"]), (500, "INTERNAL_ERROR"))
        self.assertNotIn("secret", got.json["message"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_draining(self) -> None:
        """A gateway that is not ready says 503 to the one probe."""
        self.site = self.new_site(ready=lambda: False)
        self.assertEqual(self.exchange(READY), [503])


class ConnectionsTests(WireCase):
    def test_most(self) -> None:
        """Beyond so many connections another is dropped at once, until one of them has gone."""
        self.site.max_connections = 3
        wires = [self.wire() for _ in range(3)]
        self.assertTrue(self.wire().transport.disconnected)
        wires[0].hang_up()
        self.assertFalse(self.wire().transport.disconnected)

    def test_most_over_tls(self) -> None:
        """Over TLS, too, where the protocol is made for another one."""
        self.site.max_connections = 0
        over = TLSMemoryBIOFactory(CertificateOptions(), False, self.site, self.clock).buildProtocol(None)
        transport = StringTransport()
        over.makeConnection(transport)
        self.assertTrue(transport.disconnected)
