"""Sends webhooks over the pool: messages, of which there are many, straight; connects and disconnects by treq.

One pool, one TLS policy, one set of limits stand behind both doors.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.python.failure import Failure

from wsaas.backend.requests import MAX_DECISION, Webhook
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.pool import Pool
from wsaas.http_client.target import Target
from wsaas.http_client.treq_agent import BytesProducer, PoolAgent, WebhookClient


class PoolSender:
    """The courier's Sender. `timeout` is seconds for one webhook in all: connecting, sending and the whole answer."""

    def __init__(self, pool: Pool, target: Target, timeout: float) -> None:
        self._exchange = pool.exchange
        self._url = target.url
        self._path = target.base_path + b"/"
        self._timeout = timeout
        self._client = WebhookClient(PoolAgent(pool, target.origin, timeout=timeout, limit=MAX_DECISION))

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        method = webhook.method
        if method == b"PUT":
            path = self._path + webhook.id
            self._exchange(method, path, webhook.head, webhook.body, webhook.limit, self._timeout, done)
        else:
            url = f"{self._url}/{webhook.id.decode()}"
            sent = self._client.request(method.decode(), url, data=BytesProducer(webhook.body, webhook.head))
            sent.addCallbacks(lambda response: done(response.answer), lambda failure: done(_fault(failure)))


def _fault(failure: Failure) -> Fault | Failure:
    """What the pool failed with; anything else is a bug of ours."""
    return failure.value if isinstance(failure.value, Fault) else failure
