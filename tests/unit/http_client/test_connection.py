"""One connection and its answers, good and hostile, cut into segments in every way."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from unittest import SkipTest

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.support.backend_wires import LIMIT, OK, PoolTestCase, SocketTransport
from wsaas.http_client import acknowledging
from wsaas.http_client.acknowledging import FIRST_READS, QUICKACK, acknowledging_tls
from wsaas.http_client.body_stream import StreamedResponse
from wsaas.http_client.connection import Connection
from wsaas.http_client.exchange import Exchange, Fault, HttpResponse, Lost, NotSent, TimedOut
from wsaas.http_client.response_parser import HEAD_LIMIT, OVERHEAD_LIMIT, ResponseParser
from wsaas.http_client.target import Target
from wsaas.internals import openssl_records, supported
from wsaas.internals.supported import Reliance
from wsaas.net.tls_client import ClientFiles

L2 = (b"content-length", b"2")


def answer(
    status: int = 200, *headers: tuple[bytes, bytes], body: bytes = b"OK", truncated: bool = False
) -> HttpResponse:
    return HttpResponse(status, headers, body, truncated)


# What the backend sends, the answer, and whether the connection is good for another exchange.
WHOLE = [
    (OK, answer(200, L2), True),
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nOK", answer(200, L2), True),
    (b"HTTP/1.1 404 Not Found\r\nX-A:  b c \t\r\nE:\r\nContent-Length: 0\r\n\r\n",
     answer(404, (b"x-a", b"b c"), (b"e", b""), (b"content-length", b"0"), body=b""), True),
    (b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nContent-Length: 2\r\n\r\nOK",
     answer(200, (b"a", b"1"), (b"a", b"2"), L2), True),
    (b"HTTP/1.1 200 OK\r\nA: \xe9\xff\r\nContent-Length: 2\r\n\r\nOK", answer(200, (b"a", b"\xe9\xff"), L2), True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", answer(204, body=b""), True),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", answer(204, L2, body=b""), True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", answer(304, L2, body=b""), True),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK",
     answer(200, (b"connection", b"close"), L2), False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK", answer(200, L2), False),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nOK",
     answer(200, (b"connection", b"keep-alive"), L2), True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nO\r\n1;ext=1\r\nK\r\n0\r\nTrailer: t\r\n\r\n",
     answer(200, (b"transfer-encoding", b"chunked")), True),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, answer(200, L2), True),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </y>\r\n\r\n" + OK,
     answer(200, L2), True),
    (b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nOK",
     answer(200, (b"upgrade", b"h2c"), (b"connection", b"upgrade"), L2), True),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nOK",
     answer(200, (b"content-encoding", b"gzip"), L2), True),
]  # fmt: skip

# What the backend sends before it closes; the answer ends with the connection.
UNTIL_CLOSE = [
    (b"HTTP/1.1 200 OK\r\n\r\nOK", answer(200)),
    (b"HTTP/1.0 200 OK\r\n\r\n", answer(200, body=b"")),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nOK", answer(200, (b"connection", b"close"))),
]

# What the backend sends, and words of the Lost that comes of it.
GARBAGE = [
    (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
    (b"\x15\x03\x01\x00\x02\x02\x46", "no HTTP"),
    (b"<html>", "no HTTP"),
    (b"PUT /x HTTP/1.1\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nOK", "no HTTP"),
    (b"HTTP/1.1 20 OK\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 2000 OK\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 099 Odd\r\n\r\n", "first line"),
    (b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n", "first line"),
    (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "first line"),
    (b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n", "first line"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "first line"),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "first line"),
    (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 2\r\n\r\nOK", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nOK", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nOK\r\n", "no HTTP"),
]


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The data whole, in two at each place, and in single bytes."""
    yield [data]
    for place in range(1, len(data)):
        yield [data[:place], data[place:]]
    yield [data[place : place + 1] for place in range(len(data))]


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


