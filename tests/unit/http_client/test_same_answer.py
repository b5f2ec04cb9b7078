"""An answer in the same bytes as the last one, which is taken without the parser: where that must not be."""

from __future__ import annotations

from tests.support.backend_wires import OK, PoolTestCase
from wsaas.http_client.request_writer import WATCHED_LENGTH


class SameAnswerTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        waiting = self.exchange()
        self.backend.wires[0].answer(OK)
        self.answered(waiting)

    def test_body_like_an_answer(self) -> None:
        """A body in the same bytes as the last answer, behind a head that came before it, is a body."""
        waiting = self.exchange()
        self.backend.wires[0].answer(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(OK))
        self.backend.wires[0].answer(OK)
        answer = self.answered(waiting)
        self.assertEqual((answer.status, answer.body), (500, OK))

    def test_smaller_limit(self) -> None:
        """An exchange that wants less of the body than the last answer has is given no more."""
        waiting = self.exchange(limit=1)
        self.backend.wires[0].answer(OK)
        answer = self.answered(waiting)
        self.assertEqual((answer.body, answer.truncated), (b"O", True))

    def test_early_answer(self) -> None:
        """An answer that comes before its request is written ends the connection, on which the rest would follow."""
        wire = self.backend.wires[0]
        wire.slow = True
        waiting = self.exchange(body=bytes(WATCHED_LENGTH + 1))
        wire.answer(OK)
        self.assertEqual(self.answered(waiting).body, b"OK")
        self.assertTrue(wire.aborted)

    def test_first_of_its_connection(self) -> None:
        """A connection whose only answer so far was like another's has been used: it may be found closed."""
        first, second = self.exchange(), self.exchange()
        for wire in self.backend.wires:
            wire.answer(OK)
        self.answered(first)
        self.answered(second)
        waiting = self.exchange()
        last = self.backend.wires[1]
        self.assertEqual(len(last.requests().split(b"PUT ")), 3)
        last.end()
        self.backend.wires[2].answer(OK)
        self.assertEqual(self.answered(waiting).sent, 2)

    def test_idle_after_a_long_exchange(self) -> None:
        """A connection is idle for its time from the answer on, although the exchange had longer than that."""
        wire = self.backend.wires[0]
        waiting = self.exchange(timeout=100.0)
        self.clock.advance(31.0)
        self.clock.advance(9.0)
        wire.answer(OK)
        self.answered(waiting)
        self.clock.advance(29.0)
        self.assertFalse(wire.disconnecting)
        self.clock.advance(1.0)
        self.assertTrue(wire.disconnecting)
