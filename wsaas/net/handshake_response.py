"""The HTTP response to a handshake that is refused, as the backend or the gateway decides it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HandshakeResponse:
    """Status, code for the JSON body, and headers with lower-case names, such as WWW-Authenticate and Retry-After.

    `foreign` if the backend made the code up, of which it alone knows the meaning. `body` is the backend's own, in the
    place of the JSON; its Content-Type is among the headers then.
    """

    status: int
    code: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    foreign: bool = False
    body: bytes = b""
