"""Resolves the most frequent outcome: the backend has taken a message, and said no more."""

from __future__ import annotations

from wsaas.core.outcomes import Delivered
from wsaas.core.session import Session
from wsaas.core.states import State

_DELIVERED = Delivered()
_LEAVING = State.LEAVING  # Enum looks its members up anew each time


def resolve_delivered(session: Session) -> None:
    """Hear that the backend has taken the message, and said no more.

    Fast path: as `Session.resolve` with a bare Delivered. The end of a connection that is LEAVING is left to that.
    """
    if session.state is _LEAVING:
        session.resolve(_DELIVERED)
        return
    lane = session.lane
    lane.pop()
    if lane.refused is not None:
        lane.relieve(session.peer)
