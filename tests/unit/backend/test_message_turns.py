"""Requests that are written at the end of a part of the reactor's turn, against requests that are written at once."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.backend_wires import Wire
from tests.support.message_world import ANSWERS, OK, MessageWorld, NotedWire, Options
from tests.support.properties import rounds

OPTIONS = (
    Options(),
    Options(concurrency=3),
    Options(concurrency=1),
    Options(gated=True),
    Options(signed=True),
    Options(batch=3),
    Options(batch=3, concurrency=2),
    Options(light=True, concurrency=4),
)
ROUNDS = 60
Step = tuple[str, int, Any]


class TurnWorld(MessageWorld):
    """A world in which several things happen in one turn, and their requests are `gathered` or not.

    A connection to the backend has one event in a turn, which is about what was written before the turn: epoll has
    found it then.
    """

    def __init__(self, options: Options, fast: bool, gathered: bool) -> None:
        super().__init__(options, fast)
        self.gathered = gathered
        self.written: list[str] = []
        self.backend.seen = self.written
        self.most = 0
        """Requests of one turn."""

    def turn(self, steps: list[Step]) -> None:
        asked = [wire for wire in self.backend.wires if wire.unanswered and not wire.gone]

        def work() -> None:
            for step, which, how in steps:
                if step != "wire":
                    getattr(self, step)(which, how)
                elif asked:
                    wire = asked.pop(which % len(asked))
                    if not (wire.gone or wire.disconnecting or wire.aborted):
                        self.of_wire(wire, how)

        if self.gathered:
            self.pool.together(work)
        else:
            work()
        self.most = max(self.most, len(self.written))

    @staticmethod
    def of_wire(wire: NotedWire, how: str) -> None:
        """The backend answers, or answers in part, or ends the connection."""
        if wire.rest:
            rest, wire.rest = wire.rest, b""
            wire.unanswered -= 1
            Wire.answer(wire, rest)
        elif how == "in part":
            wire.rest = OK[20:]
            wire.answer(OK[:20])
        elif how == "end":
            wire.unanswered = 0
            wire.end()
        else:
            if how != "interim":
                wire.unanswered -= 1
            if how == "lines":
                wire.rest = b"5\r\nmore\n\r\n0\r\n\r\n"
            wire.answer(ANSWERS[how])

    def note(self) -> None:
        """Write down the requests, in their order, and all else."""
        self.seen += sorted(each for each in self.written if each == "refused")
        self.seen += [each for each in self.written if each != "refused"]
        self.written.clear()
        super().note()


def make_turns(random: Random, options: Options, count: int) -> list[tuple[str, Any]]:
    """Make a schedule of turns, and of what happens between them."""
    trouble = random.choice((0.0, 0.05, 0.3))
    kinds = [*random.sample([kind for kind in ANSWERS if kind != "ok"], 3), "end", "in part"]
    unusual = random.sample(["fill", "leave", "close", "violate", "push", "repeat_others", "watch"], 3)
    names = ["say"] * 8 + ["wire"] * 8 + ["connect"] + unusual + ["speak"] * options.gated
    clients = random.randrange(1, 12)
    schedule: list[tuple[str, Any]] = [("turn", [("connect", n, 2 * n) for n in range(clients)])]
    for _ in range(count):
        steps: list[Step] = []
        for _ in range(random.randrange(1, 9)):
            name = random.choice(names)
            how: Any = random.randrange(1000)
            if name == "wire":
                how = random.choice(kinds) if random.random() < trouble else "ok"
            steps.append((name, random.randrange(1000), how))
        schedule.append(("turn", steps))
        if random.random() < 0.2:
            schedule.append((random.choice(("advance", "end", "answer_unasked", "refuse")), random.randrange(1000)))
    if random.random() < 0.1:
        schedule.insert(random.randrange(1, len(schedule)), ("stop", 0))
    return schedule


def play(options: Options, schedule: list[tuple[str, Any]], fast: bool, gathered: bool) -> TurnWorld:
    """Play a schedule, settle it, and return the world."""
    world = TurnWorld(options, fast, gathered)
    for step, how in schedule:
        world.seen.append(f"-- {step} {how}")
        if step == "turn":
            world.turn(how)
        else:
            getattr(world, step)(how, how)
        world.note()
    world.seen.append("-- settle")
    world.settle()
    return world


class DifferentialTests(SynchronousTestCase):
    def test_alike(self) -> None:
        """Gathered or not, the same requests leave in the same order in each turn, and sessions, shares, breakers,
        counters and observers are the same after it, on the fast path of messages and on the slow one: whatever the
        backend answers, fails at or leaves open, and whoever pauses, closes or stops in between.
        """
        most = sent = 0
        for seed in range(rounds(ROUNDS)):
            random = Random(seed)
            options = random.choice(OPTIONS)
            schedule = make_turns(random, options, 30)
            for fast in (True, False):
                gathered, other = (play(options, schedule, fast, way) for way in (True, False))
                if gathered.seen != other.seen:
                    pairs = list(zip(gathered.seen, other.seen, strict=False))
                    at = next((at for at, (one, two) in enumerate(pairs) if one != two), len(pairs))
                    before = gathered.seen[max(0, at - 30) : at + 3]
                    lines = [f"seed {seed}, fast {fast}, {options}", *before, "but:", *other.seen[at : at + 3]]
                    self.fail("\n".join(map(str, lines)))
                most = max(most, gathered.most)
                sent += 0 if gathered.fast_path is None else gathered.fast_path.sent
        self.flushLoggedErrors()
        self.assertGreater(most, 4)
        self.assertGreater(sent, 5 * rounds(ROUNDS))
