"""The part of a session that says whose connection it is; no rule depends on it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from wsaas.core.groups import NO_GROUPS
from wsaas.core.model import Handshake
from wsaas.core.records import Record


class Identity:
    """The client and its connection, as they were when it came and as the backend's answer describes them."""

    __slots__ = (
        "backend_notes",
        "connected_at",
        "groups",
        "handshake",
        "id",
        "repeated",
        "subprotocol",
        "trace_id",
    )

    def __init__(self, record: Record, handshake: Handshake) -> None:
        self.id = record.id
        self.handshake = handshake
        self.connected_at = record.connected_at
        self.repeated = record.repeated
        self.trace_id = record.trace_id
        self.subprotocol: str | None = None
        self.groups: AbstractSet[str] = NO_GROUPS
        self.backend_notes: object = None
        """Kept for the courier: what it would otherwise make anew for each event."""
