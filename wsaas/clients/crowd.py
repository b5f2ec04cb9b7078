"""One message for many clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from wsaas.clients.frames import encode
from wsaas.clients.outbox import Outbox
from wsaas.clients.protocol import ClientProtocol
from wsaas.gateway.model import Frame
from wsaas.gateway.seams import Peer
from wsaas.writing import write_each


def send_to_all(peers: Sequence[Peer], frame: Frame) -> list[bool]:
    """SendToAll. The sockets for which nothing waits are written to in a row; the others get it the usual way."""
    data = encode(frame)
    length = len(data)
    outboxes = [peer.straight for peer in cast(Sequence[ClientProtocol], peers)]
    taken = write_each([outbox.file for outbox in outboxes if outbox is not None], data)
    if taken.count(length) == len(peers):  # as a rule
        return [True] * len(peers)
    left = iter(taken)
    return [_send(peer, frame, outbox, data, left) for peer, outbox in zip(peers, outboxes, strict=True)]


def _send(peer: Peer, frame: Frame, outbox: Outbox | None, data: bytes, taken: Iterator[int]) -> bool:
    """Whether one of them took it; of those written to straight, `taken` says how much of it."""
    if outbox is None:
        return peer.send(frame)
    length = next(taken)
    if length < len(data):
        outbox.rest(data[length:])
    return True
