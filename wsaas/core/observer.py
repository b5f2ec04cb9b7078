"""The seam for all that watches a process: a log, a stream of events, an export of traces.

Monitor.observer     None, while there is no watcher: then an event costs no more than the look at it
                     the one Observer there is
                     Observers, if there are several
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from wsaas.core.errors import GatewayError
from wsaas.core.events import Closed, Event, Received
from wsaas.core.model import Frame
from wsaas.core.outcomes import Outcome
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.session import Session


class Times(NamedTuple):
    """The times of one try, in seconds: from its turn being due to its being sent, and from then on until there was a
    connection, until the first byte of the answer, and until the end. Those that were never reached are None.
    """

    queue: float
    connect: float | None
    first_byte: float | None
    total: float


class Attempt(NamedTuple):
    """One try to tell the backend of an event, and what came of it.

    `number` counts the tries of this event; it is 0 for one that was given up untried. `request` is the webhook, and
    `answer` the backend's answer or the fault instead of one: core hands both on unread. Both are None, and `times`
    too, where nobody watched when the try began. `outcome` is None if there is another try, in `retry_in` seconds.
    """

    event: Event
    number: int
    request: object
    answer: object
    times: Times | None
    outcome: Outcome | None
    retry_in: float | None = None


DeliveryMoments = tuple[float, float, float, float, float]
"""The moments of a message's try, in seconds of one clock: it was due, it was sent, there was a connection for it, the
first byte of the answer came, and the last one."""


class Push(NamedTuple):
    """A push, and what became of it in this process.

    `target` is the id or the name of the group. `session` is that of a push to one connection that is here. One to many
    connections is told of at its end, when `sent` and `skipped` count its connections.
    """

    kind: PushKind
    target: str
    payload: bytes
    binary: bool
    result: Pushed | GatewayError
    session: Session | None = None
    sent: int = 0
    skipped: int = 0


class RefusedHandshake(NamedTuple):
    """A client that gets no 101, and the answer that it gets instead; core hands the `response` on unread.

    `path` is None if no request could be read, `session` if the client was refused before it had one.
    """

    remote_address: str
    path: str | None
    response: object
    message: str
    session: object = None


class Observer(Protocol):
    """Hears what happens, as it happens. It must neither raise nor act on it."""

    @property
    def wants_requests(self) -> bool:
        """True if it hears of each try by `tried`, with the webhook; else of most by `delivered`, which costs less."""

    def wants_message(self) -> bool:
        """Say if it wants to hear, by `delivered`, of the message that is sent now."""

    def delivered(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> None:
        """Hear of the last try of a message, which was delivered, and the answer says no more: instead of `tried`."""

    def passed_over(self, session: Session, message: Received, number: int, answer: object) -> None:
        """Hear the same of a message that it did not want when that was sent: its moments are not known."""

    def connected(self, session: Session) -> None:
        """Hear that a client got its 101."""

    def refused(self, refused: RefusedHandshake) -> None:
        """Hear that a client did not."""

    def tried(self, session: Session, attempt: Attempt) -> None:
        """Hear of one try to tell the backend of an event. If it was the last, the session hears of it next."""

    def replied(self, session: Session, frame: Frame) -> None:
        """Hear that a reply of the backend's was sent to the client."""

    def pushed(self, push: Push) -> None:
        """Hear of a push."""

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        """Hear that the API was asked to close a connection, and the error if it could not."""

    def ending(self, session: Session, closed: Closed, gone: bool) -> None:
        """Hear that a connection has begun to end, and again when its client is `gone`, if that is later.

        It is in its groups the first time, and in none any more the second.
        """

    def disconnected(self, session: Session, closed: Closed) -> None:
        """Hear that a connection ended: its client is gone, and all that it said is with the backend, or given up."""


class Observers:
    """Several observers as one. Each hears everything, in the order in which they came."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self.wants_requests = any(each.wants_requests for each in observers)

    def wants_message(self) -> bool:
        return any([each.wants_message() for each in self._observers])

    def passed_over(self, session: Session, message: Received, number: int, answer: object) -> None:
        for each in self._observers:
            each.passed_over(session, message, number, answer)

    def delivered(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> None:
        for each in self._observers:
            each.delivered(session, message, number, answer, moments)

    def connected(self, session: Session) -> None:
        for each in self._observers:
            each.connected(session)

    def refused(self, refused: RefusedHandshake) -> None:
        for each in self._observers:
            each.refused(refused)

    def tried(self, session: Session, attempt: Attempt) -> None:
        for each in self._observers:
            each.tried(session, attempt)

    def replied(self, session: Session, frame: Frame) -> None:
        for each in self._observers:
            each.replied(session, frame)

    def pushed(self, push: Push) -> None:
        for each in self._observers:
            each.pushed(push)

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        for each in self._observers:
            each.close_asked(id, code, error)

    def ending(self, session: Session, closed: Closed, gone: bool) -> None:
        for each in self._observers:
            each.ending(session, closed, gone)

    def disconnected(self, session: Session, closed: Closed) -> None:
        for each in self._observers:
            each.disconnected(session, closed)
