"""A backend that answers anything, in any pieces: what it means is always one outcome, and nothing stays behind.

WSAAS_EXAMPLES=100000 in the environment makes it so many examples of each, other ones each time (half an hour or so).
"""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.backend_wires import LIMIT, PoolTestCase
from tests.support.properties import examples
from tests.thorough.fuzz.inputs import ANSWERS, CUTS, Guard, decisions, pieces
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.refresh_answers import MAX_EXPIRES_IN, MIN_EXPIRES_IN
from wsaas.backend.responses import read
from wsaas.backend.retries import Retry
from wsaas.clients.handshake.responses import response_to, serialize
from wsaas.core.events import Cause, Closed, Event, Opened, Received, Refresh
from wsaas.core.model import Frame, Handshake
from wsaas.core.outcomes import Accepted, Acknowledged, CloseRequested, Delivered, Expired, Indeterminate, Kept, Refused
from wsaas.core.router import MAX_REASON
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.telemetry.log_limit import LogLimit

EVENTS: tuple[Event, ...] = (
    Opened(Handshake("/", "", None, "192.0.2.1", subprotocols=("v1",))),
    Received(1, Frame(b"hello", False)),
    Refresh(1, 1795428000.0),
    Closed(Cause.CLIENT, 1000, "", True),
)
HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*")


def now() -> float:
    return 1795428000.0


class Meaning(SynchronousTestCase):
    def judge(self, answer: HttpResponse | Fault) -> None:
        """Check that the answer has a meaning for every event, and that no part of it can split a header."""
        for event in EVENTS:
            outcome = read("a" * 32, event, answer, now, AnswerLog(LogLimit(Clock()), "http://backend"))
            match outcome:
                case Accepted() | Kept():
                    if isinstance(outcome, Accepted):
                        self.assertIn(outcome.subprotocol, (None, "v1"))
                        for group in outcome.groups:
                            group.encode()
                    self.assertTrue(
                        outcome.expires_in is None or MIN_EXPIRES_IN <= outcome.expires_in <= MAX_EXPIRES_IN
                    )
                    for name, value in outcome.headers:
                        self.assertTrue(HEADER.fullmatch(name + b": " + value), (name, value))
                        self.assertNotIn(name.lower(), (b"authorization", b"content-length", b"host", b"wsaas-event"))
                case Refused(refusal):
                    self.assertIsInstance(event, Opened)
                    head, _, _ = serialize(response_to(refusal), "").partition(b"\r\n\r\n")
                    first, *lines = head.split(b"\r\n")
                    self.assertTrue(re.fullmatch(rb"HTTP/1\.1 [45][0-9]{2} [A-Za-z' -]+", first), first)
                    for line in lines:
                        self.assertTrue(HEADER.fullmatch(line), line)
                case Indeterminate(refusal):
                    self.assertIn(serialize(response_to(refusal), "").split()[1], (b"502", b"503", b"504"))
                case Retry(_, wait):
                    self.assertTrue(wait is None or wait >= 0, wait)
                case Delivered(reply):
                    if reply is not None and not reply.binary:
                        reply.payload.decode()
                case CloseRequested(code):
                    self.assertIn(code, (1000, 1008))
                case Expired(code, reason):
                    self.assertTrue(code in (1000, 1008) or 3000 <= code <= 4999, code)
                    self.assertLessEqual(len(reason.encode()), MAX_REASON)
                case Acknowledged():
                    self.assertIsInstance(event, Closed)
                case _:
                    self.fail(f"not an outcome: {outcome!r}")

    @examples(400)
    @given(decisions(), st.integers(200, 599), st.booleans())
    @example(b'{"code": "OK", "headers": {"X-User": "a\\r\\nX: b"}}', 200, False)
    @example(b'{"code": "OK", "groups": ["\\ud800"]}', 200, False)
    def test_decisions(self, body: bytes, status: int, truncated: bool) -> None:
        """Whatever JSON a backend answers, it is let in, refused, or makes no sense; it is never an exception."""
        with Guard():
            self.judge(HttpResponse(status, ((b"wsaas-reply", b"text"),), body, truncated))


class AnswerFuzz(PoolTestCase, Meaning):
    def outcome(self, data: bytes, cuts: list[int], clean: bool) -> tuple[str, object]:
        """Return the result of an exchange with this answer; afterwards no connection and no timer is left."""
        waiting: Deferred[HttpResponse] = self.exchange()
        results: list[HttpResponse | Failure] = []
        waiting.addBoth(results.append)
        wire = self.backend.wires[-1]
        for piece in pieces(data, cuts):
            if not wire.gone and not wire.aborted:
                wire.answer(piece)
        if not wire.gone:
            wire.end(clean)
        self.settle()
        self.clock.pump([1.0] * 12)
        self.settle()
        (result,) = results
        self.assertEqual((self.pool._connections, self.pool._idle), (set(), []))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.backend.wires.clear()
        if isinstance(result, Failure):
            assert isinstance(result.value, Fault)
            self.judge(result.value)
            return type(result.value).__name__, str(result.value)
        self.assertLessEqual(len(result.body), LIMIT)
        self.judge(result)
        return "answer", (result.status, result.headers, result.body, result.truncated)

    @examples(500)
    @given(ANSWERS, CUTS, st.booleans())
    def test_anything(self, data: bytes, cuts: list[int], clean: bool) -> None:
        """Whatever a backend answers is an answer of bounded size or a fault, the same however it is cut."""
        with Guard():
            whole = self.outcome(data, [], clean)
            self.assertEqual(self.outcome(data, cuts, clean), whole)
            if len(data) < 2000:
                self.assertEqual(self.outcome(data, list(range(len(data))), clean), whole)
        self.assertEqual(self.flushLoggedErrors(), [])
