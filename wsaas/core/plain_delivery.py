"""Resolves the most frequent outcome: the backend has taken a message, and said no more."""

from __future__ import annotations

from wsaas.core.events import EventKind
from wsaas.core.outcomes import Delivered
from wsaas.core.session import Session
from wsaas.core.states import State

_DELIVERED = Delivered()
_OPEN = State.OPEN  # Enum looks its members up anew each time


def resolve_delivered(session: Session) -> EventKind | None:
    """Hear that the backend has taken the message, and said no more; return the kind of the session's next event.

    Fast path: as `Session.resolve` with a bare Delivered, and then `find_pending`, which have all connections but those
    that are OPEN. One that is, and whose lane is empty, may have a question to ask, if it has an `expiry`.
    """
    if session.state is not _OPEN:
        session.resolve(_DELIVERED)
        return session.find_pending()
    lane = session.lane
    lane.pop()
    if lane.refused is not None:
        lane.relieve(session.peer)  # reads on, and what is read may end the connection
    elif not lane.messages and session.expiry is None:
        return None
    return session.find_pending()