class AnswerTests(PoolTestCase):
    def talk(self, segments: list[bytes], limit: int = LIMIT) -> tuple[HttpResponse | Fault | None, bool]:
        """One exchange with these segments as the answer: what came of it, and whether the connection is kept."""
        self.setUp()
        waiting = self.exchange(limit=limit)
        wire = self.backend.wires[0]
        for segment in segments:
            if not wire.disconnecting:
                wire.answer(segment)
        found: list[HttpResponse | Fault | None] = []
        waiting.addCallbacks(found.append, lambda failure: found.append(failure.value))
        return (found[0] if found else None), not wire.disconnecting

    def test_whole_answers(self) -> None:
        """An answer is the same however it is cut, and the connection is kept where HTTP allows it."""
        for data, expected, kept in WHOLE:
            for segments in cuts(data):
                self.assertEqual(self.talk(segments), (expected, kept), segments)

    def test_two_in_a_row(self) -> None:
        """Each answer leaves nothing behind for the next one on its connection."""
        for data, expected, kept in WHOLE:
            if kept:
                self.talk([data])
                waiting = self.exchange()
                self.backend.wires[0].answer(data)
                self.assertEqual(self.answered(waiting), expected)
                self.assertEqual(len(self.backend.wires), 1)

    def test_until_close(self) -> None:
        """A body without a length ends with the connection, if that is closed and not reset."""
        for data, expected in UNTIL_CLOSE:
            for segments in cuts(data):
                for clean in (True, False):
                    self.setUp()
                    waiting = self.exchange()
                    for segment in segments:
                        self.backend.wires[0].answer(segment)
                    self.assertNoResult(waiting)
                    self.backend.wires[0].end(clean)
                    if clean:
                        self.assertEqual(self.answered(waiting), expected)
                    else:
                        self.assertIn("cut short", self.fault(waiting, Lost))

    def test_garbage(self) -> None:
        """What is no answer ends the exchange as Lost and the connection at once, however it is cut."""
        for data, words in GARBAGE:
            for segments in cuts(data):
                found, kept = self.talk(segments)
                self.assertIsInstance(found, Lost, segments)
                self.assertIn(words, str(found), segments)
                self.assertFalse(kept)
                self.assertTrue(self.backend.wires[0].aborted)

    def test_closed_within(self) -> None:
        """A connection that ends within an answer, at any byte of it, is Lost."""
        for data, _, _ in WHOLE:
            for place in range(len(data)):
                self.setUp()
                waiting = self.exchange()
                if place:
                    self.backend.wires[0].answer(data[:place])
                self.backend.wires[0].end()
                self.assertIn("cut short" if place else "no answer", self.fault(waiting, Lost))

    def test_more_than_asked(self) -> None:
        """An answer with something behind it counts; the connection does not, lest the rest answer the next request."""
        closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK"
        for data in (OK, b"HTTP/1.1 204 No Content\r\n\r\n", closing):
            for extra in (OK, b"garbage", b"H", b"\r\n" * HEAD_LIMIT):
                for padding in (b"", b"x" * HEAD_LIMIT, b"x" * (LIMIT + HEAD_LIMIT + OVERHEAD_LIMIT)):
                    found, kept = self.talk([data + extra + padding])
                    self.assertIsInstance(found, HttpResponse)
                    self.assertFalse(kept, (data, extra[:20]))

    def test_far_more_than_asked(self) -> None:
        """The same when what follows begins beyond all limits, behind line ends that llhttp skips."""
        body = bytes(2 * HEAD_LIMIT)
        data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        found, kept = self.talk([data + b"\r\n" * OVERHEAD_LIMIT + OK], limit=len(body))
        self.assertIsInstance(found, HttpResponse)
        self.assertFalse(kept)

    def test_long_body(self) -> None:
        """A body over the limit is cut there, marked, and its connection dropped, at once and however it is cut."""
        body = b"0123456789" * 20
        framed = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + body
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc8\r\n" + body + b"\r\n0\r\n\r\n"
        endless = b"HTTP/1.1 200 OK\r\n\r\n" + body
        for data in (framed, chunked, endless):
            for segments in cuts(data):
                found, kept = self.talk(segments, limit=150)
                assert isinstance(found, HttpResponse)
                self.assertEqual((found.status, found.body, found.truncated), (200, body[:150], True))
                self.assertFalse(kept)
                self.assertTrue(self.backend.wires[0].aborted)

    def test_body_at_the_limit(self) -> None:
        """A body of exactly the limit is whole, an empty one with a limit of nothing too."""
        self.assertEqual(self.talk([OK], limit=2), (answer(200, L2), True))
        empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(self.talk([empty], limit=0), (answer(200, (b"content-length", b"0"), body=b""), True))

    def test_head_limit(self) -> None:
        """A head of HEAD_LIMIT is taken, a byte more is not, and it does not matter how it is cut."""
        for over in (0, 1):
            start, end = b"HTTP/1.1 200 OK\r\nX: ", b"\r\nContent-Length: 2\r\n\r\n"
            head = start + b"x" * (HEAD_LIMIT + over - len(start) - len(end)) + end
            for size in (len(head) + 2, len(head), HEAD_LIMIT, 65535, 1000, 1):
                found, kept = self.talk(pieces(head + b"OK", size))
                if over:
                    self.assertIsInstance(found, Lost)
                    self.assertIn("head is too long", str(found))
                else:
                    assert isinstance(found, HttpResponse), (size, found)
                    self.assertEqual(found.body, b"OK")
                self.assertEqual(kept, not over)

    def test_endless_heads(self) -> None:
        """Endless headers, an endless header, endless informational answers: Lost, after HEAD_LIMIT bytes."""
        for start, unit in [
            (b"HTTP/1.1 200 OK\r\n", b"X-Header: value\r\n"),
            (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
            (b"HTTP/1.1 200 OK\r\n", b"x"),
            (b"HTTP/1.1 200 ", b"x"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (b"", b"\r\n"),
        ]:
            data = start + unit * (2 * HEAD_LIMIT // len(unit))
            for size in (65536, 4096, 100):
                self.setUp()
                waiting = self.exchange()
                taken = 0
                for piece in pieces(data, size):
                    if self.backend.wires[0].disconnecting:
                        break
                    self.backend.wires[0].answer(piece)
                    taken += len(piece)
                self.assertIn("head is too long", self.fault(waiting, Lost))
                self.assertLessEqual(taken, HEAD_LIMIT + size)

    def test_chunk_games(self) -> None:
        """Endless chunk extensions, trailers or one-byte chunks: Lost, after OVERHEAD_LIMIT bytes beside the body."""
        start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        count = (OVERHEAD_LIMIT + LIMIT) // 100 + 10
        for data in [
            start + b"1;" + b"x" * (100 * count),
            start + (b"1;" + b"x" * 1000 + b"\r\nx\r\n") * (count // 5),
            start + b"0\r\n" + b"X: y\r\n" * (20 * count),
            start + b"0\r\nX: " + b"y" * (100 * count),
            start + b"0" * (100 * count),
        ]:
            for size in (65536, 5000, 10):
                found, kept = self.talk(pieces(data, size))
                self.assertIsInstance(found, Lost)
                self.assertFalse(kept)
                self.assertTrue("longer than its body" in str(found) or "no HTTP" in str(found), found)

    def test_big_body(self) -> None:
        """A body far over HEAD_LIMIT comes through whole, however it is cut."""
        body = bytes(range(256)) * 1200
        data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        for size in (len(data), 65536, 65537, 1459):
            found, kept = self.talk(pieces(data, size), limit=len(body))
            assert isinstance(found, HttpResponse)
            self.assertTrue(found.body == body and not found.truncated and kept)

    def test_gzip_bomb(self) -> None:
        """A compressed body is handed on as it came."""
        bomb = gzip.compress(bytes(10_000_000))
        data = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
        found, _ = self.talk(pieces(data, 65536), limit=65536)
        assert isinstance(found, HttpResponse)
        self.assertTrue(found.body == bomb)

    def test_trickle(self) -> None:
        """A backend that sends a byte a second meets the deadline; its connection is ended at once."""
        waiting = self.exchange(timeout=10.0)
        for place in range(9):
            self.clock.advance(1.0)
            self.backend.wires[0].answer(OK[place : place + 1])
        self.assertNoResult(waiting)
        self.clock.advance(1.0)
        self.assertIn("in time", self.fault(waiting, TimedOut))
        self.assertTrue(self.backend.wires[0].aborted)
        self.settle()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ConnectionTests(PoolTestCase):
    def test_request(self) -> None:
        """A request is its line, Host, Content-Length, the caller's head, the body: in one write."""
        self.exchange(b"body")
        self.assertEqual(
            self.backend.wires[0].requests(),
            b"PUT /x HTTP/1.1\r\nHost: backend.example\r\nAccept-Encoding: identity\r\n"
            b"Content-Length: 4\r\nA: b\r\n\r\nbody",
        )

    def test_no_body(self) -> None:
        """A request without a body says so with Content-Length: 0."""
        self.exchange()
        self.assertIn(b"\r\nContent-Length: 0\r\n", self.backend.wires[0].requests())

    def test_header(self) -> None:
        """An answer's header is found by its lower-case name, the first of several."""
        found = answer(200, (b"a", b"1"), (b"b", b"2"), (b"a", b"3"))
        self.assertEqual((found.header(b"a"), found.header(b"b"), found.header(b"c")), (b"1", b"2", None))

    def test_unsolicited(self) -> None:
        """An idle connection on which bytes come is dropped, and not used again."""
        waiting = self.exchange()
        self.backend.wires[0].answer(OK)
        self.answered(waiting)
        self.backend.wires[0].answer(OK)
        self.assertTrue(self.backend.wires[0].aborted)
        self.backend.wires[0].answer(OK)
        again = self.exchange()
        self.assertEqual(len(self.backend.wires), 2)
        self.assertNoResult(again)

    def test_early_answer(self) -> None:
        """An answer before the request is written (413) counts; the connection, with half a request in it, does not."""
        waiting = self.exchange(bytes(1_000_000))
        wire = self.backend.wires[0]
        self.assertIsNone(wire.producer)  # StringTransport took it all at once

        self.backend.wires[0].answer(OK)
        self.answered(waiting)
        wire.slow = True
        waiting = self.exchange(bytes(1_000_000))
        self.assertEqual(len(self.backend.wires), 1)
        wire.answer(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.answered(waiting).status, 413)
        self.assertTrue(wire.aborted)

    def test_late_write(self) -> None:
        """A big request that was written in the end leaves the connection as good as any other."""
        self.answer_one()
        wire = self.backend.wires[0]
        wire.slow = True
        waiting = self.exchange(bytes(1_000_000))
        assert wire.producer is not None
        wire.producer.resumeProducing()
        self.assertIsNone(wire.producer)
        wire.answer(OK)
        self.answered(waiting)
        self.assertFalse(wire.disconnecting)

    def answer_one(self) -> None:
        waiting = self.exchange()
        self.backend.wires[-1].answer(OK)
        self.answered(waiting)

    def test_leave(self) -> None:
        """An exchange that is left is not sent again: its connection, used before or not, is closed in good order."""
        for number in range(2):
            heard: list[HttpResponse | Fault] = []
            exchange = self.pool.exchange(b"PUT", b"/x", b"", b"body", LIMIT, 10.0, heard.append)
            exchange.leave()
            wire = self.backend.wires[-1]
            self.assertEqual((wire.disconnecting, wire.aborted), (True, False))
            wire.answer(OK)
            wire.end()
            self.assertEqual((len(self.backend.wires), heard), (number + 1, []))
            self.exchange()
            self.backend.wires[-1].answer(OK)

    def test_cancel(self) -> None:
        """Cancelling an exchange drops its connection; what comes on it later is nobody's."""
        waiting = self.exchange()
        waiting.cancel()
        self.failureResultOf(waiting)
        wire = self.backend.wires[0]
        self.assertTrue(wire.aborted)
        wire.answer(OK)
        self.settle()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_reuse_from_within(self) -> None:
        """A caller that hears an answer may use its connection before returning."""
        second = []

        def again(_: HttpResponse) -> None:
            second.append(self.exchange(b"2"))

        self.exchange(b"1").addCallback(again)
        self.backend.wires[0].answer(OK)
        self.assertEqual(len(self.backend.wires), 1)
        self.assertTrue(self.backend.wires[0].requests().endswith(b"\r\n\r\n2"))
        self.backend.wires[0].answer(OK)
        self.answered(second[0])

    def test_linger(self) -> None:
        """A connection that its peer does not help to close is ended after a second."""
        waiting = self.exchange()
        self.backend.wires[0].answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.answered(waiting)
        wire = self.backend.wires[0]
        self.assertEqual((wire.disconnecting, wire.aborted), (True, False))
        self.clock.advance(1.0)
        self.assertTrue(wire.aborted)

    def test_no_timer_per_exchange(self) -> None:
        """A thousand answered exchanges on one connection leave one timer, and it still strikes when it must."""
        for _ in range(1000):
            self.answer_one()
            self.clock.advance(0.01)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        waiting = self.exchange(timeout=1.0)
        self.clock.advance(0.999)
        self.assertNoResult(waiting)
        self.clock.advance(0.0011)
        self.fault(waiting, TimedOut)

    def test_tls(self) -> None:
        """Over TLS nothing is sent before the handshake is done, and its failure is NotSent."""
        for end in ("done", "failed", "dropped"):
            transport = TlsTransport()
            connection = Connection(self.pool, self.clock, 30.0)
            connection.makeConnection(transport)
            opened = connection.opened()
            self.assertNoResult(opened)
            if end == "done":
                connection.handshakeCompleted()
                self.assertIs(self.successResultOf(opened), connection)
                self.assertTrue(transport.no_delay)
            elif end == "failed":
                connection.connectionLost(Failure(ConnectionLost()))
                self.assertEqual(self.fault(opened, NotSent), "connection reset")
            else:
                opened.cancel()
                self.failureResultOf(opened)
                self.assertTrue(transport.disconnected)
                connection.handshakeCompleted()
                self.failureResultOf(connection.opened(), NotSent)
                connection.connectionLost()
                connection.drop()
            self.assertEqual(transport.value(), b"")

    def test_lost_before_use(self) -> None:
        """A connection that is gone before its first use says that nothing was sent."""
        connection = Connection(self.pool, self.clock, 30.0)
        connection.makeConnection(StringTransport())
        connection.connectionLost()
        self.failureResultOf(connection.opened(), NotSent)


@implementer(ISSLTransport)
class TlsTransport(StringTransport):
    """Looks like TLS, without any."""

    no_delay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


class WriteThroughTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.transport = SocketTransport()
        self.addCleanup(self.transport.handle.close)
        self.addCleanup(self.transport.peer.close)
        self.connection = Connection(self.pool, self.clock, 30.0)
        self.connection.makeConnection(self.transport)

    def send(self, request: bytes) -> Deferred[HttpResponse]:
        result: Deferred[HttpResponse] = Deferred()
        self.connection.begin(Exchange(request, LIMIT, 10.0, result.callback))
        return result

    def received(self) -> bytes:
        found = b""
        while True:
            try:
                found += self.transport.peer.recv(1_000_000)
            except BlockingIOError:
                return found

    def test_at_once(self) -> None:
        """A request that the socket takes is there at once, and nothing waits in the transport."""
        for number in range(3):
            waiting = self.send(b"request %d" % number)
            self.assertEqual(self.received(), b"request %d" % number)
            self.connection.dataReceived(OK)
            self.answered(waiting)
        self.assertEqual(self.transport.value(), b"")

    def test_the_rest(self) -> None:
        """What the socket does not take goes by the transport, and so does all that follows: the order stays."""
        request = bytes(range(256)) * 40_000
        waiting = self.send(request)
        taken = self.received()
        self.assertTrue(0 < len(taken) < len(request))
        self.assertTrue(taken + self.transport.value() == request)
        self.connection.dataReceived(OK)
        self.answered(waiting)
        self.transport.clear()
        self.send(b"next")
        self.assertEqual((self.received(), self.transport.value()), (b"", b"next"))

    def test_broken(self) -> None:
        """A socket that takes nothing leaves it to the transport, which will tell what is wrong with it."""
        self.transport.handle.close()
        self.send(b"request")
        self.assertEqual(self.transport.value(), b"request")


@implementer(ISSLTransport)
class TlsOver(ProtocolWrapper):
    """TLS, as far as its transport below is concerned."""

    def getHandle(self) -> object:
        return object()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """ISSLTransport."""


class AcknowledgingTests(PoolTestCase):
    """The socket is told to acknowledge at once when, and only when, a part of an answer came."""

    def setUp(self) -> None:
        if QUICKACK is None:
            raise SkipTest("this system has no TCP_QUICKACK")
        super().setUp()
        self.transport = SocketTransport()
        self.transport.handle.close()
        self.addCleanup(self.transport.peer.close)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.transport.handle = socket.create_connection(server.getsockname())
            self.transport.peer, _ = server.accept()
        self.addCleanup(self.transport.handle.close)
        self.addCleanup(self.transport.peer.close)
        self.connection = Connection(self.pool, self.clock, 30.0)

    def hurried(self) -> bool:
        """Whether the socket acknowledges at once since it was asked last."""
        assert QUICKACK is not None
        hurried = bool(self.transport.handle.getsockopt(socket.IPPROTO_TCP, QUICKACK))
        self.transport.handle.setsockopt(socket.IPPROTO_TCP, QUICKACK, 0)
        self.assertFalse(self.transport.handle.getsockopt(socket.IPPROTO_TCP, QUICKACK))
        return hurried

    def answer(self, *pieces: bytes) -> list[bool]:
        """Send a request and get this answer to it: whether the socket hurried behind each piece."""
        answers: list[HttpResponse | Fault] = []
        self.connection.begin(Exchange(b"request", LIMIT, 10.0, answers.append))
        self.hurried()
        found = []
        for piece in pieces:
            self.connection.dataReceived(piece)
            found.append(self.hurried())
        self.assertEqual(answers, [HttpResponse(200, (L2,), b"OK", False)])
        return found

    def test_apart(self) -> None:
        """Each part but the last is acknowledged at once, with every answer: the option does not last."""
        self.connection.makeConnection(self.transport)
        for _ in range(3):
            self.assertEqual(self.answer(OK[:-2], OK[-2:]), [True, False])
        self.assertEqual(self.answer(OK[:3], OK[3:-1], OK[-1:]), [True, True, False])

    def test_stream(self) -> None:
        """The head of a stream is acknowledged at once, and each part that comes soon behind another one."""

        def read(answer: HttpResponse | Fault) -> None:
            assert isinstance(answer, StreamedResponse) and answer.stream is not None
            answer.stream.read(self)
            answer.stream.resume()

        self.connection.makeConnection(self.transport)
        streams = lambda status, headers: True  # noqa: E731
        self.connection.begin(Exchange(b"request", LIMIT, 100.0, read, None, streams, 100.0))
        self.hurried()
        found = []
        for pause, part in (
            (0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            *((pause, b"1\r\nx\r\n") for pause in (0.01, 5, 0.1, 0.3, 0.1)),
        ):
            self.clock.advance(pause)
            self.connection.dataReceived(part)
            found.append(self.hurried())
        self.assertEqual(found, [True, True, False, True, False, True])

    def body_received(self, data: bytes) -> None:
        """BodyConsumer: nothing of it matters here."""

    def body_ended(self, fault: Fault | None) -> None:
        """BodyConsumer."""

    def test_whole(self) -> None:
        """An answer that comes at once costs no call: its acknowledgement may travel with the next request."""
        self.connection.makeConnection(self.transport)
        for _ in range(3):
            self.assertEqual(self.answer(OK), [False])

    def test_tls(self) -> None:
        """The socket below TLS is meant."""
        wrapper = TlsOver(WrappingFactory(Factory()), self.connection)
        wrapper.makeConnection(self.transport)
        self.connection.handshakeCompleted()
        self.assertEqual(self.answer(OK[:-2], OK[-2:]), [True, False])

    def test_session_tickets(self) -> None:
        """The first reads of a TLS connection are acknowledged, whether they hold an answer or not; no later ones."""
        reactor = MemoryReactorClock()
        Target.from_address(reactor, "https://192.0.2.1", ClientFiles()).endpoint.connect(Factory.forProtocol(Protocol))
        tls = reactor.tcpClients[0][2].buildProtocol(None)
        tls.makeConnection(self.transport)
        self.hurried()
        found = []
        record = b"\x16\x03\x03\x10\x00".ljust(FIRST_READS + 2, b"\0")
        for byte in record:
            tls.dataReceived(bytes([byte]))
            found.append(self.hurried())
        self.assertEqual(found, [True] * FIRST_READS + [False] * 2)

    def test_kind(self) -> None:
        """TLS connections to the backend write each record at once, and read on the fast path; without a name of
        Twisted's that they need they are Twisted's own, without one of pyOpenSSL's they use pyOpenSSL.
        """
        self.assertIs(acknowledging_tls(), acknowledging.SteppingAcknowledgingTls)
        self.patch(supported, "_judged", {})
        self.patch(supported, "_log", SimpleNamespace(warn=lambda text, **fields: None))
        self.patch(openssl_records, "RELIANCE", Reliance("y", "plainly", names=("OpenSSL._util:renamed",)))
        self.assertIs(acknowledging_tls(), acknowledging.DirectAcknowledgingTls)
        self.patch(acknowledging, "RELIANCE", Reliance("x", "plainly", names=("twisted.protocols.tls:Renamed",)))
        self.assertIs(acknowledging_tls(), acknowledging.AcknowledgingTls)

    def test_unable(self) -> None:
        """An answer comes all the same over a socket that knows no such option, and over one that is closed."""
        unix, peer = socket.socketpair()
        self.addCleanup(unix.close)
        self.addCleanup(peer.close)
        self.transport.handle.close()
        for handle in (self.transport.handle, unix):
            self.transport.handle = handle
            answers: list[HttpResponse | Fault] = []
            self.connection = Connection(self.pool, self.clock, 30.0)
            self.connection.makeConnection(self.transport)
            self.connection.begin(Exchange(b"request", LIMIT, 10.0, answers.append))
            for piece in (OK[:-2], OK[-2:]):
                self.connection.dataReceived(piece)
            self.assertEqual(answers, [HttpResponse(200, (L2,), b"OK", False)])


class ParserTests(SynchronousTestCase):
    def test_after_the_end(self) -> None:
        """A parser that was stopped takes bytes without a word: its connection is gone."""
        parser = ResponseParser()
        parser.stop()
        self.assertIsNone(parser.feed(OK))
        self.assertFalse(parser.whole)
