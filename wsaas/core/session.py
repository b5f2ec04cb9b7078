"""One connection's life, from the handshake to the answer of its last webhook, as `state` draws it.

Each input is a method. It changes the state first and calls out after, for `peer` may call back at once. In a state
where an input means nothing it does nothing: the table test enumerates every pair.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause, CloseCode, Closed, Event, EventKind, Opened, Received
from wsaas.core.interfaces import Peer
from wsaas.core.lane import OVERHEAD, Lane
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.outcomes import (
    Accepted,
    CloseRequested,
    Delivered,
    Indeterminate,
    Outcome,
    Pushed,
    Refused,
    Undelivered,
)
from wsaas.core.pending_pushes import PendingPushes
from wsaas.core.records import Facts, Record
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.states import BEFORE_THE_ANSWER, LIVE, State

NO_GROUPS: AbstractSet[str] = frozenset()
_OPEN, _LEAVING = State.OPEN, State.LEAVING  # Enum looks its members up anew each time
_CONNECT, _MESSAGE, _DISCONNECT = EventKind.CONNECT, EventKind.MESSAGE, EventKind.DISCONNECT
_SENT = Pushed.SENT
_UNKNOWN = Closed(Cause.UNKNOWN_CONNECT, CloseCode.ABNORMAL, "", clean=False)


class SessionOwner(Protocol):
    """Keeps sessions, and hears of each step that others must know."""

    def wake(self, session: Session) -> None:
        """Look for an event to take: there may be one."""

    def accepted(self, session: Session, accepted: Accepted) -> None:
        """Hear that the backend accepted. If the session is live, the 101 is about to be sent.

        If the answer had headers, the 101 waits: the session hears by `recorded` whether they outlast a crash.
        """

    def closing(self, session: Session) -> None:
        """Hear that the connection has begun to end, and is no longer live. May be called again."""

    def ended(self, session: Session, closed: Closed) -> None:
        """Hear that the connection has ended: nothing but its DELETE is left to say, and that says `closed`."""

    def forget(self, session: Session) -> None:
        """Let it go: nothing is left to say of it."""


class Session:
    """The rules of one connection, between the client (`peer`), the backend's courier and the API.

    Bounds: `lane` holds what waits for the backend; `_early` holds pushes that wait for the 101, at most
    `limits.send_buffer` bytes, over it `push` raises ClientTooSlow; `_held` is at most one reply that waits for
    room in the client's send buffer, and stops the lane meanwhile.
    """

    __slots__ = (
        "_early",
        "_ending",
        "_held",
        "_lost",
        "_owner",
        "_wanted",
        "backend_notes",
        "bytes_in",
        "bytes_out",
        "connected_at",
        "groups",
        "handshake",
        "id",
        "lane",
        "messages_in",
        "messages_out",
        "peer",
        "repeated",
        "state",
        "subprotocol",
        "trace_id",
    )

    def __init__(
        self, record: Record, handshake: Handshake, peer: Peer | None, limits: Limits, owner: SessionOwner
    ) -> None:
        self.id = record.id
        self.handshake = handshake
        self.peer = peer
        self.state = State.STARTING
        self.lane = Lane(limits.receive_buffer)
        self.connected_at = record.connected_at
        self.repeated = record.repeated
        self.trace_id = record.trace_id
        self.subprotocol: str | None = None
        self.groups: AbstractSet[str] = NO_GROUPS
        self.backend_notes: object = None
        """For whoever carries the events: what it would otherwise make anew for each."""
        self.messages_in = self.bytes_in = self.messages_out = self.bytes_out = 0
        self._owner = owner
        self._early = PendingPushes(limits.send_buffer)
        self._held: Frame | None = None
        self._wanted: int | None = None
        self._lost = 0
        self._ending: Closed | None = None

    @classmethod
    def revive(cls, record: Record, limits: Limits, owner: SessionOwner) -> Session:
        """A connection of an earlier life of the gateway, of which only the DELETE is left to send."""
        session = cls(record, Handshake(path="", query="", origin=None, remote_address=""), None, limits, owner)
        session.state = State.LEAVING
        session._ending = record.closed or Closed(Cause.RESTART, CloseCode.ABNORMAL, "", clean=False)
        return session

    @property
    def live(self) -> bool:
        """Say if the API knows it: it is open, or may be soon."""
        return self.state is _OPEN or self.state in LIVE

    @property
    def record(self) -> Record:
        """The journal's record of it; it says how it ended once nothing but the DELETE is left to say.

        Until then a crash would lose messages, and its DELETE must not say how many.
        """
        ending = self._ending if self.state is _LEAVING and not self.lane.messages else None
        return Record(self.id, self.connected_at, self.repeated, self.trace_id, ending)

    # The client's side

    def announce(self, length: int) -> None:
        """The client has begun a message that will have `length` bytes or more; reading stops if there is no room."""
        if self.lane.messages and self.peer is not None and not self.lane.has_room(length):
            self._wanted = length
            self.peer.pause_reading()

    def received(self, frame: Frame) -> None:
        """The client sent a whole message."""
        if self.state is _OPEN or self.state is State.CLOSING:
            self.messages_in += 1
            self.bytes_in += len(frame.payload)
            self.lane.push(Received(self.messages_in, frame))
            self._owner.wake(self)
        elif self.state is State.DISMISSED:
            self._lost += 1

    def writable(self) -> None:
        """The client has taken enough that a frame which found no room may find it now."""
        held, self._held = self._held, None
        if held is not None and self.state is State.OPEN:
            self._reply(held)
            if self._held is None:
                self._owner.wake(self)

    def fail(self, cause: Cause, code: int, reason: str) -> None:
        """The client broke a rule or a limit and its end has begun to let it go by itself."""
        if self.state is State.OPEN:
            self.state = State.CLOSING
            self._left(Closed(cause, code, reason, clean=False))

    def disconnected(self, cause: Cause, code: int, reason: str, clean: bool) -> None:
        """The client is gone. A cause that was known before (we closed it) stays."""
        match self.state:
            case State.STARTING:
                self._forget()
            case State.CONNECTING:
                self.state = State.ABANDONED
                self._left(Closed(cause, code, reason, clean))
                self.peer = None
            case State.ACCEPTED | State.OPEN:
                self._leave(Closed(cause, code, reason, clean))
            case State.CLOSING | State.DISMISSED:
                assert self._ending is not None
                self._leave(replace(self._ending, clean=clean))
            case _:
                pass

    # The backend's side

    @property
    def pending(self) -> EventKind | None:
        """The kind of event that `next_event` would give now."""
        state = self.state
        if state is not _OPEN and state in BEFORE_THE_ANSWER:
            return _CONNECT
        if self._held is not None:
            return None
        if self.lane.messages:
            return _MESSAGE
        return _DISCONNECT if state is _LEAVING else None

    def next_event(self) -> Event | None:
        """The event that the backend is to be told now, if any; from here on it may have been. Answer by `resolve`.

        A message that is not resolved is given again.
        """
        pending = self.pending
        if pending is _MESSAGE:
            return self.lane.head
        if pending is _CONNECT:
            if self.state is State.STARTING:
                self.state = State.CONNECTING
            return Opened(self.handshake)
        return self._ending if pending is _DISCONNECT else None

    def resolve(self, outcome: Outcome) -> None:
        """Hear what came of the event that `next_event` gave."""
        match outcome:
            case Delivered(reply):
                self.lane.pop()
                if self.state is _OPEN:
                    if reply is not None:
                        self._reply(reply)
                elif self.state is _LEAVING:
                    self._conclude()
                if self._wanted is not None:
                    self._relieve()
            case Accepted():
                self._accepted(outcome)
            case Refused() | Indeterminate():
                self._rejected(outcome)
            case CloseRequested(code):
                self.lane.pop()
                self._dismiss(Cause.BACKEND, code)
            case Undelivered():
                self._dismiss(Cause.UNDELIVERED, CloseCode.TRY_AGAIN_LATER)
            case _:  # Told
                self._forget()

    def recorded(self, safe: bool) -> None:
        """Hear from the journal whether the headers of the connect answer are there for the DELETE after a crash.

        If they are not, the connection is refused, and the backend, which has accepted it, is told of its end.
        """
        if self.state is State.ACCEPTED:
            peer = self.peer
            assert peer is not None
            if safe:
                self._open()
            else:
                self._leave(_UNKNOWN)
                peer.refuse(Refusal(RefusalReason.JOURNAL_UNAVAILABLE))

    def turn_away(self, reason: RefusalReason) -> None:
        """No POST can be sent, or the connection's end could not be promised: the client may come later."""
        peer = self.peer
        if self.state is State.STARTING and peer is not None:
            self._forget()
            peer.refuse(Refusal(reason))

    # The API's side

    def push(self, frame: Frame) -> Pushed:
        """Send a message to the client. Raises NoSuchConnection, ClientTooSlow."""
        if self.state is _OPEN:
            assert self.peer is not None
            if not self.peer.send(frame):
                raise ClientTooSlow("the client has not read what was sent before; try again later")
            self._count_out(frame)
            return _SENT
        if self.state is State.CONNECTING or self.state is State.ACCEPTED:
            self._early.add(frame)
            return Pushed.QUEUED
        raise NoSuchConnection("the connection is over")

    def close(self, cause: Cause, code: int, reason: str) -> None:
        """Let the client go with a Close frame; one that still waits for its 101 is refused."""
        peer = self.peer
        match self.state:
            case State.STARTING:
                self._forget()
            case State.CONNECTING:
                self.state = State.ABANDONED
                self._left(Closed(cause, code, reason, clean=False))
                self.peer = None
            case State.ACCEPTED:
                self._leave(Closed(cause, code, reason, clean=False))
            case State.OPEN:
                self.state = State.CLOSING
                self._left(Closed(cause, code, reason, clean=False))
                assert peer is not None
                peer.close(code, reason)
                return
            case _:
                return
        assert peer is not None
        peer.refuse(Refusal(RefusalReason.CLOSED_BY_API if cause is Cause.API else RefusalReason.NOT_READY))

    def facts(self) -> Facts:
        """Return what is known of it. Only for a live session."""
        assert self.peer is not None
        return Facts(
            id=self.id,
            connecting=self.state is not State.OPEN,
            connected_at=self.connected_at,
            last_active_at=self.peer.last_active_at,
            remote_address=self.handshake.remote_address,
            path=self.handshake.path,
            user_agent=self.handshake.headers.get("user-agent", ""),
            subprotocol=self.subprotocol,
            groups=tuple(sorted(self.groups)),
            messages_in=self.messages_in,
            bytes_in=self.bytes_in,
            messages_out=self.messages_out,
            bytes_out=self.bytes_out,
            bytes_waiting_in=self.lane.size - OVERHEAD * len(self.lane),
            bytes_waiting_out=self.peer.waiting + self._early.size + (len(self._held.payload) if self._held else 0),
        )

    # Steps

    def _accepted(self, accepted: Accepted) -> None:
        self.repeated = accepted.repeated_with(self.repeated)
        if self.state is State.ABANDONED:
            assert self._ending is not None
            self._owner.accepted(self, accepted)
            self._leave(self._ending)
            return
        self.subprotocol = accepted.subprotocol
        self.handshake = self.handshake.remembered
        if accepted.headers:
            self.state = State.ACCEPTED
            self._owner.accepted(self, accepted)
        else:
            self.state = State.OPEN
            self._owner.accepted(self, accepted)
            self._open()

    def _open(self) -> None:
        assert self.peer is not None
        self.state = State.OPEN
        self.peer.accept(self.subprotocol)
        for frame in self._early.take():
            if self.state is State.OPEN:
                if self.peer.send(frame):
                    self._count_out(frame)
                else:
                    self.close(Cause.TOO_SLOW, CloseCode.POLICY, "")

    def _rejected(self, outcome: Refused | Indeterminate) -> None:
        peer, ending = self.peer, self._ending
        self._early.clear()
        if isinstance(outcome, Indeterminate):
            self._leave(ending or _UNKNOWN)
        else:
            self._forget()
        if peer is not None:
            peer.refuse(outcome.refusal)

    def _reply(self, frame: Frame) -> None:
        assert self.peer is not None
        if self.peer.send(frame):
            self._count_out(frame)
        elif self.state is State.OPEN:  # else the client was found gone: nothing waits for it
            self._held = frame

    def _count_out(self, frame: Frame) -> None:
        self.messages_out += 1
        self.bytes_out += len(frame.payload)

    def _relieve(self) -> None:
        """Reading goes on once there is room for the message that found none, and half of the lane is free."""
        if self._wanted is not None and self.peer is not None:
            if self.lane.relaxed and self.lane.has_room(self._wanted):
                self._wanted = None
                self.peer.resume_reading()

    def _dismiss(self, cause: Cause, code: int) -> None:
        """The backend takes no more messages of this connection."""
        self._lost += self.lane.clear()
        if self.state is State.OPEN:
            assert self.peer is not None
            self.state = State.DISMISSED
            self._left(Closed(cause, code, "", clean=False))
            self.peer.close(code, "")
        elif self.state is State.CLOSING:
            self.state = State.DISMISSED
        else:  # the client has left
            self._conclude()
        self._relieve()

    def _left(self, ending: Closed) -> None:
        """Stop being live: remember why, and let go of what waited for the client."""
        self._ending = ending
        self._held = None
        self._early.clear()
        self._owner.closing(self)
        if self.state is _LEAVING:
            self._conclude()
        self._owner.wake(self)

    def _leave(self, ending: Closed) -> None:
        self.state = State.LEAVING
        self.peer = None
        self._left(ending)

    def _conclude(self) -> None:
        """The client is gone: once its lane is empty too, what the DELETE says is certain."""
        if not self.lane.messages:
            assert self._ending is not None
            self._ending = replace(self._ending, lost_messages=self._lost)
            self._owner.ended(self, self._ending)

    def _forget(self) -> None:
        self.state = State.CLOSED
        self.peer = None
        self._early.clear()
        self._owner.forget(self)
