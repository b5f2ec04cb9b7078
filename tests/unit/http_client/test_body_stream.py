"""Bodies that are read while they come."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.backend_wires import OK, PoolTestCase, Wire
from wsaas.http_client.body_stream import BodyStream, StreamedResponse
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, TimedOut
from wsaas.http_client.response_parser import OVERHEAD_LIMIT

CHUNKED = b"HTTP/1.1 200 OK\r\nX-Stream: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nX-Stream: 1\r\nContent-Length: 6\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nX-Stream: 1\r\n\r\n"
TIMEOUT = 10.0


def is_stream(status: int, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    return status == 200 and (b"x-stream", b"1") in headers


class Consumer:
    """Keeps the parts of a body, and how it ended."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.ends: list[Fault | None] = []

    def body_received(self, data: bytes) -> None:
        self.parts.append(data)

    def body_ended(self, fault: Fault | None) -> None:
        self.ends.append(fault)


class BodyStreamTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.answers: list[HttpResponse | Fault] = []
        self.consumer = Consumer()
        self.wanted = True

    def done(self, answer: HttpResponse | Fault) -> None:
        self.answers.append(answer)
        if isinstance(answer, StreamedResponse) and self.wanted:
            self.body.read(self.consumer)
            self.body.resume()

    @property
    def body(self) -> BodyStream:
        answer = self.answers[-1]
        assert isinstance(answer, StreamedResponse) and answer.stream is not None
        return answer.stream

    def ask(self) -> Wire:
        self.pool.exchange(b"PUT", b"/x", b"", b"", 10, TIMEOUT, self.done, None, is_stream)
        return self.backend.wires[-1]

    def test_head_first(self) -> None:
        """The exchange ends with the head; the body comes part by part, as it is, of any length, and then its end.

        The connection is used again after it, unless the end of the connection is that of the body.
        """
        for head, parts, end in (
            (CHUNKED, [b"3\r\none\r\n", b"3\r\ntwo\r\n"], b"0\r\n\r\n"),
            (SIZED, [b"one", b"two"], b""),
            (UNTIL_CLOSE, [b"one", b"two"], None),
        ):
            self.setUp()
            wire = self.ask()
            wire.answer(head[:30])
            self.assertEqual(self.answers, [])
            wire.answer(head[30:])
            self.assertEqual((self.answers[0].status, self.consumer.parts), (200, []))  # type: ignore[union-attr]
            wire.answer(parts[0])
            self.assertEqual((self.consumer.parts, self.consumer.ends), ([b"one"], []))
            wire.answer(parts[1])
            if end is None:
                wire.end()
            elif end:
                self.assertEqual(self.consumer.ends, [])
                wire.answer(end)
            self.assertEqual((self.consumer.parts, self.consumer.ends), ([b"one", b"two"], [None]))
            self.ask()
            self.assertEqual(len(self.backend.wires), 2 if end is None else 1)

    def test_in_one_piece(self) -> None:
        """A body that comes with its head is a stream, too, each time: it is not what is remembered of answers."""
        wire = self.ask()
        for count in (1, 2, 3):
            wire.answer(SIZED + b"onetwo")
            self.assertEqual((self.consumer.parts, self.consumer.ends), ([b"onetwo"] * count, [None] * count))
            self.ask()
        wire.answer(OK)
        self.assertEqual(type(self.answers[-1]), HttpResponse)
        self.assertEqual(len(self.backend.wires), 1)

    def test_longer_than_any_answer(self) -> None:
        """The limit of a body is none for a stream, with the head in the same read or not."""
        wire = self.ask()
        wire.answer(UNTIL_CLOSE + b"x" * 100_000)
        for _ in range(5):
            wire.answer(b"x" * 100_000)
        wire.end()
        self.assertEqual((sum(map(len, self.consumer.parts)), self.consumer.ends), (600_000, [None]))

    def test_silence(self) -> None:
        """Between two parts there may be so much time, not in all; a longer silence ends it with TimedOut."""
        wire = self.ask()
        wire.answer(CHUNKED)
        for _ in range(10):
            self.clock.advance(TIMEOUT - 0.1)
            wire.answer(b"1\r\nx\r\n")
        self.assertEqual(self.consumer.ends, [])
        self.clock.advance(TIMEOUT)
        self.assertEqual([type(end) for end in self.consumer.ends], [TimedOut])
        self.assertTrue(wire.aborted)

    def test_paused(self) -> None:
        """While it is paused the backend is not read from, and no time counts; what came all the same is kept."""
        wire = self.ask()
        wire.answer(CHUNKED)
        self.body.pause()
        self.assertEqual(wire.producerState, "paused")
        self.clock.advance(1000)
        wire.answer(b"1\r\na\r\n")
        wire.answer(b"1\r\nb\r\n0\r\n\r\n")
        self.assertEqual((self.consumer.parts, self.consumer.ends), ([], []))
        body = self.body
        self.ask()  # the connection is done with it, and free
        self.assertEqual((len(self.backend.wires), wire.producerState), (1, "producing"))
        body.resume()
        self.assertEqual((self.consumer.parts, self.consumer.ends), ([b"ab"], [None]))

    def test_paused_again(self) -> None:
        """A consumer that pauses while it is given what was held gets nothing more, and no end, until it goes on."""
        wire = self.ask()
        wire.answer(CHUNKED)
        body = self.body
        body.pause()
        wire.answer(b"1\r\na\r\n0\r\n\r\n")
        self.consumer.body_received = lambda data: body.pause()  # type: ignore[method-assign]
        body.resume()
        self.assertEqual(self.consumer.ends, [])
        body.resume()
        self.assertEqual(self.consumer.ends, [None])

    def test_cut_short(self) -> None:
        """A connection that ends before the body does, or sends no HTTP, ends it with Lost."""
        for head, last in ((CHUNKED, b""), (SIZED, b"one"), (CHUNKED, b"no chunk\r\n"), (UNTIL_CLOSE, b"")):
            self.setUp()
            wire = self.ask()
            wire.answer(head)
            wire.answer(last) if last else None
            if not wire.aborted:
                wire.end(clean=head is not UNTIL_CLOSE)
            self.assertEqual([type(end) for end in self.consumer.ends], [Lost], head)

    def test_cancelled(self) -> None:
        """Cancelling drops the connection, and nothing more is told; so does an answer that nobody begins to read."""
        wire = self.ask()
        wire.answer(CHUNKED + b"1\r\na\r\n")
        self.body.cancel()
        self.body.cancel()
        self.assertTrue(wire.aborted)
        wire.answer(b"1\r\nb\r\n")
        wire.end()
        self.assertEqual((self.consumer.parts, self.consumer.ends), ([b"a"], []))
        self.wanted = False
        wire = self.ask()
        wire.answer(CHUNKED + b"1\r\na\r\n")
        self.assertTrue(wire.aborted)

    def test_cancelled_by_the_consumer(self) -> None:
        """A consumer may cancel while it is given a part."""
        wire = self.ask()
        wire.answer(CHUNKED)
        self.consumer.body_received = lambda data: self.body.cancel()  # type: ignore[method-assign]
        wire.answer(b"1\r\na\r\n0\r\n\r\n")
        self.assertTrue(wire.aborted)
        self.assertEqual(self.consumer.ends, [])

    def test_no_body_in_the_chunks(self) -> None:
        """What is around the body is bounded between two parts of it: a chunk extension, trailers."""
        wire = self.ask()
        wire.answer(CHUNKED + b"1;")
        wire.answer(b"x" * OVERHEAD_LIMIT)
        self.assertEqual(self.consumer.ends, [])
        wire.answer(b"x" * 100)
        self.assertEqual([type(end) for end in self.consumer.ends], [Lost])
        self.assertTrue(wire.aborted)

    def test_pool_closed(self) -> None:
        """A pool that closes ends the streams with Lost."""
        wire = self.ask()
        wire.answer(CHUNKED)
        self.pool.close()
        self.assertEqual([type(end) for end in self.consumer.ends], [Lost])
        self.assertTrue(wire.aborted)

    def test_second_try(self) -> None:
        """A stream that answers a request which had to be sent again is one all the same."""
        wire = self.ask()
        wire.answer(OK)
        self.ask()
        wire.end()
        self.backend.wires[1].answer(CHUNKED + b"1\r\na\r\n")
        self.assertEqual(self.consumer.parts, [b"a"])
