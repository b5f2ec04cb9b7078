"""The phases of a connection to the backend.

OPENING -> IDLE <-> BUSY -> GONE         OPENING: connected, the TLS handshake is under way
             \\________\\-> CLOSING -> GONE     CLOSING: given up, waiting for the transport to say so

A connection is GATHERED on its way from IDLE to BUSY, if its request waits to be written in a row with others.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """The phases that the head of this module draws."""

    OPENING = "opening"
    IDLE = "idle"
    GATHERED = "gathered"
    BUSY = "busy"
    CLOSING = "closing"
    GONE = "gone"
