"""The phases of a connection to the backend.

OPENING -> IDLE <-> BUSY -> GONE         OPENING: connected, the TLS handshake is under way
             \\________\\-> CLOSING -> GONE     CLOSING: given up, waiting for the transport to say so
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """The phases that the head of this module draws."""

    OPENING = "opening"
    IDLE = "idle"
    BUSY = "busy"
    CLOSING = "closing"
    GONE = "gone"
