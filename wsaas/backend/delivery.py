"""An event between the session that tells it and the backend that hears it."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from wsaas.core.model import Event
from wsaas.core.session import Session


class Delivery:
    """An event on its way, over all its tries."""

    __slots__ = ("began", "event", "kind", "session", "told_when", "tries", "waiting")

    def __init__(self, session: Session, kind: type[Event], began: float) -> None:
        self.session = session
        self.kind = kind
        self.event: Event | None = None
        self.began = began
        self.tries = 0
        self.waiting: IDelayedCall | None = None
        self.told_when = False
        """Whether it waits because the backend said how long."""
