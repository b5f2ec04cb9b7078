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
    taken = write_each(files, data)
    if taken.count(len(data)) == len(files):  # as a rule
        return [True] * len(files)
    return [_send(*each, frame, data) for each in zip(clients, files, taken, strict=True)]


def _send(client: ClientProtocol, file: int, taken: int, frame: Frame, data: bytes) -> bool:
    """Whether the client takes it; `taken` bytes it has already, if it has a file."""
    if file < 0:
        return client.send(frame)
    if taken < len(data):
        client.rest(data[taken:])
    return True
