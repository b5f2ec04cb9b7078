"""Requests that are written together: what may happen to one of them before it is written."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.support.backend_wires import OK, PoolTestCase, Wire
from tests.support.properties import rounds
from wsaas.http_client.exchange import Exchange, Fault, HttpResponse, Lost, NotSent, SecondAnswer, TimedOut
from wsaas.http_client.pool import Pool
from wsaas.http_client.request_writer import RequestWriter
from wsaas.internals.reactor_tuning import Turns, replace_iteration

Answers = list[HttpResponse | Fault]


class GatheringTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.may_write = True
        self.pool = Pool(self.clock, self.backend, b"backend.example", max_idle=8, may_write=lambda: self.may_write)
        self.answers: Answers = []

    def ask(self, body: bytes, done: Callable[[HttpResponse | Fault], object] | None = None) -> Exchange:
        return self.pool.exchange(b"PUT", b"/x", b"", body, 100, 10.0, done or self.answers.append)

    def idle(self, count: int) -> list[Wire]:
        """So many idle connections; the last one is used first."""
        for _ in range(count):
            self.ask(b"")
        for wire in self.backend.wires[-count:]:
            wire.answer(OK)
            wire.clear()
        self.answers.clear()
        return self.backend.wires[-count:]

    def test_ended_before_it_is_written(self) -> None:
        """A request whose idle connection ends before it is written was not sent: a new connection gets it, once, and
        its answer is the first one. Another idle connection, which might end as well, does not get it.
        """
        for clean in (True, False):
            self.setUp()
            other, wire = self.idle(2)

            def work(wire: Wire = wire, clean: bool = clean) -> None:
                self.ask(b"one")
                wire.end(clean)

            self.pool.together(work)
            new = self.backend.wires[2]
            self.assertEqual([each.requests()[-3:] for each in (other, wire, new)], [b"", b"", b"one"])
            new.answer(OK)
            self.assertEqual([type(answer) for answer in self.answers], [HttpResponse])

    def test_new_connection_ended(self) -> None:
        """On a new connection that is NotSent: the backend cannot have acted on it, and another connection would end
        the same way.
        """

        def work() -> None:
            self.ask(b"one")
            self.backend.wires[0].end()

        self.pool.together(work)
        self.assertEqual([type(answer) for answer in self.answers], [NotSent])
        self.assertEqual([wire.requests() for wire in self.backend.wires], [b""])

    def test_second_try_ended(self) -> None:
        """If the request was sent before, on a connection that ended, the backend may have acted on it: Lost."""
        [wire] = self.idle(1)
        self.ask(b"one")

        def work() -> None:
            wire.end()
            self.backend.wires[1].end()

        self.pool.together(work)
        self.assertEqual([type(answer) for answer in self.answers], [Lost])

    def test_bytes_before_it_is_written(self) -> None:
        """Bytes that come before a request is written are no answer to it, though they look like one. That connection
        is dropped, and a new one gets the request; where it was a new one, that is NotSent.
        """
        [wire] = self.idle(1)

        def work() -> None:
            self.ask(b"one")
            wire.answer(OK)
            self.ask(b"two")
            self.backend.wires[2].answer(OK)

        self.pool.together(work)
        self.assertEqual([each.aborted for each in self.backend.wires], [True, False, True])
        self.assertEqual([each.requests()[-3:] for each in self.backend.wires], [b"", b"one", b""])
        self.backend.wires[1].answer(OK)
        self.assertEqual([type(answer) for answer in self.answers], [NotSent, HttpResponse])

    def test_left(self) -> None:
        """A request that is left before it is written still arrives, and its connection is closed behind it."""
        [wire] = self.idle(1)
        self.pool.together(lambda: self.ask(b"one").leave())
        self.assertEqual((wire.requests()[-3:], wire.disconnecting, wire.aborted), (b"one", True, False))

    def test_given_up(self) -> None:
        """A request that is cancelled before it is written is not written; when its connection ends it is not sent."""
        [wire] = self.idle(1)
        self.pool.together(lambda: self.ask(b"one").cancel())
        wire.end()
        self.assertEqual((wire.requests(), self.answers, len(self.backend.wires)), (b"", [], 1))

    def test_pool_closed(self) -> None:
        """When the pool is closed before a request is written, the request is not written, and is Lost."""
        [wire] = self.idle(1)

        def work() -> None:
            self.ask(b"one")
            self.pool.close()

        self.pool.together(work)
        self.assertEqual((wire.requests(), wire.aborted), (b"", True))
        self.assertEqual([type(answer) for answer in self.answers], [Lost])

    def test_write_fails(self) -> None:
        """A write that raises ends its own exchange, in the next turn, and the others are written."""
        wires = self.idle(3)
        write = RequestWriter.write

        def fail(writer: RequestWriter, request: bytes) -> None:
            if request.endswith(b"two"):
                raise KeyError("a bug")
            write(writer, request)

        self.patch(RequestWriter, "write", fail)
        self.pool.together(lambda: [self.ask(body) for body in (b"one", b"two", b"six")])
        self.assertEqual([wire.requests()[-3:] for wire in wires], [b"six", b"", b"one"])
        self.assertEqual(self.answers, [])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.clock.advance(0)
        self.assertEqual([type(answer) for answer in self.answers], [Lost])
        self.assertEqual([wire.aborted for wire in wires], [False, True, False])

    def test_deadline(self) -> None:
        """The time of an exchange begins when it is made, not when it is written."""
        self.idle(1)

        def work() -> None:
            self.ask(b"one")
            self.clock.advance(4.0)

        self.pool.together(work)
        self.clock.advance(5.9)
        self.assertEqual(self.answers, [])
        self.clock.advance(0.1)
        self.assertEqual([type(answer) for answer in self.answers], [TimedOut])

    def test_deadline_before_it_is_written(self) -> None:
        """A request whose time is over before it is written is NotSent, and is not written."""
        [wire] = self.idle(1)

        def work() -> None:
            self.ask(b"one")
            self.clock.advance(10.0)
            self.assertEqual([type(answer) for answer in self.answers], [NotSent])

        self.pool.together(work)
        self.assertEqual((wire.requests(), wire.aborted, len(self.answers)), (b"", True, 1))

    def test_may_not_write(self) -> None:
        """A process that has lost the right to send since a request was made does not write it: NotSent. The same when
        the right is lost before a connection is there; a request that was sent before is Lost then.
        """
        [wire] = self.idle(1)

        def work() -> None:
            self.ask(b"one")
            self.may_write = False

        self.pool.together(work)
        self.assertEqual((wire.requests(), wire.aborted), (b"", True))
        self.ask(b"two")
        self.may_write = True
        self.ask(b"six")
        self.assertEqual([each.requests()[-3:] for each in self.backend.wires], [b"", b"six"])
        self.may_write = False
        self.backend.wires[1].answer(OK)
        self.may_write = True
        self.ask(b"ten")
        self.may_write = False
        self.backend.wires[1].end()
        self.assertEqual([type(answer) for answer in self.answers], [NotSent, NotSent, HttpResponse, Lost])
        self.assertEqual(self.backend.wires[2].requests(), b"")

    def test_once_each(self) -> None:
        """Whatever ends, or speaks unasked, while requests are made: each is written once, on a connection that is
        there, and has its first answer; or it had a new connection that ended, was never written, and is NotSent.
        """
        written = not_sent = 0
        for seed in range(rounds(300)):
            random = Random(seed)
            self.setUp()
            self.idle(random.randrange(1, 6))
            heard: dict[bytes, HttpResponse | Fault] = {}
            bodies: list[bytes] = []

            def work(random: Random = random, heard: Any = heard, bodies: list[bytes] = bodies) -> None:
                for _ in range(random.randrange(2, 12)):
                    wires = [wire for wire in self.backend.wires if not (wire.gone or wire.aborted)]
                    match random.choice(("ask", "ask", "end", "speak")) if wires else "ask":
                        case "ask":
                            body = b"%04d" % len(bodies)
                            bodies.append(body)
                            self.ask(body, lambda answer, body=body: heard.__setitem__(body, answer))  # noqa: B023
                        case "end":
                            random.choice(wires).end(random.random() < 0.5)
                        case "speak":
                            random.choice(wires).answer(random.choice((OK, b"HTTP/1.1 408 Late\r\n\r\n")))

            self.pool.together(work)
            self.assertEqual({type(answer) for answer in heard.values()} - {NotSent}, set())
            requests = {wire: wire.requests() for wire in self.backend.wires}
            ends = [request[-4:] for request in requests.values() if request]
            self.assertEqual(sorted([*ends, *heard]), bodies, seed)
            not_sent += len(heard)
            for wire, request in requests.items():
                if request:
                    self.assertFalse(wire.gone or wire.aborted, seed)
                    self.assertEqual(request.count(b"PUT "), 1)
                    wire.answer(OK)
                    self.assertIs(type(heard[request[-4:]]), HttpResponse)
                    written += 1
            self.assertNotIn(SecondAnswer, map(type, heard.values()))
        self.assertGreater(written, rounds(300))
        self.assertGreater(not_sent, rounds(300) // 10)


class Asking(Protocol):
    """A client whose words are requests to the backend."""

    def __init__(self, pool: Pool, far: list[socket.socket], seen: list[list[int]], answers: Answers) -> None:
        self.pool = pool
        self.far = far
        self.seen = seen
        self.answers = answers

    def dataReceived(self, data: bytes) -> None:
        self.pool.exchange(b"PUT", b"/x", b"", data, 100, 10.0, self.answers.append)
        self.seen.append([number for number, each in enumerate(self.far) if arrived(each, socket.MSG_PEEK)])


def arrived(end: socket.socket, flags: int = 0) -> bytes:
    with contextlib.suppress(BlockingIOError):
        return end.recv(1 << 20, flags)
    return b""


@implementer(IStreamClientEndpoint)
class Pairs:
    """An endpoint that connects to sockets of the test."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.far: list[socket.socket] = []

    def join(self, protocol: Any) -> socket.socket:
        near, far = socket.socketpair()
        far.setblocking(False)
        server = tcp.Server(near, protocol, ("127.0.0.1", 1), None, 0, self.reactor)  # type: ignore[arg-type]
        server.setTcpNoDelay = lambda on: None  # type: ignore[method-assign]  # it is a UNIX socket
        protocol.makeConnection(server)
        return far

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        protocol = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        assert protocol is not None
        self.far.append(self.join(protocol))
        return succeed(protocol)


