"""Sends webhooks over the pool: messages directly, because they are many; connects and disconnects by treq.

Both ways have the same connections, TLS verification, deadline and bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from wsaas.backend.reply_stream import asks_for_stream
from wsaas.backend.requests import MAX_DECISION, Webhook
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.pool import Pool
from wsaas.http_client.target import Target
from wsaas.http_client.treq_agent import PoolAgent
from wsaas.http_client.treq_client import TreqClient


class Sender(Protocol):
    """Sends one webhook once."""

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        """Send it. `done` is called, perhaps before this returns, with the backend's answer, whatever its status, or
        with a Fault; a Failure is a bug of ours.
        """


class PoolSender:
    """The Sender of a gateway. `timeout` is seconds for one webhook in all: connecting, sending, the whole answer.

    `deferred` is the class of the Deferreds of treq's requests (see `internals/plain_callbacks.py`).
    """

    def __init__(self, pool: Pool, target: Target, timeout: float, deferred: type[Deferred[Any]] = Deferred) -> None:
        agent = PoolAgent(pool, timeout=timeout, limit=MAX_DECISION, deferred=deferred)
        self._by_pool = pool.exchange
        self._by_treq = TreqClient(agent, pool.clock).request
        self._path = target.base_path + b"/"
        self._timeout = timeout

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        method, path = webhook.method, self._path + webhook.id
        if method == b"PUT":
            self._by_pool(
                method,
                path,
                webhook.head,
                webhook.body,
                webhook.limit,
                self._timeout,
                done,
                webhook.timing,
                asks_for_stream,
            )
        else:
            self._by_treq(method.decode(), path.decode(), webhook.head, webhook.body, done, webhook.timing)
