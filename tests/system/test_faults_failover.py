"""The engine of a cluster fails over to a replica, which may lack the last writes: what the backend hears then.

These tests take a minute each, and are run by WSAAS_FAULTS=full.
"""

from __future__ import annotations

import shutil
import time

from tests.support.cluster import PATIENCE, Cluster
from tests.support.fault_case import LONG, FaultCase, repeats
from tests.support.gateway_process import free_port
from tests.support.links import Links
from tests.support.redis_process import MISSING, Redis, Sentinels
from tests.support.system_case import eventually


class FailoverTests(FaultCase):
    """A master and a replica whose links are proxies, so that both can be cut and the replica can take over."""

    skip = MISSING or LONG

    def pair(self) -> Cluster:
        """Two nodes, whose claims one replica must have."""
        self.master, self.replica = Redis(free_port()), Redis(free_port())
        self.addCleanup(self.replica.end)
        self.links = links = Links()
        self.addCleanup(links.stop)
        self.replica.follow(links.proxy("master", ("127.0.0.1", self.master.port), "replica"))
        port = links.proxy("engine", ("127.0.0.1", self.master.port), "nodes")
        return self.cluster(2, self.master, CLUSTER=f"redis://127.0.0.1:{port}", CLUSTER_REPLICAS="1")

    def promote(self) -> None:
        """The master dies, and the replica is the engine, with what it had got."""
        self.master.kill()
        self.replica.ask("REPLICAOF", "NO", "ONE")
        self.links.retarget(("127.0.0.1", self.master.port), ("127.0.0.1", self.replica.port))

    def test_replica_promoted(self) -> None:
        """A claim that no replica has is told to nobody: the master dies with it, the replica takes over, and the
        claimed node, which was only stopped, goes on.
        """
        cluster = self.pair()
        ids = list(self.crowd(cluster.nodes[0], 10))
        cluster.stop(cluster.nodes[0])
        self.links.cut([("replica", "master")])
        eventually(lambda: "claimed" in cluster.nodes[1].log(), PATIENCE)
        time.sleep(3)
        self.assertEqual(self.stage.disconnects, [])
        self.promote()
        cluster.resume(cluster.nodes[0])
        eventually(lambda: cluster.nodes[1].api.request("PUT", f"/{ids[0]}", b"x").status == 200, PATIENCE)
        time.sleep(3)
        self.assertEqual(self.stage.disconnects, [])

    def test_new_connections(self) -> None:
        """Nor is it told over new connections to the master, however often they are lost; it is told once the replica
        has it.

        Redis 7.0 does not tell whether the renewal comes first on a new connection: there any command does what the
        renewal does, WAIT then asks for all that was written, and ROLE comes before both. What WAIT promises is less,
        and `tests.unit.cluster.test_claims` has an engine that keeps no more than that.
        """
        cluster = self.pair()
        victim, claimer = cluster.nodes
        ids = list(self.crowd(victim, 10))
        self.links.cut([("replica", "master")])
        victim.kill()
        shutil.rmtree(victim.directory / "state")
        eventually(lambda: "claimed" in claimer.log(), PATIENCE)
        for number in range(12):  # at all moments between two renewals, and long enough for the next try of the claim
            self.master.ask("CLIENT", "KILL", "TYPE", "normal")
            time.sleep(1.15 + number / 50)
        self.assertEqual(self.stage.disconnects, [])
        self.links.cut([])
        self.all_told(ids)

    def test_lost_writes(self) -> None:
        """A failover loses the rows of new connections, and brings back those of connections that have ended: each node
        uploads what lives and removes what does not, so that a lost node's connections get one DELETE each.
        """
        cluster = self.pair()
        victim = cluster.nodes[0]
        old = self.crowd(victim, 10)
        self.prefix = next(iter(old))[:8]
        eventually(lambda: self.rows(self.replica) == 10, PATIENCE)
        self.links.cut([("replica", "master")])
        new = self.crowd(victim, 6)
        for id in list(old)[:4]:
            old.pop(id).close()
        eventually(lambda: len(self.stage.disconnects) == 4 and self.rows(self.master) == 12, PATIENCE)
        self.assertEqual(self.rows(self.replica), 10)
        self.promote()
        eventually(lambda: self.rows(self.replica) == 12, PATIENCE)
        cluster.all_ready()
        self.assertEqual(len(self.stage.disconnects), 4)
        spare = Redis(free_port())  # without a replica nothing would be claimed
        self.addCleanup(spare.end)
        spare.follow(self.replica.port)
        cluster.settled()
        victim.kill()
        shutil.rmtree(victim.directory / "state")
        self.all_told([*old, *new])
        self.assertEqual((len(self.stage.disconnects), repeats(self.stage.requests)), (16, []))

    def rows(self, redis: Redis) -> int:
        """The number of the first node's rows in an engine."""
        count: int = redis.ask("HLEN", f"{{wsaas}}:c:{self.prefix}")
        return count


class SentinelTests(FaultCase):
    """Three real Sentinels, a master and a replica."""

    skip = MISSING or LONG

    def test_failover(self) -> None:
        """The master hangs, the Sentinels promote the replica: all nodes find it, nobody is closed, no DELETE is sent.
        The old master comes back, and is no engine any more. Then a lost node is claimed, once the claim has a replica.
        """
        master, replica = Redis(free_port()), Redis(free_port())
        self.addCleanup(replica.end)
        self.addCleanup(master.end)
        replica.follow(master.port)
        sentinels = Sentinels(master.port, [free_port() for _ in range(3)])
        self.addCleanup(sentinels.end)
        eventually(sentinels.agreed, PATIENCE)
        cluster = self.cluster(3, master, CLUSTER=sentinels.address)
        clients = {node: self.crowd(node, 5) for node in cluster.nodes}
        began = time.monotonic()
        master.freeze()
        eventually(lambda: sentinels.master() == replica.port, PATIENCE)
        took = time.monotonic() - began
        new = self.crowd(cluster.nodes[0], 3)
        clients[cluster.nodes[0]] |= new
        prefix = next(iter(new))[:8]
        eventually(lambda: replica.ask("HLEN", f"{{wsaas}}:c:{prefix}") == 8, PATIENCE)
        print(f"Sentinels: failover after {took:.1f} s, all rows there after {time.monotonic() - began:.1f} s")
        cluster.all_ready()
        for found in clients.values():
            for id in found:
                for node in cluster.nodes:
                    self.assertEqual(node.api.request("PUT", f"/{id}", b"x").status, 200)
        self.assertEqual(self.stage.disconnects, [])
        master.thaw()
        eventually(lambda: master.ask("ROLE")[0] == b"slave", PATIENCE)
        eventually(lambda: replica.ask("ROLE")[2], PATIENCE)
        cluster.settled()
        victim = cluster.nodes[0]
        victim.kill()
        shutil.rmtree(victim.directory / "state")
        self.all_told(clients[victim])
        self.assertEqual((len(self.stage.disconnects), repeats(self.stage.requests)), (8, []))
