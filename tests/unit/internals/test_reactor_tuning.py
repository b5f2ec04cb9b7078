"""The reactor's turns without a log context."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals.reactor_tuning import replace_iteration


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


class PollingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = EPollReactor()
        for reader in self.reactor.removeAll():
            reader.connectionLost(None)
        self.addCleanup(self.reactor._poller.close)
        self.changed = replace_iteration(self.reactor)

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
