"""One connection's life, from the handshake to the answer of its last webhook, as `states.py` draws it.

Each input is a method, which changes the state first and calls `peer` and the owner after, since these may call back at
once. In a state where an input means nothing the method does nothing: a table test enumerates every pair.
"""

from __future__ import annotations

from dataclasses import replace

from wsaas.core.batch import make_lane
from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause, CloseCode, Closed, Event, EventKind, Opened
from wsaas.core.expiry import Expiry
from wsaas.core.identity import Identity
from wsaas.core.interfaces import Peer, SessionOwner
from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame, Handshake, Limits, Messages
from wsaas.core.outcomes import (
    Accepted,
    Acknowledged,
    CloseRequested,
    Delivered,
    Indeterminate,
    Kept,
    Outcome,
    Refused,
    Undelivered,
)
from wsaas.core.outgoing import Outgoing
from wsaas.core.pushes import Pushed
from wsaas.core.records import Record
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.sending import send, send_replies, send_waiting, stream_reply
from wsaas.core.states import BEFORE_THE_ANSWER, WHEN_CLOSED, WHEN_DISCONNECTED, State

_CONNECTING, _ACCEPTED, _OPEN, _LEAVING = State.CONNECTING, State.ACCEPTED, State.OPEN, State.LEAVING
_CONNECT, _MESSAGE, _REFRESH, _DISCONNECT = EventKind
_SENT, _QUEUED = Pushed.SENT, Pushed.QUEUED  # Enum looks its members up anew each time
_UNKNOWN = Closed(Cause.UNKNOWN_CONNECT, CloseCode.ABNORMAL, "", clean=False)


