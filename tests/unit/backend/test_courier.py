"""The courier: order, one in flight, shares, patience, and what a bug of ours leads to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.python.failure import Failure

from tests.support.core_fakes import FakeObserver
from tests.support.courier_case import OK, CourierTestCase
from tests.support.properties import examples
from wsaas.backend import courier, responses
from wsaas.backend.breaker import PROBES, THRESHOLD
from wsaas.backend.delivery import Load
from wsaas.backend.requests import Webhook
from wsaas.core.events import Cause, EventKind
from wsaas.core.observer import Times
from wsaas.core.records import Record
from wsaas.core.session import Session
from wsaas.core.states import State
from wsaas.http_client.exchange import HttpResponse, Lost, NotSent, SecondAnswer, TimedOut


class CourierTests(CourierTestCase):
    def test_order(self) -> None:
        """POST, then the messages in order, one at a time, then the DELETE."""
        _, session = self.open()
        self.say(session, b"1", b"2", b"3")
        session.disconnected(Cause.CLIENT, 1000, "", True)
        self.assertEqual(len(self.sender.waiting), 1)
        for count in (1, 2, 3):
            self.assertEqual(len(self.bodies()), count)
            self.sender.answer(OK)
        self.assertEqual(self.bodies(), [b"1", b"2", b"3"])
        self.assertEqual([webhook.method for webhook in self.sender.sent], [b"POST", b"PUT", b"PUT", b"PUT", b"DELETE"])
        self.sender.answer(OK)
        self.assertEqual(len(self.registry), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answers_at_once(self) -> None:
        """A sender whose answers are there at once neither recurses nor changes the order."""
        _, session = self.open()
        self.sender.at_once = OK
        for number in range(3000):
            self.say(session, b"%d" % number)
        self.say(session, *(b"%d" % number for number in range(3000, 3010)))
        self.assertEqual(self.bodies(), [b"%d" % number for number in range(3010)])

    def test_retry_in_order(self) -> None:
        """A failed message is sent again, with the same webhook-id, before the next one goes out."""
        _, session = self.open()
        self.say(session, b"1", b"2")
        self.sender.answer(Lost("reset"))
        self.assertEqual(self.sender.waiting, [])
        self.clock.advance(0.2)
        self.sender.answer(HttpResponse(503, (), b"", False))
        self.clock.advance(0.4)
        self.sender.answer(OK)
        self.assertEqual(self.bodies(), [b"1", b"1", b"1", b"2"])
        ids = {webhook.head.split(b"webhook-id: ")[1].split(b"\r\n")[0] for webhook in self.sender.sent[1:4]}
        self.assertEqual(len(ids), 1)

    def test_others_go_on(self) -> None:
        """While one connection's message waits to be tried again, another's goes out."""
        _, first = self.open()
        _, second = self.open()
        self.say(first, b"1")
        self.sender.answer(Lost("reset"))
        self.say(second, b"2")
        self.assertEqual(self.bodies(), [b"1", b"2"])

    def test_retry_after(self) -> None:
        """Retry-After is waited for, but not beyond 30 s."""
        _, session = self.open()
        self.say(session, b"1")
        self.sender.answer(HttpResponse(429, ((b"retry-after", b"7"),), b"", False))
        self.clock.advance(6.9)
        self.assertEqual(len(self.bodies()), 1)
        self.clock.advance(0.2)
        self.assertEqual(len(self.bodies()), 2)

    def test_message_patience(self) -> None:
        """After MESSAGE_PATIENCE the connection is closed with 1013, and its DELETE says what was lost."""
        peer, session = self.open()
        self.say(session, b"1", b"2")
        while session.state is State.OPEN:
            self.sender.answer(Lost("reset"))
            self.clock.advance(30)
        self.assertGreaterEqual(self.clock.seconds(), 30)
        self.assertIn("close 1013", peer.calls)
        self.assertEqual(set(self.bodies()), {b"1"})
        session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertIn(b'"undelivered"', self.sender.sent[-1].body)
        self.assertIn(b'"lost_messages": 2', self.sender.sent[-1].body)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_disconnect_patience(self) -> None:
        """A DELETE that nobody takes is given up after DISCONNECT_PATIENCE, and the session forgotten."""
        _, session = self.open()
        session.disconnected(Cause.NETWORK, 1006, "", False)
        tries = 0
        while len(self.registry):
            tries += 1
            self.sender.answer(NotSent("refused"))
            self.clock.advance(30)
        self.assertGreater(tries, 5)
        self.assertGreaterEqual(self.clock.seconds(), 300)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connect_is_tried_once(self) -> None:
        """A connect that fails is not tried again: the client may come again."""
        for fault, refusal in (
            (NotSent("refused"), "BACKEND_FAILED"),
            (Lost("reset"), "NO_ANSWER"),
        ):
            peer = self.connect()
            self.sender.answer(fault)
            self.assertEqual(peer.calls, [f"refuse {refusal}"])
        self.assertEqual([webhook.method for webhook in self.sender.sent], [b"POST", b"POST", b"DELETE"])

    def test_refusal_of_the_second_post(self) -> None:
        """A POST that had to be sent again, and is then refused, is followed by one DELETE; a first refusal by none."""
        for refusal, reason, methods in (
            (HttpResponse(409, (), b"", False), "VETOED", [b"POST"]),
            (SecondAnswer(409, (), b"", False), "BACKEND_FAILED", [b"POST", b"DELETE"]),
        ):
            sent = len(self.sender.sent)
            peer = self.connect()
            self.sender.answer(refusal)
            while self.sender.waiting:
                self.sender.answer(OK)
            self.assertEqual([webhook.method for webhook in self.sender.sent[sent:]], methods)
            self.assertEqual(peer.calls[0], f"refuse {reason}")
            self.assertEqual(len(self.registry), 0)

    def test_concurrency(self) -> None:
        """No more than `concurrency` are in flight; the rest take turns as places become free."""
        self.build(concurrency=8)
        sessions = [self.open(f"192.0.2.{number}")[1] for number in range(20)]
        for session in sessions:
            self.say(session, b"a", b"b")
        self.assertEqual(len(self.sender.waiting), 4)  # a quarter is kept for connects, one for disconnects
        most = 0
        while self.sender.waiting:
            most = max(most, len(self.sender.waiting))
            self.sender.answer(OK)
        self.assertEqual(most, 4)
        self.assertEqual(self.bodies()[:20], [b"a"] * 20)
        self.assertEqual(len(self.bodies()), 40)

    def test_mass_disconnect_starves_nobody(self) -> None:
        """While very many disconnects wait, a connect and a message go out at once."""
        _, talker = self.open()
        for session in [self.open(f"192.0.2.{number}")[1] for number in range(200)]:
            session.disconnected(Cause.NETWORK, 1006, "", False)
        sent = len(self.sender.sent)
        self.say(talker, b"hi")
        self.connect()
        self.assertEqual([webhook.method for webhook in self.sender.sent[sent:]], [b"PUT", b"POST"])

    def test_client_that_left_before_its_turn(self) -> None:
        """A client that leaves while its connect waits for its turn is never mentioned to the backend."""
        self.build(concurrency=1)
        _, first = self.open()
        self.say(first, b"1")
        session = self.connect().session
        assert session is not None
        session.disconnected(Cause.NETWORK, 1006, "", False)
        self.sender.answer(OK)
        self.assertEqual([webhook.method for webhook in self.sender.sent], [b"POST", b"PUT"])
        self.assertEqual(len(self.registry), 1)

    def test_a_bug_closes_the_connection(self) -> None:
        """If settling breaks, the failure is logged, the client let go with 1011, and the backend told."""
        peer, session = self.open()
        peer.send = lambda frame: 1 / 0  # type: ignore[assignment, return-value]
        self.say(session, b"1")
        self.sender.answer(HttpResponse(200, ((b"wsaas-reply", b"text"),), b"x", False))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("close 1011", peer.calls)
        session.disconnected(Cause.NETWORK, 1006, "", False)
        self.sender.answer(OK)
        self.assertEqual(len(self.registry), 0)

    def test_a_sender_that_raises(self) -> None:
        """If sending itself breaks, at once or later, no lane hangs: the message counts as undelivered."""
        peer, session = self.open()
        self.sender.send = lambda webhook, done: 1 / 0  # type: ignore[assignment, return-value]
        self.say(session, b"1")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("close 1011", peer.calls)
        del self.sender.send
        peer, session = self.open()
        self.say(session, b"1")
        self.sender.answer(Failure(ZeroDivisionError()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("close 1011", peer.calls)
        self.assertEqual(set(self.courier._dispatcher._shares.in_flight.values()), {0})

    def fail_everything(self) -> list[Session]:
        """Sessions with a message each, and a backend that has refused enough of them."""
        sessions = [self.open()[1] for _ in range(20)]
        for session in sessions:
            self.say(session, b"x")
        while self.sender.waiting:
            self.sender.answer(NotSent("refused"))
        return sessions

    def test_breaker_opens(self) -> None:
        """A backend that cannot be reached is sent some webhooks a second, not every connection's retries."""
        self.fail_everything()
        sent = len(self.sender.sent)
        for _ in range(100):
            self.clock.advance(0.1)
            while self.sender.waiting:
                self.sender.answer(NotSent("refused"))
        self.assertLessEqual(len(self.sender.sent) - sent, 10 * 2 * PROBES)
        self.assertGreaterEqual(len(self.sender.sent) - sent, 15)

    def test_breaker_and_connects(self) -> None:
        """When connects fail, too, further ones are turned away at once, and the backend never hears of them."""
        for _ in range(THRESHOLD):
            self.connect()
            self.sender.answer(NotSent("refused"))
        sent = len(self.sender.sent)
        peer = self.connect()
        self.assertEqual(peer.calls, ["refuse BACKEND_AWAY"])
        self.assertEqual((len(self.sender.sent), len(self.registry)), (sent, 0))
        self.clock.advance(1)
        self.connect()
        self.sender.answer(OK)
        self.connect()
        self.assertEqual(len(self.sender.sent), sent + 2)

    def test_failing_messages_keep_nobody_out(self) -> None:
        """Clients whose messages always fail keep neither newcomers out nor others' messages."""
        self.fail_everything()
        _, session = self.open()
        self.fail_everything()
        self.say(session, b"fine")
        while b"fine" not in self.bodies():
            self.clock.advance(0.1)
        self.assertLess(self.clock.seconds(), 2)

    def test_breaker_closes(self) -> None:
        """The first success lets all parties try at once."""
        self.fail_everything()
        while not self.sender.waiting:
            self.clock.advance(0.1)
        self.sender.answer(OK)
        self.assertEqual(len(self.sender.waiting), 19)
        self.assertEqual(self.connect().calls, [])

    def test_a_hanging_probe(self) -> None:
        """A probe that hangs does not keep the next one from being sent."""
        self.fail_everything()
        self.clock.pump([0.1] * 60)
        self.assertGreaterEqual(len(self.sender.waiting), 3)

    def test_retry_after_survives_the_return(self) -> None:
        """What the backend itself asked to wait for is not tried earlier because others succeed."""
        _, patient = self.open()
        self.say(patient, b"patient")
        self.sender.answer(HttpResponse(503, ((b"retry-after", b"20"),), b"", False))
        self.fail_everything()
        self.clock.advance(3)
        self.sender.answer(OK)
        self.assertEqual(self.bodies().count(b"patient"), 1)

    def test_patience_while_open(self) -> None:
        """MESSAGE_PATIENCE ends for those too that are not tried meanwhile, and connections are closed, in order."""
        sessions = self.fail_everything()
        for _ in range(400):
            self.clock.advance(0.1)
            while self.sender.waiting:
                self.sender.answer(NotSent("refused"))
        self.assertEqual([session.state for session in sessions], [State.DISMISSED] * 20)

    def test_one_bad_message(self) -> None:
        """One connection's message that always fails does not open the circuit while others succeed."""
        _, good = self.open()
        _, bad = self.open()
        self.say(bad, b"poison")
        for _ in range(50):
            for index in reversed(range(len(self.sender.waiting))):
                webhook, _ = self.sender.waiting[index]
                self.sender.answer(HttpResponse(500, (), b"", False) if webhook.body == b"poison" else OK, index)
            self.say(good, b"fine")
            self.clock.advance(0.5)
        self.assertEqual(self.bodies().count(b"fine"), 50)
        self.assertEqual(self.connect().calls, [])

    def test_stop(self) -> None:
        """After `stop` nothing is sent, and what is still answered resolves nothing."""
        _, first = self.open()
        _, second = self.open()
        self.say(first, b"1")
        self.say(second, b"2")
        self.sender.answer(Lost("reset"), 0)
        self.courier.stop()
        sent = len(self.sender.sent)
        self.sender.answer(OK)
        self.say(second, b"3")
        self.clock.advance(100)
        self.assertEqual(len(self.sender.sent), sent)
        self.assertEqual(len(second.lane), 2)

    def test_revived(self) -> None:
        """Connections of an earlier life get their DELETE, with what was recorded of them."""
        self.gateway.revive([Record("x" * 32, 0.0, ((b"Authorization", b"a"),), "0" * 32)])
        self.assertIn(b'"restart"', self.sender.sent[0].body)
        self.assertIn(b"Authorization: a\r\n", self.sender.sent[0].head)


