"""The fast path of messages, against the slow path."""

from __future__ import annotations

import gc
import json
from itertools import product
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.message_world import TIMEOUT, MessageWorld, Options, make_schedule, play
from tests.support.properties import rounds
from wsaas.backend.delivery import Delivery
from wsaas.backend.message_exchange import MessageExchange
from wsaas.backend.message_fast_path import SPARE
from wsaas.backend.requests import Webhook
from wsaas.core.events import Batch, EventKind, Received
from wsaas.core.lane import Lane
from wsaas.core.model import Frame
from wsaas.http_client.exchange import HttpResponse, SecondAnswer

OPTIONS = (
    Options(),
    Options(),
    Options(concurrency=3),
    Options(concurrency=1),
    Options(concurrency=16),
    Options(gated=True),
    Options(gated=True, concurrency=4),
    Options(signed=True),
    Options(batch=3),
    Options(batch=3, concurrency=2),
    Options(batch=3, concurrency=1, signed=True),
    Options(batch=2, gated=True),
    Options(batch=3, light=True),
    Options(light=True),
    Options(light=True, concurrency=2),
)


ROUNDS = 120


class DifferentialTests(SynchronousTestCase):
    def compare(self, seed: int, steps: int) -> MessageWorld:
        """Play a schedule both ways, and return the world with the fast path."""
        random = Random(seed)
        options = random.choice(OPTIONS)
        schedule = make_schedule(random, options, steps)
        fast, slow = (play(options, schedule, way) for way in (True, False))
        if fast.seen != slow.seen:
            pairs = list(zip(fast.seen, slow.seen, strict=False))
            at = next((at for at, (one, other) in enumerate(pairs) if one != other), len(pairs))
            lines = [f"seed {seed}, {options}", *fast.seen[max(0, at - 30) : at + 3], "but:", *slow.seen[at : at + 3]]
            self.fail("\n".join(map(str, lines)))
        return fast

    def test_alike(self) -> None:
        """With and without the fast path the same requests leave in the same order, and sessions, shares, breakers,
        counters and observers are the same after each step: whatever the backend answers, fails at or leaves open, and
        whoever pauses, closes or stops in between.
        """
        sent = answered = 0
        for seed in range(rounds(ROUNDS)):
            fast = self.compare(seed, 60).fast_path
            assert fast is not None
            sent += fast.sent
            answered += fast.answered_fast
        self.flushLoggedErrors()
        self.assertGreater(sent, 10 * rounds(ROUNDS))
        self.assertGreater(answered, 5 * rounds(ROUNDS))


