"""The fast path of a client's end, beside the slow one: a connection that ends with the reactor's turn."""

from __future__ import annotations

import socket
from random import Random
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import Client, Harness, Transport
from tests.support.properties import rounds
from wsaas.core.model import Frame
from wsaas.internals.end_of_turn import Ending

FRAMES = (
    b"\x81\x85\0\0\0\0hello",
    b"\x82\x80\0\0\0\0",
    b"\x89\x82\0\0\0\0hi",
    b"\x8a\x80\0\0\0\0",
    b"\x01\x82\0\0\0\0he",
    b"\x88\x80\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x88\x85\0\0\0\0\x0f\xa1bye",
    b"\x88\x82\0\0\0\0\x03\xed",
    b"\x88\x81\0\0\0\0\x03",
    b"\x83\x80\0\0\0\0",
)


class EndOfTurn:
    """Does with the transport of the tests what `internals.end_of_turn` does with Twisted's."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self, transport: Transport, last: bytes) -> Ending:
        if transport.closed or transport.buffered:
            return Ending.NONE
        if transport.stuck and last:
            transport.write(last)
            return Ending.WRITTEN
        self.closed += 1
        transport.write(last)
        transport.closed = True
        transport.clock.callLater(0, transport.lose, ConnectionDone())
        return Ending.CLOSING


class DifferentialTests(SynchronousTestCase):
    def steps(self, random: Random) -> list[tuple[str, Any]]:
        """What the client, its network, the backend and the gateway do to one connection."""
        kinds = ["say"] * 6 + ["send"] * 2 + ["close", "stick", "flow", "wait", "vanish", "half", "pause", "resume"]
        return [
            (kind, random.choice(FRAMES) if kind == "say" else random.choice([0, 0.5, 2, 7]))
            for kind in random.choices(kinds, k=random.randrange(2, 9))
        ]

    def take(self, client: Client, kind: str, what: Any) -> None:
        transport, peer = client.transport, client.peer
        if kind == "say":
            client.say(what if transport.reading else b"")
        elif kind == "send":
            peer.send(Frame(b"x" * 100, True))
        elif kind == "close":
            peer.close(4000, "bye")
        elif kind == "stick":
            transport.stuck = True
        elif kind == "flow" and transport.protocol is not None:
            transport.flow()
        elif kind == "vanish" and transport.protocol is not None:
            client.vanish()
        elif kind == "half" and transport.protocol is not None and not transport.closed:
            peer.readConnectionLost()
        elif kind == "pause":
            peer.pause_reading()
        elif kind == "resume" and transport.protocol is not None and not transport.closed:
            peer.resume_reading()
        client.harness.clock.advance(0)
        for _ in range(int(what * 2) if kind == "wait" else 0):
            client.harness.clock.advance(0.5)

    def life(self, steps: list[tuple[str, Any]], **options: Any) -> tuple[object, ...]:
        """All that comes of a connection: what its session and its client hear, and what is left at the end."""
        harness = Harness(ws_timeout=0.0, **options)
        client = harness.open()
        heard = []
        for kind, what in steps:
            self.take(client, kind, what)
            transport = client.transport
            heard.append((list(client.session.calls), transport.written, transport.closed, transport.aborted))
        client.harness.clock.pump([0.5] * 80)
        left = len(harness.factory._connections), len(harness.factory._leaving), harness.admission.present
        return heard, client.session.calls, client.transport.written, left, client.transport.protocol is None

    def test_alike(self) -> None:
        """Whatever happens to a connection, and in whatever order, all is as on the slow path."""
        random, fast = Random(5), EndOfTurn()
        for _ in range(rounds(300)):
            steps = self.steps(random)
            self.assertEqual(self.life(steps, close_fast_path=fast.close), self.life(steps), steps)
        self.assertGreater(fast.closed, 30)

    def test_no_timer(self) -> None:
        """A client that closes, and has taken all before, costs no timer but that of the turn."""
        harness = Harness(ws_timeout=0.0, close_fast_path=EndOfTurn().close)
        client = harness.open()
        client.say(b"\x88\x82\0\0\0\0\x03\xe8")
        self.assertEqual([call.getTime() for call in harness.clock.getDelayedCalls()], [harness.clock.seconds()])
        self.assertEqual((client.peer.lingering, client.transport.written), (None, b"\x88\x02\x03\xe8"))
        harness.clock.advance(0)
        self.assertEqual([call[0] for call in client.session.calls], ["disconnected"])

    def test_owing(self) -> None:
        """A client whose kernel has not acknowledged all takes the slow path, where only our half is closed."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        fast = EndOfTurn()
        for unread in (b"x" * 10, b""):
            client = Harness(ws_timeout=0.0, close_fast_path=fast.close).open()
            client.transport.getHandle = lambda: near  # type: ignore[attr-defined]  # as Twisted's transports have it
            near.send(unread)
            client.say(b"\x88\x80\0\0\0\0")
            self.assertEqual((client.transport.ended, fast.closed), (bool(unread), 0 if unread else 1))
            if unread:
                far.recv(100)
