"""A ClientConnection in memory: a transport that keeps what is written, an independent client codec (wsproto), and a
gateway that keeps what it is told.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import Event

from wsaas.clients.admission import Admission
from wsaas.clients.factory import ClientFactory
from wsaas.clients.handshake.client_address import Proxies
from wsaas.clients.handshake.credentials import Credentials
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.core.events import Cause
from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame, Handshake, Messages
from wsaas.core.monitor import Monitor
from wsaas.core.observer import Observer
from wsaas.core.refusal import Refusal, RefusalReason

REQUEST = (
    b"GET /room/7?a=1 HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
END = b"\r\n"
HANDSHAKE_TIMEOUT = 10.0
CONNECT_RATE = 50


class Transport:
    """A TCP transport whose socket the test opens and shuts: `stuck` keeps what is written in the buffer."""

    MARK = 65536

    def __init__(self, clock: Clock, host: str = "203.0.113.9") -> None:
        self.clock = clock
        self.host = host
        self.written = b""
        self.buffered = b""
        self.stuck = False
        self.reading = True
        self.closed = False
        self.ended = False
        """Whether the gateway's half is closed, or will be when all is written."""
        self.aborted = False
        self.producer: Any = None
        self.producer_paused = False
        self.protocol: Any = None

    def write(self, data: bytes) -> None:
        if self.closed:
            return
        if self.stuck:
            self.buffered += data
            if self.producer is not None and not self.producer_paused and len(self.buffered) > self.MARK:
                self.producer_paused = True
                self.producer.pauseProducing()
        else:
            self.written += data

    def flow(self) -> None:
        """The client reads: what was buffered is written, and the producer told."""
        self.stuck = False
        self.written += self.buffered
        self.buffered = b""
        if self.producer is not None and self.producer_paused:
            self.producer_paused = False
            self.producer.resumeProducing()
        if self.closed and not self.aborted:
            self.lose(ConnectionDone())

    @property
    def dataBuffer(self) -> bytes:
        """Twisted's name, by which the gateway sees what its socket has not taken."""
        return self.buffered

    offset = _tempDataLen = 0

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming and self.producer is None
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        assert not self.closed
        self.reading = True

    def loseConnection(self) -> None:
        if not self.closed:
            self.closed = True
            if not self.buffered:
                self.clock.callLater(0, self.lose, ConnectionDone())

    def loseWriteConnection(self) -> None:
        self.ended = True

    def abortConnection(self) -> None:
        if not self.aborted:
            self.closed = self.aborted = True
            self.clock.callLater(0, self.lose, ConnectionAborted())

    def lose(self, why: Exception) -> None:
        self.closed = True
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(why))
        self.producer = None  # as Twisted's transports do

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", self.host, 12345)

    getHost = getPeer


