"""The fast path of a push to one connection: it does what the router does, or leaves it to the router."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, Stage
from wsaas.core.direct_sending import write_nothing
from wsaas.core.errors import GatewayError
from wsaas.core.events import Cause
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session

PAYLOADS = [b"", b"hi", "h\u00e9".encode(), b"x" * 16]
DEEDS = ["push"] * 6 + ["full", "room", "accept", "close", "leave"]


class World:
    """A router with one connection, whose messages a direct write takes, or does not."""

    def __init__(self, fast: bool, direct: bool) -> None:
        self.registry, self.monitor, self.stage = Registry(), Monitor(), Stage.connecting()
        self.fast = fast
        self.registry.add(self.stage.session)
        directly = self.write if direct else write_nothing
        self.router = Router(self.registry, 16, self.monitor, write_directly=directly)
        self.plain = 0

    def write(self, session: Session, payload: bytes, binary: bool, /) -> bool:
        if self.stage.peer.full:
            return False
        self.stage.calls.say(f"send {payload.decode()}", session)
        return True

    def push(self, id: str, payload: bytes, binary: bool) -> object:
        if self.fast and self.router.push_plainly(id, payload, binary):
            self.plain += 1
            return "SENT"
        try:
            return self.router.push(id, payload, binary).name
        except GatewayError as error:
            return type(error), str(error)

    def do(self, deed: str, *push: Any) -> object:
        session, peer = self.stage.session, self.stage.peer
        match deed:
            case "push":
                return self.push(*push)
            case "full" | "room":
                peer.full = deed == "full"
            case "accept" if session.state.name == "CONNECTING":
                session.resolve(Accepted())
            case "close":
                session.close(Cause.API, 1000, "")
            case "leave":
                session.disconnected(Cause.CLIENT, 1000, "", True)
        return None

    def state(self) -> tuple[object, ...]:
        session, counters = self.stage.session, self.router.counters
        sent = [call for call in self.stage.calls if "no room" not in str(call)]  # the slow path asks anew
        counts = counters.pushes_sent, dict(counters.pushes), dict(counters.fanned_out)
        return sent, session.state, session.messages_out, session.bytes_out, session.outgoing.waiting, counts


class PlainPushTests(SynchronousTestCase):
    def test_alike(self) -> None:
        """Whatever happens to the connection, each push has the same result, and leaves the same calls and counts."""
        random, plain = Random(15), 0
        for round in range(300):
            fast, slow = World(True, round % 2 == 0), World(False, False)
            for deed in ["accept"] * (round % 3 > 0) + random.choices(DEEDS, k=random.randrange(12)):
                push = random.choice([ID, ID, ID, "x" * 32, "\xe9", ""]), random.choice(PAYLOADS), random.random() < 0.5
                self.assertEqual(fast.do(deed, *push), slow.do(deed, *push), (round, deed, push))
                self.assertEqual(fast.state(), slow.state(), (round, deed, push))
            plain += fast.plain
        self.assertGreater(plain, 100)

    def test_not_utf8(self) -> None:
        """A text that is not UTF-8 is left to the router, which says so; a binary message may have any bytes."""
        world = World(True, False)
        world.do("accept")
        world.stage.peer.send = lambda frame: True  # type: ignore[method-assign, assignment]
        self.assertFalse(world.router.push_plainly(ID, b"\xff", False))
        self.assertEqual((world.stage.session.messages_out, world.router.counters.pushes_sent), (0, 0))
        self.assertTrue(world.router.push_plainly(ID, b"\xff", True))

    def test_watched(self) -> None:
        """While somebody watches, all is left to the router, which tells the observer."""
        world = World(True, True)
        world.do("accept")
        world.stage.calls.flush()
        observer: Any = object()
        world.monitor.observer = observer
        self.assertFalse(world.router.push_plainly(ID, b"x", False))
        self.assertEqual(world.stage.calls, [])
