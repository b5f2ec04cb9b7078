"""One message for many clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from wsaas.clients.frames import encode
from wsaas.clients.protocol import ClientProtocol
from wsaas.gateway.model import Frame
from wsaas.gateway.seams import Peer
from wsaas.writing import write_each


def send_to_all(peers: Sequence[Peer], frame: Frame) -> list[bool]:
    """SendToAll. The sockets for which nothing waits are written to in a row; the others get it the usual way."""
    outboxes = [peer.straight for peer in cast(Sequence[ClientProtocol], peers)]
    data = encode(frame)
    taken = iter(write_each([outbox.file for outbox in outboxes if outbox is not None], data))
    sent = []
    for peer, outbox in zip(peers, outboxes, strict=True):
        if outbox is None:
            sent.append(peer.send(frame))
        else:
            length = next(taken)
            if length < len(data):
                outbox.rest(data[length:])
            sent.append(True)
    return sent
