"""Requests about connections of other processes of this gateway, as the API knows them.

a request about one connection    its owner's answer is passed on as it is
a request about many              each process answers for its own; what could not be reached is counted
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from wsaas.api.responses import ApiResponse


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that goes on to another process. `target` is path and query as they stand in the request line.

    `media_type` is the value of Content-Type, or None.
    """

    method: bytes
    target: bytes
    media_type: bytes | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The answers of the other processes, and the number of those that did not answer."""

    answers: list[Mapping[str, object]]
    unreached: int


class Elsewhere(Protocol):
    """The other processes. Each answers within seconds, or counts as not reached."""

    def owns(self, id: str) -> bool:
        """Say if another process may have the connection of this id."""

    def forward(self, id: str, asked: Asked, done: Callable[[ApiResponse], object]) -> None:
        """Send a request to the process of this id. `done` is called with its answer, or one that says why not."""

    def gather(self, asked: Asked) -> Awaitable[Gathered]:
        """Send a request to all other processes."""
