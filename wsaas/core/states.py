"""The states of a connection.

    STARTING --next_event--> CONNECTING --Accepted--> OPEN --disconnected--> LEAVING --Acknowledged--> CLOSED
                              |      |                 ^ |                      ^
                              |      +-Accepted with   | +-close/fail-> CLOSING / DISMISSED --disconnected--^
                              |       headers-> ACCEPTED --recorded--> OPEN
                              |                        +-disconnected/close/not recorded--> LEAVING
                              +-disconnected/close-> ABANDONED --Accepted/Indeterminate--> LEAVING

STARTING    the client waits, the backend knows nothing: whatever ends it here ends it without a word.
CONNECTING  the POST is out. Pushes are queued.
ACCEPTED    the backend said OK, with headers; the 101 waits until the journal has them. Pushes are queued.
ABANDONED   the POST is out and the client is gone: if the backend may have accepted, it hears a DELETE.
OPEN        101 was sent.
CLOSING     a Close frame went to the client; what it sent is still delivered.
DISMISSED   the same, but the backend takes nothing more: what the client sends is counted as lost.
LEAVING     the client is gone: the lane is delivered, then the DELETE.
CLOSED      nothing is left to say.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    STARTING = "starting"
    CONNECTING = "connecting"
    ACCEPTED = "accepted"
    ABANDONED = "abandoned"
    OPEN = "open"
    CLOSING = "closing"
    DISMISSED = "dismissed"
    LEAVING = "leaving"
    CLOSED = "closed"


LIVE = frozenset({State.STARTING, State.CONNECTING, State.ACCEPTED, State.OPEN})
BEFORE_THE_ANSWER = frozenset({State.STARTING, State.CONNECTING, State.ABANDONED})