class Session(Identity):
    """The rules of one connection, between the client (`peer`), the backend's courier and the API.

    A session that is made with its `ending` is one of an earlier life of the gateway, of which only the DELETE is left
    to send. Bounds: `lane` bounds what waits for the backend, `outgoing` what waits for the client.
    """

    __slots__ = ("_owner", "bytes_out", "ending", "expiry", "lane", "messages_out", "outgoing", "peer", "state")

    def __init__(
        self,
        record: Record,
        handshake: Handshake,
        peer: Peer | None,
        limits: Limits,
        owner: SessionOwner[Session],
        ending: Closed | None = None,
    ) -> None:
        super().__init__(record, handshake)
        self.peer = peer
        self.state = State.STARTING if ending is None else _LEAVING
        self.lane, self.outgoing = make_lane(limits), Outgoing(limits.send_buffer)
        self.messages_out = self.bytes_out = 0
        self.expiry: Expiry | None = None
        self._owner, self.ending = owner, ending
        """`ending` is the DELETE that will end it, once that is known; its lost messages are certain at the end."""

    # The client's side

    def announce(self, length: int) -> None:
        """Hear that a message of `length` bytes or more has begun; stop reading if there is no room for it."""
        lane = self.lane
        if lane.messages and lane.size + length + OVERHEAD > lane.capacity:  # else the lane has room, as it knows
            lane.announce(length, self.peer)

    def received(self, frame: Frame) -> None:
        """Take a whole message."""
        if self.state is _OPEN or self.state is State.CLOSING:
            self.lane.push(frame)
            self._owner.wake(self)
        elif self.state is State.DISMISSED:
            self.lane.lost += 1

    def received_all(self, messages: Messages) -> None:
        """Take several whole messages, for which the lane has room."""
        if self.state is _OPEN or self.state is State.CLOSING:
            self.lane.push_all(messages)
            self._owner.wake(self)
        elif self.state is State.DISMISSED:
            self.lane.lost += len(messages.frames)

    def writable(self) -> None:
        """Hear that a frame which found no room may find it now, or that replies may be sent again."""
        send_waiting(self, self._owner)

    def fail(self, cause: Cause, code: int, reason: str) -> None:
        """Hear that the client broke a rule or a limit; the peer closes the connection itself."""
        if self.state is _OPEN:
            self._end(State.CLOSING, Closed(cause, code, reason, clean=False))

    def disconnected(self, cause: Cause, code: int, reason: str, clean: bool) -> None:
        """Hear that the client is gone. A cause that was known before (the gateway closed it) stays."""
        then = WHEN_DISCONNECTED.get(self.state)
        if then is State.CLOSED:
            self._forget()
        elif then is not None:
            known = self.ending
            self._end(then, Closed(cause, code, reason, clean) if known is None else replace(known, clean=clean))

    # The backend's side

    def find_pending(self) -> EventKind | None:
        """Return the kind of event that `next_event` would give now."""
        if self.lane.messages and self.expiry is None and not self.outgoing.unsent and self.outgoing.streams is None:
            return _MESSAGE  # as below, and the most frequent
        state = self.state
        if state is not _OPEN and state in BEFORE_THE_ANSWER:
            return _CONNECT
        if self.expiry is not None and self.expiry.due is not None and (state is _OPEN or self.lane.messages):
            return _REFRESH
        if self.outgoing.unsent or (self.outgoing.streams is not None and self.outgoing.streams.full):
            return None
        if self.lane.messages:
            return _MESSAGE
        return _DISCONNECT if state is _LEAVING else None

    pending = property(find_pending)

    def next_event(self) -> Event | None:
        """Return the event that the backend is told from here on, if any; a message again until it has an outcome."""
        pending = self.find_pending()
        if pending is _MESSAGE:
            return self.lane.head
        if pending is _CONNECT:
            if self.state is State.STARTING:
                self.state = _CONNECTING
            return Opened(self.handshake)
        if pending is _REFRESH and self.expiry is not None:
            return self.expiry.due
        return self.ending if pending is _DISCONNECT else None

    def resolve(self, outcome: Outcome) -> None:
        """Hear the outcome of the event that `next_event` gave."""
        match outcome:
            case Accepted():
                self._admit(outcome)
            case Acknowledged():
                self._forget()
            case Delivered(reply):
                self.lane.pop(outcome.taken)
                if self.state is _LEAVING:
                    self._conclude()
                elif reply is not None and self.state is _OPEN:
                    send_replies(self, self._owner, reply, *outcome.further)
                if outcome.stream is not None:
                    stream_reply(self, self._owner, outcome.stream)
                if self.lane.refused is not None:
                    self.lane.relieve(self.peer)
            case Refused(refusal) | Indeterminate(refusal):
                peer = self.peer
                if isinstance(outcome, Refused):
                    self._forget()
                else:
                    self._end(_LEAVING, self.ending or _UNKNOWN)
                if peer is not None:
                    self._owner.refuse(peer, refusal)
            case CloseRequested(code):
                self.lane.pop()
                self._dismiss(Cause.BACKEND, code)
            case Undelivered():
                self._dismiss(Cause.UNDELIVERED, CloseCode.TRY_AGAIN_LATER)
            case Kept():  # for as long as the backend says
                self.repeat(outcome.headers)
                self.expiry = self.expiry and self.expiry.renew(outcome.expires_in)
                self._owner.kept(self, outcome)
            case _:  # Expired
                if self.state is not _LEAVING or self.lane.messages:  # else its end was told
                    self._dismiss(Cause.EXPIRED, outcome.code, outcome.reason)

    def recorded(self, safe: bool) -> None:
        """Hear that groups of the connect answer are known, and if its headers are there for the DELETE after a crash.

        If they are not, the connection is refused, and the backend, which has accepted it, is told of its end.
        """
        peer = self.peer
        if self.state is _ACCEPTED and peer is not None:
            if safe:
                self._open(peer)
            else:
                self._end(_LEAVING, _UNKNOWN)
                self._owner.refuse(peer, Refusal(RefusalReason.JOURNAL_UNAVAILABLE))

    def turn_away(self, reason: RefusalReason) -> None:
        """Refuse the client before any POST: none can be sent, or the connection's end could not be promised."""
        peer = self.peer
        if self.state is State.STARTING and peer is not None:
            self._forget()
            self._owner.refuse(peer, Refusal(reason))

    # The API's side

    def push(self, frame: Frame) -> Pushed:
        """Send a message to the client. Raises NoSuchConnection, ClientTooSlow."""
        state = self.state
        if state is _OPEN:
            assert self.peer is not None
            if not self.peer.send(frame):  # as `send`, uncalled
                raise ClientTooSlow("the client has not read what was sent before; try again later")
            self.messages_out += 1
            self.bytes_out += len(frame.payload)
            return _SENT
        if state is _CONNECTING or state is _ACCEPTED:
            self.outgoing.add(frame)
            return _QUEUED
        raise NoSuchConnection("the connection is over")

    def close(self, cause: Cause, code: int, reason: str) -> None:
        """Let the client go with a Close frame; one that still waits for its 101 is refused."""
        peer, then = self.peer, WHEN_CLOSED.get(self.state)
        if then is None or peer is None:
            return
        if then is State.CLOSED:
            self._forget()
        else:
            self._end(then, Closed(cause, code, reason, clean=False))
        if then is State.CLOSING:
            peer.close(code, reason)
        else:
            refusal = Refusal(RefusalReason.CLOSED_BY_API if cause is Cause.API else RefusalReason.NOT_READY)
            self._owner.refuse(peer, refusal)

    # Steps

    def _admit(self, accepted: Accepted) -> None:
        """Open the connection, or tell the backend of the end if the client has left meanwhile."""
        self.repeat(accepted.headers)
        peer = self.peer
        if peer is None:
            self._owner.accepted(self, accepted)
            self._end(_LEAVING, self.ending or _UNKNOWN)
            return
        self.subprotocol, self.outgoing.headers = accepted.subprotocol, accepted.response_headers
        waits = bool(accepted.headers or accepted.groups)
        self.handshake, self.state = self.handshake.remembered, _ACCEPTED if waits else _OPEN
        if accepted.expires_in is not None:
            self.expiry = Expiry(accepted.expires_in)
        self._owner.accepted(self, accepted)
        if not waits:
            self._open(peer)

    def _open(self, peer: Peer) -> None:
        """Let the client in, and send it the pushes that waited for that."""
        self.state = _OPEN
        self.outgoing.accept(peer, self.subprotocol)
        self._owner.opened(self)
        for frame in self.outgoing.take_pushes():
            if self.state is _OPEN and not send(self, frame):
                self.close(Cause.TOO_SLOW, CloseCode.POLICY, "")

    def _dismiss(self, cause: Cause, code: int, reason: str = "") -> None:
        """Give up the messages that wait: the backend takes no more of this connection."""
        self.lane.give_up()
        peer = self.peer
        if self.state is _OPEN and peer is not None:
            self._end(State.DISMISSED, Closed(cause, code, reason, clean=False))
            peer.close(code, reason)
        elif self.state is State.CLOSING:
            self.state = State.DISMISSED
        else:  # the client has left
            self._conclude()
        self.lane.relieve(self.peer)

    def _end(self, state: State, ending: Closed) -> None:
        """Stop being live: remember why, and let go of what waited for the client."""
        self.state = state
        if state is _LEAVING or state is State.ABANDONED:
            self.peer = None
        self.ending = ending
        if self.expiry is not None:
            self.expiry.stop()
        self.outgoing.clear()
        self._owner.closing(self)
        if state is _LEAVING:
            self._conclude()
        self._owner.wake(self)

    def _conclude(self) -> None:
        """Say how the connection ended, once the lane is empty, too: only then is that certain."""
        if self.ending is not None and not self.lane.messages:
            if self.lane.lost:
                self.ending = replace(self.ending, lost_messages=self.lane.lost)
            self._owner.ended(self, self.ending)

    def _forget(self) -> None:
        self.state = State.CLOSED
        self.peer = None
        self.outgoing.clear()
        self._owner.forget(self)
