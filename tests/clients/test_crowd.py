"""One message for many clients, over real sockets: as to each of them by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from twisted.internet import tcp
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from tests.test_writing import Reactor
from wsaas.clients.crowd import send_to_all
from wsaas.clients.frames import encode
from wsaas.clients.outbox import Outbox
from wsaas.gateway.model import Frame
from wsaas.gateway.registry import one_by_one
from wsaas.writing import write_each

KINDS = ["idle", "idle", "idle", "busy", "full", "closing", "compressed", "reset", "closed"]


class Member:
    """A client as `crowd` sees it, over a socket pair; a `kind` of trouble."""

    def __init__(self, case: SynchronousTestCase, kind: str) -> None:
        near, self.far = socket.socketpair()
        case.addCleanup(near.close)
        case.addCleanup(self.far.close)
        near.setblocking(False)
        self.far.setblocking(False)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        unused: Any = None
        self.transport: Any = tcp.Server(near, Protocol(), ("", 0), unused, 1, Reactor())
        self.transport.connected = 1
        self.outbox = Outbox(self.transport, 200_000, lambda: 0.0, lambda: None)
        self.transport.registerProducer(self.outbox, True)
        self.kind = kind
        if kind == "busy":  # what its socket has taken leaves room for a part of a message
            self.outbox.offer(b"x" * 3000)
        elif kind == "full":
            while self.outbox.offer(b"y" * 50_000):
                pass
        elif kind == "reset":
            self.far.close()
        elif kind == "closed":
            self.outbox.stopProducing()

    @property
    def file(self) -> int:
        return self.outbox.file if self.outbox.clear and self.kind not in ("closing", "compressed") else -1

    def rest(self, data: bytes) -> None:
        self.outbox.rest(data)

    def send(self, frame: Frame) -> bool:
        return self.kind != "closing" and self.outbox.offer(encode(frame))

    def state(self) -> tuple[object, ...]:
        """What became of it: what has arrived, what waits where."""
        arrived = b""
        try:
            while piece := self.far.recv(1_000_000):
                arrived += piece
        except OSError:
            pass
        transport, outbox = self.transport, self.outbox
        waits = transport.dataBuffer + b"".join(transport._tempDataBuffer)
        return arrived, waits, outbox.waiting, outbox.paused, outbox.clear


class CrowdTests(SynchronousTestCase):
    def outcome(
        self, send: Callable[[Sequence[Any], Frame], Sequence[bool]], kinds: list[str], frames: list[Frame]
    ) -> tuple[list[list[bool]], list[tuple[object, ...]]]:
        members = [Member(self, kind) for kind in kinds]
        return [list(send(members, frame)) for frame in frames], [member.state() for member in members]

    def test_alike(self) -> None:
        """Whatever trouble each of them is in, all get what they would have got one by one, and stand as they would."""
        random = Random(20)
        for _ in range(60):
            kinds = random.choices(KINDS, k=random.randrange(8))
            frames = [
                Frame(b"m" * random.choice([0, 5, 2000, 70_000, 150_000]), True) for _ in range(random.randrange(1, 4))
            ]
            self.assertTrue(
                self.outcome(send_to_all, kinds, frames) == self.outcome(one_by_one, kinds, frames), (kinds, frames)
            )

    def test_straight(self) -> None:
        """Those for whom nothing waits have it in their sockets when the call returns."""
        members = [Member(self, "idle") for _ in range(3)]
        members[1].send = lambda frame: self.fail("the usual way")  # type: ignore[method-assign, assignment]
        peers: Any = members
        self.assertEqual(send_to_all(peers, Frame(b"hello", False)), [True] * 3)
        self.assertEqual([member.far.recv(100) for member in members], [b"\x81\x05hello"] * 3)

    def test_write_each(self) -> None:
        """A socket that takes nothing, or is none, keeps the others from nothing."""
        one, full, other = (Member(self, kind) for kind in ("idle", "full", "idle"))
        closed = socket.socket()
        number = closed.fileno()
        closed.close()
        files = [one.outbox.file, full.outbox.file, number, other.outbox.file]
        self.assertEqual(write_each(files, b"hello"), [5, 0, 0, 5])
        self.assertEqual(write_each([], b"hello"), [])
