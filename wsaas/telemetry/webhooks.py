"""Webhooks and answers as observers see them, which core hands on unread, and the base of observers of webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from wsaas.core.errors import GatewayError
from wsaas.core.events import Closed, Received
from wsaas.core.model import Frame
from wsaas.core.observer import DeliveryMoments, Push, RefusedHandshake
from wsaas.core.session import Session

METHODS: Mapping[str, str] = {"connect": "POST", "message": "PUT", "refresh": "POST", "disconnect": "DELETE"}
"""The method of the webhook for each kind of event."""
REPLY = b"wsaas-reply"
"""The header of an answer to a message that makes its body a message to the client."""
WITHOUT_CONTENT = frozenset({204, 205})
"""Statuses that say that there is no body (RFC 9110, 15.3.5 and 15.3.6): the header then has nothing to speak of."""


class Request(Protocol):
    """A webhook as it was sent: `head` is header lines, each ending in CRLF."""

    @property
    def method(self) -> bytes: ...
    @property
    def id(self) -> bytes: ...
    @property
    def head(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...


class Answer(Protocol):
    """The backend's answer. `sent` is the number of times that the webhook had been sent when it came."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Iterable[tuple[bytes, bytes]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def sent(self) -> int: ...
    def header(self, name: bytes, /) -> bytes | None: ...


def reply_kind(answer: Answer) -> bytes | None:
    """Return the value of an answer's WSAAS-Reply; None if it has none, or says that it has no body."""
    return None if answer.status in WITHOUT_CONTENT else answer.header(REPLY)


class WebhookObserver:
    """An Observer that hears of each try of a webhook, by its `tried`, and that ignores all else that it does not
    override.
    """

    wants_requests = True

    def wants_message(self) -> bool:
        """Say yes: it hears of each one."""
        return True

    def delivered(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> None:
        """Never called: it wants the requests."""

    def passed_over(self, session: Session, message: Received, number: int, answer: object) -> None:
        """Never called: it wants each message."""

    def connected(self, session: Session) -> None:
        """Do nothing."""

    def refused(self, refused: RefusedHandshake) -> None:
        """Do nothing."""

    def replied(self, session: Session, frame: Frame) -> None:
        """Do nothing."""

    def pushed(self, push: Push) -> None:
        """Do nothing."""

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        """Do nothing."""

    def ending(self, session: Session, closed: Closed, gone: bool) -> None:
        """Do nothing."""

    def disconnected(self, session: Session, closed: Closed) -> None:
        """Do nothing."""
