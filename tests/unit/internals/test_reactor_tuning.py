"""The reactor's turns without a log context."""

from __future__ import annotations

import socket
from errno import ECONNRESET, EWOULDBLOCK
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import tcp
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from tests.support.properties import examples
from wsaas.internals.reactor_tuning import EVENTS_TOGETHER, Turns, replace_iteration


class Reader:
    """A selectable that keeps what it reads, and does what a test wants of it."""

    def __init__(self, handle: socket.socket) -> None:
        self.handle = handle
        self.read: list[bytes] = []
        self.lost: list[str] = []
        self.then: Any = None

    def fileno(self) -> int:
        return self.handle.fileno()

    def logPrefix(self) -> str:
        raise AssertionError("nobody asks for it")

    def doRead(self) -> object:
        self.read.append(self.handle.recv(100))
        return None if self.then is None else self.then()

    def connectionLost(self, reason: Any) -> None:
        self.lost.append(reason.type.__name__)
        if reason.check(KeyError):
            raise ValueError("while it is given up")


class Gathered:
    """Gathers, and notes how many it had each time."""

    def __init__(self) -> None:
        self.waiting: list[int] | None = None
        self.parts: list[int] = []

    def write_waiting(self) -> None:
        assert self.waiting is not None
        self.parts.append(len(self.waiting))
        self.waiting = None


class PollingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = EPollReactor()
        for reader in self.reactor.removeAll():
            reader.connectionLost(None)
        self.addCleanup(self.reactor._poller.close)
        self.turns = Turns()
        self.changed = replace_iteration(self.reactor, self.turns)

    def reader(self) -> tuple[Reader, socket.socket]:
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        reader = Reader(near)
        self.reactor.addReader(reader)
        return reader, far

    def test_which(self) -> None:
        """The reactor of Linux is changed, as this Twisted has it; any other is left alone."""
        self.assertTrue(self.changed)
        other = PollReactor()
        for reactor in (Clock(), other):
            before = dict(vars(reactor))
            self.assertFalse(replace_iteration(reactor))
            self.assertEqual(vars(reactor), before)
        for reader in other.removeAll():
            reader.connectionLost(None)

    def test_turn(self) -> None:
        """Each turn, all that have something to read are served; with nothing to read a turn ends after its time."""
        one, other = self.reader(), self.reader()
        for _, far in (one, other):
            far.send(b"hello")
        self.reactor.doIteration(None)
        self.reactor.doIteration(0)
        self.assertEqual([reader.read for reader, _ in (one, other)], [[b"hello"], [b"hello"]])

    def test_together(self) -> None:
        """The requests of EVENTS_TOGETHER events of a turn are gathered at a time, and all events are served. Those of
        one event alone are not gathered, and none are without a gathering, or behind the turn.
        """
        pairs = [self.reader() for _ in range(2 * EVENTS_TOGETHER + 1)]
        gathering = Gathered()
        parts = gathering.parts

        def served() -> int:
            return sum(len(reader.read) for reader, _ in pairs)

        for reader, _ in pairs:
            reader.then = lambda: gathering.waiting is not None and gathering.waiting.append(1)
        for expected in ([], [EVENTS_TOGETHER, EVENTS_TOGETHER, 1]):
            for _, far in pairs:
                far.send(b"x")
            before = served()
            self.reactor.doIteration(0)
            self.assertEqual((served() - before, parts), (len(pairs), expected))
            self.turns.gathering = gathering
        self.assertIsNone(gathering.waiting)
        parts.clear()
        pairs[0][1].send(b"x")
        before = served()
        self.reactor.doIteration(0)
        self.assertEqual((served() - before, parts), (1, []))

    def test_nothing_gathered(self) -> None:
        """A turn without requests writes none and gathers no more behind it; one broken off writes what it has."""
        self.turns.gathering = gathering = Gathered()
        (one, far), (other, beyond) = self.reader(), self.reader()
        for _ in range(2):
            far.send(b"x")
            beyond.send(b"x")
            self.reactor.doIteration(0)
            self.assertEqual((gathering.parts, gathering.waiting), ([], None))

        def fail(*_: object) -> None:
            if gathering.waiting is not None:
                gathering.waiting.append(1)
            raise KeyboardInterrupt

        one.then = other.then = one.connectionLost = other.connectionLost = fail  # type: ignore[method-assign]
        far.send(b"x")
        beyond.send(b"x")
        self.assertRaises(KeyboardInterrupt, self.reactor.doIteration, 0)
        self.assertEqual((gathering.parts, gathering.waiting), ([2], None))
        self.flushLoggedErrors(KeyboardInterrupt)

    def test_gone_meanwhile(self) -> None:
        """One that another has removed in the same turn is not served."""
        (one, far), (other, beyond) = self.reader(), self.reader()
        one.then = lambda: self.reactor.removeReader(other)
        other.then = lambda: self.reactor.removeReader(one)
        far.send(b"x")
        beyond.send(b"x")
        self.reactor.doIteration(0)
        self.assertEqual(len(one.read) + len(other.read), 1)

    def test_raises(self) -> None:
        """One that raises is given up, with its error in the log, and the others are served; so they are when that
        fails, too.
        """
        for error, logged in ((TypeError, [TypeError]), (KeyError, [KeyError, ValueError])):
            (bad, far), (good, beyond) = self.reader(), self.reader()

            def fail(error: type[Exception] = error) -> None:
                raise error("a bug")

            bad.then = fail
            far.send(b"x")
            beyond.send(b"x")
            self.reactor.doIteration(0)
            self.assertEqual((bad.lost, good.read, good.lost), ([error.__name__], [b"x"], []))
            self.assertEqual([failure.type for failure in self.flushLoggedErrors()], logged)
            self.reactor.removeReader(good)


