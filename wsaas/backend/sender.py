"""Sends webhooks over the pool: messages directly, because they are many; connects and disconnects by treq.

Both ways have the same connections, TLS verification, deadline and bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.python.failure import Failure

from wsaas.backend.requests import MAX_DECISION, Webhook
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.late_headers import RequestHeaders
from wsaas.http_client.pool import Pool
from wsaas.http_client.target import Target
from wsaas.http_client.treq_agent import PoolAgent
from wsaas.http_client.treq_client import TreqClient


class Sender(Protocol):
    """Sends one webhook once."""

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        """`done` hears, perhaps before this returns, the backend's answer, whatever its status, or a Fault; a Failure
        is a bug of ours.
        """


class PoolSender:
    """The Sender of a gateway. `timeout` is seconds for one webhook in all: connecting, sending, the whole answer."""

    def __init__(self, pool: Pool, target: Target, timeout: float) -> None:
        self._exchange = pool.exchange
        self._url = target.url
        self._path = target.base_path + b"/"
        self._timeout = timeout
        agent = PoolAgent(pool, target.origin, timeout=timeout, limit=MAX_DECISION)
        self._client = TreqClient(agent, pool.clock)

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        method = webhook.method
        if method == b"PUT":
            path = self._path + webhook.id
            self._exchange(method, path, webhook.head, webhook.body, webhook.limit, self._timeout, done)
        else:
            url = f"{self._url}/{webhook.id.decode()}"
            answered = self._client.request(method.decode(), url, RequestHeaders(webhook.head), webhook.body)
            answered.addCallbacks(done, lambda failure: done(_fault(failure)))


def _fault(failure: Failure) -> Fault | Failure:
    """Return the Fault that the pool failed with; any other Failure is a bug of ours."""
    return failure.value if isinstance(failure.value, Fault) else failure
