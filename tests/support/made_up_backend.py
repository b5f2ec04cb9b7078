"""A backend in memory, for the checks of `wsaas try`: a good one, from which each bad one differs in one thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from wsaas.backend.requests import Webhook
from wsaas.backend.signing import sign
from wsaas.backend_trial.made_up_gateway import Calls
from wsaas.http_client.exchange import Fault, HttpResponse

KEY = bytes(range(32))
RIGHT = b"Bearer right"
Answer = HttpResponse | Fault


def answer(status: int, body: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()) -> HttpResponse:
    """An answer with its length."""
    return HttpResponse(status, ((b"content-length", b"%d" % len(body)), *headers), body, False)


def say(fields: object, status: int = 200) -> HttpResponse:
    return answer(status, json.dumps(fields).encode())


class MadeUpBackend:
    """Lets clients with the right token in, echoes their messages, drops repeats, and checks signatures.

    It is a Sender: webhooks come to it at once. `delay` is how long each of its answers takes, one after another.
    """

    delay = 0.0
    per_connection = 1000
    """Webhooks for which one connection serves."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.now = 1_800_000_000.0
        self.known: set[bytes] = set()
        self.counts: dict[bytes, int] = {}
        self.seen: dict[bytes, HttpResponse] = {}
        self.requests: list[Webhook] = []
        self.calls = Calls()
        """The requests that it sends to the gateway's API."""

    # The Sender

    def send(self, webhook: Webhook, done: Callable[[Answer | Failure], object]) -> None:
        self.requests.append(webhook)
        self.clock.advance(self.delay)
        done(self.answer(webhook, dict(webhook.headers)))

    def opened(self) -> int:
        return -(-len(self.requests) // self.per_connection)

    # The backend

    def answer(self, webhook: Webhook, headers: dict[bytes, bytes]) -> Answer:
        return self.checked(webhook, headers)

    def checked(self, webhook: Webhook, headers: dict[bytes, bytes]) -> Answer:
        """The answer to a webhook whose signature is still to be checked."""
        if not self.is_genuine(webhook, headers):
            return say({"code": "BAD_SIGNATURE"}, 401)
        return self.once(webhook, headers)

    def is_genuine(self, webhook: Webhook, headers: dict[bytes, bytes]) -> bool:
        signatures = headers.get(b"webhook-signature", b"").split(b" ")
        return self.right_signature(webhook, headers) in signatures and self.is_fresh(headers)

    def is_fresh(self, headers: dict[bytes, bytes]) -> bool:
        return abs(int(headers[b"webhook-timestamp"]) - self.now) < 300

    def right_signature(self, webhook: Webhook, headers: dict[bytes, bytes]) -> bytes:
        return sign([KEY], headers[b"webhook-id"], int(headers[b"webhook-timestamp"]), webhook.body)

    def once(self, webhook: Webhook, headers: dict[bytes, bytes]) -> Answer:
        """The answer to a genuine webhook; to a repeat the one from before."""
        id = headers[b"webhook-id"]
        if id in self.seen:
            return self.repeated(webhook, headers, self.seen[id])
        got = self.new(webhook, headers)
        if isinstance(got, HttpResponse):
            self.seen[id] = got
        return got

    def repeated(self, webhook: Webhook, headers: dict[bytes, bytes], before: HttpResponse) -> Answer:
        return before

    def new(self, webhook: Webhook, headers: dict[bytes, bytes]) -> Answer:
        if headers[b"WSAAS-Event"] == b"refresh":
            return self.refresh()
        if webhook.method == b"POST":
            return self.connect(webhook, headers)
        if webhook.method == b"PUT":
            return self.message(webhook, headers)
        return self.disconnect(webhook, headers)

    def connect(self, webhook: Webhook, headers: dict[bytes, bytes]) -> Answer:
        if not self.is_right(headers):
            return say({"code": "WHO_ARE_YOU"}, 401)
        self.known.add(webhook.id)
        return self.let_in(json.loads(webhook.body))

    def is_right(self, headers: dict[bytes, bytes]) -> bool:
        return headers.get(b"Authorization") == RIGHT

    def let_in(self, fields: Any) -> Answer:
        return say({"code": "OK", "expires_in": 600})

    def refresh(self) -> Answer:
        return say({"code": "OK", "expires_in": 300})

    def message(self, webhook: Webhook, headers: dict[bytes, bytes]) -> Answer:
        if webhook.id not in self.known:
            return self.unknown_message()
        self.counts[webhook.id] = self.counts.get(webhook.id, 0) + 1
        binary = headers[b"Content-Type"] == b"application/octet-stream"
        return self.reply(webhook.body, b"binary" if binary else b"text")

    def unknown_message(self) -> Answer:
        return answer(410)

    def reply(self, said: bytes, kind: bytes) -> Answer:
        return answer(200, said, ((b"wsaas-reply", kind),))

    def disconnect(self, webhook: Webhook, headers: dict[bytes, bytes]) -> Answer:
        if webhook.id not in self.known:
            return self.unknown_disconnect()
        self.known.discard(webhook.id)
        return answer(204)

    def unknown_disconnect(self) -> Answer:
        return answer(404)
