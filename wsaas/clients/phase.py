"""The phases of a client's connection.

HANDSHAKE --101--> OPEN --our Close--> CLOSING --the client's Close--> LEAVING --closed--> OVER
    |               `----------------the client's Close--------------^ |
    `--refused---------------------------------------------------------'
any but OVER --lost, given up, or something is under way to the client--> FINISHING --all read--> LINGERING or OVER
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    HANDSHAKE = "handshake"
    """The head is read, and the gateway is asked."""
    OPEN = "open"
    """Frames go both ways."""
    CLOSING = "closing"
    """Our Close frame is written; what the client sends is read until its own comes."""
    LEAVING = "leaving"
    """Nothing is read or said any more: the connection closes when all is written. The session hears of that, then."""
    FINISHING = "finishing"
    """The client is not heard any more; what was read before is handed to the session."""
    LINGERING = "lingering"
    """The session is over; the transport stays for what the client has still to take."""
    OVER = "over"
    """The transport is closed, and the session over."""
