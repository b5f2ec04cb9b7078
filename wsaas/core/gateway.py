"""The gateway of one process: makes sessions, and tells registry, journal and courier of their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from wsaas.core.census import Census, take_census
from wsaas.core.events import Cause, CloseCode, Closed
from wsaas.core.expiry import CallLater, ExpiryTimers
from wsaas.core.held_replies import HeldReplies
from wsaas.core.ids import IdMint, RandomBytes
from wsaas.core.interfaces import Journal, Peer
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.monitor import Monitor
from wsaas.core.observer import Observer
from wsaas.core.outcomes import Accepted, Kept
from wsaas.core.records import Record
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.registry import Registry
from wsaas.core.session import Session
from wsaas.core.states import LIVE, State

_GONE = Handshake(path="", query="", origin=None, remote_address="")


class Backend(Protocol):
    """Carries a session's events to the backend, one at a time, in order."""

    def wake(self, session: Session) -> None:
        """Send the event that `session.next_event()` gives, if any, and give its outcome to `session.resolve`."""


class Gateway:
    """Owns the sessions of one process: makes them as clients connect, forgets them when nothing is left to say.

    `wall_clock()` is the time in seconds since the epoch; `random_bytes` is for ids; `monitor` counts what happens.
    `call_later` is for connections whose time will be over: of each there is one call at most.
    """

    def __init__(
        self,
        registry: Registry,
        journal: Journal,
        backend: Backend,
        limits: Limits,
        wall_clock: Callable[[], float],
        random_bytes: RandomBytes,
        monitor: Monitor,
        call_later: CallLater,
    ) -> None:
        self.registry = registry
        self.monitor = monitor
        self._counters = monitor.counters
        self._journal = journal
        # SessionOwner's `def wake` is the backend's own (`Courier.wake`): a call around it would cost each message.
        self.wake = backend.wake
        self._limits = limits
        self._wall_clock = wall_clock
        self._timers = ExpiryTimers(call_later, wall_clock)
        self._ids = IdMint(random_bytes)
        self.accepting = False
        """Set while newcomers are let in: not while the process starts or drains."""
        self.replies = HeldReplies(registry)
        self.may_reply = self.replies.may_reply

    def connect(self, peer: Peer, handshake: Handshake) -> None:
        """Give a client that asks to connect its session, or refuse it at once."""
        if not self.accepting:
            self.refuse(peer, Refusal(RefusalReason.NOT_READY))
            return
        trace_id = handshake.trace_id
        if trace_id is None:
            id, trace_id = self._ids.mint_both()
        else:
            id = self._ids.mint()
        record = Record(id, self._wall_clock(), handshake.repeated, trace_id)
        session = Session(record, handshake, peer, self._limits, self)
        peer.session = session
        self.registry.add(session)
        self._journal.opened(record, lambda safe: self._recorded(session, safe))

    @property
    def observer(self) -> Observer | None:
        """The observer that hears of what clients are told before they have a session; None while nobody watches."""
        return self.monitor.observer

    def revive(self, records: Iterable[Record]) -> None:
        """Send the DELETE of every connection that an earlier life of the gateway left behind."""
        for record in records:
            ending = record.closed or Closed(Cause.RESTART, CloseCode.ABNORMAL, "", clean=False)
            # Nothing knows when the process died: of those that were open then, the loss is noticed now.
            self.monitor.owed.lost(record.id, self._wall_clock() if ending.at is None else ending.at)
            if record.closed is None:  # else its end was counted when it came
                self._counters.closed[Cause.RESTART] += 1
            session = Session(record, _GONE, None, self._limits, self, ending)
            self.registry.add(session)
            self.wake(session)

    def records(self) -> list[Record]:
        """Return the journal's records of all connections."""
        return [record_of(session) for session in self.registry]

    @property
    def prefix(self) -> str:
        """The beginning of each id that this process has minted, and of no other id."""
        return self._ids.prefix

    @property
    def handshaking(self) -> bool:
        """Say if any client waits for its 101."""
        return any(session.state in LIVE and session.state is not State.OPEN for session in self.registry)

    def minted(self, id: str) -> bool:
        """Tell a connection of this process from others by its id."""
        return id.startswith(self._ids.prefix)

    def close_for_drain(self, session: Session) -> bool:
        """Let one client go because the gateway stops (RFC 6455, 7.4: 1012); return False if it was gone already."""
        live = session.state in LIVE
        session.close(Cause.DRAIN, CloseCode.SERVICE_RESTART, "")
        return live

    def census(self) -> Census:
        """Count all sessions: their states, their messages since the start, and what waits in them."""
        return take_census(self.registry, self._counters.messages)

    # What a session tells its owner

    def refuse(self, peer: Peer, refusal: Refusal) -> None:
        self._counters.refused[refusal.reason] += 1
        peer.refuse(refusal)

    def opened(self, session: Session) -> None:
        self._counters.opened += 1
        if session.expiry is not None and session.state is State.OPEN:  # else the 101 found the client gone
            self._timers.start(session.expiry, partial(self.wake, session))
        if self.monitor.observer is not None:
            self.monitor.observer.connected(session)

    def replied(self, session: Session, frame: Frame) -> None:
        session.outgoing.replies += 1
        if self.monitor.observer is not None:
            self.monitor.observer.replied(session, frame)

    def accepted(self, session: Session, accepted: Accepted) -> None:
        groups = accepted.groups if session.state in LIVE else ()
        if groups:
            self.registry.join(session, groups)
        if accepted.headers:
            self._journal.accepted(
                record_of(session),
                lambda safe: self.registry.when_known(groups, lambda: session.recorded(safe)),
            )
        elif groups:
            self.registry.when_known(groups, lambda: session.recorded(True))

    def kept(self, session: Session, kept: Kept) -> None:
        if kept.headers:
            self._journal.accepted(record_of(session), session.recorded)
        if session.expiry is not None and session.state is State.OPEN:
            self._timers.start(session.expiry, partial(self.wake, session))

    def closing(self, session: Session) -> None:
        if self.monitor.observer is not None and session.ending is not None:
            self.monitor.observer.ending(session, session.ending, session.state is State.LEAVING)
        self.registry.leave_all(session)
        if session.peer is None:
            self.monitor.owed.lost(session.id, self._wall_clock())

    def ended(self, session: Session, closed: Closed) -> None:
        self._counters.closed[closed.cause] += 1
        lost_at = self.monitor.owed.lost(session.id, self._wall_clock())
        self._counters.connection_duration.observe(max(0.0, lost_at - session.connected_at))
        # As dataclasses.replace does, at a fifth of its cost: each connection comes here.
        closed = session.ending = Closed(
            closed.cause, closed.code, closed.reason, closed.clean, closed.lost_messages, lost_at
        )
        self._journal.closed(session.id, closed)
        if self.monitor.log_end is not None:
            self.monitor.log_end(session, closed)
        if self.monitor.observer is not None:
            self.monitor.observer.disconnected(session, closed)

    def forget(self, session: Session) -> None:
        self.monitor.owed.forget(session.id)
        self._counters.messages.add(session)
        self.registry.remove(session)
        self._journal.forget(session.id)

    def _recorded(self, session: Session, safe: bool) -> None:
        if safe:
            self.wake(session)
        else:
            session.turn_away(RefusalReason.JOURNAL_UNAVAILABLE)


def record_of(session: Session) -> Record:
    """Return the journal's record of a session; it says how it ended once nothing but the DELETE is left to say.

    Until then a crash would lose messages, and its DELETE must not say how many.
    """
    ending = session.ending if session.state is State.LEAVING and not session.lane.messages else None
    return Record(session.id, session.connected_at, session.repeated, session.trace_id, ending)
