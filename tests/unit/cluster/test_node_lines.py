"""Pushes to other nodes in one write: who they are for, and what goes the slow way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.node_lines import NodeLines
from wsaas.cluster.nodes import Nodes
from wsaas.cluster.sockets import SiblingSockets
from wsaas.cluster.table import MemberRow, MemberState, Table

P, Q = "P" * 8, "Q" * 8
ID = Q + "x" * 24


class NodeLinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.table = Table(P)
        self.slow: list[str] = []
        self.heard: list[bytes] = []
        look_up: Any = None
        nodes = Nodes(self.reactor, self.table, look_up, self.reach, b"Authorization: Bearer t\r\n", lambda: 1e9)
        self.lines = NodeLines(
            self.reactor,
            self.table,
            nodes.place,
            lambda: 1e9,
            lambda reason: reason.name.encode(),
            self.slowly,
        )

    def reach(self, address: str) -> Any:
        if not address.startswith("http"):
            raise ValueError("no URL")
        return TCP4ClientEndpoint(self.reactor, "192.0.2.1", 8082, 5), b"n2:8082"

    def slowly(self, id: str, payload: bytes, binary: bool, done: Callable[[bytes], object]) -> None:
        self.slow.append(id)
        done(b"slow")

    def known(self, address: str = "http://n2:8082") -> None:
        self.table.put(Q, MemberRow(address, "n2", MemberState.LIVE, "1"))

    def push(self) -> None:
        self.lines.push(Q, ID, b"hello", False, self.heard.append)

    def connected(self) -> tuple[Any, StringTransport]:
        transport = StringTransport()
        protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_push(self) -> None:
        """A push says who may ask and for which process it is; the answer is passed on as it came."""
        self.known()
        self.push()
        protocol, transport = self.connected()
        head = transport.value().partition(b"\r\n\r\n")[0].split(b"\r\n")
        for line in (f"PUT /{ID} HTTP/1.1", "Host: n2:8082", "Authorization: Bearer t", f"WSAAS-To: {Q}"):
            self.assertIn(line.encode(), head)
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
        protocol.dataReceived(answer)
        self.assertEqual((self.heard, self.slow), ([answer], []))
        self.push()
        self.assertEqual(len(self.reactor.tcpClients), 1)

    def test_by_socket(self) -> None:
        """A push to a process of this node goes to its socket; the slow way, if nothing listens there any more."""
        directory = Path(self.mktemp())
        sockets = SiblingSockets(directory, P)
        self.addCleanup(sockets.close)
        self.lines.by_sockets(sockets)
        self.known()
        (directory / f"{Q}.sock").touch()
        self.push()
        self.assertEqual((self.reactor.tcpClients, len(self.reactor.unixClients)), ([], 1))
        self.reactor.unixClients[-1][1].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertEqual((self.heard.pop(), self.slow), (b"slow", [ID]))
        (directory / f"{Q}.sock").unlink()
        self.lines.close()
        self.lines.by_sockets(sockets)
        self.push()
        self.assertEqual(len(self.reactor.tcpClients), 1)

    def test_slow_way(self) -> None:
        """A push to a process that is not known, has no address, is not reached, or is another one by now goes the
        slow way, which asks the engine.
        """
        self.push()
        self.known("ftp://n2")
        self.push()
        self.assertEqual((self.heard, len(self.slow)), ([b"slow", b"slow"], 2))
        self.known()
        self.push()
        self.reactor.tcpClients[-1][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertEqual(len(self.slow), 3)
        for status in (421, 408, 401):
            self.setUp()
            self.known()
            self.push()
            protocol, _ = self.connected()
            protocol.dataReceived(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
            self.assertEqual((self.heard, self.slow), ([b"slow"], [ID]))

    def test_silent(self) -> None:
        """A push that was sent and not answered is not sent again."""
        self.known()
        self.push()
        self.connected()
        self.reactor.advance(3)
        self.assertEqual((self.heard, self.slow), ([b"SILENT"], []))

    def test_moved(self) -> None:
        """A process that is at another address by now is reached there; of one that is gone nothing is kept."""
        self.known()
        self.push()
        self.connected()
        self.known("http://elsewhere:8082")
        self.push()
        self.assertEqual(len(self.reactor.tcpClients), 2)
        self.table.remove(Q)
        self.push()
        self.assertEqual(self.slow[-1], ID)
        self.lines.close()
