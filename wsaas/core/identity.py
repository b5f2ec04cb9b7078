"""The part of a session that says whose connection it is; no rule depends on it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from wsaas.core.groups import NO_GROUPS
from wsaas.core.model import Handshake
from wsaas.core.records import Record


class Identity:
    """The client and its connection, as they were when it came and as the backend's answer describes them."""

    __slots__ = (
        "backend_notes",
        "connected_at",
        "fan_out_entry",
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
        self.backend_notes: Any = None
        """Kept for the courier: what it would otherwise make anew for each event. None where `repeated` has changed."""
        self.fan_out_entry: object = None
        """Kept for the client's end, and its fan-out."""

    def repeat(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        """Add to the headers that are repeated; each replaces those of its name, in upper or lower case."""
        if headers:
            names = {name.lower() for name, _ in headers}
            self.backend_notes = None
            self.repeated = (*(header for header in self.repeated if header[0].lower() not in names), *headers)
