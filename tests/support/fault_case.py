"""The base of the tests of a cluster's faults, and what must not be among the requests that the backend heard."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.support.backend_answers import Request
from tests.support.cluster import PATIENCE, Cluster
from tests.support.gateway_process import TWISTD, Gateway, free_port
from tests.support.links import Links
from tests.support.redis_process import MISSING, Redis
from tests.support.system_case import SystemTestCase, eventually

FULL = os.environ.get("WSAAS_FAULTS") == "full"
PAUSE = 34.0 if FULL else 12.0
"""Seconds for which a node stops that is claimed meanwhile."""
LONG = None if FULL else "it takes a minute; WSAAS_FAULTS=full runs it"

UNGATED = f"""
from wsaas.cluster.right import Right
from wsaas.cluster.member import Member
Right.may_speak = lambda self, now: True
Right.by = lambda self, clock: lambda: True
Member._fenced = lambda self, sure=True: None
{TWISTD}
"""
"""A gateway without the fence: it goes on when it is claimed."""


def repeats(requests: Iterable[Request]) -> list[str]:
    """Ids with more than one DELETE."""
    counts: dict[str, int] = defaultdict(int)
    for request in requests:
        if request.method == "DELETE":
            counts[request.id] += 1
    return [id for id, count in counts.items() if count > 1]


def late(requests: Iterable[Request]) -> list[Request]:
    """Events of a connection that came after its DELETE was answered; a repeat of the DELETE is none."""
    ended: dict[str, float] = {}
    found = []
    for request in sorted(requests, key=lambda each: each.arrived):
        if request.method == "DELETE":
            ended.setdefault(request.id, request.arrived)
        elif request.id in ended:
            found.append(request)
    return found


class FaultCase(SystemTestCase):
    skip = MISSING

    def cluster(self, count: int, redis: Redis | None = None, program: str | None = None, **settings: str) -> Cluster:
        redis = redis or Redis()
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        settings = {"CONNECT_RATE": "0", "STATE_DIR": "state", "WEBHOOK_TIMEOUT": "30000", **settings}
        cluster = Cluster(self, count, redis, backend, program=program, **settings)
        cluster.all_ready()
        cluster.settled()
        return cluster

    def linked(self, count: int, links: Links, program: str | None = None, **settings: str) -> Cluster:
        """Nodes whose links to the engine and to each other are those of `links`, by the names engine, n1, n2, ..."""
        redis = Redis()
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        settings = {"CONNECT_RATE": "0", "STATE_DIR": "state", **settings}
        cluster = Cluster(self, 0, redis, backend, program=program, **settings)
        for number in range(1, count + 1):
            name, port = f"n{number}", free_port()
            node = cluster.begin(
                CLUSTER=f"redis://127.0.0.1:{links.proxy('engine', str(redis.path), name)}",
                CLUSTER_ENDPOINT=f"tcp:{port}:interface=127.0.0.1",
                CLUSTER_ADDRESS=f"http://127.0.0.1:{links.proxy(name, ('127.0.0.1', port))}",
            )
            links.pids[node.pid] = name
        cluster.all_ready()
        cluster.settled()
        return cluster

    def crowd(self, node: Gateway, count: int, **options: Any) -> dict[str, Any]:
        """So many clients of a node, by their ids."""
        found: dict[str, Any] = {}
        for _ in range(count):
            client = self.connect(node.ws + "/c", **options)
            found[self.stage.connects[-1].id] = client
        return found

    def all_told(self, ids: Iterable[str], within: float = PATIENCE) -> None:
        """Wait until the backend has heard of the ends of these.

        Each request is looked at once: the backend is a thread of this process, which many looks would keep waiting.
        """
        untold, seen = set(ids), 0

        def all_told() -> bool:
            nonlocal seen
            new = self.stage.requests[seen:]
            seen += len(new)
            untold.difference_update(request.id for request in new if request.method == "DELETE")
            return not untold

        eventually(all_told, within)


def talk(client: Any, stop: threading.Event) -> None:
    """Send a message ten times a second, until `stop` or the end of the connection."""
    try:
        while not stop.is_set():
            client.send("hello")
            time.sleep(0.1)
    except (ConnectionClosed, OSError):
        pass
