"""A backend that fails for some, or at some kinds of events, or for all: who feels it, and what it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import capturedLogs, formatEvent

from tests.support.core_fakes import FakeObserver, FakePeer
from tests.support.courier_case import OK, CourierTestCase
from wsaas.backend.breaker import PROBES, THRESHOLD
from wsaas.backend.requests import Webhook
from wsaas.core.events import Cause, EventKind
from wsaas.core.session import Session
from wsaas.core.states import State
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, NotSent, TimedOut

LOUD, QUIET = "192.0.2.1", "198.51.100.1"
TURNED_AWAY = "refuse BACKEND_AWAY"
Backend = Callable[[Webhook], HttpResponse | Fault | None]


def status(number: int) -> HttpResponse:
    return HttpResponse(number, (), b"", False)


def addresses(count: int) -> list[str]:
    return [f"203.0.113.{number}" for number in range(count)]


class OutageTestCase(CourierTestCase):
    def answer_all(self, backend: Backend) -> None:
        """HttpResponse what is in flight, and what is sent upon that, as `backend` says; with None it hangs."""
        index = 0
        while index < len(self.sender.waiting):
            answer = backend(self.sender.waiting[index][0])
            if answer is None:
                index += 1
            else:
                self.sender.answer(answer, index)

    def run_for(self, seconds: float, backend: Backend, each: Callable[[int], object] = lambda turn: None) -> None:
        for turn in range(round(seconds * 50)):
            each(turn)
            self.answer_all(backend)
            self.clock.advance(0.02)

    def posts(self) -> int:
        return sum(webhook.method == b"POST" for webhook in self.sender.sent)

    def open_all(self, count: int, of: Iterable[str] = ()) -> list[Session]:
        opened = [self.open(address)[1] for address in [*of, *addresses(count)][:count]]
        self.assertEqual({session.state for session in opened}, {State.OPEN})
        return opened

    def assert_asked(self, peer: FakePeer) -> None:
        """The backend is being asked for it: it was not turned away, and does not wait for its turn."""
        assert peer.session is not None
        self.assertEqual((peer.calls, peer.session.state), ([], State.CONNECTING))

    def assert_turned_away(self, peer: FakePeer) -> None:
        self.assertEqual(peer.calls, [TURNED_AWAY])


class NewcomerTests(OutageTestCase):
    """One address makes connects fail."""

    def test_500_keeps_nobody_out(self) -> None:
        """50 connects a second, each answered 500, keep nobody else out, and most of them are not passed on."""
        asked = []

        def each(turn: int) -> None:
            self.connect(LOUD)
            if turn % 25 == 24:
                asked.append(self.connect(QUIET))
                self.assert_asked(asked[-1])
                self.sender.answer(OK, -1)

        self.run_for(10, lambda webhook: status(500), each)
        self.assertEqual({peer.session.state for peer in asked if peer.session}, {State.OPEN})
        self.assertEqual(len(asked), 20)
        self.assertLessEqual(self.posts() - len(asked), THRESHOLD + 10 * 5)

    def test_other_failures_of_one(self) -> None:
        """The same when they are lost, hang, or are answered 502 and 503 by something in between."""
        for failure in (Lost("reset"), TimedOut("10 s"), status(502), status(503)):
            self.build()
            for _ in range(5 * THRESHOLD):
                self.connect(LOUD)
                self.answer_all(lambda webhook, failure=failure: failure if webhook.method == b"POST" else OK)
            self.assert_turned_away(self.connect(LOUD))
            self.assert_asked(self.connect(QUIET))

    def test_paced_until_well(self) -> None:
        """The party that made it fail is turned away, but for a try now and then, and let in once one succeeds."""
        for _ in range(THRESHOLD):
            self.connect(LOUD)
            self.sender.answer(status(500))
        self.assert_turned_away(self.connect(LOUD))
        self.clock.advance(0.5)
        self.connect(LOUD)
        self.assert_turned_away(self.connect(LOUD))
        self.sender.answer(status(500))
        self.assert_turned_away(self.connect(LOUD))
        self.clock.advance(0.5)
        self.connect(LOUD)
        self.sender.answer(status(403))
        for _ in range(5):
            self.assert_asked(self.connect(LOUD))

    def test_those_that_wait(self) -> None:
        """Of a party that is paced from now on, connects that wait for their turn are turned away, too."""
        self.build(concurrency=8)
        peers = [self.connect(LOUD) for _ in range(100)]
        self.answer_all(lambda webhook: status(500))
        self.assertEqual(len(self.registry), 0)
        self.assertEqual({call for peer in peers for call in peer.calls}, {TURNED_AWAY, "refuse BACKEND_FAILED"})
        self.assertLess(self.posts(), 2 * THRESHOLD)

    def test_hanging_connects(self) -> None:
        """However many connects of one address hang, there is a place for another's at once."""
        for _ in range(500):
            self.connect(LOUD)
        self.assertLess(self.posts(), 500)
        self.assert_asked(self.connect(QUIET))

    def test_waiting_connects(self) -> None:
        """However many connects of one address wait for their turn, another's turn is the next."""
        self.build(concurrency=1)
        for _ in range(100):
            self.connect(LOUD)
        quiet = self.connect(QUIET)
        self.sender.answer(OK)
        self.sender.answer(OK)
        self.assert_asked(quiet)

    def test_failures_of_many(self) -> None:
        """When connects of several addresses fail to reach the backend, all are turned away but for a few probes, one
        of each address in a round, and the first that succeeds lets all in."""
        for address in addresses(5) * 2:
            self.connect(address)
            self.sender.answer(Lost("reset"))
            self.answer_all(lambda webhook: OK)
        self.assert_turned_away(self.connect(QUIET))
        self.clock.advance(0.5)
        asked = self.posts()
        for _ in range(50):
            self.connect(addresses(1)[0])
        self.assertEqual(self.posts(), asked + 1)
        self.assert_asked(self.connect(QUIET))
        self.sender.answer(OK, -1)
        for _ in range(10):
            self.assert_asked(self.connect(addresses(2)[1]))

    def test_unreachable(self) -> None:
        """A backend that takes no connection is no party's fault: few failures are enough, of any parties."""
        for _ in range(THRESHOLD):
            self.connect(LOUD)
            self.sender.answer(NotSent("connection refused"))
        self.assert_turned_away(self.connect(QUIET))
        self.clock.advance(0.5)
        self.assertEqual([self.connect(address).calls for address in (LOUD, QUIET)], [[], []])

    def test_any_answer_proves_life(self) -> None:
        """An answer of any other status ends it, a failure of the backend's own as well."""
        for answer in (status(500), status(501), status(404), status(302), OK):
            self.build()
            for _ in range(THRESHOLD):
                self.connect(LOUD)
                self.sender.answer(NotSent("connection refused"))
            self.clock.advance(0.5)
            self.connect(LOUD)
            self.sender.answer(answer)
            for address in addresses(10):
                self.assert_asked(self.connect(address))


