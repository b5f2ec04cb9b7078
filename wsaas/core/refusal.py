"""Why a client is refused, in words of the gateway; the client's end has the answer to each (`responses.py` there)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RefusalReason(Enum):
    """The reasons, each with a sentence for people."""

    NOT_READY = "the gateway starts or stops"
    JOURNAL_UNAVAILABLE = "the journal cannot keep the connection"
    BACKEND_AWAY = "the backend cannot be reached, and is probed only"
    CLOSED_BY_API = "the backend closed the connection before it was open"
    VETOED = "the backend refused the connect"
    BACKEND_FAILED = "the backend was not reached, or failed at the connect"
    NO_ANSWER = "the backend's answer did not come whole, or makes no sense"
    TIMEOUT = "the backend did not answer in time"
    ORIGIN_NOT_ALLOWED = "pages of this origin may not connect"
    TOO_MANY_CONNECTIONS = "the gateway has no room for more clients"
    TOO_MANY_FROM_ADDRESS = "the gateway has no room for more clients from this address"
    TOO_FAST = "the address connects too often"
    BUSY = "too many clients wait for the backend's answer"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A client may not connect, for this reason.

    `retry_after` are the seconds after which it may try again, None if that depends on the reason alone. `response` is
    what the backend wants the client to be told: core hands it on unread.
    """

    reason: RefusalReason
    retry_after: int | None = None
    response: object = None
