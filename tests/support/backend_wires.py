"""A backend in memory: an endpoint whose connections end in StringTransports, driven by the test."""

from __future__ import annotations

import socket
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint, ISystemHandle
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.pool import Pool

T = TypeVar("T")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
LIMIT = 1000


class Wire(StringTransport):
    """One connection as the backend sees it. `gone` says that the client's protocol was told of its end.

    While it is `slow`, it asks a producer to pause behind each write.
    """

    slow = False

    def __init__(self) -> None:
        super().__init__(lenient=True)
        self.protocol: IProtocol | None = None
        self.gone = False

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.slow and self.producer is not None:
            self.producer.pauseProducing()

    @property
    def aborted(self) -> bool:
        """True if the client ended the connection at once."""
        return self.disconnected

    def requests(self) -> bytes:
        """Return the bytes written since the last call."""
        written: bytes = self.value()
        self.clear()
        return written

    def answer(self, data: bytes) -> None:
        """The backend sends."""
        assert self.protocol is not None
        self.protocol.dataReceived(data)

    def end(self, clean: bool = True) -> None:
        """The connection is over: closed by the backend (or reset), or by the client."""
        assert self.protocol is not None and not self.gone
        self.gone = True
        self.protocol.connectionLost(Failure(ConnectionDone() if clean else ConnectionLost()))


@implementer(ISystemHandle)
class SocketTransport(StringTransport):
    """A transport over a real socket, whose other end is `peer`; it keeps what is written to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.handle, self.peer = socket.socketpair()
        self.handle.setblocking(False)
        self.peer.setblocking(False)

    def getHandle(self) -> socket.socket:
        return self.handle


@implementer(IStreamClientEndpoint)
class Backend:
    """Connects at once; or fails with `refusal`; or leaves all callers waiting when `slow`."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.refusal: Exception | None = None
        self.slow = False
        self.cancelled = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        if self.refusal is not None:
            return fail(self.refusal)
        if self.slow:
            return Deferred(self._cancel)
        wire = Wire()
        wire.protocol = protocol = protocolFactory.buildProtocol(None)
        assert protocol is not None
        self.wires.append(wire)
        protocol.makeConnection(wire)
        return succeed(protocol)

    def _cancel(self, connecting: Deferred[IProtocol]) -> None:
        self.cancelled += 1


def waiting(pool: Pool, path: bytes, head: bytes, body: bytes, limit: int, timeout: float) -> Deferred[HttpResponse]:
    """An exchange as a Deferred, which can be cancelled."""
    result: Deferred[HttpResponse] = Deferred(lambda _: exchange.cancel())

    def done(answer: HttpResponse | Fault) -> None:
        if isinstance(answer, Fault):
            result.errback(answer)
        else:
            result.callback(answer)

    exchange = pool.exchange(b"PUT", path, head, body, limit, timeout, done)
    return result


class PoolTestCase(SynchronousTestCase):
    """A pool with a backend in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.backend = Backend()
        self.pool = Pool(
            self.clock, self.backend, b"backend.example", max_idle=2, idle_timeout=30.0, connect_timeout=5.0
        )

    def exchange(self, body: bytes = b"", limit: int = LIMIT, timeout: float = 10.0) -> Deferred[HttpResponse]:
        return waiting(self.pool, b"/x", b"A: b\r\n", body, limit, timeout)

    def settle(self) -> None:
        """Let the ends that the client asked for happen."""
        for wire in self.backend.wires:
            if wire.disconnecting and not wire.gone:
                wire.end()

    def answered(self, waiting: Deferred[HttpResponse]) -> HttpResponse:
        return self.successResultOf(waiting)

    def fault(self, waiting: Deferred[HttpResponse], kind: type[Exception]) -> str:
        """The words of the failure, which must be of exactly this kind."""
        failure = self.failureResultOf(waiting)
        self.assertIs(type(failure.value), kind)
        return str(failure.value)