class StepTests(SynchronousTestCase):
    """What a schedule meets too seldom."""

    def world(self, sessions: int, **options: Any) -> MessageWorld:
        world = MessageWorld(Options(**options), True)
        for which in range(sessions):
            world.connect(0, 2 * which)
            world.answer(0, "ok")
        world.say(0, 1)
        world.answer(0, "ok")  # the slow path reads it, and it is known from now on
        return world

    def test_place_is_handed_on(self) -> None:
        """A message that waits for its place is sent in the place of one that is answered, both on the fast path."""
        world = self.world(3, concurrency=1)
        assert world.fast_path is not None
        for which in range(3):
            world.say(which, 2)
            world.say(which, 3)
        world.note()
        for _ in range(6):
            world.answer(0, "ok")
        self.assertEqual((world.fast_path.sent, world.fast_path.answered_fast), (7, 6))
        self.assertEqual([session.lane.received for session in world.sessions], [3, 2, 2])
        self.assertEqual([len(session.lane) for session in world.sessions], [0, 0, 0])

    def test_wait_is_measured(self) -> None:
        """The wait of a message for its place begins when its session's last message was answered."""
        world = self.world(2, concurrency=1)
        world.say(0, 2)
        world.say(1, 3)
        world.say(0, 4)
        world.clock.advance(1.0)
        world.answer(0, "ok")
        world.clock.advance(2.0)
        world.monitor.watch(world.observer)
        world.answer(0, "ok")
        world.answer(0, "ok")
        times = [attempt.times for attempt in world.observer.attempts]
        self.assertEqual(times[0], None)  # nobody watched when it was sent
        assert times[1] is not None
        self.assertEqual(times[1].queue, 2.0)

    def spared(self, **options: Any) -> MessageWorld:
        """A world with five clients of one party and two places, and a spare delivery for each; some time ago."""
        world = self.world(5, concurrency=2, **options)
        world.clock.advance(3.0)
        for which in range(5):
            world.say(which, 2)
        for _ in range(5):
            world.answer(0, "ok")
        assert world.fast_path is not None
        self.assertEqual(len(world.fast_path._spare), 5)
        world.clock.advance(7.0)
        return world

    def test_wait_of_a_spare(self) -> None:
        """The wait of a message with a spare delivery begins when the message comes, be it the first of its party that
        waits or another; one that is sent at once does not wait.
        """
        world = self.spared()
        for which in range(4):
            world.say(which, 3)
        world.clock.advance(1.0)
        world.monitor.watch(world.observer)
        for _ in range(4):
            world.answer(0, "ok")
        world.clock.advance(2.0)
        world.say(4, 3)
        world.answer(0, "ok")
        times = [attempt.times for attempt in world.observer.attempts]
        self.assertEqual([None if each is None else each.queue for each in times], [None, 1.0, 1.0, None, 0.0])

    def test_spare_in_an_outage(self) -> None:
        """In an outage a message with a spare delivery comes before those of its party that failed, as any does."""
        order: list[list[bytes]] = []
        for fast in (True, False):
            world = MessageWorld(Options(concurrency=8), fast)
            for which in range(8):
                world.connect(0, which)
                world.answer(0, "ok")
            for _ in range(3):
                for which in range(8):
                    world.say(which, 2)
                for _ in range(8):
                    world.answer(0, "ok")
            for wire in world.backend.wires:
                if not wire.gone:
                    wire.end()
            world.backend.refusing = True
            for which in range(6):
                world.say(which, 3)
            while (
                not world.courier.load()[EventKind.MESSAGE].breaker_open
                or world.courier._traffic[EventKind.MESSAGE].pausing
            ):
                world.clock.advance(0.5)
            self.assertEqual(len(world.courier._traffic[EventKind.MESSAGE].ready.parties), 1)
            if world.fast_path is not None:
                self.assertGreater(len(world.fast_path._spare), 1)
            world.say(6, 4)
            world.say(7, 5)
            world.backend.refusing = False
            world.seen.clear()
            world.settle()
            order.append([line for line in world.seen if isinstance(line, str) and "PUT" in line])
        self.assertEqual(*order)
        self.assertIn("5mmmmm", order[0][0])

    def test_watched(self) -> None:
        """An observer that wants no requests leaves messages on the fast path, and hears of their moments there; of one
        that is not delivered, and of its answer, as from the slow path.
        """
        world = self.world(1, light=True)
        assert world.fast_path is not None
        world.monitor.watch(world.observer)
        world.say(0, 2)
        world.clock.advance(0.5)
        world.answer(0, "ok")
        self.assertEqual((world.fast_path.sent, world.fast_path.answered_fast), (2, 1))
        moment = world.clock.seconds()
        (heard,) = world.observer.heard
        self.assertTrue(heard.startswith("delivered"))
        self.assertTrue(heard.endswith(str((moment - 0.5, moment - 0.5, moment - 0.5, moment, moment))), heard)
        world.say(0, 3)
        world.answer(0, "away")
        (attempt,) = world.observer.attempts
        self.assertEqual((attempt.outcome, attempt.times is None), (None, False))
        self.assertNotEqual(attempt.answer, None)

    def test_passed_over(self) -> None:
        """Of a message that no observer wants no moments are kept: the observer hears that it was delivered. If it
        failed, the observer hears of it as of any other, with the answer and the times that are known.
        """
        world = self.world(1, light=True)
        assert world.fast_path is not None
        world.clock.advance(100)
        world.observer.wants_delivered = False
        world.monitor.watch(world.observer)
        world.say(0, 2)
        (delivery,) = world.courier._deliveries.values()
        assert delivery.exchange is not None
        self.assertIs(delivery.exchange.timing, None)
        world.answer(0, "ok")
        self.assertEqual((world.fast_path.sent, world.fast_path.answered_fast), (2, 1))
        (heard,) = world.observer.heard
        self.assertTrue(heard.startswith("passed over"), heard)
        world.say(0, 3)
        world.clock.advance(0.5)
        world.answer(0, "away")
        (attempt,) = world.observer.attempts
        self.assertEqual((attempt.outcome, attempt.number), (None, 1))
        self.assertEqual(attempt.times, (0.0, None, None, 0.5))
        self.assertNotEqual(attempt.answer, None)
        world.clock.advance(5)
        world.answer(0, "ok")
        self.assertTrue(world.observer.heard[-1].startswith("delivered"), "the second try is watched")

    def test_batch(self) -> None:
        """Batches take the fast path both ways, whole; not while an observer watches, and an answer that has said how
        much it accepts is read each time.
        """
        world = self.world(1, batch=3, light=True)
        assert world.fast_path is not None
        session = world.sessions[0]

        def said() -> list[str]:
            wire = next(wire for wire in world.backend.wires if wire.unanswered)
            body = json.loads(wire.last.partition(b"\r\n\r\n")[2])
            return [each["webhook_id"].removeprefix(session.id) for each in body["messages"]]

        for how in (2, 3, 4, 5, 6):
            world.say(0, how)
        self.assertEqual(said(), ["_2_message"])
        world.answer(0, "ok")
        self.assertEqual(said(), ["_3_message", "_4_message", "_5_message"])
        world.answer(0, "ok")
        self.assertEqual(said(), ["_6_message"])
        world.answer(0, "ok")
        self.assertEqual((world.fast_path.sent, world.fast_path.answered_fast), (4, 3))
        for how in (2, 3, 4):
            world.say(0, how)
        world.answer(0, "accepted")
        self.assertEqual(said(), ["_8_message", "_9_message"])
        world.answer(0, "accepted")
        self.assertEqual(said(), ["_9_message"])
        world.answer(0, "accepted")
        self.assertEqual((world.fast_path.sent, world.fast_path.answered_fast, len(session.lane)), (7, 3, 0))
        world.monitor.watch(world.observer)
        world.say(0, 2)
        world.answer(0, "ok")
        self.assertEqual((world.fast_path.sent, world.fast_path.answered_fast, len(session.lane)), (7, 3, 0))
        self.assertEqual(len(world.observer.heard), 1)

    def test_long_answer(self) -> None:
        """The answer to a batch may be as long as on the slow path, so that it has room for replies."""
        replies = b'{"replies": [{"text": "%b"}, {"text": "%b"}]}' % (b"a" * 298, b"b" * 298)
        for fast in (True, False):
            world = MessageWorld(Options(batch=3), fast)
            world.connect(0, 1)
            world.answer(0, "ok")
            world.say(0, 1)
            world.calls.flush()
            [wire] = world.backend.wires
            wire.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(replies), replies))
            self.assertEqual([len(call) for call in world.calls], [len("send ") + 298] * 2)

    def test_renewed(self) -> None:
        """An exchange that is used again counts anew how often it was sent: a message whose second try finds no backend
        was sent once, and one whose first try finds none was not.
        """
        world = self.world(1, light=True)
        world.monitor.watch(world.observer)
        world.say(0, 2)
        (delivery,) = world.courier._deliveries.values()
        exchange = delivery.exchange
        assert exchange is not None
        self.assertIsNotNone(exchange.timing)
        world.monitor.unwatch(world.observer)
        world.answer(0, "ok")
        world.clock.advance(3.0)
        for wire in world.backend.wires:
            wire.end()
        world.backend.refusing = True
        sent: list[int] = []
        original = exchange.end
        self.patch(MessageExchange, "end", lambda each, *result: (sent.append(each.sent), original(*result)))
        world.say(0, 3)
        self.assertIs(next(iter(world.courier._deliveries.values())).exchange, exchange)
        self.assertEqual((sent, exchange.timing, exchange.deadline), ([0], None, world.clock.seconds() + TIMEOUT))

    def test_freed(self) -> None:
        """What a message takes is freed when it is answered, and does not wait for the garbage collector; a delivery
        that waits for its place keeps no request.
        """
        world = self.world(2, concurrency=1)
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                world.say(0, 2)
                world.answer(0, "ok")
            self.assertLess(gc.collect(), 50)
        finally:
            gc.enable()
        world.say(0, 2)
        world.say(0, 3)
        world.say(1, 4)
        world.answer(0, "ok")
        [waiting] = [each for each in world.courier._deliveries.values() if each.event is None]
        assert waiting.exchange is not None
        self.assertEqual((waiting.session, waiting.exchange.request), (world.sessions[0], b""))

    def test_spare(self) -> None:
        """A delivery that is over is used again for the next session with a message, as a new one would be, and keeps
        nothing of the last one meanwhile. Not more than SPARE are kept.
        """
        world = self.world(3)
        assert world.fast_path is not None
        world.monitor.watch(world.observer)
        world.observer.wants_requests = False
        world.say(0, 2)
        world.clock.advance(1.0)
        world.answer(0, "ok")
        [spare] = world.fast_path._spare
        self.assertFalse(hasattr(spare, "session"))
        assert spare.exchange is not None
        kept = spare.event, spare.watched, spare.exchange.request, spare.exchange.timing, spare.exchange.connection
        self.assertEqual(kept, (None, None, b"", None, None))
        world.say(1, 3)
        self.assertIs(world.courier._deliveries[world.sessions[1]], spare)
        self.assertEqual((world.fast_path._spare, spare.party), ([], world.sessions[1].handshake.party))
        world.say(2, 4)
        self.assertIsNot(world.courier._deliveries[world.sessions[2]], spare)
        world.clock.advance(1.0)
        world.observer.heard.clear()
        world.answer(0, "ok")
        moment = world.clock.seconds()
        self.assertTrue(world.observer.heard[0].endswith(str((moment - 1.0,) * 3 + (moment,) * 2)))
        world.answer(0, "ok")
        for which in range(3):
            world.say(which, 5)
        world.fast_path._spare = [Delivery(spare.session, spare.traffic) for _ in range(SPARE - 1)]
        for _ in range(3):
            world.answer(0, "ok")
        self.assertEqual(len(world.fast_path._spare), SPARE)

    def test_exchange(self) -> None:
        """An exchange says once how it ended, and for what; that the answer is the second one if it was sent again; and
        nothing when it was cancelled.
        """
        heard: list[Any] = []
        exchange = MessageExchange[str](1, 1.0, lambda of, answer, moment=0.0: heard.append((of, answer)))
        answer = HttpResponse(200, (), b"", False)
        exchange.of = "one"
        exchange.end(answer)
        exchange.end(answer)
        self.assertEqual(heard, [("one", answer)])
        exchange.of, exchange.sent = "two", 0
        exchange.send_again()
        exchange.send_again()
        exchange.sent = 2
        exchange.end(answer)
        exchange.end(answer)
        self.assertEqual(heard[1:], [("two", SecondAnswer(200, (), b"", False, 2))])
        exchange.of = "three"
        exchange.cancel()
        exchange.end(answer)
        self.assertEqual(len(heard), 2)

    def test_bug(self) -> None:
        """A bug on the fast path closes the connection that it concerns, and gives its place back."""
        world = self.world(2, concurrency=1)
        world.say(0, 2)
        world.say(1, 3)
        original = Lane.pop

        def fail(*_: object) -> None:
            self.patch(Lane, "pop", original)
            raise KeyError("a bug")

        self.patch(Lane, "pop", fail)
        world.answer(0, "ok")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertIn("close 1011", world.calls)
        world.answer(0, "ok")
        self.assertEqual([len(session.lane) for session in world.sessions], [0, 0])
        self.patch(world.fast_path, "_make_request", fail)
        world.say(1, 4)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(world.calls.count("close 1011"), 2)
        self.assertEqual(world.courier._dispatcher._shares.in_flight[EventKind.MESSAGE], 0)


