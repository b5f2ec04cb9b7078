"""A message's place in flight, handed on by the fast path: what a schedule made at random meets too seldom."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.message_world import OK, MessageWorld, NotedWire, Options, play
from wsaas.backend.requests import Webhook


class PlaceTests(SynchronousTestCase):
    def world(self, answers: list[str], **options: Any) -> MessageWorld:
        """A world with a session for each of these answers to a connect, whose first message was answered by OK."""
        world = MessageWorld(Options(**options), True)
        for which, answer in enumerate(answers):
            world.connect(0, 2 * which)
            world.answer(0, answer)
        world.say(0, 1)
        world.answer(0, "ok")
        return world

    def requests(self, world: MessageWorld) -> list[str]:
        """Return method and event of each request since the last call."""
        lines = [each for each in world.seen if isinstance(each, str) and "webhook-id" in each]
        world.seen.clear()
        return [line.split("b'", 1)[1].split(" ")[0] + " " + line.split("_")[2].split("\\r")[0] for line in lines]

    def test_refresh_first(self) -> None:
        """A place that a message leaves goes to a refresh that waits, before any message."""
        world = self.world(["ok", "ok", "expires"], concurrency=1)
        world.say(0, 2)
        world.say(0, 3)
        world.say(1, 4)
        world.clock.advance(2.0)
        self.requests(world)
        world.answer(0, "ok")
        self.assertEqual(self.requests(world), ["POST refresh"])

    def test_place_given_back(self) -> None:
        """A message that got the place of another one, and is not sent after all, gives it to the next at once."""
        world = self.world(["ok", "ok", "expires"], concurrency=1)
        world.say(0, 2)
        world.say(2, 3)
        world.clock.advance(2.0)  # meanwhile its time is over, and the question comes before its message
        self.requests(world)
        world.answer(0, "ok")
        self.assertEqual(self.requests(world), ["POST refresh"])
        world.answer(0, "ok")
        self.assertEqual(self.requests(world), ["PUT message"])

    def test_bug_gives_place_back(self) -> None:
        """A message that got the place of another one, and cannot be made, gives it to the next at once."""
        world = self.world(["ok"] * 3, concurrency=1)
        assert world.fast_path is not None
        original = world.fast_path._make_request

        def fail(*_: object) -> bytes:
            world.fast_path._make_request = original  # type: ignore[union-attr]
            raise KeyError("a bug")

        for which in range(3):
            world.say(which, which + 2)
        self.requests(world)
        world.fast_path._make_request = fail  # type: ignore[assignment]
        world.answer(0, "ok")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.requests(world), ["PUT message"])

    def test_answered_at_once(self) -> None:
        """Messages whose answers come while they are written, as none over a socket do, are sent one after the other,
        and not one within the other.
        """
        world = self.world(["ok"] * 2, concurrency=1)
        [wire] = world.backend.wires
        depths: list[int] = []

        def write(data: bytes) -> None:
            depths.append(depths[-1] + 1 if depths else 1)
            NotedWire.write(wire, data)
            wire.unanswered = 0
            wire.answer(OK)
            depths.append(depths[-1] - 1)

        world.say(0, 2)
        for _ in range(5):
            world.say(0, 3)
            world.say(1, 4)
        wire.write = write  # type: ignore[method-assign]
        world.answer(0, "ok")
        self.assertEqual([len(session.lane) for session in world.sessions], [0, 0])
        self.assertEqual((len(depths), max(depths)), (20, 1))

    def test_party_with_its_share(self) -> None:
        """A place does not go to a message whose party has its share, but to one of another party."""
        world = MessageWorld(Options(concurrency=16), True)
        for which in range(14):
            world.connect(0 if which < 13 else 1, 2 * which)
            world.answer(0, "ok")
        world.say(13, 1)
        world.answer(0, "ok")
        taken = world.courier._dispatcher._shares
        for which in range(14):
            world.say(13 - which, 2)
        held = dict(taken._held[next(kind for kind in taken._held if kind.value == "message")])
        world.say(13, 3)
        world.answer(0, "ok")
        self.assertEqual(dict(taken._held[next(kind for kind in taken._held if kind.value == "message")]), held)

    def test_wanted_requests(self) -> None:
        """An observer that wants the webhooks themselves gets that of each message."""
        world = self.world(["ok"])
        world.monitor.watch(world.observer)
        world.say(0, 2)
        world.answer(0, "ok")
        [attempt] = world.observer.attempts
        assert isinstance(attempt.request, Webhook)
        self.assertEqual(attempt.request.body[:1], b"2")

    def test_outage_of_others(self) -> None:
        """While disconnects find no backend, messages are sent, and disconnects probed, with the fast path as without:
        with places enough and with one, whichever others wait.
        """
        for concurrency in (1, 4, 8):
            schedule: list[tuple[str, int, Any]] = [("connect", which, 2 * which) for which in range(9)]
            schedule += [("answer_each", 0, (b"POST", "ok"))] * 9
            schedule += [("say", which, 5) for which in range(9)] + [("answer_each", 0, (b"PUT", "ok"))] * 9
            schedule += [("leave", 0, 0)] * 3
            for round in range(24):
                schedule += [("say", which, 6 + round) for which in range(3, 9)]
                schedule += [("answer_each", 0, (b"DELETE", "away" if round < 16 else "ok"))]
                schedule += [("advance", 0, 1 + round % 4)]
                schedule += [("answer_each", 0, (b"PUT", "ok"))] * (round % 3)
            fast, slow = (play(Options(concurrency=concurrency), schedule, way) for way in (True, False))
            self.assertEqual(fast.seen, slow.seen)
            assert fast.fast_path is not None
            self.assertGreater(fast.fast_path.answered_fast, 50)
            self.flushLoggedErrors()