class MessageTests(OutageTestCase):
    """Messages fail, of all connections or of some."""

    def puts(self, failure: HttpResponse | Fault, others: bool) -> int:
        """How many PUTs there are in 9 s while 20 messages wait that always fail, and others come and go, or do not."""
        self.build()
        for session in self.open_all(20):
            self.say(session, b"broken")

        def each(turn: int) -> None:
            if others and turn % 15 == 0:
                peer = self.connect(QUIET)
                self.answer_all(backend)
                assert peer.session is not None
                peer.session.disconnected(Cause.CLIENT, 1000, "", True)

        def backend(webhook: Webhook) -> HttpResponse | Fault:
            return failure if webhook.method == b"PUT" else OK

        self.run_for(9, backend, each)
        self.assertEqual(self.posts(), 50 if others else 20)
        return len(self.bodies())

    def test_broken_handler(self) -> None:
        """While the handler of messages is broken, others who come and go do not make it be tried more often than the
        backoff says, however it fails."""
        for failure in (status(500), status(503), Lost("reset"), TimedOut("10 s"), NotSent("refused")):
            self.assertEqual(self.puts(failure, others=True), self.puts(failure, others=False), failure)
        self.assertLessEqual(self.puts(status(500), others=True), 20 * 7)

    def test_broken_handler_in_the_log(self) -> None:
        """Nor does the log say again and again that the backend fails and is back."""
        for failure, opened in ((status(500), 0), (Lost("reset"), 1)):
            with capturedLogs() as events:
                self.puts(failure, others=True)
            lines = [formatEvent(event) for event in events]
            self.assertEqual(sum("the backend is back" in line for line in lines), 0, lines)
            self.assertEqual(sum("cannot be reached" in line for line in lines), opened, lines)

    def test_back_is_said_once(self) -> None:
        """That the backend is back is said once, and of which kind of event."""
        for session in self.open_all(20):
            self.say(session, b"x")
        with capturedLogs() as events:
            self.run_for(3, lambda webhook: Lost("reset"))
            self.run_for(3, lambda webhook: OK)
        lines = [formatEvent(event) for event in events]
        [back] = [line for line in lines if "is back" in line]
        self.assertTrue(back.startswith("the backend is back: it answers message webhooks again"), back)
        self.assertEqual(self.bodies().count(b"x"), len(self.bodies()))
        self.assertEqual(sum(len(session.lane) for session in self.registry), 0)

    def test_a_few_that_fail_among_many(self) -> None:
        """Connections whose messages never reach the backend are tried as their backoff says, though others' messages
        reach it all the time."""
        poisoned, good = self.open_all(20), self.open(QUIET)[1]
        for session in poisoned:
            self.say(session, b"poison")

        def backend(webhook: Webhook) -> HttpResponse | Fault:
            return Lost("reset") if webhook.body == b"poison" else OK

        self.run_for(9, backend, lambda turn: self.say(good, b"fine"))
        self.run_for(2, backend)
        self.assertEqual(self.bodies().count(b"fine"), 450)
        # As many as the backoff gives, and for each one more that was not waited for.
        self.assertLessEqual(self.bodies().count(b"poison"), 20 * 8)

    def test_all_at_once_when_it_is_back(self) -> None:
        """When it can be reached again, all that wait for that are tried at once; not those whom it told when."""
        _, patient = self.open()
        self.say(patient, b"patient")
        self.sender.answer(HttpResponse(503, ((b"retry-after", b"20"),), b"", False))
        for session in self.open_all(20):
            self.say(session, b"x")
        self.run_for(8, lambda webhook: Lost("reset"))
        before = len(self.bodies())
        self.run_for(1, lambda webhook: OK)
        self.assertEqual(len(self.bodies()) - before, 20)

    def test_500_is_ones_own(self) -> None:
        """What fails with 500 waits for its own backoff, whatever becomes of the others."""
        first, *others = self.open_all(20)
        self.say(first, b"broken")
        for _ in range(4):
            self.sender.answer(status(500))
            self.clock.advance(2)
        self.sender.answer(status(500))
        tried = self.bodies().count(b"broken")
        for session in others:
            self.say(session, b"x")
        self.run_for(1.5, lambda webhook: Lost("reset"))
        self.run_for(1.5, lambda webhook: OK)
        self.assertEqual(self.bodies().count(b"broken"), tried)

    def test_hanging_messages(self) -> None:
        """However many messages from one address hang, there is a place for another's at once."""
        stuck = [self.open(LOUD)[1] for _ in range(100)]
        quiet = self.open(QUIET)[1]
        for session in stuck:
            self.say(session, b"stuck")
        self.assertLess(len(self.bodies()), 100)
        self.say(quiet, b"fine")
        self.assertEqual(self.bodies()[-1], b"fine")

    def test_probes_take_turns(self) -> None:
        """While the backend cannot be reached, addresses take turns to be probed: the first that succeeds ends it."""
        loud = [self.open(LOUD)[1] for _ in range(200)]
        quiet = self.open(QUIET)[1]
        for session in loud:
            self.say(session, b"loud")
        self.run_for(2, lambda webhook: Lost("reset"))
        self.say(quiet, b"fine")
        self.run_for(1, lambda webhook: Lost("reset") if webhook.body == b"loud" else OK)
        self.assertIn(b"fine", self.bodies())

    def test_never_tried(self) -> None:
        """A message that never had its turn is not given up because others fail: only when no message reached the
        backend for all of its patience."""
        self.build(concurrency=4)
        others, quiet = self.open_all(100), self.open(QUIET)[1]
        for session in [*others, quiet]:
            self.say(session, b"late" if session is quiet else b"x")
        self.run_for(28, lambda webhook: None)
        self.run_for(20, lambda webhook: Lost("reset") if webhook.body == b"x" else None)
        self.assertIn(b"late", self.bodies())
        self.assertEqual(quiet.state, State.OPEN)

    def test_no_place_for_a_probe(self) -> None:
        """When all places are taken by webhooks that hang, the courier waits, and does not turn."""
        self.build(concurrency=4)
        for session in self.open_all(20):
            self.say(session, b"x")
        self.run_for(2, lambda webhook: NotSent("refused"))
        self.run_for(3, lambda webhook: None)
        self.assertTrue(self.sender.waiting)
        due = [call.getTime() for call in self.clock.getDelayedCalls()]
        self.clock.advance(0)
        self.assertEqual(due, [call.getTime() for call in self.clock.getDelayedCalls()])
        self.assertGreater(min(due), self.clock.seconds())

    def test_fewer_parties_than_probes(self) -> None:
        """Of one address alone, several connections are probed in a round."""
        for session in [self.open(LOUD)[1] for _ in range(20)]:
            self.say(session, b"x")
        self.answer_all(lambda webhook: NotSent("refused"))
        self.run_for(3, lambda webhook: NotSent("refused"))
        before = len(self.bodies())
        self.clock.advance(0.5)
        self.assertGreaterEqual(len(self.bodies()) - before, PROBES - 1)

    def test_observed_without_a_try(self) -> None:
        """A message that is given up before its first try is told of, too."""
        observer = self.monitor.observer = FakeObserver()
        for session in [self.open(LOUD)[1] for _ in range(300)]:
            self.say(session, b"x")
        self.run_for(35, lambda webhook: Lost("reset"))
        told = {line.split(maxsplit=2)[2] for line in observer.heard if "Undelivered" in line}
        self.assertIn("message Undelivered 0", told)
        given_up = sum("Undelivered" in line for line in observer.heard)
        self.assertEqual(self.monitor.counters.webhooks[EventKind.MESSAGE].abandoned, given_up)
