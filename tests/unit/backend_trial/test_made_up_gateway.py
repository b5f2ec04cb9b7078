"""The gateway that a backend on trial may call."""

from __future__ import annotations

import json
from typing import Any

import treq
from treq.testing import StubTreq
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend_trial.made_up_gateway import MAX_KINDS, Calls, MadeUpGateway, RefusedRequest
from wsaas.core.events import Cause, Closed
from wsaas.core.model import Frame, Handshake
from wsaas.core.outcomes import Accepted, Acknowledged
from wsaas.core.receipts import Receipt
from wsaas.core.records import Record
from wsaas.core.session import Session

ID = "WsaasTry" + "a" * 24
HANDSHAKE = Handshake("/", "", None, "127.0.0.1")


class Full(MemoryReactorClock):
    """A reactor on whose machine these interfaces are taken."""

    def __init__(self, *taken: str) -> None:
        super().__init__()
        self.taken = taken

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if interface in self.taken:
            raise CannotListenError(interface, port, OSError("in use"))
        return super().listenTCP(port, factory, backlog, interface)


class MadeUpGatewayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.gateway = MadeUpGateway(self.clock, 1000)

    def session(self) -> tuple[Session, Any]:
        return self.gateway.session(Record(ID, 0.0, (), "0" * 31 + "1"), HANDSHAKE)

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Ask the API, as a backend does."""
        reactor = MemoryReactorClock()
        self.gateway.listen(reactor, "http://localhost:8081", ())
        _, site, *_ = reactor.tcpServers[0]
        client = StubTreq(site.resource)
        asked = client.request(method, f"http://localhost{path}", data=body)
        reactor.advance(0)
        client.flush()
        response = self.successResultOf(asked)
        return response.code, json.loads(self.successResultOf(treq.content(response)))

    def test_push(self) -> None:
        """A push reaches a client by its id or its group, and is queued while its connect is not answered."""
        session, peer = self.session()
        self.assertEqual(self.ask("PUT", f"/{ID}", b"early")[0], 202)
        session.resolve(Accepted(groups=("room",), headers=((b"X-User", b"1"),)))
        self.assertEqual(peer.pushed, 1)
        self.assertEqual(self.ask("PUT", f"/{ID}", b"x")[0], 200)
        self.assertEqual(self.ask("PUT", "/groups/room", b"x")[1]["sent"], 1)
        self.assertEqual(self.ask("GET", "/groups/room")[1]["members"], [ID])
        self.assertEqual(peer.pushed, 3)
        self.assertEqual(self.ask("PUT", "/" + "b" * 32, b"x")[0], 404)

    def test_close(self) -> None:
        """A client that the backend closes is in no group any more; once its end is told it is unknown."""
        session, peer = self.session()
        session.resolve(Accepted(groups=("room",)))
        self.assertEqual(self.ask("DELETE", "/groups/room?code=4000")[1]["closed"], 1)
        self.assertTrue(peer.closed)
        self.assertEqual(self.ask("GET", "/groups")[1]["groups"], [])
        session.disconnected(Cause.API, 4000, "", True)
        self.assertEqual(session.ending, Closed(Cause.API, 4000, "", True))
        session.resolve(Acknowledged())
        self.assertEqual(self.ask("GET", f"/{ID}")[0], 404)

    def test_receipt(self) -> None:
        """A client answers pings at once."""
        session, peer = self.session()
        session.resolve(Accepted())
        settled: list[bool] = []
        frame = Frame(b"x", binary=False)
        self.assertTrue(peer.send(frame, session.outgoing.ping_for(Receipt(settled.append))))
        self.assertEqual(settled, [])
        self.clock.advance(0)
        self.assertEqual(settled, [True])

    def test_addresses(self) -> None:
        """It listens at a LOCAL_ADDRESS on this machine that is free; at localhost on IPv6, too, if that is there."""
        for address, taken, interfaces in (
            ("http://localhost:8081", (), ["127.0.0.1", "::1"]),
            ("http://localhost:8081/", ("::1",), ["127.0.0.1"]),
            ("http://127.0.0.1", (), ["127.0.0.1"]),
            ("http://localhost:8081", ("127.0.0.1",), []),
            ("http://gateway.internal:8081", (), []),
            ("https://localhost:8081", (), []),
            ("http://localhost:8081/behind/a/proxy", (), []),
        ):
            reactor = Full(*taken)
            gateway = MadeUpGateway(self.clock, 1000)
            gateway.listen(reactor, address, ())
            self.assertEqual([server[3] for server in reactor.tcpServers], interfaces, address)
            self.assertEqual(gateway.listening, bool(interfaces))

    def test_calls(self) -> None:
        """Requests are counted, those that are refused by method and status, of which there may be a hundred."""
        calls = Calls()
        for status in (200, 401, 401, 404):
            calls.answered(b"PUT", b"/x", status, 10, 0.1, "127.0.0.1")
        self.assertEqual((calls.count, calls.refused[RefusedRequest("PUT", 401)]), (4, 2))
        for status in range(400, 700):
            calls.answered(b"PUT", b"/x", status, 10, 0.1, "127.0.0.1")
        self.assertEqual(len(calls.refused), MAX_KINDS)
