"""Sends messages to the client of a connection, and counts them."""

from __future__ import annotations

from functools import partial
from typing import Protocol, TypeVar

from wsaas.core.interfaces import Peer, SessionOwner
from wsaas.core.model import Frame
from wsaas.core.outgoing import Outgoing
from wsaas.core.states import State
from wsaas.core.streams import ReplyStream

_OPEN = State.OPEN  # Enum looks its members up anew each time


class Sending(Protocol):
    """The part of a session that sends."""

    peer: Peer | None
    state: State
    outgoing: Outgoing
    messages_out: int
    bytes_out: int


S = TypeVar("S", bound=Sending)


def send(session: Sending, frame: Frame) -> bool:
    """Send a message to the client of an open session; return False if there is no room for it."""
    assert session.peer is not None
    if not session.peer.send(frame):
        return False
    session.messages_out += 1
    session.bytes_out += len(frame.payload)
    return True


def send_reply(session: S, owner: SessionOwner[S], frame: Frame) -> bool:
    """Send a message that is a reply; return False if there is no room for it, or the client is gone, or going."""
    if session.state is not _OPEN or not send(session, frame):
        return False
    owner.replied(session, frame)
    return True


def send_replies(session: S, owner: SessionOwner[S], *frames: Frame) -> bool:
    """Send the replies of one answer, and return True; or keep those that find no room, and return False."""
    for at, frame in enumerate(frames):
        if not send_reply(session, owner, frame):
            if session.state is _OPEN:  # else the client was found gone
                session.outgoing.unsent = frames[at:]
            break
    return not session.outgoing.unsent


def send_waiting(session: S, owner: SessionOwner[S]) -> None:
    """Send the replies that wait, and go on with streams, as far as there is room now and they may be sent."""
    outgoing = session.outgoing
    if (outgoing.unsent or outgoing.streams is not None) and not owner.may_reply():
        return
    replies, outgoing.unsent = outgoing.unsent, ()
    if replies and session.state is _OPEN and send_replies(session, owner, *replies):
        owner.wake(session)
    if outgoing.streams is not None:
        outgoing.streams.resume()


def stream_reply(session: S, owner: SessionOwner[S], stream: ReplyStream) -> None:
    """Send on a reply that the backend is still writing, unless the client is gone, or going."""
    if session.state is not _OPEN:
        stream.cancel()
    else:
        session.outgoing.stream(stream, partial(_send_on, session, owner), partial(owner.wake, session))


def _send_on(session: S, owner: SessionOwner[S], frame: Frame) -> bool:
    """Send a message of a stream; return False if there is no room for it, or it may not be sent now.

    Other replies come with an answer, which is acted upon only while replies may be sent.
    """
    return owner.may_reply() and send_reply(session, owner, frame)
