"""Pushes to another process: sent together, answered in order, each once, and none sent twice."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.backend_wires import Backend
from wsaas.cluster.push_answers import MAX_ANSWER, AnswerReader
from wsaas.cluster.push_line import IDLE_TIMEOUT, MAX_BYTES, MAX_PUSHES, MAX_WRITES, STUCK_TIMEOUT, PushLine
from wsaas.cluster.siblings import FORWARD_TIMEOUT, Missing

ID = "aaaaaaaa" + "x" * 24
OK = b'HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 15\r\n\r\n{"code": "OK"}\n'
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
OVER, UNREACHABLE, SILENT = (reason.name.encode() for reason in (Missing.OVER, Missing.UNREACHABLE, Missing.SILENT))
NOON = 1_000_000.0


class LineCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.backend = Backend()
        self.alive, self.overs = True, 0
        self.line = PushLine(
            self.clock,
            self.backend,
            lambda: NOON + self.clock.seconds(),
            lambda: self.alive,
            self.over,
            lambda reason: reason.name.encode(),
        )

    def over(self) -> None:
        self.overs += 1

    def push(self, payload: bytes = b"hello", binary: bool = False) -> list[bytes]:
        heard: list[bytes] = []
        self.line.push(ID, payload, binary, heard.append)
        return heard

    def sent(self, wire: int = -1) -> list[bytes]:
        """The messages of the requests that were written since the last look."""
        return re.findall(rb"Content-Length: [0-9]+\r\n\r\n(.*?)(?=PUT /|$)", self.backend.wires[wire].requests(), re.S)

    def answer(self, *answers: bytes, wire: int = -1) -> None:
        self.backend.wires[wire].answer(b"".join(answers))


class SendTests(LineCase):
    def test_request(self) -> None:
        """A push goes out at once, with the moment until which it counts, rounded down."""
        self.clock.advance(0.3)
        self.push()
        self.assertEqual(
            self.backend.wires[0].requests(),
            b"PUT /%b HTTP/1.1\r\nHost: localhost\r\nWSAAS-Expires: 1000002250\r\nContent-Length: 5\r\n\r\nhello"
            % ID.encode(),
        )
        self.answer(OK)
        self.push(b"\xff", True)
        self.assertIn(b"\r\nContent-Type: application/octet-stream\r\n", self.backend.wires[0].requests())

    def test_together(self) -> None:
        """Those that come while one is under way go out in one write, when it is answered; each has its answer."""
        heard = [self.push(b"%d" % number) for number in range(4)]
        self.assertEqual(self.sent(), [b"0"])
        self.answer(OK)
        self.assertEqual(self.sent(), [b"1", b"2", b"3"])
        more = self.push(b"4")
        self.answer(OK, GONE)
        self.assertEqual(self.sent(), [])
        self.answer(OK)
        self.assertEqual(heard, [[OK], [OK], [GONE], [OK]])
        self.assertEqual(self.sent(), [b"4"])
        self.answer(GONE)
        self.assertEqual((more, len(self.backend.wires)), ([GONE], 1))

    def test_cut(self) -> None:
        """Answers may come cut anywhere."""
        for step in (1, 7, len(OK) + 3):
            heard = [self.push() for _ in range(3)]
            self.answer(OK)
            both = OK + GONE
            for start in range(0, len(both), step):
                self.answer(both[start : start + step])
            self.assertEqual(heard, [[OK], [OK], [GONE]])

    def test_bounds(self) -> None:
        """A write has so many pushes at most, and so many bytes, but a long one by itself. What fills one waits for no
        answer, unless so many writes are under way.
        """
        for _ in range(MAX_PUSHES):
            self.push()
        self.assertEqual(len(self.sent()), 1)
        self.push()
        self.assertEqual(len(self.sent()), MAX_PUSHES)
        half = MAX_BYTES // 2
        for count in (0, 2, 0, 0, 0, 0):
            self.push(b"x" * half)
            self.assertEqual([len(each) for each in self.sent()], [half] * count)
        self.answer(OK)
        self.assertEqual([len(each) for each in self.sent()], [half] * 2)
        self.answer(OK * (MAX_PUSHES - 1))
        self.assertEqual(self.sent(), [])
        self.answer(OK)
        self.assertEqual([len(each) for each in self.sent()], [half] * 2)
        for size in (1, MAX_BYTES, 1):
            self.push(b"x" * size)
        for answers, sizes in ((OK, []), (OK, [1]), (OK * 4, [MAX_BYTES]), (OK, []), (OK, [1]), (OK, [])):
            self.answer(answers)
            self.assertEqual([len(each) for each in self.sent()], sizes)
        self.assertEqual((len(self.line._under_way), self.line._waiting_bytes), (0, 0))

    def test_busy(self) -> None:
        """A connection that always has writes under way, and answers, is not taken for stuck."""
        heard = [self.push(bytes(MAX_BYTES))]
        for _ in range(2 * round(STUCK_TIMEOUT)):
            heard.append(self.push(bytes(MAX_BYTES)))
            self.clock.advance(0.9)
            self.answer(OK)
        self.answer(OK)
        self.assertEqual(heard, [[OK]] * len(heard))
        self.assertFalse(self.backend.wires[0].aborted)

    def test_oldest_write(self) -> None:
        """The oldest push has its time, whatever was written after it."""
        oldest = self.push()
        self.clock.advance(1)
        self.push(bytes(MAX_BYTES))
        self.clock.advance(FORWARD_TIMEOUT - 0.99)
        self.assertEqual(oldest, [SILENT])

    def test_counts(self) -> None:
        """What was given up, before it was sent or after, fills no write: a short push waits, a long one does not."""
        for end in ("over", "lost", "late"):
            self.alive = end != "over"
            for _ in range(MAX_WRITES + 1):
                self.push(bytes(MAX_BYTES))
            if end == "lost":
                self.backend.wires[-1].end()
                self.answer(OK)
            elif end == "late":
                self.clock.advance(FORWARD_TIMEOUT)
                self.answer(OK * MAX_WRITES)
            self.alive = True
            self.push(b"one")
            self.sent()
            self.push(b"two")
            self.assertEqual(self.sent(), [], end)
            self.push(bytes(MAX_BYTES))
            self.assertEqual(len(self.sent()), 1, end)
            self.answer(OK * 3)
            self.assertEqual((self.line._waiting_bytes, len(self.line._under_way)), (0, 1), end)
            self.answer(OK)

    def test_again(self) -> None:
        """A caller that hears an answer may push again at once."""
        heard: list[bytes] = []

        def again(answer: bytes) -> None:
            heard.append(answer)
            if len(heard) < 3:
                self.line.push(ID, b"again", False, again)

        self.line.push(ID, b"first", False, again)
        for _ in range(3):
            self.answer(OK)
        self.assertEqual(heard, [OK] * 3)


class MissingTests(LineCase):
    def test_not_carried_out(self) -> None:
        """A push that was refused as late, or is another process's, was not carried out."""
        for status in (408, 421):
            heard = self.push()
            self.answer(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            self.assertEqual(heard, [UNREACHABLE])

    def test_silent(self) -> None:
        """One that is not answered in its time may have been carried out; those behind it were certainly not sent. An
        answer that comes late is nobody's, and the next ones are for those that follow.
        """
        late, behind = self.push(), self.push()
        self.clock.advance(FORWARD_TIMEOUT - 0.01)
        self.assertEqual((late, behind), ([], []))
        self.clock.advance(0.02)
        self.assertEqual((late, behind), ([SILENT], [UNREACHABLE]))
        self.clock.advance(1)
        waits = self.push(b"waits")
        self.sent()
        self.answer(OK)
        self.assertEqual((late, self.sent()), ([SILENT], [b"waits"]))
        self.answer(GONE)
        self.assertEqual((late, behind, waits), ([SILENT], [UNREACHABLE], [GONE]))

    def test_each_in_its_time(self) -> None:
        """Pushes that went out together are given up together, with the first of them; those behind have their time."""
        self.push()
        for _ in range(2):
            self.clock.advance(0.5)
            self.push()
        self.answer(OK)
        third = self.push()
        self.assertEqual(len(self.line._under_way), 2)
        self.clock.advance(1.6)
        self.assertEqual([push.done is None for push in self.line._under_way], [True, False])
        self.clock.advance(0.5)
        self.assertEqual(([push.done is None for push in self.line._under_way], third), ([True, True], [UNREACHABLE]))

    def test_stuck(self) -> None:
        """A connection that does not answer for long is given up; the next push gets another one."""
        self.push()
        self.clock.advance(FORWARD_TIMEOUT)
        self.clock.advance(STUCK_TIMEOUT)
        self.assertTrue(self.backend.wires[0].aborted)
        heard = self.push()
        self.answer(OK)
        self.assertEqual((heard, len(self.backend.wires)), ([OK], 2))

    def test_connection_ends(self) -> None:
        """What is under way when the connection ends may have been carried out, and is not sent again; what waits goes
        out on another one.
        """
        under_way, waits = self.push(b"under way"), self.push(b"waits")
        self.backend.wires[0].end()
        self.assertEqual((under_way, waits, self.sent(1)), ([SILENT], [], [b"waits"]))
        self.answer(OK)
        self.assertEqual(waits, [OK])
        self.backend.wires[1].end()
        self.push()
        self.assertEqual(len(self.backend.wires), 3)

    def test_no_answers(self) -> None:
        """What is no answer, or one to nothing, ends the connection: it answers no other push."""
        for nonsense in (
            b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
            b"\x00" * (MAX_ANSWER + 1),
            OK + OK,
        ):
            heard = self.push()
            self.answer(nonsense)
            self.assertTrue(self.backend.wires[-1].aborted)
            self.assertEqual(heard, [SILENT])
            self.backend.wires[-1].end()
        self.push()
        self.answer(OK)
        self.answer(OK)
        self.assertTrue(self.backend.wires[-1].aborted)

    def test_not_reached(self) -> None:
        """A process that cannot be connected to was not reached; if its name is gone meanwhile, it is over."""
        self.backend.refusal = ConnectionRefusedError()
        self.assertEqual(self.push(), [UNREACHABLE])
        self.backend.refusal, self.backend.slow = None, True
        heard = self.push()
        self.alive = False
        self.clock.advance(FORWARD_TIMEOUT)
        self.assertEqual((heard, self.push()), ([OVER], []))

    def test_over(self) -> None:
        """A process without a name is not asked, on a connection that is there either."""
        self.push()
        self.answer(OK)
        self.sent()
        self.alive = False
        self.assertEqual((self.push(), self.sent(), self.overs), ([OVER], [], 1))

    def test_over_while_waiting(self) -> None:
        """What waits for a process that ends is not sent to it."""
        first, second = self.push(), self.push()
        self.sent()
        self.alive = False
        self.answer(OK)
        self.assertEqual((first, second, self.sent()), ([OK], [OVER], []))

    def test_idle(self) -> None:
        """A connection that is not used for long is closed, and another one made for the next push."""
        for _ in range(3):
            self.push()
            self.answer(OK)
            self.clock.advance(IDLE_TIMEOUT - 1)
        self.assertEqual([wire.aborted for wire in self.backend.wires], [False])
        self.clock.advance(2)
        self.assertTrue(self.backend.wires[0].aborted)
        self.backend.wires[0].end()
        self.push()
        self.assertEqual(len(self.backend.wires), 2)

    def test_close(self) -> None:
        """At the end every push has its answer: silent if it was sent, else not reached. Later ones are not sent."""
        sent, waits = self.push(), self.push()
        self.line.close()
        self.assertEqual((sent, waits, self.push()), ([SILENT], [UNREACHABLE], [UNREACHABLE]))
        self.assertTrue(self.backend.wires[0].aborted)
        self.clock.advance(STUCK_TIMEOUT)

    def test_close_while_connecting(self) -> None:
        """A connection that is being made is not."""
        self.backend.slow = True
        heard = self.push()
        self.line.close()
        self.assertEqual((heard, self.backend.cancelled), ([UNREACHABLE], 1))


class AnswersTests(SynchronousTestCase):
    def test_same(self) -> None:
        """Answers are what they would be if each were parsed by itself, however alike they begin."""
        longer = OK.replace(b"15", b"16") + b"\n"
        other = OK.replace(b"now", b"then")
        make: Callable[[], AnswerReader] = AnswerReader
        for answers in ([OK, longer, OK], [OK, other, other, OK], [GONE, OK, GONE, GONE]):
            self.assertEqual(make().feed(b"".join(answers)), answers)
