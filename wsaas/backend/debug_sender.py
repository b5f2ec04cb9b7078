"""A Sender that logs each webhook at debug: its event, its answer, and the time between them."""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.backend.requests import Webhook
from wsaas.backend.sender import Sender
from wsaas.http_client.exchange import Fault, HttpResponse

_EVENTS = {b"POST": "connect", b"PUT": "message", b"DELETE": "disconnect"}


class DebugSender:
    """Wraps the Sender of a gateway whose LOG_LEVEL is debug. At any other level it is not made, and costs nothing."""

    _log = Logger()

    def __init__(self, sender: Sender, clock: IReactorTime, address: str) -> None:
        self._sender = sender
        self._clock = clock
        self._address = address

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        began = self._clock.seconds()

        def answered(answer: HttpResponse | Fault | Failure) -> None:
            self._tell(webhook, answer, self._clock.seconds() - began)
            done(answer)

        self._sender.send(webhook, answered)

    def _tell(self, webhook: Webhook, answer: HttpResponse | Fault | Failure, seconds: float) -> None:
        self._log.debug(
            "{event} of {length} bytes: {status} after {milliseconds:.1f} ms{more}; connection {connection},"
            " backend {address}",
            event=_EVENTS.get(webhook.method, webhook.method),
            length=len(webhook.body),
            status=answer.status if isinstance(answer, HttpResponse) else str(answer),
            milliseconds=seconds * 1000,
            more=_more(webhook, answer),
            connection=webhook.id.decode(),
            address=self._address,
        )


def _more(webhook: Webhook, answer: HttpResponse | Fault | Failure) -> str:
    """Return the rest of the line: a reply, that the webhook was sent again, the cause of a disconnect."""
    more = ""
    if isinstance(answer, HttpResponse):
        kind = answer.header(b"wsaas-reply")
        if kind is not None:
            more += f", with a {kind[:40].decode('latin-1')} reply of {len(answer.body)} bytes"
        if answer.sent > 1:
            more += ", sent again"
    if webhook.method == b"DELETE":
        said = json.loads(webhook.body)
        more += f", cause {said['cause']}, close code {said['close_code']}"
    return more
