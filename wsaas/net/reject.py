"""The protocol of a connection for which a limit leaves no room."""

from __future__ import annotations

from twisted.internet.protocol import Protocol


class RejectedConnection(Protocol):
    """Aborts its connection, unread. (A factory that makes None breaks the factories that wrap it, such as TLS.)"""

    def connectionMade(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]  # ITCPTransport
