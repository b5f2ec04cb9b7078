"""Nodes of a cluster that lose the engine or each other: what the backend, the clients and pushers see.

These tests take a minute each, and are run by WSAAS_FAULTS=full.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Sequence

from tests.support.backend_server import Backend
from tests.support.cluster import PATIENCE, Cluster
from tests.support.fault_case import LONG, FaultCase, late, repeats, talk
from tests.support.gateway_process import free_port
from tests.support.links import Links
from tests.support.namespaces import Networks, refused
from tests.support.quick_cluster import QUICK
from tests.support.redis_process import MISSING, Redis
from tests.support.system_case import eventually


class LinkTests(FaultCase):
    """Three nodes whose links to the engine and to each other are proxies, which can be cut."""

    skip = MISSING or LONG

    def network(self) -> Cluster:
        """Three nodes, and `self.links` between them."""
        self.links: Links | Networks = (links := Links())
        self.addCleanup(links.stop)
        return self.linked(3, links)

    def three(self) -> Cluster:
        cluster = self.network()
        self.clients = {node: self.crowd(node, 3) for node in cluster.nodes}
        return cluster

    def statuses(self, cluster: Cluster, node: int) -> set[int]:
        """What pushes to a node's own connections are answered by itself."""
        gateway = cluster.nodes[node]
        return {gateway.api.request("PUT", f"/{id}", b"x").status for id in self.clients[gateway]}

    def watch(self, cluster: Cluster, seconds: float, node: int) -> dict[int, int]:
        """Statuses of pushes to a node's own connections over a time."""
        counts: dict[int, int] = defaultdict(int)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for status in self.statuses(cluster, node):
                counts[status] += 1
            for client in self.clients[cluster.nodes[node]].values():
                client.send("hello")
            time.sleep(0.1)
        return dict(counts)

    def test_engine_only(self) -> None:
        """A node loses the engine and nothing else: another renews its lease, it goes on, and it is not claimed."""
        cluster = self.three()
        self.links.cut([("n1", "engine")])
        counts = self.watch(cluster, 12, 0)
        print(f"own pushes of a node without the engine: {counts}")
        self.assertIn("renews its lease", cluster.nodes[0].log())
        self.assertGreater(counts.get(200, 0), 4 * counts.get(503, 0))
        self.links.cut([])
        cluster.all_ready()
        self.assertEqual(self.stage.disconnects, [])

    def test_alone(self) -> None:
        """A node loses the engine and the others, and keeps its clients and the backend: it is silent, is claimed once,
        and ends when it is back; no event comes after a DELETE.
        """
        cluster = self.three()
        stop = threading.Event()
        self.addCleanup(stop.set)
        for client in self.clients[cluster.nodes[0]].values():  # they talk on, also after they were told of
            threading.Thread(target=talk, args=(client, stop), daemon=True).start()
        began = time.monotonic()
        self.links.cut([("n1", "engine"), ("n1", "n2"), ("n1", "n3")])
        counts = self.watch(cluster, 6, 0)
        self.assertGreater(counts.get(503, 0), 0)
        self.assertEqual(self.statuses(cluster, 0), {503})
        self.all_told(self.clients[cluster.nodes[0]])
        took = max(request.arrived for request in self.stage.disconnects) - began
        print(f"a node alone: last DELETE {took:.1f} s after the cut")
        time.sleep(2)
        self.links.cut([])
        self.assertEqual(cluster.nodes[0].wait(), 3)
        self.assertEqual((late(self.stage.requests), repeats(self.stage.requests)), ([], []))
        self.assertEqual(len(self.stage.disconnects), 3)

    def test_engine_with_the_minority(self) -> None:
        """Two nodes are cut off from the third and the engine: the two go on by their votes, the third may not claim
        them; nobody is closed, no DELETE is sent, and all is well when it is healed.
        """
        cluster = self.three()
        self.links.cut([("n1", "engine"), ("n2", "engine"), ("n1", "n3"), ("n2", "n3")])
        counts = self.watch(cluster, 14, 0)
        print(f"own pushes of the majority without the engine: {counts}")
        self.assertGreater(counts.get(200, 0), 3 * counts.get(503, 0))
        self.assertEqual(self.statuses(cluster, 1), {200})
        self.assertEqual(self.statuses(cluster, 2), {200})
        self.links.cut([])
        cluster.all_ready()
        self.assertEqual(self.stage.disconnects, [])

    def test_all_apart(self) -> None:
        """All three are apart, one with the engine: the two are silent and hold what their clients say, nobody claims,
        and when it is healed all messages come, in order, and nobody was closed.
        """
        cluster = self.three()
        pairs = [("n1", "n2"), ("n1", "n3"), ("n2", "n3")]
        self.links.cut([("n1", "engine"), ("n2", "engine"), *pairs])
        eventually(lambda: self.statuses(cluster, 0) == {503} and self.statuses(cluster, 1) == {503}, PATIENCE)
        for number in range(5):
            for clients in self.clients.values():
                for client in clients.values():
                    client.send(str(number))
        time.sleep(10)
        self.assertEqual(self.statuses(cluster, 0), {503})
        self.links.cut([])
        eventually(lambda: len(self.stage.messages) == 45, PATIENCE)
        cluster.all_ready()
        self.assertEqual(self.stage.disconnects, [])
        bodies = defaultdict(list)
        for request in sorted(self.stage.messages, key=lambda each: each.arrived):
            bodies[request.id].append(request.body)
        self.assertEqual(set(map(tuple, bodies.values())), {(b"0", b"1", b"2", b"3", b"4")})


