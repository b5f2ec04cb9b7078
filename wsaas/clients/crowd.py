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
    clients = cast(Sequence[ClientProtocol], peers)
    data = encode(frame)
    files = [client.file for client in clients]
    taken = write_each([file for file in files if file >= 0], data)
    if taken.count(len(data)) == len(files):  # as a rule
        return [True] * len(files)
    left = iter(taken)
    return [
        _send(client, frame, data, next(left) if file >= 0 else None)
        for client, file in zip(clients, files, strict=True)
    ]


def _send(client: ClientProtocol, frame: Frame, data: bytes, taken: int | None) -> bool:
    """Whether the client takes it; `taken` bytes it has already, unless it gets it the usual way."""
    if taken is None:
        return client.send(frame)
    if taken < len(data):
        client.rest(data[taken:])
    return True