class FakeSessionInput:
    """What the protocol tells its session, in order; `room` is what one message may have, or several together."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.id = "FAKE"
        self.calls: list[tuple[Any, ...]] = []
        self.room = 10**9
        self.subprotocol: str | None = None
        self.fan_out_entry: object = None
        self.outgoing = self.lane = self
        self.received_frames: list[Frame] = []

    @property
    def messages(self) -> tuple[None, ...]:
        return () if self.room == 10**9 else (None,)

    def announce(self, length: int) -> None:
        if length > self.room:
            self.peer.pause_reading()

    def received(self, frame: Frame) -> None:
        self.received_frames.append(frame)
        self.calls.append(("received", frame.payload))

    def received_all(self, messages: Messages) -> None:
        lengths = [len(frame.payload) for frame in messages.frames]
        assert sum(lengths) == messages.length and sum(lengths) + OVERHEAD * len(lengths) <= self.room
        for frame in messages.frames:
            self.received(frame)

    def writable(self) -> None:
        self.calls.append(("writable",))

    def ponged(self, payload: bytes) -> None:
        self.calls.append(("ponged", payload))

    def fail(self, cause: Cause, code: int, reason: str) -> None:
        self.calls.append(("fail", cause, code))

    def disconnected(self, cause: Cause, code: int, reason: str, clean: bool) -> None:
        self.calls.append(("disconnected", cause, code, reason, clean))


class FakeGateway:
    def __init__(self) -> None:
        self.monitor = Monitor()
        self.handshakes: list[Handshake] = []
        self.sessions: list[FakeSessionInput] = []
        self.refused: Counter[RefusalReason] = Counter()
        self.observer: Observer | None = None

    def refuse(self, peer: Any, refusal: Refusal) -> None:
        self.refused[refusal.reason] += 1
        peer.refuse(refusal)

    def connect(self, peer: Any, handshake: Handshake) -> None:
        self.handshakes.append(handshake)
        peer.session = FakeSessionInput(peer)
        self.sessions.append(peer.session)


class Harness:
    """One factory and the clients of it."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.gateway = FakeGateway()
        settings: dict[str, Any] = {
            "ws_timeout": 30.0,
            "handshake_timeout": HANDSHAKE_TIMEOUT,
            "max_message_size": 1_000_000,
            "message_rate": 1000,
            "send_buffer": 1_000_000,
            "compression": False,
            "wall_clock": lambda: self.clock.seconds() + 1_000_000,
        }
        entrance = HandshakePolicy(
            proxies=Proxies(options.pop("trusted_proxies", ())),
            credentials=Credentials(options.pop("auth_query", None), options.pop("auth_subprotocol", False)),
            allowed_origins=options.pop("allowed_origins", ()),
            forward_headers=options.pop("forward_headers", ()),
        )
        self.admission = Admission(
            most_per_address=options.pop("most_per_address", 0),
            most_asking=options.pop("most_asking", 1000),
            connect_rate=options.pop("connect_rate", CONNECT_RATE),
            below=lambda bound: bound - 1,
            refused=self.gateway.refused,
        )
        gateway: Any = self.gateway
        self.factory = ClientFactory(self.clock, gateway, entrance, self.admission, **{**settings, **options})
        self.factory.keepalive.start()

    def client(self, host: str = "203.0.113.9") -> Client:
        return Client(self, host)

    def open(self, extra: bytes = b"", subprotocol: str | None = None, host: str = "203.0.113.9") -> Client:
        client = self.client(host)
        client.say(REQUEST + extra + END)
        client.peer.accept(subprotocol)
        assert client.transport.written.startswith(b"HTTP/1.1 101 "), client.transport.written
        client.transport.written = b""
        return client


class Client:
    """The far end of one connection."""

    def __init__(self, harness: Harness, host: str) -> None:
        self.harness = harness
        self.transport = Transport(harness.clock, host)
        self.peer: Any = harness.factory.buildProtocol(self.transport.getPeer())
        self.transport.protocol = self.peer
        self.peer.makeConnection(self.transport)
        self.codec = Connection(ConnectionType.CLIENT)

    @property
    def session(self) -> FakeSessionInput:
        return self.harness.gateway.sessions[-1]

    def say(self, data: bytes) -> None:
        """Raw bytes arrive, as long as there is a connection."""
        if self.transport.protocol is not None:
            self.peer.dataReceived(data)

    def send(self, event: Event) -> None:
        self.say(self.codec.send(event))

    def heard(self) -> list[Event]:
        """The frames that the client has received since it was last asked."""
        written, self.transport.written = self.transport.written, b""
        if self.codec.state is not ConnectionState.CLOSED:
            self.codec.receive_data(written)
        return list(self.codec.events())

    def close(self) -> None:
        """The client has read the answer that refuses it, and the end of the stream, and closes."""
        assert self.transport.ended and not self.transport.closed
        self.peer.readConnectionLost()
        self.harness.clock.advance(0)

    def vanish(self) -> None:
        """The TCP connection breaks."""
        self.transport.lose(ConnectionDone())
