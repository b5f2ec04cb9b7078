"""Sends webhooks over the pool: those that a client waits for, connects and messages, straight; disconnects by treq.

One pool, one TLS policy, one set of limits stand behind both doors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from wsaas.backend.agent import BytesProducer, PoolAgent, ReadyUrl, webhook_client
from wsaas.backend.contract import MAX_DECISION, Webhook
from wsaas.backend.exchange import Answer, Fault
from wsaas.backend.pool import Pool
from wsaas.backend.target import Target


class PoolSender:
    """The courier's Sender. `timeout` is seconds for one webhook in all: connecting, sending and the whole answer."""

    def __init__(self, pool: Pool, target: Target, timeout: float) -> None:
        self._exchange = pool.exchange
        self._url = target.url
        self._path = target.base_path + b"/"
        self._timeout = timeout
        self._client = webhook_client(PoolAgent(pool, target.origin, timeout=timeout, limit=MAX_DECISION))

    def send(self, webhook: Webhook, done: Callable[[Answer | Fault | Failure], object]) -> None:
        method = webhook.method
        if method != b"DELETE":
            path = self._path + webhook.id
            self._exchange(method, path, webhook.head, webhook.body, webhook.limit, self._timeout, done)
        else:
            sent = self._client.request(
                method.decode(),
                ReadyUrl(f"{self._url}/{webhook.id.decode()}"),
                data=BytesProducer(webhook.body, webhook.head),
            )
            sent.addCallbacks(lambda response: done(_answer(response)), lambda failure: done(_fault(failure)))


def _answer(response: Any) -> Answer:
    """What the pool answered, from inside treq's response: the body is there already, and its length bounded."""
    answer: Answer = response.original.answer
    return answer


def _fault(failure: Failure) -> Fault | Failure:
    """What the pool failed with; anything else is a bug of ours."""
    return failure.value if isinstance(failure.value, Fault) else failure
