"""The state of a handshake from the first byte to the 101: the connection has it until then, and drops it."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IDelayedCall

from wsaas.clients.handshake.request import HandshakeRequest
from wsaas.clients.handshake.request_head import RequestHead


class PendingHandshake:
    """One handshake that is not answered with 101 yet. Bound: one for each connection, with one head."""

    __slots__ = ("admitted", "asked", "body_wanted", "deadline", "fast_path", "head", "head_received", "searched")

    def __init__(self) -> None:
        self.deadline: IDelayedCall | None = None
        """Runs until the head is there and the gateway is asked."""
        self.searched = 0
        """Bytes of the head that do not hold its end."""
        self.head_received = False
        """Set when the head is there, or not waited for any more."""
        self.body_wanted = True
        """False for a HEAD, whose answer has no body."""
        self.admitted = False
        """Set when the client's address is known and counted."""
        self.head: RequestHead | None = None
        """The head, once it is read."""
        self.asked: HandshakeRequest | None = None
        """The parts of the head that the 101 depends on, once they are found sound."""
        self.fast_path = False
        """Set if Autobahn has not seen the head, so that the 101 is written without it."""

    def stop_deadline(self) -> None:
        """Stop the deadline, if it runs."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def subprotocol(self, chosen: str | None, offered: Sequence[str]) -> str | None:
        """Return the subprotocol for the 101, given the backend's choice.

        If the client carried its credential in a subprotocol and the backend chose none, it is the first one offered
        beside that, or else that one: a browser gives up a handshake for which it offered some and none was selected.
        """
        carrier = None if self.head is None else self.head.carrier
        if chosen is not None or carrier is None:
            return chosen
        return offered[0] if offered else carrier
