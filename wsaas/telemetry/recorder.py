"""The webhooks that were sent last, whole, so that they can be sent again: an observer with CONSOLE=payloads."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

from wsaas.core.errors import GatewayError
from wsaas.core.events import Closed, Received
from wsaas.core.model import Frame
from wsaas.core.observer import Attempt, DeliveryMoments, Push, RefusedHandshake
from wsaas.core.session import Session
from wsaas.telemetry.event_lines import webhook_id
from wsaas.telemetry.payloads import Request

MAX_BYTES = 1 << 24
"""Bytes of all webhooks that are kept; the oldest make room."""
MAX_SIZE = 1 << 20
"""Bytes of one webhook; a larger one is not kept."""
OVERHEAD = 512
"""Bytes that count for a webhook beside its own."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A webhook as it was sent: `head` is header lines, each ending in CRLF, with the secrets that are in them."""

    method: bytes
    id: bytes
    head: bytes
    body: bytes

    @property
    def size(self) -> int:
        """The bytes that it counts for."""
        return len(self.head) + len(self.body) + OVERHEAD


class Recorder:
    """Keeps webhooks by their webhook-id, the last try of each. Bound: MAX_BYTES, and MAX_SIZE for one."""

    def __init__(self) -> None:
        self._recorded: OrderedDict[str, Recorded] = OrderedDict()
        self._size = 0

    def find(self, webhook_id: str) -> Recorded | None:
        """Return the webhook of this id, if it is still there."""
        return self._recorded.get(webhook_id)

    wants_requests = True

    def delivered(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> None:
        """Never called: it wants the requests."""

    def wants_message(self) -> bool:
        """Say yes: it hears of each one."""
        return True

    def passed_over(self, session: Session, message: Received, number: int, answer: object) -> None:
        """Never called: it wants each message."""

    def tried(self, session: Session, attempt: Attempt) -> None:
        """Keep the webhook."""
        if attempt.request is None:
            return
        request = cast(Request, attempt.request)
        recorded = Recorded(request.method, request.id, request.head, request.body)
        name = webhook_id(session, attempt)
        before = self._recorded.pop(name, None)
        if before is not None:
            self._size -= before.size
        if recorded.size > MAX_SIZE:
            return
        self._recorded[name] = recorded
        self._size += recorded.size
        while self._size > MAX_BYTES:
            self._size -= self._recorded.popitem(last=False)[1].size

    # The rest of Observer, of which nothing can be sent again.

    def connected(self, session: Session) -> None:
        """Keep nothing."""

    def refused(self, refused: RefusedHandshake) -> None:
        """Keep nothing."""

    def replied(self, session: Session, frame: Frame) -> None:
        """Keep nothing."""

    def pushed(self, push: Push) -> None:
        """Keep nothing."""

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        """Keep nothing."""

    def ending(self, session: Session, closed: Closed, gone: bool) -> None:
        """Keep nothing."""

    def disconnected(self, session: Session, closed: Closed) -> None:
        """Keep nothing."""
