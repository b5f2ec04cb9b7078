"""What becomes of a connection for which there is no room, whoever has none."""

from __future__ import annotations

from twisted.internet.protocol import Protocol


class RejectedConnection(Protocol):
    """Ends its connection at once, unread. (A factory that makes None breaks those that wrap it, such as TLS.)"""

    def connectionMade(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]  # ITCPTransport
