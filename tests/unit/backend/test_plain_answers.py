"""An answer that is the last one again, and is not read: the same becomes of it as of one that is read."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import FakePeer
from tests.support.courier_case import OK, CourierTestCase
from wsaas.backend import courier
from wsaas.backend.breaker import THRESHOLD
from wsaas.core.events import Cause, EventKind
from wsaas.core.states import State
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, NotSent, SecondAnswer

GROUPS = HttpResponse(200, (), b'{"code": "OK", "groups": ["g"]}', False)
NO = HttpResponse(200, (), b'{"code": "NO"}', False)
DOWN = HttpResponse(503, (), b"", False)
BROKEN = HttpResponse(500, (), b"", False)


class World(CourierTestCase):
    """A courier whose backend answers the same in the same object, or each time in a new one."""

    def __init__(self, *, same: bool) -> None:
        super().__init__()
        self.same = same
        self.build()
        self.peers: list[FakePeer] = []

    def runTest(self) -> None:
        """Do nothing: this is no test, but its courier is that of one."""

    def given(self, answer: HttpResponse | Fault) -> HttpResponse | Fault:
        return answer if self.same or isinstance(answer, Fault) else replace(answer)

    def run_schedule(self, random: Random) -> list[object]:
        """Connect, answer, leave and wait as `random` says; return all that could be seen of it."""
        seen: list[object] = []
        for _ in range(200):
            match random.randrange(8):
                case 0 | 1 | 2:
                    self.peers.append(self.connect(f"192.0.2.{random.randrange(3)}"))
                case 3:
                    live = [peer for peer in self.peers if peer.session is not None]
                    if live and (session := random.choice(live).session) is not None:
                        session.disconnected(Cause.CLIENT, 1000, "", True)
                case 4:
                    self.clock.advance(random.choice((0.1, 1.0, 70.0)))
                case _:
                    answers: list[HttpResponse | Fault]
                    answers = [OK, OK, OK, GROUPS, NO, BROKEN, DOWN, Lost("reset"), NotSent("refused")]
                    if random.randrange(12) == 0:
                        answers = [SecondAnswer(200, (), OK.body, False)]
                    for answer in random.choices(answers[: 3 + random.randrange(7)], k=random.randrange(12)):
                        if self.sender.waiting:
                            self.sender.answer(self.given(answer), random.randrange(len(self.sender.waiting)))
            seen.append(len(self.sender.sent))
        counters = self.monitor.counters
        seen += [(webhook.method, webhook.head, webhook.body) for webhook in self.sender.sent]
        seen += [peer.calls for peer in self.peers]
        seen += [
            (kind, each.answers, each.failures, each.refused, each.abandoned, each.duration.counts)
            for kind, each in counters.webhooks.items()
        ]
        seen += [self.courier.load(), counters.refused, counters.closed, counters.opened, len(self.monitor.owed)]
        seen.append([(session.id, session.state, session.groups) for session in self.registry])
        return seen


class DifferentialTests(SynchronousTestCase):
    def test_schedules(self) -> None:
        """Whatever happens before, between and after, an answer that is the last one again has the same effect as one
        that is read.
        """
        for seed in range(20):
            same, anew = (World(same=same).run_schedule(Random(seed)) for same in (True, False))
            self.flushLoggedErrors()
            for one, other in zip(same, anew, strict=True):
                self.assertEqual(one, other, seed)


class UnreadTests(CourierTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.read: list[object] = []
        original = courier.read

        def read(id: str, event: object, answer: object, *rest: object) -> object:
            self.read.append(answer)
            return original(id, event, answer, *rest)  # type: ignore[arg-type]  # as they came

        self.patch(courier, "read", read)

    def test_connects(self) -> None:
        """Of OKs that say nothing else, the first is read; one with something to say is read each time."""
        for _ in range(3):
            self.open()
        self.assertEqual(self.read, [OK])
        for _ in range(2):
            session = self.connect().session
            self.sender.answer(GROUPS)
            assert session is not None
            self.assertEqual((session.state, session.groups), (State.OPEN, {"g"}))
        self.assertEqual(self.read, [OK, GROUPS, GROUPS])
        self.open()
        self.assertEqual(len(self.read), 3)
        self.assertEqual(self.monitor.counters.webhooks[EventKind.CONNECT].answers[2], 6)

    def test_disconnects(self) -> None:
        """A disconnect's answer is read once, too; that of a connect is no disconnect's."""
        for _ in range(3):
            _, session = self.open()
            session.disconnected(Cause.CLIENT, 1000, "", True)
            self.sender.answer(OK)
        self.assertEqual(self.read, [OK, OK])
        self.assertFalse(len(self.registry))

    def test_party_that_failed(self) -> None:
        """While a party's connects fail, each OK is read, as it counts for its party: the party that gets one is let
        through again.
        """
        self.open("192.0.2.2")
        for number in range(THRESHOLD):
            self.connect("192.0.2.1")
            self.sender.answer(BROKEN)
            if number % 3 == 0:
                self.open("192.0.2.2")
        self.clock.advance(1)
        self.open("192.0.2.1")
        for _ in range(3):
            self.open("192.0.2.1")
