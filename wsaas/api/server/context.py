"""The context that all connections of the API share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from wsaas.api.access import Access
from wsaas.api.aws_dialect import Dialect, translated
from wsaas.api.server.fast_path import FastPath
from wsaas.api.server.request_log import RequestLog
from wsaas.core.counters import Counters


class OpenConnection(Protocol):
    """A connection of the API: whether a request on it is being read, and whether one is being answered."""

    begun: bool
    answering: bool


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The clock, the gate, the fast path and the limits of the API's connections.

    With a `fast_path` of None every request takes the slow path. A request has a body of at most `max_message_size`
    bytes and `request_timeout` seconds to arrive. `counters` counts pushes that are refused before they are whole.
    `connections` are the open ones; `ApiSite.max_connections` bounds them. Each answer is written as `dialect` returns
    it. With a `request_log` each request is logged.
    """

    clock: IReactorTime
    access: Access
    max_message_size: int
    request_timeout: float
    counters: Counters
    fast_path: FastPath | None = None
    dialect: Dialect = translated
    request_log: RequestLog | None = None
    connections: set[OpenConnection] = field(default_factory=set)
