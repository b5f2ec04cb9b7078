"""Those who watch a cluster: events, figures and replays of all its nodes, from any of them."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from tests.support.backend_answers import accept, reply
from tests.support.cluster import PATIENCE, TOKEN, Cluster
from tests.support.event_reader import Event, EventReader
from tests.support.gateway_process import Gateway
from tests.support.redis_process import MISSING, Redis
from tests.support.system_case import SystemTestCase, eventually


def is_a(word: str, **members: Any) -> Any:
    """A test for events of this kind."""

    def wanted(event: Event) -> bool:
        return event["event"] == word and all(event.get(name) == value for name, value in members.items())

    return wanted


class WatchedTests(SystemTestCase):
    skip = MISSING

    def start(self, count: int, **settings: str) -> Cluster:
        redis = Redis()
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        cluster = Cluster(self, count, redis, backend, CONSOLE="payloads", **settings)
        cluster.all_ready()
        cluster.settled()
        return cluster

    def reader(self, node: Gateway, query: str = "") -> EventReader:
        reader = EventReader(node.api, query, headers=f"Authorization: Bearer {TOKEN}\r\n")
        self.addCleanup(reader.close)
        return reader

    def test_any_node(self) -> None:
        """Each node shows the events of both, with bodies, by the filter each once; its figures are of both; it
        replays the webhooks of both. A node that stops ends its own readers' streams by a last line, and those of
        other nodes miss nothing; one that comes is found, and one that dies is said to be missing.
        """
        cluster = self.start(2)
        self.stage.on_connect(accept())
        readers = [self.reader(node, query) for node in cluster.nodes for query in ("", "?event=message,disconnect")]
        clients = {}
        for node in cluster.nodes:
            client = self.connect(node.ws + "/c")
            clients[self.stage.connects[-1].id] = client
        for reader in readers[::2]:
            for id in clients:
                reader.until(is_a("connect", id=id))
        for id, client in clients.items():
            self.stage.on_message(reply(200, b"heard"), reply(201, b"again"))
            client.send("hello")
            for reader in readers:
                event = reader.until(is_a("message", id=id))
                self.assertEqual((event["worker"], event["request"]["body"]), (id[:8], "hello"))
            for line in cluster.lines():
                self.stage.on_message(reply(201, b"again"))
                answer = line.ask("POST", f"/-/events/{event['webhook_id']}/replay")
                self.assertEqual((answer.status, json.loads(answer.body)["body"]), (200, "again"))
                self.assertEqual(self.stage.messages[-1].header("WSAAS-Replay"), "1")
        for line in cluster.lines():
            stats = json.loads(line.ask("GET", "/-/stats").body)
            self.assertEqual((stats["connections"], stats["counters"]["messages_received"]), (2, 2))
            self.assertNotIn("unreached", stats)
        for reader in readers[1::2]:
            self.assertEqual(reader.words(), ["message", "message"])
        some = self.reader(cluster.nodes[0], "?event=message&rate=2")
        for id, client in clients.items():
            for _ in range(3):
                client.send("hello")
            self.assertLess(some.until(is_a("sampled", worker=id[:8]))["count"], 3)
        first, second = cluster.nodes
        second.terminate()
        readers[3].until(is_a("end"))
        self.assertRaises(EOFError, readers[3].until, is_a("nothing"))
        self.assertEqual(second.wait(), 0)
        gone = next(id for id in clients if id[:8] == readers[3].seen[-1]["worker"])
        readers[0].until(is_a("disconnect", id=gone, cause="drain"))
        third = cluster.add()
        prefix = cluster.prefix(third)
        readers[0].until(is_a("found", worker=prefix))
        os.kill(third.pid, signal.SIGKILL)
        readers[0].until(is_a("lost", worker=prefix))
        told = [
            (each["event"], each["worker"]) for each in readers[0].seen if each["event"] in ("lost", "found", "end")
        ]
        self.assertEqual(told, [("found", prefix), ("lost", prefix)])
        eventually(lambda: first.api.get("/-/stats").json()["connections"] == 1, PATIENCE)