class TurnTests(SynchronousTestCase):
    """Requests over sockets, in turns of a reactor."""

    def setUp(self) -> None:
        self.reactor = EPollReactor()
        for reader in self.reactor.removeAll():
            reader.connectionLost(None)
        self.addCleanup(self.reactor._poller.close)
        turns = Turns()
        self.assertTrue(replace_iteration(self.reactor, turns))
        self.backend = Pairs(self.reactor)
        self.clock = Clock()
        self.pool = Pool(self.clock, self.backend, b"backend.example", max_idle=8)
        self.answers: Answers = []
        self.seen: list[list[int]] = []
        """Of each request, which connections to the backend had something when it was made."""
        for _ in range(2):
            self.pool.exchange(b"PUT", b"/x", b"", b"", 100, 10.0, self.answers.append)
        for far in self.backend.far:
            self.addCleanup(far.close)
            arrived(far)
            far.send(OK)
        self.reactor.iterate(0)
        self.assertEqual(len(self.answers), 2)
        self.answers.clear()
        turns.gathering = self.pool
        self.clients = [
            self.backend.join(Asking(self.pool, self.backend.far, self.seen, self.answers)) for _ in range(2)
        ]
        for far in self.clients:
            self.addCleanup(far.close)

    def test_written_behind(self) -> None:
        """The requests of two events of one turn are written behind both of them; that of one by itself at once."""
        for client in self.clients:
            client.send(b"hello")
        self.reactor.iterate(0)
        self.assertEqual(self.seen, [[], []])
        self.assertEqual([arrived(far)[-5:] for far in self.backend.far], [b"hello", b"hello"])
        for far in self.backend.far:
            far.send(OK)
        self.reactor.iterate(0)
        self.seen.clear()
        self.clients[0].send(b"alone")
        self.reactor.iterate(0)
        self.assertEqual([len(each) for each in self.seen], [1])

    def test_closed_in_the_turn(self) -> None:
        """Requests whose idle connections turn out closed in the same turn are written once, to new connections."""
        for client in self.clients:
            client.send(b"hello")
        for far in self.backend.far:
            far.shutdown(socket.SHUT_RDWR)
        self.reactor.iterate(0)
        new = self.backend.far[2:]
        for far in new:
            self.addCleanup(far.close)
        self.assertEqual([arrived(far).count(b"PUT ") for far in new], [1, 1])
        for far in new:
            far.send(OK)
        self.reactor.iterate(0)
        self.assertEqual([type(answer) for answer in self.answers], [HttpResponse, HttpResponse])

    def test_other_reactor(self) -> None:
        """With a reactor of another kind each request is written at once."""
        reactor, turns = PollReactor(), Turns()
        for reader in reactor.removeAll():
            reader.connectionLost(None)
        self.assertFalse(replace_iteration(reactor, turns))
        turns.gathering = self.pool
        self.backend.reactor = reactor
        seen: list[list[int]] = []
        clients = [self.backend.join(Asking(self.pool, self.backend.far, seen, self.answers)) for _ in range(2)]
        for far in clients:
            self.addCleanup(far.close)
            far.send(b"hello")
        reactor.iterate(0)
        self.assertEqual([len(each) for each in seen], [1, 2])

    def test_partial_send(self) -> None:
        """What a socket does not take at once follows, in order, and does not keep the others."""
        requests: list[bytes] = []
        self.patch(
            Asking,
            "dataReceived",
            lambda protocol, data: (
                requests.append(data * 300_000)
                or self.pool.exchange(b"PUT", b"/x", b"", data * 300_000, 100, 10.0, self.answers.append)
            ),
        )
        for number, client in enumerate(self.clients):
            client.send(b"hello%d" % number)
        got = [b"", b""]
        for _ in range(400):
            self.reactor.iterate(0)
            for number, far in enumerate(self.backend.far):
                got[number] += arrived(far)
        self.assertTrue(sorted(each.partition(b"\r\n\r\n")[2] for each in got) == sorted(requests))
        for far in self.backend.far:
            far.send(OK)
        self.reactor.iterate(0)
        self.assertEqual([type(answer) for answer in self.answers], [HttpResponse, HttpResponse])
