"""The one thing that the connections of the API share."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from wsaas.api.access import Access
from wsaas.api.server.fast_path import FastPath


@dataclass(frozen=True, slots=True)
class ApiContext:
    """What a connection of the API is given: the clock, the gate, the fast path, and the limits of a request.

    `fast_path` is None where every request is to take the slow path. A request has a body of at most
    `max_message_size` bytes, and comes whole within `request_timeout` seconds. `connections` holds those that are open.
    """

    clock: IReactorTime
    access: Access
    max_message_size: int
    request_timeout: float
    fast_path: FastPath | None = None
    connections: set[object] = field(default_factory=set)
