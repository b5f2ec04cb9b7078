"""A push whose receipt is settled once the client has read the message."""

from __future__ import annotations

from wsaas.core.errors import ClientTooSlow
from wsaas.core.model import Frame
from wsaas.core.pushes import Pushed
from wsaas.core.receipts import Receipt
from wsaas.core.session import Session
from wsaas.core.states import State


def push_with_receipt(session: Session, frame: Frame, receipt: Receipt) -> Pushed:
    """Send a message as `Session.push` does, with a ping right behind it, for whose pong the receipt waits.

    A message that is queued, or not sent, has no ping, and its receipt is not settled. Raises NoSuchConnection,
    ClientTooSlow, the latter also if too many receipts of the connection wait.
    """
    if session.state is not State.OPEN:
        return session.push(frame)
    assert session.peer is not None
    if not session.peer.send(frame, session.outgoing.ping_for(receipt)):
        receipt.withdraw()
        raise ClientTooSlow("the client has not read what was sent before; try again later")
    session.messages_out += 1
    session.bytes_out += len(frame.payload)
    return Pushed.SENT
