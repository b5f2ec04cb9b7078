"""The facts of a live session, as the API tells them."""

from __future__ import annotations

from wsaas.core.lane import OVERHEAD
from wsaas.core.records import Facts
from wsaas.core.session import Session
from wsaas.core.states import State


def facts_of(session: Session) -> Facts:
    """Return what is known of a live session."""
    peer, lane, outgoing, handshake = session.peer, session.lane, session.outgoing, session.handshake
    assert peer is not None
    return Facts(
        id=session.id,
        connecting=session.state is not State.OPEN,
        connected_at=session.connected_at,
        last_active_at=peer.last_active_at,
        remote_address=handshake.remote_address,
        path=handshake.path,
        user_agent=handshake.headers.get("user-agent", ""),
        subprotocol=session.subprotocol,
        groups=tuple(sorted(session.groups)),
        messages_in=lane.received,
        bytes_in=lane.bytes,
        messages_out=session.messages_out,
        bytes_out=session.bytes_out,
        bytes_waiting_in=lane.size - OVERHEAD * len(lane),
        bytes_waiting_out=peer.waiting + outgoing.waiting,
    )
