"""The exchange of messages on the fast path: one object for one message after the other."""

from __future__ import annotations

from collections.abc import Callable

from wsaas.backend.reply_stream import asks_for_stream
from wsaas.http_client.exchange import Exchange, Fault, HttpResponse


class MessageExchange(Exchange):
    """The exchange of a delivery's message, and then of the next message of the same session.

    Between two messages it refers to nothing: `done` refers to the delivery, and would never be freed but by the
    garbage collector, with a whole request.
    """

    __slots__ = ()

    def __init__(self, limit: int, silence: float) -> None:
        super().__init__(b"", limit, 0.0, _nobody, None, asks_for_stream, silence)

    def renew(self, request: bytes, deadline: float, done: Callable[[HttpResponse | Fault], object]) -> None:
        """Begin anew, with another request. The exchange is new, or has ended."""
        self.request = request
        self.deadline = deadline
        self.sent = 0
        self.answered_at = 0.0
        self.timing = None
        self._done = done


def _nobody(result: HttpResponse | Fault) -> None:
    """Hear nothing: there is no request yet."""
