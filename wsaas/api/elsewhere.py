"""Requests about connections of other processes of this gateway, as the API knows them.

a request about one connection    its owner's answer is passed on as it is
a request about many              each process answers for its own; what could not be reached is counted

A gateway of one process loads neither this module nor `merging`: the API knows both by their types only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.web.iweb import IRequest

from wsaas.api.merging import Gathered
from wsaas.api.responses import ApiResponse
from wsaas.core.fanout import FanOut
from wsaas.core.session import Session


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that goes on to another process. `target` is path and query as they stand in the request line.

    `media_type` is the value of Content-Type, or None. `patience` are the seconds that the answer may take beyond those
    that every answer may.
    """

    method: bytes
    target: bytes
    media_type: bytes | None = None
    body: bytes = b""
    patience: float = 0.0


def asked_again(request: IRequest, target: bytes | None = None) -> Asked:
    """Return the request as another process is asked: method, target (or this one), the body and its type."""
    method = b"GET" if request.method == b"HEAD" else request.method
    types = request.requestHeaders.getRawHeaders(b"content-type", [None])
    request.content.seek(0)
    return Asked(method, target or request.uri, types[0], request.content.read())


class Elsewhere(Protocol):
    """The other processes. Each answers within seconds, or counts as not reached.

    `own_prefix` is that of the ids of this process: no other process has a connection with such an id.
    """

    own_prefix: bytes

    def may_have(self, id: str) -> bool:
        """Say if another process may have the connection of this id."""

    def push(self, id: str, payload: bytes, binary: bool, done: Callable[[bytes], object]) -> None:
        """Send a push to the process of this id. `done` is called with the whole answer, ready to be written."""

    def push_to_many(
        self,
        group: bytes | None,
        payload: bytes,
        binary: bool,
        fan_out: FanOut[Session],
        done: Callable[[bytes], object],
    ) -> None:
        """Send a push to the other processes that may have members of this group, to all for None, and take the steps
        of the fan-out here. `done` is called with the whole answer, which has the counts of all.
        """

    def forward(self, id: str, request: IRequest, patience: float = 0.0) -> Awaitable[ApiResponse]:
        """Send a request to the process of this id; return its answer, or one that says why there is none.

        With patience the answer may take so many seconds more than every answer may. The caller that cancels what is
        returned then gives the request up there, too.
        """

    def gather(self, request: IRequest, target: bytes | None = None, group: str | None = None) -> Awaitable[Gathered]:
        """Send a request to the other processes, for its own target or for this one: to all, or to those that may have
        members of this group.
        """
