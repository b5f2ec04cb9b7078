"""Sends webhooks over the pool: messages, of which there are many, straight; connects and disconnects by treq.

One pool, one TLS policy, one set of limits stand behind both doors.
"""

from __future__ import annotations

import treq
from twisted.internet.defer import Deferred
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers

from wsaas.backend.agent import PoolAgent, TruncatedBody, webhook_client
from wsaas.backend.contract import Webhook
from wsaas.backend.exchange import Answer
from wsaas.backend.pool import Pool
from wsaas.backend.target import Target


class PoolSender:
    """The courier's Sender. `timeout` is seconds for one webhook in all: connecting, sending and the whole answer."""

    def __init__(self, pool: Pool, target: Target, timeout: float) -> None:
        self._pool = pool
        self._url = target.url
        self._path = target.base_path + b"/"
        self._origin = target.origin
        self._timeout = timeout

    def send(self, webhook: Webhook) -> Deferred[Answer]:
        """The backend's answer, whatever its status. Fails with a Fault."""
        if webhook.method == b"PUT":
            path = self._path + webhook.id.encode()
            return self._pool.exchange(
                b"PUT", path, webhook.head, webhook.body, limit=webhook.limit, timeout=self._timeout
            )
        return Deferred.fromCoroutine(self._by_treq(webhook))

    async def _by_treq(self, webhook: Webhook) -> Answer:
        client = webhook_client(PoolAgent(self._pool, self._origin, timeout=self._timeout, limit=webhook.limit))
        headers = Headers()
        for name, value in webhook.headers:
            headers.addRawHeader(name, value)
        response = await client.request(
            webhook.method.decode(), f"{self._url}/{webhook.id}", headers=headers, data=webhook.body
        )
        found = tuple((name.lower(), value) for name, values in response.headers.getAllRawHeaders() for value in values)
        pieces: list[bytes] = []
        truncated = False
        try:
            await treq.collect(response, pieces.append)
        except ResponseFailed as failure:
            failure.reasons[0].trap(TruncatedBody)
            truncated = True
        return Answer(response.code, found, b"".join(pieces), truncated)
