"""Requests to other nodes: found in the table or by the engine, judged by what the engine says of those that failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.member import Fate
from wsaas.cluster.nodes import Nodes
from wsaas.cluster.siblings import FORWARD_TIMEOUT, MAX_AT_ONCE, Missing, SiblingRequest, SiblingResult, Siblings
from wsaas.cluster.sockets import SiblingSockets
from wsaas.cluster.table import MemberRow, MemberState, Table
from wsaas.http_client.exchange import HttpResponse

P, Q = "P" * 8, "Q" * 8
PUSH, CLOSE = SiblingRequest(b"PUT", b"/x", b"", b"hello"), SiblingRequest(b"DELETE", b"/x")


class NodesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.table = Table(P)
        self.fate = Fate.UNSURE
        self.row: MemberRow | None = None
        self.looked_up: list[str] = []
        self.nodes = Nodes(
            self.reactor, self.table, self.look_up, self.reach, b"Authorization: Bearer t\r\n", lambda: 1e9
        )
        self.heard: list[SiblingResult] = []

    async def look_up(self, prefix: str) -> Fate:
        self.looked_up.append(prefix)
        if self.fate is Fate.OVER:
            self.table.remove(prefix)
        elif self.row is not None:
            self.table.put(prefix, self.row)
        return self.fate

    def reach(self, address: str) -> Any:
        if not address.startswith("http"):
            raise ValueError("no URL")
        return TCP4ClientEndpoint(self.reactor, "192.0.2.1", 8082, 5), b"n2:8082"

    def known(self, state: MemberState = MemberState.LIVE, address: str = "http://n2:8082") -> MemberRow:
        row = MemberRow(address, "n2", state, "1")
        self.table.put(Q, row)
        return row

    def ask(self, request: SiblingRequest = PUSH) -> None:
        self.nodes.ask(Q, request, self.heard.append)

    def connected(self) -> StringTransport:
        transport = StringTransport()
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport.protocol = protocol  # type: ignore[attr-defined]
        protocol.makeConnection(transport)
        return transport

    def answered(self, status: int, content: object) -> SiblingResult:
        transport = self.connected()
        body = json.dumps(content).encode()
        transport.protocol.dataReceived(  # type: ignore[attr-defined]
            b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
        )
        return self.heard.pop()

    def test_request(self) -> None:
        """A request says who may ask, for which process it is, and until when it counts."""
        self.known()
        self.ask()
        transport = self.connected()
        head = transport.value().partition(b"\r\n\r\n")[0].split(b"\r\n")
        for line in (b"PUT /x HTTP/1.1", b"Host: n2:8082", b"Authorization: Bearer t", b"WSAAS-To: " + Q.encode()):
            self.assertIn(line, head)
        self.assertIn(b"WSAAS-Expires: %d" % ((1e9 + FORWARD_TIMEOUT) * 1000), head)

    def test_patient(self) -> None:
        """Requests that may take long, receipts and replays, keep no other request waiting."""
        self.known()
        for _ in range(MAX_AT_ONCE):
            self.ask(SiblingRequest(b"POST", b"/-/events/x/replay", patience=60.0))
        self.assertEqual(len(self.reactor.tcpClients), MAX_AT_ONCE)
        self.ask()
        self.assertEqual(len(self.reactor.tcpClients), MAX_AT_ONCE + 1)
        self.table.remove(Q)
        self.assertEqual(self.nodes.prefixes(), [])

    def test_answers(self) -> None:
        """The owner's answer is passed on; 421 says that the address has another process: not delivered."""
        self.known()
        self.ask()
        answer = self.answered(200, {"code": "OK"})
        assert isinstance(answer, HttpResponse)
        self.assertEqual(answer.status, 200)

    def test_misdirected(self) -> None:
        """421 and a token that is not taken: certainly not delivered; if the engine says that it is over, over."""
        for status in (421, 401):
            for fate, result in ((Fate.UNSURE, Missing.UNREACHABLE), (Fate.MEMBER, Missing.UNREACHABLE)):
                self.setUp()
                self.fate = fate
                self.known()
                self.ask()
                self.assertIs(self.answered(status, {}), result)
        self.setUp()
        self.fate = Fate.OVER
        self.known()
        self.ask()
        self.assertIs(self.answered(421, {}), Missing.OVER)

    def test_unknown(self) -> None:
        """A prefix that is not in the table is looked up: over, unsure, or a process that just came and is asked."""
        for fate, result in ((Fate.OVER, Missing.OVER), (Fate.UNSURE, Missing.UNREACHABLE)):
            self.fate = fate
            self.ask()
            self.assertIs(self.heard.pop(), result)
        self.fate, self.row = Fate.MEMBER, MemberRow("http://n2:8082", "n2", MemberState.LIVE, "1")
        self.ask()
        self.assertEqual(self.heard, [])
        self.assertIsInstance(self.answered(200, {"code": "OK"}), HttpResponse)
        self.ask()
        self.assertEqual(len(self.looked_up), 3)

    def test_refused(self) -> None:
        """A connection that is refused is judged by the engine: over, else certainly not delivered."""
        for fate, result in ((Fate.OVER, Missing.OVER), (Fate.MEMBER, Missing.UNREACHABLE)):
            self.fate = fate
            self.known()
            self.ask()
            self.reactor.tcpClients[-1][2].clientConnectionFailed(None, _refused())
            self.assertIs(self.heard.pop(), result)

    def test_trouble(self) -> None:
        """The reason why a process was not reached is known until it answers: its connection is refused, its clock or
        its token is another one, or its address has another process. One that is over has none.
        """
        self.fate = Fate.MEMBER
        self.known()
        self.assertIsNone(self.nodes.trouble(Q))
        self.ask()
        self.reactor.tcpClients[-1][2].clientConnectionFailed(None, _refused())
        self.assertEqual(self.nodes.trouble(Q), "connection refused")
        self.ask()
        self.answered(200, {"code": "OK"})
        self.assertIsNone(self.nodes.trouble(Q))
        for status, words in (
            (408, "compare the clocks"),
            (421, "another process has its address"),
            (401, "API_TOKEN"),
        ):
            self.setUp()
            self.fate = Fate.MEMBER
            self.known()
            self.ask()
            self.answered(status, {})
            self.assertIn(words, self.nodes.trouble(Q) or "")
        for fate, trouble in ((Fate.MEMBER, "connection refused"), (Fate.OVER, None)):
            self.setUp()
            self.fate = fate
            self.known()
            self.ask()
            self.reactor.tcpClients[-1][2].clientConnectionFailed(None, _refused())
            self.assertEqual(self.nodes.trouble(Q), trouble)
        self.table.remove(Q)
        self.nodes.prefixes()
        self.assertIsNone(self.nodes.trouble(Q))

    def test_probe(self) -> None:
        """An address is tried with the head of any request; what is wrong is said, also that nobody answers in time."""
        heard: list[str | None] = []
        self.nodes.probe(Q, "ftp://n2", heard.append)
        self.assertEqual(heard, ["no URL"])
        for status, trouble in ((200, None), (401, "the answer is 401"), (421, "another process has its address")):
            self.nodes.probe(Q, "http://n2:8082", heard.append)
            transport = self.connected()
            self.assertIn(b"WSAAS-To: " + Q.encode(), transport.value())
            transport.protocol.dataReceived(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)  # type: ignore[attr-defined]
            self.assertEqual(heard.pop(), trouble)
            self.assertTrue(transport.disconnecting)
        self.nodes.probe(Q, "http://n2:8082", heard.append)
        self.connected()
        self.reactor.advance(FORWARD_TIMEOUT)
        self.assertEqual(heard.pop(), "no answer in time")

    def test_silent(self) -> None:
        """A push without an answer may have been written; a close or a question is over if the engine says so."""
        for request, fate, result in (
            (PUSH, Fate.OVER, Missing.SILENT),
            (CLOSE, Fate.OVER, Missing.OVER),
            (CLOSE, Fate.UNSURE, Missing.SILENT),
        ):
            self.setUp()
            self.fate = fate
            self.known()
            self.ask(request)
            self.connected()
            self.reactor.advance(FORWARD_TIMEOUT)
            self.assertIs(self.heard.pop(), result)

    def test_address(self) -> None:
        """A row with an address that is none is not reached, and said; a changed address is used at once."""
        self.known(address="ftp://n2")
        self.ask()
        self.assertIs(self.heard.pop(), Missing.UNREACHABLE)
        self.known()
        self.ask()
        self.assertEqual(len(self.reactor.tcpClients), 1)

    def test_beside(self) -> None:
        """A process of this node is asked by its socket, and is one of all; the engine judges of one that is not there
        any more.
        """
        directory = Path(self.mktemp())
        sockets = SiblingSockets(directory, P)
        self.addCleanup(sockets.close)
        self.nodes.beside = Siblings(self.reactor, sockets, lambda: 1e9)
        for prefix in (Q, "R" * 8):
            (directory / f"{prefix}.sock").touch()
        self.known()
        self.assertEqual(self.nodes.prefixes(), [Q, "R" * 8])
        for fate, result in ((Fate.UNSURE, Missing.UNREACHABLE), (Fate.OVER, Missing.OVER)):
            self.fate = fate
            self.ask()
            self.reactor.unixClients[-1][1].clientConnectionFailed(None, _refused())
            self.assertIs(self.heard.pop(), result)
        self.assertEqual(self.reactor.tcpClients, [])

    def test_prefixes(self) -> None:
        """All are asked that can be: not those that left."""
        self.known(MemberState.LEFT)
        self.assertEqual(self.nodes.prefixes(), [])
        self.known(MemberState.DRAINING)
        self.assertEqual(self.nodes.prefixes(), [Q])
        self.assertTrue(self.nodes.there(Q))


def _refused() -> Any:
    from twisted.internet.error import ConnectionRefusedError
    from twisted.python.failure import Failure

    return Failure(ConnectionRefusedError())
