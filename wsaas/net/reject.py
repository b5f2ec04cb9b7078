"""The protocol of a connection over a limit."""

from __future__ import annotations

from twisted.internet.protocol import Protocol


class RejectedConnection(Protocol):
    """Aborts its connection at once, without reading.

    `buildProtocol` must not return None instead: wrapping factories, such as TLS, fail on None.
    """

    def connectionMade(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]  # ITCPTransport