ANSWERS = [
    OK,
    HttpResponse(204, ((b"date", b"x"),), b"", False),
    HttpResponse(200, ((b"wsaas-reply", b"text"),), b"hi", False),
    HttpResponse(404, (), b"", False),
    HttpResponse(410, (), b"", False),
    HttpResponse(500, (), b"", False),
    HttpResponse(503, (), b"", False),
]
STEPS = st.lists(
    st.tuples(st.sampled_from(["say"] * 3 + ["answer"] * 5 + ["open", "leave", "wait", "break"]), st.integers(0, 50)),
    max_size=60,
)


class PlainAnswerTests(CourierTestCase):
    """The fast path for an answer that is the same object as an earlier one."""

    def run_steps(self, steps: list[tuple[str, int]], same: bool) -> list[object]:
        """What clients and the backend see; `same` answers with the same objects again, else with equal ones."""
        self.build(concurrency=8)
        peers = [self.open(f"192.0.2.{number}")[0] for number in range(3)]
        for step, number in steps:
            peer, waiting = peers[number % len(peers)], len(self.sender.waiting)
            answer = ANSWERS[number % len(ANSWERS)] if number < 20 else OK
            if step == "say" and peer.session is not None:
                self.say(peer.session, b"%d" % number)
            elif step == "answer" and waiting:
                self.sender.answer(answer if same else replace(answer), number % waiting)
            elif step == "break":
                for _ in range(waiting):
                    self.sender.answer(Lost("reset"))
            elif step == "open":
                peers.append(self.connect(f"192.0.2.{number}"))
            elif step == "leave" and peer.session is not None:
                peer.session.disconnected(Cause.NETWORK, 1006, "", False)
            elif step == "wait":
                self.clock.advance(number / 10)
        sent: list[object] = [(each.method, each.head, each.body) for each in self.sender.sent]
        return sent + [peer.calls for peer in peers]

    @examples(150)
    @given(STEPS)
    def test_alike(self, steps: list[tuple[str, int]]) -> None:
        """The courier does the same with an answer that it knows as with one that it reads."""
        self.assertEqual(self.run_steps(steps, same=True), self.run_steps(steps, same=False))

    def test_taken(self) -> None:
        """A known answer to a message is not read again; a message that was refused is, each time."""
        read: list[object] = []
        self.patch(courier, "read", lambda *arguments: read.append(arguments[2]) or responses.read(*arguments))
        _, session = self.open()
        refused = HttpResponse(404, (), b"", False)
        for answer, count in ((OK, 1), (OK, 0), (refused, 1), (refused, 1), (OK, 0), (replace(OK), 1)):
            read.clear()
            self.say(session, b"hi")
            self.sender.answer(answer)
            self.assertEqual(len(read), count)

    def test_end_taken(self) -> None:
        """A known answer to a disconnect is not read again, and its delay is counted; one that is no 2xx is read."""
        read: list[object] = []
        self.patch(courier, "read", lambda *arguments: read.append(arguments[2]) or responses.read(*arguments))
        refused = HttpResponse(404, (), b"", False)
        for number, (answer, count) in enumerate(((OK, 1), (OK, 0), (refused, 1), (refused, 1), (OK, 0))):
            _, session = self.open()
            session.disconnected(Cause.CLIENT, 1000, "", True)
            read.clear()
            self.sender.answer(answer)
            self.assertEqual((len(read), len(self.registry), len(self.monitor.owed)), (count, 0, 0))
            self.assertEqual(sum(self.monitor.counters.disconnect_delay.counts), number + 1)
        self.assertEqual(self.monitor.counters.webhooks[EventKind.DISCONNECT].answers[2], 3)

    def test_reaches(self) -> None:
        """After failures a known answer is read: the backend was reached, and the count of failures begins anew."""
        sessions = [self.open(f"192.0.2.{number}")[1] for number in range(THRESHOLD // 2 + THRESHOLD)]
        for number, session in enumerate(sessions):
            self.say(session, b"hi")
            self.sender.answer(OK if number in (0, THRESHOLD // 2) else Lost("reset"))
        _, session = self.open()
        self.say(session, b"hi")
        self.assertEqual(len(self.sender.waiting), 1)


class MonitorTests(CourierTestCase):
    """What is counted of webhooks, and told to an observer."""

    def counted(self, kind: EventKind) -> tuple[dict[int, int], int, int, int, int]:
        counters = self.monitor.counters.webhooks[kind]
        answers = {digit: number for digit, number in enumerate(counters.answers) if number}
        return answers, counters.timeouts, counters.failures, counters.refused, counters.abandoned

    def test_tries(self) -> None:
        """Each try is counted by its answer, or why there was none, and a webhook by its last."""
        observer = self.monitor.observer = FakeObserver()
        _, session = self.open()
        self.say(session, b"one", b"two")
        for answer in (TimedOut("10 s"), Lost("reset"), HttpResponse(503, (), b"", False), OK):
            self.sender.answer(answer)
            self.clock.advance(1)
        self.sender.answer(HttpResponse(404, (), b"", False))
        self.assertEqual(self.counted(EventKind.CONNECT), ({2: 1}, 0, 0, 0, 0))
        self.assertEqual(self.counted(EventKind.MESSAGE), ({2: 1, 4: 1, 5: 1}, 1, 1, 1, 0))
        told = [line.split(maxsplit=2)[2] for line in observer.heard if line.startswith("tried")]
        self.assertEqual(
            told,
            [
                "connect Accepted 1",
                "message again in 0.2 1",
                "message again in 0.4 2",
                "message again in 0.8 3",
                "message Delivered 4",
                "message Delivered 1",
            ],
        )

    def test_attempts(self) -> None:
        """An observer gets the webhook, its answer, and the times of each try: in the queue, and on the way."""
        self.build(concurrency=1)
        self.clock.advance(100)
        observer = FakeObserver()
        self.monitor.watch(observer)
        _, first = self.open("192.0.2.1")
        _, second = self.open("192.0.2.2")
        self.say(first, b"one")
        self.say(second, b"two")
        for seconds, answer in (([3.0], Lost("reset")), ([1.0, 4.0], OK)):
            self.clock.pump(seconds)
            timing = self.sender.waiting[0][0].timing
            assert timing is not None
            timing.begun = self.clock.seconds() - 1
            self.sender.answer(answer)
        attempts = [each for each in observer.attempts if each.event.kind is EventKind.MESSAGE]
        self.assertEqual([each.times for each in attempts], [Times(0, 2, None, 3), Times(3, 4, None, 5)])
        self.assertEqual([str(each.answer) for each in attempts], ["reset", str(OK)])
        self.assertEqual([cast(Webhook, each.request).body for each in attempts], [b"one", b"two"])
        self.clock.advance(1.0)
        self.sender.answer(OK)
        self.assertEqual((observer.attempts[-1].number, observer.attempts[-1].times), (2, Times(4, None, None, 1)))

    def test_watched_meanwhile(self) -> None:
        """A try that began while nobody watched is told of without its webhook; one between two such has it."""
        _, session = self.open()
        self.say(session, b"one")
        observer = FakeObserver()
        self.monitor.watch(observer)
        self.sender.answer(Lost("reset"))
        self.clock.advance(1)
        self.sender.answer(Lost("reset"))
        self.monitor.unwatch(observer)
        self.clock.advance(1)
        self.monitor.watch(observer)
        self.sender.answer(OK)
        self.assertEqual(
            [(each.number, each.request is None) for each in observer.attempts], [(1, True), (2, False), (3, True)]
        )

    def test_delivered(self) -> None:
        """An observer that wants no requests hears of a delivered message by its moments; of all else as others do."""
        self.clock.advance(100)
        observer = FakeObserver()
        observer.wants_requests = False
        heard: list[Any] = []
        self.patch(observer, "delivered", lambda *arguments: heard.append(arguments))
        self.monitor.watch(observer)
        _, session = self.open()
        for answer in (HttpResponse(404, (), b"", False), Lost("reset"), OK, OK):
            self.say(session, b"hi")
            timing = self.sender.waiting[0][0].timing
            assert timing is not None
            timing.begun = timing.first_byte = now = self.clock.seconds()
            self.clock.advance(0.5)
            self.sender.answer(answer)
            self.clock.advance(2)
        self.sender.answer(OK)
        told = [line.split(maxsplit=2)[2] for line in observer.heard if line.startswith("tried")]
        others = ["connect Accepted 1", "message Delivered 1", "message again in 0.2 1", "message Delivered 1"]
        self.assertEqual(told, others)  # the last one has no moments
        self.assertEqual([(each[2], each[3]) for each in heard], [(2, OK), (1, OK)])
        _, sent_at, begun, first_byte, answered_at = heard[0][4]
        self.assertEqual((sent_at, begun, first_byte, answered_at), (now - 2.5,) * 3 + (now - 2.0,))

    def test_known_answer(self) -> None:
        """An answer that is not read, since it is the same as an earlier one, is counted all the same."""
        _, session = self.open()
        for _ in range(3):
            self.say(session, b"hi")
            self.sender.answer(OK)
        self.assertEqual(self.counted(EventKind.MESSAGE), ({2: 3}, 0, 0, 0, 0))

    def test_given_up(self) -> None:
        """A webhook that is tried no more is abandoned: a connect without an answer, a message without patience."""
        self.connect()
        self.sender.answer(Lost("reset"))
        self.sender.answer(OK)  # the DELETE that follows
        self.assertEqual(self.counted(EventKind.CONNECT), ({}, 0, 1, 0, 1))
        self.assertEqual(self.counted(EventKind.DISCONNECT), ({2: 1}, 0, 0, 0, 0))
        _, session = self.open()
        self.say(session, b"one")
        while session.state is State.OPEN:
            self.sender.answer(HttpResponse(500, (), b"", False))
            self.clock.advance(30)
        self.assertEqual(self.counted(EventKind.MESSAGE)[-1], 1)

    def test_duration(self) -> None:
        """Each try takes from its own sending to its answer, and is known by the trace of its connection."""
        _, session = self.open()
        self.clock.advance(100)
        self.say(session, b"one")
        self.clock.advance(0.75)
        self.sender.answer(HttpResponse(503, (), b"", False))
        self.clock.advance(1)
        self.clock.advance(3)
        self.sender.answer(OK)
        duration = self.monitor.counters.webhooks[EventKind.MESSAGE].duration
        self.assertEqual([duration.counts[bucket] for bucket in (9, 10, 11)], [1, 0, 1])
        self.assertEqual((sum(duration.counts), duration.sum), (2, 3.75))
        self.assertEqual(duration.exemplars[11], (session.trace_id, 3.0, 104.75))
        self.say(session, b"two")
        self.clock.advance(0.004)
        self.sender.answer(OK)
        self.assertEqual((duration.counts[2], duration.exemplars[2]), (1, None), "a quick one is no exemplar")

    def test_load(self) -> None:
        """Webhooks are in flight, or wait: for their turn, or for their next try; of a connection at most one."""
        self.build(concurrency=4)
        sessions = [self.open(f"192.0.2.{number}")[1] for number in range(3)]
        for session in sessions:
            self.say(session, b"one", b"two")
        self.assertEqual(self.courier.load()[EventKind.MESSAGE], Load(2, 1, False))
        self.sender.answer(Lost("reset"))
        self.assertEqual(self.courier.load()[EventKind.MESSAGE], Load(2, 1, False))
        while self.sender.waiting:
            self.sender.answer(OK)
        self.assertEqual(self.courier.load()[EventKind.MESSAGE], Load(0, 1, False))
        self.clock.advance(1)
        while self.sender.waiting:
            self.sender.answer(OK)
        self.assertEqual(self.courier.load()[EventKind.MESSAGE], Load(0, 0, False))
        for session in sessions:
            session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertEqual(self.courier.load()[EventKind.DISCONNECT], Load(2, 1, False))
        self.sender.answer(Lost("reset"))
        self.assertEqual(self.courier.load()[EventKind.DISCONNECT], Load(2, 1, False))
        self.sender.answer(OK)
        self.assertEqual(self.courier.load()[EventKind.DISCONNECT], Load(1, 1, False))
        self.clock.advance(1)
        self.assertEqual(self.courier.load()[EventKind.DISCONNECT], Load(2, 0, False))
        self.connect("192.0.2.9")
        self.connect("192.0.2.10")
        self.assertEqual(self.courier.load()[EventKind.CONNECT], Load(1, 1, False))

    def test_open_breaker(self) -> None:
        """The load says while only probes are sent; one whose wait ends early waits no more."""
        sessions = [self.open(f"192.0.2.{number}")[1] for number in range(THRESHOLD)]
        for session in sessions:
            self.say(session, b"hi")
            self.sender.answer(Lost("reset"))
        self.assertEqual(self.courier.load()[EventKind.MESSAGE], Load(0, THRESHOLD, True))
        self.clock.advance(60)
        self.sender.answer(OK)
        self.assertFalse(self.courier.load()[EventKind.MESSAGE].breaker_open)
        for _ in range(THRESHOLD * 4):
            while self.sender.waiting:
                self.sender.answer(OK)
            self.clock.advance(1)
        self.assertEqual(self.courier.load()[EventKind.MESSAGE], Load(0, 0, False))

    def test_disconnect_delay(self) -> None:
        """The delay of a DELETE ends with its answer, whatever that is; of one that is given up there is none."""
        delay = self.monitor.counters.disconnect_delay
        for answer, counted in ((OK, 1), (HttpResponse(404, (), b"", False), 2)):
            _, session = self.open()
            session.disconnected(Cause.CLIENT, 1000, "", True)
            self.sender.answer(HttpResponse(500, (), b"", False))
            self.assertEqual(sum(delay.counts), counted - 1)
            self.clock.advance(5)
            self.sender.answer(answer)
            self.assertEqual((sum(delay.counts), len(self.monitor.owed)), (counted, 0))
        _, session = self.open()
        session.disconnected(Cause.CLIENT, 1000, "", True)
        while len(self.registry):
            self.sender.answer(HttpResponse(500, (), b"", False))
            self.clock.advance(300)
        self.assertEqual((sum(delay.counts), len(self.monitor.owed)), (2, 0))