def request_of(webhook: Webhook, path: bytes, after: bytes) -> bytes:
    """The request that the HTTP client makes of a webhook."""
    return b"PUT %b/%b%b%d\r\n%b\r\n%b" % (path, webhook.id, after, len(webhook.body), webhook.head, webhook.body)


class RequestTests(SynchronousTestCase):
    def test_bytes(self) -> None:
        """The whole request is that of the slow path: signed or not, text or binary, behind any path and host."""
        for signed, binary, path in product((False, True), (False, True), (b"", b"/a%20b", b"/%b%d")):
            world = MessageWorld(Options(signed=signed), True)
            world.connect(0, 1)
            world.answer(0, "ok")
            session = world.sessions[0]
            event = Received(7, Frame(b"%d \xff\0", binary))
            contract = world.fast_path._make_request.__self__  # type: ignore[union-attr,attr-defined]
            contract._bits = lambda n: 5
            after = b" HTTP/1.1\r\nHost: 100%d\r\nContent-Length: "
            webhook = contract.webhook(session, event)
            whole = contract.message(session, event, contract.message_form(path + b"/", after))
            self.assertEqual(whole, request_of(webhook, path, after))
            self.assertEqual(b"webhook-signature" in whole, signed)

    def test_batch(self) -> None:
        """So is that of a batch, whatever its messages are."""
        for signed, path in product((False, True), (b"", b"/a%20b", b"/%b%d", b"/message")):
            world = MessageWorld(Options(signed=signed, batch=5), True)
            world.connect(0, 1)
            world.answer(0, "ok")
            session = world.sessions[0]
            frames = Frame(b'%d "\\\n\x01\xe2\x82\xac', False), Frame(b"%d \xff\0", True), Frame(b"", False)
            event = Batch(tuple(Received(7 + at, frame) for at, frame in enumerate(frames)))
            contract = world.fast_path._make_request.__self__  # type: ignore[union-attr,attr-defined]
            contract._bits = lambda n: 5
            after = b" HTTP/1.1\r\nHost: message\r\nContent-Length: "
            webhook = contract.webhook(session, event)
            whole = contract.batch(session, event, contract.message_form(path + b"/", after, b"messages"))
            self.assertEqual(whole, request_of(webhook, path, after))
            self.assertEqual(b"webhook-signature" in whole, signed)
            messages = json.loads(webhook.body)["messages"]
            ids = [f"{session.id}_{sequence}_message" for sequence in (7, 8, 9)]
            self.assertEqual(
                messages,
                [
                    {"webhook_id": ids[0], "text": '%d "\\\n\x01\u20ac'},
                    {"webhook_id": ids[1], "binary": "JWQg/wA="},
                    {"webhook_id": ids[2], "text": ""},
                ],
            )
