"""WebSocket clients that share no code with the gateway.

`connect` and its kin are the `websockets` library: a client as people write them. `RawClient` is a blocking socket
with `wsproto` to read what comes: a client that can do anything, the wrong things above all.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as websockets_connect
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, RejectConnection, RejectData, Request

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0

PATIENCE = 60.0
"""Seconds until a gateway that says nothing counts as hanging; a busy machine is no reason to fail."""


@dataclass(frozen=True)
class Refusal:
    """The answer to a handshake that was not let in; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def connect(uri: str, **options: Any) -> ClientConnection:
    """A connected client, without compression and keepalive of its own unless asked for."""
    plain: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None, "max_size": None}
    # Entered here, as the library wants it, and left by `close`.
    connection: ClientConnection = websockets_connect(uri, **{**plain, "open_timeout": 20, **options}).__enter__()
    return connection


def leave(connection: ClientConnection) -> None:
    """Close a connection that no test needs any more; one with messages that nobody took does not answer a Close."""
    connection.close_timeout = 0.5
    connection.close()


def refused(uri: str, **options: Any) -> Refusal:
    """Return the response to a client that must be refused."""
    try:
        connection = connect(uri, **options)
    except InvalidStatus as problem:
        response = problem.response
        headers = {name.lower(): value for name, value in response.headers.raw_items()}
        return Refusal(response.status_code, headers, bytes(response.body or b""))
    connection.close()
    raise AssertionError("the client was let in")


def closing(connection: ClientConnection, within: float = PATIENCE) -> tuple[int, str]:
    """The close frame that the gateway sends, all messages before it thrown away; (1006, "") if there was none."""
    try:
        while True:
            connection.recv(timeout=within)
    except ConnectionClosed as end:
        return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")


def frame(opcode: int, payload: bytes, *, final: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """A frame's bytes (RFC 6455, 5.2), correct or not."""
    first = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    bit, size = (0x80 if masked else 0), len(payload)
    if size < 126:
        first += bytes([bit | size])
    elif size < 65536:
        first += bytes([bit | 126]) + struct.pack("!H", size)
    else:
        first += bytes([bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return first + payload
    key = os.urandom(4)
    mask = (key * (size // 4 + 1))[:size]
    return first + key + (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)


def close_frame(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


def handshake(path: str, *lines: str) -> bytes:
    """A good handshake, with further header lines."""
    key = base64.b64encode(bytes(16)).decode()
    fixed = ["Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    every = [f"GET {path} HTTP/1.1", *fixed, f"Sec-WebSocket-Key: {key}", *lines]
    return ("\r\n".join(every) + "\r\n\r\n").encode("latin-1")


class RawClient:
    """A socket to the gateway. What comes is read only when the test asks for it."""

    def __init__(
        self,
        port: int,
        *,
        context: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
        source: str = "127.0.0.1",
    ) -> None:
        plain = socket.socket()
        plain.bind((source, 0))
        if receive_buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(PATIENCE)
        plain.connect(("127.0.0.1", port))
        self.socket = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        self._wire = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []

    def ask(self, path: str = "/", headers: list[tuple[str, str]] | None = None) -> None:
        """Send a good handshake and do not wait for its answer."""
        extra = [(name.encode(), value.encode("latin-1")) for name, value in headers or []]
        self.send(self._wire.send(Request(host="localhost", target=path, extra_headers=extra)))

    def open(self, path: str = "/", headers: list[tuple[str, str]] | None = None) -> RawClient:
        """Do the whole handshake; it must succeed."""
        self.ask(path, headers)
        self.accepted()
        return self

    def accepted(self) -> AcceptConnection:
        """The 101, which must be what comes next."""
        event = self.next()
        assert isinstance(event, AcceptConnection), event
        return event

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def next(self, within: float = PATIENCE) -> Event | None:
        """The next thing that the gateway says, or None at the end of the stream."""
        self.socket.settimeout(within)
        while not self._events:
            data = self.read()
            self._wire.receive_data(data or None)
            self._events.extend(self._wire.events())
            if not data and not self._events:
                return None
        return self._events.pop(0)

    def refusal(self, within: float = PATIENCE) -> int:
        """The status with which the handshake was refused; the rest of the answer is read too."""
        status = 0
        while True:
            event = self.next(within)
            if isinstance(event, RejectConnection):
                status = event.status_code
                if not event.has_body:
                    return status
            elif (isinstance(event, RejectData) and event.body_finished) or event is None:
                return status
            elif not isinstance(event, RejectData):
                raise AssertionError(f"not a refusal: {event}")

    def close_code(self, within: float = PATIENCE) -> int:
        """The code of the gateway's close frame, whatever came before it; 1006 if the stream just ended."""
        while (event := self.next(within)) is not None:
            if isinstance(event, CloseConnection):
                return event.code
        return 1006

    def read(self) -> bytes:
        """Return some bytes as they arrive; none at the end or after a reset."""
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""

    def rest(self, within: float = PATIENCE) -> bytes:
        """All bytes until the gateway hangs up."""
        self.socket.settimeout(within)
        parts = []
        while data := self.read():
            parts.append(data)
        return b"".join(parts)

    def half_close(self) -> None:
        """Send the end of the stream and go on reading. Nothing happens where the gateway has already left."""
        with contextlib.suppress(OSError):  # ENOTCONN is no ConnectionError
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave by a TCP reset, as a crashed machine does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def leave(self) -> None:
        """Close the socket, without a close frame. Can be repeated."""
        self.socket.close()
