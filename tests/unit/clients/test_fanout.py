"""One message for many clients, over real sockets: as to each of them by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, FakeSessionInput, Harness
from tests.support.sockets import WritersReactor
from tests.support.websocket_client import CLOSE, TEXT, close_frame, frame
from wsaas.clients.backpressure import Backpressure
from wsaas.clients.direct_push import write_one_directly
from wsaas.clients.fanout import write_directly
from wsaas.clients.frames import encode
from wsaas.clients.send_buffer import SendBuffer
from wsaas.core.model import Frame
from wsaas.internals.direct_write import write_each

KINDS = ["idle", "idle", "idle", "busy", "full", "closing", "compressed", "reset", "closed"]


class Member:
    """A session and its client as the fan-out sees them, over a socket pair; a `kind` of trouble."""

    def __init__(self, case: SynchronousTestCase, kind: str) -> None:
        near, self.far = socket.socketpair()
        case.addCleanup(near.close)
        case.addCleanup(self.far.close)
        near.setblocking(False)
        self.far.setblocking(False)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        unused: Any = None
        self.transport: Any = tcp.Server(near, Protocol(), ("", 0), unused, 1, WritersReactor())
        self.transport.connected = 1
        self.peer = self
        self.kind = kind
        self.fan_out_entry: object = None
        self.send_buffer = SendBuffer(self.transport, 200_000, lambda: 0.0, self, Backpressure())
        session: Any = self
        if kind not in ("closing", "compressed"):
            self.send_buffer.join_fan_out(session)
        self.transport.registerProducer(self.send_buffer, True)
        if kind == "busy":  # what its socket has taken leaves room for a part of a message
            self.send_buffer.offer(b"x" * 3000)
        elif kind == "full":
            while self.send_buffer.offer(b"y" * 50_000):
                pass
        elif kind == "reset":
            self.far.close()
        elif kind == "closed":
            self.send_buffer.stopProducing()

    def drained(self) -> None:
        """Nobody waits for that here."""

    def send(self, frame: Frame) -> bool:
        return self.kind != "closing" and self.send_buffer.offer(encode(frame))

    def state(self) -> tuple[object, ...]:
        """What became of it: what has arrived, what waits where."""
        arrived = b""
        try:
            while piece := self.far.recv(1_000_000):
                arrived += piece
        except OSError:
            pass
        transport, buffer = self.transport, self.send_buffer
        waits = transport.dataBuffer + b"".join(transport._tempDataBuffer)
        return arrived, waits, buffer.waiting, buffer.paused, buffer.clear


def together(members: Sequence[Any], frame: Frame) -> list[bool]:
    """Whether each of them took it, those that the fan-out does not serve in their own way."""
    remaining = write_directly(members, frame)
    return [member not in remaining or member.send(frame) for member in members]


def one_by_one(members: Sequence[Any], frame: Frame) -> list[bool]:
    return [member.send(frame) for member in members]


def directly(members: Sequence[Any], frame: Frame) -> list[bool]:
    """As pushes to each of them by itself, on the fast path where that can be."""
    return [write_one_directly(member, frame.payload, frame.binary) or member.send(frame) for member in members]


class FanOutTests(SynchronousTestCase):
    def outcome(
        self, send: Callable[[Sequence[Any], Frame], list[bool]], kinds: list[str], frames: list[Frame]
    ) -> tuple[list[list[bool]], list[tuple[object, ...]]]:
        members = [Member(self, kind) for kind in kinds]
        return [send(members, frame) for frame in frames], [member.state() for member in members]

    def test_alike(self) -> None:
        """Whatever trouble each of them is in, all get what they would have got one by one, and stand as they would."""
        random = Random(20)
        for _ in range(60):
            kinds = random.choices(KINDS, k=random.randrange(8))
            frames = [
                Frame(b"m" * random.choice([0, 5, 2000, 70_000, 150_000]), True) for _ in range(random.randrange(1, 4))
            ]
            expected = self.outcome(one_by_one, kinds, frames)
            for send in together, directly:
                self.assertTrue(self.outcome(send, kinds, frames) == expected, (send, kinds, frames))

    def test_at_once(self) -> None:
        """Those for whom nothing waits have it in their sockets when the call returns."""
        members = [Member(self, "idle") for _ in range(3)]
        members[1].send = lambda frame: self.fail("the usual way")  # type: ignore[method-assign, assignment]
        sessions: Any = members
        self.assertEqual(write_directly(sessions, Frame(b"hello", False)), [])
        self.assertEqual([member.far.recv(100) for member in members], [b"\x81\x05hello"] * 3)

    def test_one_at_once(self) -> None:
        """So has the only client of a push, text or binary, short or not; another must be sent to in the usual way."""
        idle, busy = Member(self, "idle"), Member(self, "full")
        session: Any = idle
        for payload in (b"", b"x" * 125, b"x" * 126):
            for binary in (False, True):
                self.assertTrue(write_one_directly(session, payload, binary))
                self.assertEqual(idle.far.recv(1000), encode(Frame(payload, binary)))
        session = busy
        self.assertFalse(write_one_directly(session, b"hello", False))

    def test_write_each(self) -> None:
        """A socket that takes nothing, or is none, keeps the others from nothing."""
        one, full, other = (Member(self, kind) for kind in ("idle", "full", "idle"))
        closed = socket.socket()
        number = closed.fileno()
        closed.close()
        files = [one.transport.fileno(), full.transport.fileno(), number, other.transport.fileno()]
        self.assertEqual(write_each(files, b"hello"), [5, 0, 0, 5])
        self.assertEqual(write_each([], b"hello"), [])


class DirectFdTests(SynchronousTestCase):
    """A fan-out has a client's file descriptor while it may write a message to it directly, and at no other time."""

    def enter(self, extra: bytes = b"", **options: Any) -> FakeSessionInput:
        harness = Harness(**options)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.far = socket.create_connection(server.getsockname(), 10)
            near, _ = server.accept()
        self.addCleanup(near.close)
        self.addCleanup(self.far.close)
        near.setblocking(False)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        unused: Any = None
        self.protocol: Any = harness.factory.buildProtocol(IPv4Address("TCP", "203.0.113.9", 1))
        self.transport: Any = tcp.Server(near, self.protocol, ("", 0), unused, 1, MemoryReactorClock())
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(REQUEST + extra + END)
        session = harness.gateway.sessions[-1]
        self.session = session
        self.assertIsNone(session.fan_out_entry, "there is no 101 yet")
        self.protocol.accept(None)
        self.assertTrue(self.far.recv(1000).startswith(b"HTTP/1.1 101 "))
        return session

    def enter_directly(self) -> FakeSessionInput:
        session = self.enter()
        self.assertEqual(session.fan_out_entry, self.transport.fileno())
        return session

    def test_slow(self) -> None:
        """None while something waits for the client, and one again when a message finds that nothing does."""
        session = self.enter_directly()
        self.assertTrue(self.protocol.send(Frame(b"x" * 900_000, True)))
        self.assertIsNone(self.session.fan_out_entry)
        got = b""
        while len(got) < 900_000:
            got += self.far.recv(900_000)
            self.transport.doWrite()
        self.assertTrue(self.protocol.send(Frame(b"hello", False)))
        self.assertEqual(session.fan_out_entry, self.transport.fileno())

    def test_what_is_left(self) -> None:
        """None after a message written directly of which something is left."""
        self.enter_directly()
        self.protocol.send_buffer.write_remainder(b"rest")
        self.assertIsNone(self.session.fan_out_entry)

    def test_closed(self) -> None:
        """No frame follows a Close frame, whichever side sends the first, or one that cannot be read."""
        self.enter_directly()
        self.protocol.close(1000, "")
        self.assertIsNone(self.session.fan_out_entry)
        self.enter_directly()
        self.protocol.send_buffer.write_remainder(b"\x81\x01x")
        self.protocol.close(1000, "")
        self.transport.doWrite()
        self.protocol.send_buffer.write(b"\x8a\x00")
        self.assertIsNone(self.session.fan_out_entry, "nothing waits any more, and yet")
        for said in (close_frame(1000), frame(TEXT, b"\xff"), frame(CLOSE, b"x"), b"\xff" * 20):
            self.enter_directly()
            self.protocol.dataReceived(said)
            self.assertIsNone(self.session.fan_out_entry, said)

    def test_dropped(self) -> None:
        """None from the moment on in which the client is not heard any more, though its file lives a little longer."""
        self.enter_directly()
        self.protocol.readConnectionLost()
        self.assertEqual((self.session.fan_out_entry, self.transport.fileno() >= 0), (None, True))

    def test_lost(self) -> None:
        """None once the connection is lost."""
        self.enter_directly()
        self.transport.connectionLost(Failure(ConnectionLost()))
        self.assertIsNone(self.session.fan_out_entry)

    def test_compressed(self) -> None:
        """Never where a message must be compressed for each client by itself."""
        self.enter(b"Sec-WebSocket-Extensions: permessage-deflate\r\n", compression=True)
        self.assertTrue(self.protocol.send(Frame(b"x" * 400_000, True)))
        self.assertIsNone(self.session.fan_out_entry)
