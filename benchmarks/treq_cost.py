"""Measures the cost of treq for a connect webhook: python -m benchmarks.treq_cost

One process, no socket: the pool is replaced by one that answers at once. Each figure is the processor time of one
request, the least of several rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from treq.client import HTTPClient
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers

from wsaas.http_client.exchange import HttpResponse
from wsaas.http_client.late_headers import RequestHeaders
from wsaas.http_client.treq_agent import BytesProducer, PoolAgent
from wsaas.http_client.treq_client import TreqClient
from wsaas.internals.cookie_request import parse_late
from wsaas.internals.plain_callbacks import plain_callbacks

ROUNDS, REQUESTS = 10, 2000
PATH = "/websocket/0123456789abcdef0123456789abcdef"
LINES = (
    b"User-Agent: wsaas/0.1\r\nAccept: */*\r\nWSAAS-Connection-Id: 0123456789abcdef0123456789abcdef\r\n"
    b"traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\nContent-Type: application/json\r\n"
    b"WSAAS-Event: connect\r\nwebhook-id: 0123456789abcdef0123456789abcdef_0_connect\r\n"
    b"webhook-timestamp: 1800000000\r\n"
)
BODY = b'{"code": "NEW_CONNECTION"}'
ANSWER = HttpResponse(
    200, ((b"content-type", b"application/json"), (b"content-length", b"13")), b'{"code":"OK"}', False
)


class AnsweringPool:
    """A pool whose exchanges are answered when all that waits for the answer is known, as those of a backend are."""

    def exchange(self, *request: Any) -> None:
        """Keep the request's seventh argument, which is to be called."""
        self._done = request[6]

    def answer(self) -> None:
        """Answer the last request."""
        self._done(ANSWER)


def least(request: Callable[[], object], answer: Callable[[], object]) -> float:
    """Return the microseconds of processor time that one request takes."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(REQUESTS):
            request()
            answer()
        found.append((time.process_time() - began) / REQUESTS * 1e6)
    return min(found)


def main() -> None:
    """Print a line for each way to send the same request."""
    pool: Any = AnsweringPool()
    clock: Any = Clock()
    agent = PoolAgent(pool, timeout=10.0, limit=65536)
    ours, plain = TreqClient(agent, clock), HTTPClient(agent, data_to_body_producer=BytesProducer)

    def plain_headers() -> Headers:
        headers = Headers()
        for line in LINES.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            headers.addRawHeader(name, value)
        return headers

    def by_plain_treq() -> None:
        plain.request("POST", PATH, headers=plain_headers(), data=BODY, reactor=clock).addCallback(lambda _: None)

    def by_treq() -> None:
        ours.request("POST", PATH, LINES, BODY, lambda _: None)

    def by_pool() -> None:
        pool.exchange(b"POST", PATH.encode(), LINES, BODY, 65536, 10.0, lambda _: None)

    def by_agent() -> None:
        agent.request(b"POST", PATH.encode(), RequestHeaders(LINES), BytesProducer(BODY)).addCallback(lambda _: None)

    ways = {
        "the pool": by_pool,
        "the pool as an IAgent": by_agent,
        "treq with its defaults": by_plain_treq,
        "treq, its URLs parsed": by_treq,
    }
    collecting = gc.isenabled()
    gc.disable()
    for name, request in ways.items():
        print(f"{name:32}{least(request, pool.answer):6.1f} us")
    parse_late()
    ours = TreqClient(PoolAgent(pool, timeout=10.0, limit=65536, deferred=plain_callbacks()), clock)
    print(f"{'treq as the gateway calls it':32}{least(by_treq, pool.answer):6.1f} us")
    if collecting:
        gc.enable()


if __name__ == "__main__":
    main()