class CutAndClaimedTests(FaultCase):
    skip = MISSING or LONG

    def test_newcomers(self) -> None:
        """A node that is cut off from the engine lets clients in, which only its disk has; then it is stopped, claimed,
        and ends. The node that has claimed it tells of those that the engine had, and its next start of the others:
        each gets one DELETE.
        """
        links = Links()
        self.addCleanup(links.stop)
        cluster = self.linked(3, links, QUICK)
        victim = cluster.nodes[0]
        known = self.crowd(victim, 4)
        links.cut([("n1", "engine")])
        eventually(lambda: "renews its lease" in victim.log(), PATIENCE)
        new = self.crowd(victim, 5)
        cluster.stop(victim)
        self.all_told(known)
        links.cut([])
        cluster.resume(victim)
        self.assertEqual(victim.wait(), 3)
        self.assertEqual(len(self.stage.disconnects), 4)
        links.pids[cluster.again(0).pid] = "n1"
        self.all_told(new)
        cluster.all_ready()
        self.assertEqual((late(self.stage.requests), repeats(self.stage.requests)), ([], []))


class NamespaceTests(LinkTests):
    """The same with a network of the kernel's for each node and for the engine, at the addresses that they find out."""

    skip = MISSING or LONG or refused()

    def network(self) -> Cluster:
        self.links = networks = Networks(["engine", "n1", "n2", "n3"])
        self.addCleanup(networks.end)
        relays = Links()
        self.addCleanup(relays.stop)
        host = networks.hosts["engine"]
        redis = Redis(free_port(), ["--bind", host, "--protected-mode", "no"], networks.command("engine"))
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        relays.proxy("backend", ("127.0.0.1", backend.port), "nodes", (networks.here, backend.port))
        cluster = Apart(self, networks, relays, redis, backend)
        for _ in range(3):
            cluster.add()
        cluster.all_ready()
        cluster.settled()
        return cluster


class Apart(Cluster):
    """A cluster whose nodes have a network each; clients, API and backend are reached by relays of the same ports."""

    def __init__(self, case: FaultCase, networks: Networks, relays: Links, redis: Redis, backend: Backend) -> None:
        super().__init__(case, 0, redis, backend, CONNECT_RATE="0", STATE_DIR="state")
        self._networks = networks
        self._relays = relays

    def own_settings(self, name: str, ws_port: int, http_port: int) -> dict[str, str]:
        host = self._networks.hosts[name]
        for port in (ws_port, http_port):
            self._relays.proxy(name, (host, port), "test", ("127.0.0.1", port))
        return {
            "CLUSTER": f"redis://{self._networks.hosts['engine']}:{self.redis.port}",
            "TARGET_ADDRESS": self.backend.address.replace("127.0.0.1", self._networks.here),
            "WS_ENDPOINT": "",
        }

    def within(self, name: str) -> Sequence[str]:
        return self._networks.command(name)
