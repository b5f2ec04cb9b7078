"""A WebSocket server that `wsaas connect` is tried on: it echoes."""

from __future__ import annotations

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest


class EchoServer(WebSocketServerProtocol):
    """Keeps what it is told, echoes it, and obeys `close`, which closes with 4001. /refuse is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.request: ConnectionRequest | None = None
        self.messages: list[tuple[bytes, bool]] = []
        self.closed_with: int | None = None

    def onConnect(self, request: ConnectionRequest) -> str | None:
        self.request = request
        if request.path == "/refuse":
            raise ConnectionDeny(403, "Forbidden")
        return request.protocols[-1] if request.protocols else None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append((payload, isBinary))
        if payload == b"close":
            self.sendClose(4001, "as you wish")
        elif self.state == self.STATE_OPEN:
            self.sendMessage(payload, isBinary)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.closed_with = code
