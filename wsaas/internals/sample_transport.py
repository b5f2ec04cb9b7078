"""A TCP transport of Twisted's that is never connected: several `Reliance`s look up its attributes."""

from __future__ import annotations

from twisted.internet import tcp


class _NoSocket:
    """A stand-in for the socket of a connection that is never used."""

    def fileno(self) -> int:
        """Return the number of no file."""
        return -1

    def setblocking(self, blocking: bool) -> None:
        """Do nothing."""


def sample_transport() -> tcp.Connection:
    """Return a transport that has what its constructor sets, and no socket."""
    return tcp.Connection(_NoSocket(), None, object())  # type: ignore[arg-type]  # it only keeps them
