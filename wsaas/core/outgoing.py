"""Headers, pushes and a reply that cannot be sent to their client yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wsaas.core.errors import ClientTooSlow
from wsaas.core.interfaces import Peer
from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame
from wsaas.core.receipts import MAX_RECEIPTS, Receipt, Receipts
from wsaas.core.streams import ReplyStream, Streams


class Outgoing:
    """Headers and pushes that wait for the client's 101, and after that the replies for which there was no room.

    Bounds, beside what the client's send buffer holds: pushes of at most `capacity` bytes, payloads plus `OVERHEAD`
    each, or any one message; over it `add` raises ClientTooSlow. Replies stop the lane: they are those of one answer.
    Of receipts there are at most MAX_RECEIPTS; for streams see Streams.
    """

    __slots__ = ("_capacity", "_pushes", "_receipts", "_size", "headers", "replies", "streams", "unsent")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pushes: list[Frame] | None = None  # most connections never have one, and a list takes 72 bytes
        self._size = 0
        self._receipts: Receipts | None = None
        self.unsent: tuple[Frame, ...] = ()
        """Replies for which there was no room."""
        self.streams: Streams | None = None
        """Replies that the backend is still writing, from the first one on."""
        self.headers: tuple[tuple[bytes, bytes], ...] = ()
        """Of the backend's answer to the connect: for the 101."""
        self.replies = 0
        """Messages sent that were replies."""

    def accept(self, peer: Peer, subprotocol: str | None) -> None:
        """Let the client in."""
        headers, self.headers = self.headers, ()
        peer.accept(subprotocol, headers)

    def add(self, push: Frame) -> None:
        """Keep a push until the 101. Raises ClientTooSlow over the bound."""
        size = self._size + len(push.payload)
        if self._pushes is None:
            self._pushes = [push]
        elif size + OVERHEAD * (len(self._pushes) + 1) > self._capacity:
            raise ClientTooSlow("too much waits for the handshake to end; try again later")
        else:
            self._pushes.append(push)
        self._size = size

    def take_pushes(self) -> Sequence[Frame]:
        """Return the pushes in the order in which they came; none are left."""
        pushes, self._pushes, self._size = self._pushes, None, 0
        return pushes or ()

    def ping_for(self, receipt: Receipt) -> bytes:
        """Let a receipt wait; return the payload of its ping. Raises ClientTooSlow if too many wait."""
        if self._receipts is None:
            self._receipts = Receipts()
        if self._receipts.full:
            raise ClientTooSlow(f"{MAX_RECEIPTS} receipts of this connection wait for the client; try again later")
        return self._receipts.add(receipt)

    def ponged(self, payload: bytes) -> None:
        """Hear a pong, and settle the receipts of the messages that it proves read."""
        if self._receipts is not None:
            self._receipts.ponged(payload)

    def stream(self, stream: ReplyStream, send: Callable[[Frame], bool], roomy: Callable[[], object]) -> None:
        """Send on a reply that the backend is still writing, by `send`; see Streams."""
        if self.streams is None:
            self.streams = Streams(send, roomy)
        self.streams.add(stream)

    def clear(self) -> None:
        """Give up all that waits."""
        self._pushes, self._size, self.unsent = None, 0, ()
        if self.streams is not None:
            self.streams.cancel()
        if self._receipts is not None:
            self._receipts.give_up()

    @property
    def waiting(self) -> int:
        """Bytes of payload that wait."""
        return self._size + sum(len(reply.payload) for reply in self.unsent)