class Noting(Protocol):
    """A protocol that writes down what it hears, and does what the data tells it to."""

    def __init__(self, number: int, heard: list[str], others: list[Noting], half: bool) -> None:
        self.number = number
        self.heard = heard
        self.others = others
        if half:
            alsoProvides(self, IHalfCloseableProtocol)

    def note(self, what: str) -> None:
        self.heard.append(f"{self.number} {what}")

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        self.note(f"data {len(data)} {data[:1]!r}")
        match data[:1]:
            case b"w":
                transport.write(data)
            case b"e":
                raise KeyError("a bug")
            case b"l":
                transport.loseConnection()
            case b"a":
                transport.abortConnection()
            case b"p":
                transport.pauseProducing()
            case b"r":
                for each in self.others:
                    if each.connected and not each.transport.disconnecting:  # type: ignore[union-attr]
                        each.transport.resumeProducing()  # type: ignore[union-attr]
            case b"o":
                for each in self.others:
                    if each is not self and each.connected:
                        each.transport.abortConnection()  # type: ignore[union-attr]

    def readConnectionLost(self) -> None:
        self.note("read half lost")

    def writeConnectionLost(self) -> None:
        self.note("write half lost")

    def connectionLost(self, reason: Any = None) -> None:
        self.connected = 0
        self.note(f"lost {reason.type.__name__}")


class Closing(Noting):
    """A protocol that closes these sockets when it hears something, behind Twisted's back."""

    close: list[socket.socket]

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        for each in self.close:
            each.close()


STEPS = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["say", "say", "say", "much", "close", "half", "close unread", "turn", "turn"]),
    st.sampled_from(b"wwwwelaproo...."),
)


