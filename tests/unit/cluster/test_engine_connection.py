"""One connection to the engine: replies in order, deadlines, and what ends it."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.sockets import SocketTestCase
from wsaas.cluster.engine_connection import CALL_TIMEOUT, MAX_UNDER_WAY, EngineAway, EngineConnection, EngineRefused


class SocketTests(SocketTestCase):
    def test_at_once(self) -> None:
        """A command that the socket takes leaves at once, without a turn of the reactor."""
        connection = EngineConnection(Clock())
        connection.makeConnection(self.transport)
        connection.call("PING")
        self.assertEqual(len(self.reactor.writers), 0)
        self.assertEqual(self.far.recv(100), b"*1\r\n$4\r\nPING\r\n")


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = EngineConnection(self.clock)
        self.transport = StringTransport()
        self.connection.makeConnection(self.transport)

    def ended(self) -> bool:
        return self.transport.disconnecting or self.transport.disconnected

    def test_replies(self) -> None:
        """Commands are written at once, and each gets its own reply, however the bytes are cut."""
        first, second = self.connection.call("GET", b"a"), self.connection.call("HGETALL", "b")
        self.assertEqual(self.transport.value(), b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$7\r\nHGETALL\r\n$1\r\nb\r\n")
        for byte in b"$2\r\nhi\r\n*2\r\n:1\r\n$-1\r\n":
            self.connection.dataReceived(bytes([byte]))
        self.assertEqual(self.successResultOf(first), b"hi")
        self.assertEqual(self.successResultOf(second), [1, None])

    def test_error(self) -> None:
        """An error of the engine fails its command only."""
        first, second = self.connection.call("GET"), self.connection.call("PING")
        self.connection.dataReceived(b"-ERR wrong number of arguments\r\n+PONG\r\n")
        self.assertEqual(str(self.failureResultOf(first, EngineRefused).value), "ERR wrong number of arguments")
        self.assertEqual(self.successResultOf(second), b"PONG")

    def test_error_in_a_script(self) -> None:
        """An error of a script is told without the script's hash and line, which name nothing that a reader knows."""
        for words, end in (
            (b"OOM command not allowed when used memory > 'maxmemory'", b"."),
            (b"NOPERM ACL failure in script: User app has no permissions to run the 'set' command", b""),
        ):
            called = self.connection.call("EVALSHA")
            self.connection.dataReceived(b"-%b%b script: ba8a161f, on @user_script:19.\r\n" % (words, end))
            self.assertEqual(str(self.failureResultOf(called, EngineRefused).value), words.decode())
        called = self.connection.call("EVALSHA")
        self.connection.dataReceived(b"-NOPERM ACL failure in script: User app has no permissions\r\n")
        text = str(self.failureResultOf(called, EngineRefused).value)
        self.assertEqual(text, "NOPERM ACL failure in script: User app has no permissions")

    def test_no_master(self) -> None:
        """READONLY, or a server that still loads, is a lost connection: all under way and all later calls fail."""
        for error in (b"-READONLY You can't write against a read only replica.\r\n", b"-LOADING dataset\r\n"):
            self.setUp()
            first, second = self.connection.call("SET", "a", 1), self.connection.call("PING")
            self.connection.dataReceived(error)
            self.failureResultOf(first, EngineAway)
            self.failureResultOf(second, EngineAway)
            self.failureResultOf(self.connection.call("PING"), EngineAway)
            self.assertTrue(self.ended())
            self.assertTrue(self.successResultOf(self.connection.lost).startswith(error[1:8].decode()))

    def test_deadline(self) -> None:
        """A command that has no answer in time ends the connection; one that had is not in the way."""
        quick = self.connection.call("PING")
        self.clock.advance(CALL_TIMEOUT / 2)
        slow = self.connection.call("PING")
        self.connection.dataReceived(b"+PONG\r\n")
        self.successResultOf(quick)
        self.clock.advance(CALL_TIMEOUT / 2)
        self.assertNoResult(slow)
        self.clock.advance(CALL_TIMEOUT / 2)
        self.failureResultOf(slow, EngineAway)
        self.assertEqual(self.successResultOf(self.connection.lost), "no answer in time")

    def test_longer_deadline(self) -> None:
        """A command may have a longer deadline, which does not lengthen that of others."""
        longer = self.connection.call("WAIT", 1, 1000, within=5)
        self.clock.advance(CALL_TIMEOUT * 2)
        self.assertNoResult(longer)
        other = self.connection.call("PING")
        self.clock.advance(CALL_TIMEOUT)
        self.failureResultOf(other, EngineAway)
        self.failureResultOf(longer, EngineAway)

    def test_bound(self) -> None:
        """No more than MAX_UNDER_WAY commands wait; one more fails, and the connection goes on."""
        waiting: list[Any] = [self.connection.call("PING") for _ in range(MAX_UNDER_WAY)]
        self.failureResultOf(self.connection.call("PING"), EngineAway)
        self.connection.dataReceived(b"+PONG\r\n" * MAX_UNDER_WAY)
        self.successResultOf(waiting[-1])

    def test_nonsense(self) -> None:
        """Bytes that are no reply, or a reply to nothing, end the connection."""
        for data in (b"HTTP/1.1 400 Bad Request\r\n", b"+PONG\r\n"):
            self.setUp()
            self.connection.dataReceived(data)
            self.assertTrue(self.ended())
            self.successResultOf(self.connection.lost)

    def test_closed(self) -> None:
        """When the engine hangs up, all that is under way fails, and no timer stays."""
        call = self.connection.call("PING")
        self.connection.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(call, EngineAway)
        self.assertEqual(self.successResultOf(self.connection.lost), "closed by the engine")
        self.assertEqual(self.clock.getDelayedCalls(), [])
