"""Autobahn's server protocol as a codec: bytes in, messages out, and nothing of a socket.

A client's connection hands Autobahn the frames that it does not read itself, and the messages that it does not write
itself (compressed ones). Autobahn's protocol runs whole, from its own handshake on, over a transport that only keeps
what is written to it; it is used by what its documentation names and by what it writes, so that another release may
keep what it likes behind that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.exception import PayloadExceededError
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionRequest
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="reading unusual frames without Autobahn's debug lines and copies of settings",
    plainly="Autobahn copies its settings to each connection that sends such frames, and formats its debug lines",
    names=tuple(
        f"autobahn.twisted.websocket:WebSocketServerProtocol.{name}"
        for name in ("CONFIG_ATTRS", "_dataReceived", "sendData")
    ),
)
"""The list of the settings that Autobahn copies to each protocol, and two methods that `_tuned` replaces."""

NO_KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
"""A Sec-WebSocket-Key for a handshake whose answer nobody reads."""
_PROBE = (b"\x01\x82\0\0\0\0he", b"\x80\x83\0\0\0\0llo")


class AutobahnError(Exception):
    """Autobahn's protocol did not do as its documentation says."""


class FrameProtocol(WebSocketServerProtocol):
    """Autobahn's protocol, which keeps the subprotocol that it is to select and the last message that it read."""

    subprotocol: str | None = None
    message: tuple[bytes, bool] | None = None

    def onConnect(self, _: ConnectionRequest) -> str | None:
        """Select the subprotocol (IWebSocketChannel)."""
        return self.subprotocol

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Keep the message (IWebSocketChannel)."""
        self.message = payload, isBinary


@implementer(ITransport)
class _Recorder:
    """A transport that keeps what is written, and how it was closed."""

    _address = IPv4Address("TCP", "127.0.0.1", 0)

    def __init__(self) -> None:
        self.written = b""
        self.closed = self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writeSequence(self, data: Any) -> None:
        self.written += b"".join(data)

    def loseConnection(self) -> None:
        self.closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    def getPeer(self) -> IPv4Address:
        return self._address

    getHost = getPeer

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing: there is no socket."""

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing: there is room for everything."""

    def unregisterProducer(self) -> None:
        """Do nothing, as for `registerProducer`."""


class AutobahnCodec:
    """Reads a client's frames, and writes messages to it, as Autobahn does.

    `receive` is given at most one frame at a time. What came of it stands in the attributes.
    Bound: Autobahn keeps one message of at most the factory's `maxMessagePayloadSize` bytes.
    """

    __slots__ = ("_protocol", "_transport", "answer", "failure", "message")

    def __init__(
        self, protocol: Any, key: str = NO_KEY, subprotocol: str | None = None, offer: str | None = None
    ) -> None:
        """Open a connection of Autobahn's, given a new protocol of the factory's.

        `offer` is an offer of permessage-deflate that can be accepted, or None. Raises AutobahnError.
        """
        self._transport = _Recorder()
        self._protocol = protocol
        protocol.subprotocol = subprotocol
        protocol.makeConnection(self._transport)
        protocol.dataReceived(handshake_head(key, subprotocol, offer))
        self.answer = self._take_written()
        """The answer to the handshake, in bytes."""
        self.message: tuple[bytes, bool] | None = None
        """The payload of the message that was completed, and True for a binary one."""
        self.failure: tuple[int, str] | None = None
        """The close code and the reason, if the client broke a rule. Nothing may be received after that."""
        if not self.answer.startswith(b"HTTP/1.1 101 "):
            raise AutobahnError(f"Autobahn refuses a sound handshake: {self.answer[:200]!r}")

    @property
    def compressing(self) -> bool:
        """True if permessage-deflate was negotiated."""
        return b"\r\nSec-WebSocket-Extensions:" in self.answer

    @property
    def violated_again(self) -> bool:
        """True if the client has violated a rule again: Autobahn then closes the connection."""
        return self._transport.closed

    @property
    def closed(self) -> bool:
        """True if the violation was in a Close frame: Autobahn then aborts the connection."""
        return self._transport.aborted

    def receive(self, data: bytes) -> None:
        """Read a part of a frame, or a whole one."""
        self._protocol.message = None
        self._protocol.dataReceived(data)
        self.message = self._protocol.message
        written = self._take_written()
        if written[:1] == b"\x88":
            self.failure = int.from_bytes(written[2:4], "big"), written[4:].decode("utf-8", "replace")

    def encode(self, payload: bytes, binary: bool) -> bytes:
        """Return a message as bytes; compressed, if that was agreed on and leaves it within `maxMessagePayloadSize`."""
        try:
            self._protocol.sendMessage(payload, binary)
        except PayloadExceededError:
            self._protocol.sendMessage(payload, binary, doNotCompress=True)
        return self._take_written()

    def close(self) -> None:
        """Let Autobahn clear up."""
        self._protocol.connectionLost(connectionDone)

    def _take_written(self) -> bytes:
        written, self._transport.written = self._transport.written, b""
        return written


def handshake_head(key: str, subprotocol: str | None, offer: str | None) -> bytes:
    """Return the head of a request that asks for this and nothing else."""
    lines = [
        "GET / HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    if offer is not None:
        lines.append(f"Sec-WebSocket-Extensions: {offer}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def frame_protocol(factory: WebSocketServerFactory) -> type[FrameProtocol]:
    """Return the class of the factory's protocols: the tuned one, if that reads and writes as it should."""
    if RELIANCE.holds():
        tuned = _tuned(factory)
        if _works(factory, tuned):
            return tuned
        RELIANCE.give_up("a way to read a fragmented message without them")
    return FrameProtocol


def _tuned(factory: WebSocketServerFactory) -> type[FrameProtocol]:
    """Make a class that has the factory's settings as attributes, and receives and sends without debug lines.

    That saves 1.7 KB and two thirds of the time for each protocol, and a third of the time for each fragment.
    """
    values = {
        name: staticmethod(value) if callable(value := getattr(factory, name)) else value
        for name in FrameProtocol.CONFIG_ATTRS
    }
    methods = {"dataReceived": FrameProtocol._dataReceived, "sendData": _send_data}
    return type("FrameProtocol", (FrameProtocol,), {**values, **methods, "CONFIG_ATTRS": ()})


def _send_data(protocol: FrameProtocol, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
    """Write at once, as Autobahn does where neither `sync` nor `chopsize` is given."""
    transport: Any = protocol.transport
    transport.write(data)


def _works(factory: WebSocketServerFactory, protocol: Callable[[], FrameProtocol]) -> bool:
    """Try it: a codec of such protocols reads a message of two fragments, and writes one."""
    try:
        made = protocol()
        made.factory = factory
        codec = AutobahnCodec(made)
        for fragment in _PROBE:
            codec.receive(fragment)
        written = codec.encode(b"hello", True)
        codec.close()
    except Exception:
        return False
    return codec.message == (b"hello", False) and codec.failure is None and written == b"\x82\x05hello"