class ReadingTests(SynchronousTestCase):
    """The reactor reads plain TCP itself, as Twisted's transports do."""

    def play(
        self, steps: list[tuple[int, str, int]], half: bool, fast: bool, together: bool = False
    ) -> tuple[list[str], list[bytes], int]:
        """Let three connections of a reactor hear these steps; return what they heard, what came back, and how many
        errors were logged.
        """
        reactor = EPollReactor()
        for reader in reactor.removeAll():
            reader.connectionLost(None)
        turns = Turns()
        self.assertTrue(replace_iteration(reactor, turns, read_plain_tcp=fast))
        if together:
            turns.gathering = Gathered()
        heard: list[str] = []
        protocols: list[Noting] = []
        ends: list[socket.socket] = []
        for number in range(3):
            near, far = socket.socketpair()
            far.setblocking(False)
            protocol = Noting(number, heard, protocols, half)
            protocols.append(protocol)
            server = tcp.Server(near, protocol, ("127.0.0.1", 1), None, number, reactor)  # type: ignore[arg-type]
            protocol.makeConnection(server)
            ends.append(far)
        back = [b"", b"", b""]

        def turn() -> None:
            for _ in range(3):
                reactor.iterate(0)
            for number, far in enumerate(ends):
                if far.fileno() >= 0:
                    try:
                        back[number] += far.recv(1 << 20)
                    except OSError as error:
                        back[number] += type(error).__name__[:1].encode() if type(error) is not BlockingIOError else b""

        for number, step, letter in steps:
            far = ends[number]
            if far.fileno() < 0:
                continue
            try:
                if step == "say":
                    far.send(bytes([letter]) + b"hello")
                elif step == "much":
                    far.send(bytes([letter]) * 70_000)
                elif step == "close":
                    far.close()
                elif step == "half":
                    far.shutdown(socket.SHUT_WR)
                elif step == "close unread":  # what the near end has written is not read: the far end resets
                    protocols[number].connected and protocols[number].transport.write(b"x")  # type: ignore[union-attr]
                    reactor.iterate(0)
                    far.close()
                else:
                    turn()
            except OSError:
                heard.append(f"{number} not sent")
        turn()
        for far in ends:
            far.close()
        turn()
        for protocol in protocols:
            if protocol.connected:
                protocol.transport.abortConnection()  # type: ignore[union-attr]
        turn()
        reactor._poller.close()
        return heard, back, len(self.flushLoggedErrors(KeyError))

    @given(st.lists(STEPS, max_size=12), st.booleans())
    @examples(200)
    def test_as_twisted(self, steps: list[tuple[int, str, int]], half: bool) -> None:
        """Data, ends, resets, halves of connections and bugs of protocols are the same on both ways, and in parts."""
        slow = self.play(steps, half, False)
        self.assertEqual(self.play(steps, half, True), slow)
        self.assertEqual(self.play(steps, half, True, together=True), slow)

    def test_each_end(self) -> None:
        """Each way in which a connection can end is met on the fast path, and is as Twisted's."""
        for half in (False, True):
            for step in ("close", "half", "close unread"):
                steps = [(0, "say", ord("w")), (0, "turn", 0), (0, step, 0), (0, "turn", 0)]
                heard, *_ = both = self.play(steps, half, True)
                self.assertEqual(both, self.play(steps, half, False))
                self.assertEqual(heard[0], "0 data 6 b'w'")
                self.assertIn("0 read half lost" if half and step != "close unread" else "0 lost", heard[1])

    def test_not_read_by_twisted(self) -> None:
        """A plain connection is read without its transport's doRead, any other with it."""
        read: list[bytes] = []
        self.patch(tcp.Server, "_dataReceived", lambda _, data: read.append(data))
        steps = [(0, "say", ord("w")), (0, "turn", 0)]
        self.assertEqual(self.play(steps, False, True)[0][0], "0 data 6 b'w'")
        self.assertNotIn(b"whello", read)
        self.play(steps, False, False)
        self.assertIn(b"whello", read)

    def test_socket_closed(self) -> None:
        """A connection whose socket was closed without its transport, in the same turn, hears nothing more. The reactor
        cannot remove it, and that is logged.
        """
        for fast in (True, False):
            reactor = EPollReactor()
            for reader in reactor.removeAll():
                reader.connectionLost(None)
            self.assertTrue(replace_iteration(reactor, read_plain_tcp=fast))
            heard: list[str] = []
            sockets = [FailingOnce.pair() for _ in range(2)]
            for number, (near, _) in enumerate(sockets):
                protocol = Closing(number, heard, [], False)
                protocol.close = [each for each, _ in sockets if each is not near]
                server = tcp.Server(near, protocol, ("127.0.0.1", 1), None, number, reactor)  # type: ignore[arg-type]
                protocol.makeConnection(server)
            for _, far in sockets:
                far.send(b"hello")
            reactor.iterate(0)
            self.assertEqual([each[1:] for each in heard], [" data 5 b'h'"], fast)
            self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
            for near, far in sockets:
                near.close()
                far.close()
            reactor._poller.close()

    def test_errors(self) -> None:
        """A socket that has nothing after all is read in a later turn; one that fails is lost. Both as Twisted does."""
        for error, then in (
            (BlockingIOError(EWOULDBLOCK, ""), "0 data 5 b'h'"),
            (ConnectionResetError(ECONNRESET, ""), "0 lost ConnectionLost"),
        ):
            for fast in (True, False):
                reactor = EPollReactor()
                for reader in reactor.removeAll():
                    reader.connectionLost(None)
                self.assertTrue(replace_iteration(reactor, read_plain_tcp=fast))
                near, far = FailingOnce.pair()
                FailingOnce.error = error
                protocol = Noting(0, [], [], False)
                server = tcp.Server(near, protocol, ("127.0.0.1", 1), None, 0, reactor)  # type: ignore[arg-type]
                protocol.makeConnection(server)
                far.send(b"hello")
                reactor.iterate(0)
                reactor.iterate(0)
                self.assertEqual(protocol.heard, [then], fast)
                far.close()
                near.close()
                reactor._poller.close()


class FailingOnce(socket.socket):
    """A socket that fails when it is read for the first time."""

    error: Exception | None = None

    @classmethod
    def pair(cls) -> tuple[socket.socket, socket.socket]:
        near, far = socket.socketpair()
        return cls(fileno=near.detach()), far

    def recv(self, size: int, flags: int = 0) -> bytes:
        error, FailingOnce.error = FailingOnce.error, None
        if error is not None:
            raise error
        return super().recv(size, flags)
