"""The pool: which connection an exchange gets, when it is sent again, and how it ends without an answer."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, TCPTimedOutError

from tests.support.backend_wires import OK, PoolTestCase, waiting
from wsaas.http_client.body_stream import StreamedResponse
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, NotSent, TimedOut
from wsaas.http_client.pool import Pool
from wsaas.http_client.response_parser import ResponseParser


class ReuseTests(PoolTestCase):
    def answer(self, number: int, data: bytes = OK) -> None:
        self.backend.wires[number].answer(data)

    def three(self) -> None:
        """Three connections, idle where there is room."""
        waiting = [self.exchange(), self.exchange(), self.exchange()]
        for number in range(3):
            self.answer(number)
            self.answered(waiting[number])

    def test_reuse(self) -> None:
        """One exchange after the other needs one connection, two at a time need two: nothing is pipelined."""
        first = self.exchange(b"1")
        self.answer(0)
        self.answered(first)
        self.exchange(b"2")
        self.assertEqual(len(self.backend.wires), 1)
        self.exchange(b"3")
        self.assertEqual(len(self.backend.wires), 2)
        self.assertTrue(self.backend.wires[1].requests().endswith(b"\r\n\r\n3"))

    def test_together(self) -> None:
        """Requests that are made together are written when all are made, in their order, even if the work fails."""
        self.three()
        requests = [wire.requests for wire in self.backend.wires]
        before = [take() for take in requests]
        answers: list[object] = []

        def ask(body: bytes) -> None:
            self.pool.exchange(b"PUT", b"/x", b"", body, 100, 10.0, answers.append)

        def work() -> None:
            ask(b"one")
            self.pool.together(lambda: ask(b"two"))
            self.assertEqual([take() for take in requests], [b""] * len(before))
            raise ValueError("in the work")

        self.assertRaises(ValueError, self.pool.together, work)
        self.assertEqual([take()[-3:] for take in requests[:2]], [b"two", b"one"])
        self.answer(1)
        self.answer(0)
        self.assertEqual(len(answers), 2)
        ask(b"three")
        self.assertEqual(requests[0]()[-5:], b"three")

    def test_given_up_together(self) -> None:
        """A request that is given up before those made with it are written is not written."""
        self.three()
        wires = self.backend.wires[:2]
        before = [wire.requests() for wire in wires]

        def work() -> None:
            for body in (b"one", b"two"):
                exchange = self.pool.exchange(b"PUT", b"/x", b"", body, 100, 10.0, lambda _: None)
            exchange.cancel()

        self.pool.together(work)
        self.assertEqual(([wire.requests()[-3:] for wire in wires], len(before)), ([b"", b"one"], 2))
        self.assertEqual([wire.aborted for wire in wires], [True, False])

    def test_same_answer_other_limit(self) -> None:
        """An answer in the same bytes as the last one is cut at the limit of its own exchange."""
        for limit in (1000, 1000, 1):
            waiting = self.exchange(limit=limit)
            self.backend.wires[0].answer(OK)
            answer = self.answered(waiting)
            self.assertEqual((answer.body, answer.truncated), (b"OK"[:limit], limit == 1))
        self.assertTrue(self.backend.wires[0].aborted)

    def test_same_answer_as_stream(self) -> None:
        """An answer that nobody asked to stream, in the same bytes to a request whose answer may stream, does."""
        streamed = b"HTTP/1.1 200 OK\r\nWSAAS-Reply: lines\r\nContent-Length: 4\r\n\r\none\n"
        answers: list[object] = []
        for streams in (None, None, lambda status, headers: True):
            self.pool.exchange(b"PUT", b"/x", b"", b"", 100, 10.0, answers.append, None, streams)
            self.backend.wires[0].answer(streamed)
        self.assertEqual([type(each) for each in answers], [HttpResponse, HttpResponse, StreamedResponse])

    def test_same_answer_without_memory(self) -> None:
        """A pool that shall not remember the last answer parses each one, which makes an object of each."""
        for remember, fed in ((True, 1), (False, 3)):
            pool = Pool(self.clock, self.backend, b"backend.example", max_idle=2, remember=remember)
            self.backend.wires.clear()
            count: list[bytes] = []
            original = ResponseParser.feed

            def feed(
                parser: ResponseParser, data: bytes, count: list[bytes] = count, original: Any = original
            ) -> Fault | None:
                count.append(data)
                fault: Fault | None = original(parser, data)
                return fault

            self.patch(ResponseParser, "feed", feed)
            answers: list[HttpResponse] = []
            for _ in range(3):
                waiting_for = waiting(pool, b"/x", b"", b"", 100, 10.0)
                self.backend.wires[0].answer(OK)
                answers.append(self.answered(waiting_for))
            self.patch(ResponseParser, "feed", original)
            self.assertEqual((len(count), len(set(map(id, answers)))), (fed, fed))

    def test_newest_first(self) -> None:
        """The connection that was used last is used next."""
        first, second = self.exchange(), self.exchange()
        self.answer(1)
        self.answer(0)
        self.answered(first), self.answered(second)
        for wire in self.backend.wires:
            wire.clear()
        self.exchange()
        self.assertTrue(self.backend.wires[0].value())
        self.assertFalse(self.backend.wires[1].value())

    def test_max_idle(self) -> None:
        """Of three connections that become idle, two are kept."""
        self.three()
        self.assertEqual([wire.disconnecting for wire in self.backend.wires], [False, False, True])
        self.assertFalse(self.backend.wires[2].aborted)

    def test_idle_timeout(self) -> None:
        """A connection that idles for idle_timeout is closed, in good order, and its timer with it."""
        first = self.exchange()
        self.clock.advance(5)
        self.answer(0)
        self.answered(first)
        self.clock.advance(29.9)
        self.assertFalse(self.backend.wires[0].disconnecting)
        self.clock.advance(0.2)
        self.assertEqual((self.backend.wires[0].disconnecting, self.backend.wires[0].aborted), (True, False))
        self.exchange()
        self.assertEqual(len(self.backend.wires), 2)
        self.backend.wires[0].end()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_idle_closed_by_backend(self) -> None:
        """An idle connection that the backend closes is forgotten."""
        first = self.exchange()
        self.answer(0)
        self.answered(first)
        self.backend.wires[0].end()
        self.exchange()
        self.assertEqual(len(self.backend.wires), 2)


class StaleTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        first = self.exchange()
        self.backend.wires[0].answer(OK)
        self.answered(first)
        self.backend.wires[0].clear()

    def test_again(self) -> None:
        """The same bytes go out once more, at once, when a reused connection ends before an answer begins."""
        for clean in (True, False):
            self.setUp()
            waiting = self.exchange(b"body")
            sent = self.backend.wires[0].requests()
            self.backend.wires[0].end(clean)
            self.assertEqual(len(self.backend.wires), 2)
            self.assertEqual(self.backend.wires[1].requests(), sent)
            self.backend.wires[1].answer(OK)
            self.assertEqual(self.answered(waiting).body, b"OK")

    def test_says_so(self) -> None:
        """The answer tells that the request was sent twice; the next one, in the same bytes, that it was sent once."""
        waiting = self.exchange()
        self.backend.wires[0].end()
        self.backend.wires[1].answer(OK)
        self.assertEqual(self.answered(waiting).sent, 2)
        waiting = self.exchange()
        self.backend.wires[1].answer(OK)
        self.assertEqual(self.answered(waiting).sent, 1)

    def test_on_a_new_one(self) -> None:
        """The second try takes a new connection, though an idle one is there: that might be as stale."""
        first, second = self.exchange(), self.exchange()
        self.backend.wires[1].answer(OK)
        self.answered(second)
        self.backend.wires[1].clear()
        self.backend.wires[0].end()
        self.assertEqual(len(self.backend.wires), 3)
        self.assertFalse(self.backend.wires[1].value())
        self.assertNoResult(first)

    def test_once(self) -> None:
        """When the new connection ends as well, that is Lost."""
        waiting = self.exchange()
        self.backend.wires[0].end()
        self.backend.wires[1].end()
        self.fault(waiting, Lost)
        self.assertEqual(len(self.backend.wires), 2)

    def test_not_after_a_byte(self) -> None:
        """Once a byte of an answer came, nothing is sent again."""
        waiting = self.exchange()
        self.backend.wires[0].answer(b"H")
        self.backend.wires[0].end()
        self.fault(waiting, Lost)
        self.assertEqual(len(self.backend.wires), 1)

    def test_not_on_a_new_connection(self) -> None:
        """A connection that was never used is not stale when it ends."""
        self.backend.wires[0].end()
        waiting = self.exchange()
        self.backend.wires[1].end()
        self.fault(waiting, Lost)
        self.assertEqual(len(self.backend.wires), 2)

    def test_refused_then(self) -> None:
        """A backend that took a request, and then takes no connection, may have acted: Lost, and not NotSent."""
        waiting = self.exchange()
        self.backend.refusal = ConnectionRefusedError()
        self.backend.wires[0].end()
        self.assertIn("connection refused", self.fault(waiting, Lost))

    def test_late_then(self) -> None:
        """The same when the second connection is not there in time: TimedOut."""
        waiting = self.exchange()
        self.backend.slow = True
        self.backend.wires[0].end()
        self.clock.advance(5)
        self.fault(waiting, TimedOut)

    def test_one_deadline(self) -> None:
        """The second try has what is left of the first one's time."""
        waiting = self.exchange(timeout=10)
        self.clock.advance(9)
        self.backend.wires[0].end()
        self.clock.advance(0.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        self.fault(waiting, TimedOut)


class ConnectingTests(PoolTestCase):
    def test_no_connection(self) -> None:
        """What keeps a connection from being made is NotSent, and named."""
        for error, words in [
            (ConnectionRefusedError(), "connection refused"),
            (DNSLookupError(), "unknown host name"),
            (TCPTimedOutError(), "connect timeout"),
            (ConnectError(24), "Too many open files"),
            (ValueError("secret"), "ValueError"),
        ]:
            self.backend.refusal = error
            self.assertEqual(self.fault(self.exchange(), NotSent), words)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connect_timeout(self) -> None:
        """Who does not connect within connect_timeout gets nothing: NotSent, long before the deadline."""
        self.backend.slow = True
        waiting = self.exchange(timeout=10)
        self.clock.advance(4.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.assertEqual(self.fault(waiting, NotSent), "connect timeout")
        self.assertEqual(self.backend.cancelled, 1)

    def test_deadline_while_connecting(self) -> None:
        """The deadline counts from the start; before the connection is there it is NotSent."""
        self.backend.slow = True
        waiting = self.exchange(timeout=2)
        self.clock.advance(2)
        self.assertEqual(self.fault(waiting, NotSent), "connect timeout")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancel_while_connecting(self) -> None:
        """Cancelling an exchange that has no connection yet ends the attempt."""
        self.backend.slow = True
        waiting = self.exchange()
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertEqual(self.backend.cancelled, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class CloseTests(PoolTestCase):
    def test_close(self) -> None:
        """Closing ends idle connections in good order and busy ones at once, and waits for the last to be gone."""
        idle, busy = self.exchange(), self.exchange()
        self.backend.wires[0].answer(OK)
        self.answered(idle)
        self.backend.slow = True
        connecting = self.exchange()
        closing = self.exchange()  # took the idle one back, or connects: both are fine
        self.backend.slow = False
        closed = self.pool.close()
        self.assertIn("closed", self.fault(busy, Lost))
        self.failureResultOf(closing)
        self.failureResultOf(connecting)
        self.assertNoResult(closed)
        self.settle()
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_idle_in_good_order(self) -> None:
        """An idle connection is closed, not reset; if its peer does not help, it is ended after a second."""
        waiting = self.exchange()
        self.backend.wires[0].answer(OK)
        self.answered(waiting)
        closed = self.pool.close()
        self.assertEqual((self.backend.wires[0].disconnecting, self.backend.wires[0].aborted), (True, False))
        self.clock.advance(1.0)
        self.assertTrue(self.backend.wires[0].aborted)
        self.settle()
        self.successResultOf(closed)

    def test_stale_while_closing(self) -> None:
        """An exchange does not come back to a closed pool."""
        self.successResultOf(self.pool.close())
        self.assertIn("closed", self.fault(self.exchange(), NotSent))
        self.assertEqual(self.backend.wires, [])

    def test_connecting_fails(self) -> None:
        """An exchange that waits for its connection when the pool closes was not sent."""
        self.backend.slow = True
        waiting = self.exchange()
        self.successResultOf(self.pool.close())
        self.assertIn("closed", self.fault(waiting, NotSent))

    def test_answered_while_closing(self) -> None:
        """Closing twice is closing."""
        self.exchange().addErrback(lambda _: None)
        first, second = self.pool.close(), self.pool.close()
        self.settle()
        self.successResultOf(first)
        self.successResultOf(second)
