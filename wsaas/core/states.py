"""The states of a connection.

    STARTING --next_event--> CONNECTING --Accepted--> OPEN --disconnected--> LEAVING --Acknowledged--> CLOSED
                              |      |                 ^ |                      ^
                              |      +-Accepted with   | +-close/fail-> CLOSING / DISMISSED --disconnected--^
                              |       more -> ACCEPTED --recorded--> OPEN
                              |                        +-disconnected/close/not recorded--> LEAVING
                              +-disconnected/close-> ABANDONED --Accepted/Indeterminate--> LEAVING

STARTING    the client waits, and the backend knows nothing: if the connection ends here, the backend is not told.
CONNECTING  the POST is out. Pushes are queued.
ACCEPTED    the backend said OK, with headers or groups; the 101 waits until the journal has the headers, and other
            processes know of the groups. Pushes are queued.
ABANDONED   the POST is out and the client is gone: if the backend may have accepted, it hears a DELETE.
OPEN        101 was sent.
CLOSING     a Close frame went to the client; what it sent is still delivered.
DISMISSED   the same, but the backend takes nothing more: what the client sends is counted as lost.
LEAVING     the client is gone: the lane is delivered, then the DELETE.
CLOSED      nothing is left to say to anyone.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """The states of the drawing above."""

    STARTING = "starting"
    CONNECTING = "connecting"
    ACCEPTED = "accepted"
    ABANDONED = "abandoned"
    OPEN = "open"
    CLOSING = "closing"
    DISMISSED = "dismissed"
    LEAVING = "leaving"
    CLOSED = "closed"

    __hash__ = object.__hash__  # Enum's own is a call of Python, and each push looks its session's state up


LIVE = frozenset({State.STARTING, State.CONNECTING, State.ACCEPTED, State.OPEN})
"""The states in which the API knows a connection: it is open, or may be soon."""
BEFORE_THE_ANSWER = frozenset({State.STARTING, State.CONNECTING, State.ABANDONED})

WHEN_CLOSED = {
    State.STARTING: State.CLOSED,
    State.CONNECTING: State.ABANDONED,
    State.ACCEPTED: State.LEAVING,
    State.OPEN: State.CLOSING,
}
"""The next state when the gateway closes the connection; in the other states that means nothing."""
WHEN_DISCONNECTED = {
    State.STARTING: State.CLOSED,
    State.CONNECTING: State.ABANDONED,
    State.ACCEPTED: State.LEAVING,
    State.OPEN: State.LEAVING,
    State.CLOSING: State.LEAVING,
    State.DISMISSED: State.LEAVING,
}
"""The next state when the client is gone; in the other states the session knows it already."""
