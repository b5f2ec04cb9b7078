"""Counts what happens in this process since its start: plain integers that only grow, read when they are asked for.

An increment is all that an event costs. What a session counts by itself is added here when the session is forgotten;
`Gateway.census` adds those that are still there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from wsaas.core.errors import GatewayError
from wsaas.core.events import Cause, EventKind
from wsaas.core.histogram import Histogram
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.refusal import RefusalReason
from wsaas.core.session import Session

DURATIONS = 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
CONNECTION_DURATIONS = 1.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0, 86400.0
DISCONNECT_DELAYS = 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 86400.0
"""Bounds of histograms, in seconds."""


@dataclass(slots=True)
class MessageCounters:
    """Messages that came from clients and that were sent to them. Bytes are those of payloads."""

    received: int = 0
    received_binary: int = 0
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    replies: int = 0
    """Messages of those sent that the backend answered to a webhook."""

    def add(self, session: Session) -> None:
        """Add what one connection has counted."""
        lane = session.lane
        self.received += lane.received
        self.received_binary += lane.binary
        self.received_bytes += lane.bytes
        self.sent += session.messages_out
        self.sent_bytes += session.bytes_out
        self.replies += session.outgoing.replies


class WebhookCounters:
    """The webhooks of one kind of event: each try, and what became of those that are not tried again."""

    __slots__ = ("abandoned", "answers", "duration", "failures", "refused", "timeouts")

    def __init__(self) -> None:
        self.answers = [0] * 10
        """Tries that were answered, by the first digit of the answer's code. Those with a 2 are delivered."""
        self.timeouts = 0
        """Tries that had no answer in time."""
        self.failures = 0
        """Tries that had no answer for another reason."""
        self.refused = 0
        """Webhooks whose last answer was not 2xx."""
        self.abandoned = 0
        """Webhooks that had no answer when their patience was over."""
        self.duration = Histogram(*DURATIONS)
        """Seconds of each try, from when it is sent to its answer or fault; moments are by the reactor's clock."""


class StreamCounters:
    """Streamed replies: those that came to their end, and those that were cut short, by either side or a bound."""

    __slots__ = ("cut", "ended")

    def __init__(self) -> None:
        self.ended = self.cut = 0


class Counters:
    """The counters of one process. Bound: the tables count by words of the code, never by what a peer sent."""

    def __init__(self) -> None:
        self.opened = 0
        """Clients that got their 101."""
        self.refused: Counter[RefusalReason] = Counter()
        """Clients that got none, though they asked for it as they should."""
        self.malformed = 0
        """Requests of clients that are no handshake, or do not come whole in their time."""
        self.closed: Counter[Cause] = Counter()
        """Connections of which the backend hears that they ended, by cause."""
        self.connection_duration = Histogram(*CONNECTION_DURATIONS)
        """Seconds of these connections, from the client's request to its loss. Of those of an earlier process the loss
        is not counted again."""
        self.disconnect_delay = Histogram(*DISCONNECT_DELAYS)
        """Seconds from the loss of a client to the answer of its DELETE."""
        self.messages = MessageCounters()
        """The messages of those sessions that are forgotten."""
        self.pushes_sent = 0
        """Pushes to one connection that were sent: counted apart, since these are the many."""
        self.pushes_forwarded = 0
        """Pushes to connections of other processes, to which they were handed on. The owner counts what becomes of each
        in its `pushes_sent` and `pushes`; nobody does where the owner is over, cannot be reached or says nothing.
        """
        self.pushes: Counter[tuple[PushKind, Pushed | type[GatewayError]]] = Counter()
        """All other pushes, those included that the API refuses before the router sees them; one to a group or to all
        connections counts once in each process that serves it.
        """
        self.fanned_out: Counter[PushKind] = Counter()
        """Messages that were sent by pushes to groups and to all connections."""
        self.streams = StreamCounters()
        self.webhooks = {kind: WebhookCounters() for kind in EventKind}
