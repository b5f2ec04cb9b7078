"""Looks at all sessions at one moment: their states, what they counted, and what waits in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wsaas.core.counters import MessageCounters
from wsaas.core.lane import OVERHEAD
from wsaas.core.session import Session
from wsaas.core.states import LIVE, State

_OPEN = State.OPEN  # Enum looks its members up anew each time


@dataclass(frozen=True, slots=True)
class Census:
    """The sessions of one moment. Bytes are those of payloads."""

    connecting: int
    """Clients that wait for their 101."""
    open: int
    messages: MessageCounters
    """The messages of all sessions since the start."""
    waiting_in: int
    """Messages in the lanes: the backend has not taken them, those in flight included."""
    bytes_waiting_in: int
    bytes_waiting_out: int
    """Pushes that wait for the 101, and replies that wait for room; not what the connections have."""


def take_census(sessions: Iterable[Session], forgotten: MessageCounters) -> Census:
    """Count all sessions, beside the messages of those that are `forgotten`.

    This is one loop without calls: ten thousand sessions take some 3 ms.
    """
    received, received_binary, received_bytes = forgotten.received, forgotten.received_binary, forgotten.received_bytes
    sent, sent_bytes, replies = forgotten.sent, forgotten.sent_bytes, forgotten.replies
    connecting = opened = waiting = size = kept = 0
    for session in sessions:
        lane, outgoing, state = session.lane, session.outgoing, session.state
        if state is _OPEN:
            opened += 1
            if outgoing.unsent:
                kept += outgoing.waiting
        elif state in LIVE:
            connecting += 1
            kept += outgoing.waiting
        received += lane.received
        received_binary += lane.binary
        received_bytes += lane.bytes
        sent += session.messages_out
        sent_bytes += session.bytes_out
        replies += outgoing.replies
        if lane.size:
            waiting += len(lane.messages)
            size += lane.size
    messages = MessageCounters(received, received_binary, received_bytes, sent, sent_bytes, replies)
    return Census(connecting, opened, messages, waiting, size - OVERHEAD * waiting, kept)
