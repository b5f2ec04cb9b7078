"""The webhooks that were sent last, whole, so that they can be sent again: an observer with CONSOLE=payloads."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

from wsaas.core.observer import Attempt
from wsaas.core.session import Session
from wsaas.telemetry.event_lines import webhook_id
from wsaas.telemetry.webhooks import Request, WebhookObserver

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


class Recorder(WebhookObserver):
    """Keeps webhooks by their webhook-id, the last try of each. Bound: MAX_BYTES, and MAX_SIZE for one."""

    def __init__(self) -> None:
        self._recorded: OrderedDict[str, Recorded] = OrderedDict()
        self._size = 0

    def find(self, webhook_id: str) -> Recorded | None:
        """Return the webhook of this id, if it is still there."""
        return self._recorded.get(webhook_id)

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
