"""Nodes of several workers: each worker is a member of the cluster, and all of them are one service."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections import Counter
from typing import Any

from twisted.trial.unittest import SkipTest

from tests.support.backend_answers import accept
from tests.support.cluster import PATIENCE, Cluster
from tests.support.gateway_process import Gateway
from tests.support.redis_process import MISSING, Redis
from tests.support.same_answers import SLOW, assert_alike, rows, sent_by
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import closing
from tests.support.workers import ApiLine, children, resume

FULL = os.environ.get("WSAAS_FAULTS") == "full"


class ClusterWorkersCase(SystemTestCase):
    skip = MISSING

    def start(self, **settings: str) -> Cluster:
        """Two nodes of two workers."""
        redis = Redis()
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        cluster = Cluster(self, 2, redis, backend, WORKERS="2", CONNECT_RATE="0", **settings)
        cluster.all_ready()
        return cluster

    def clients(self, cluster: Cluster, each: int, **accepted: object) -> dict[str, Any]:
        """Clients by their ids, so many at each worker; others have left."""
        before = cluster.nodes[0].api.get("/connections").json()["count"]
        self.stage.on_connect(accept(**accepted))
        kept: dict[str, Any] = {}
        prefixes = {row["prefix"]: row["node"] for row in cluster.rows()}
        counts: Counter[str] = Counter()
        while min(counts[prefix] for prefix in prefixes) < each:
            node = next(number for prefix, number in prefixes.items() if counts[prefix] < each)
            client = self.connect(cluster.nodes[int(node[1:]) - 1].ws + "/c")
            id = self.stage.connects[-1].id
            if counts[id[:8]] < each:
                kept[id] = client
                counts[id[:8]] += 1
            else:
                client.close()
        count = before + len(kept)
        eventually(lambda: cluster.nodes[0].api.get("/connections").json()["count"] == count, PATIENCE)
        return kept

    def told_once(self, cluster: Cluster, ids: list[str]) -> None:
        """Wait until nobody has anything left to tell of these: each has had one DELETE by then. A repetition, of which
        the answer came too late on a busy machine, has the same webhook-id.
        """
        wanted = set(ids)
        eventually(lambda: wanted <= {request.id for request in self.stage.disconnects}, PATIENCE)
        for prefix in {id[:8] for id in ids}:
            eventually(lambda prefix=prefix: not cluster.redis.ask("EXISTS", f"{{wsaas}}:c:{prefix}"), PATIENCE)
            eventually(lambda prefix=prefix: not cluster.redis.ask("ZSCORE", "{wsaas}:members", prefix), PATIENCE)
        counts = Counter(id for id, _ in {(each.id, each.header("webhook-id")) for each in self.stage.disconnects})
        self.assertEqual({id: counts[id] for id in ids}, dict.fromkeys(ids, 1))


class OneServiceTests(ClusterWorkersCase):
    def test_one_service(self) -> None:
        """Each request has the same answer from every worker of every node, on the fast path and the slow; many are
        pushed to, listed and closed through each; what one that stops has is 504 or 503, and counted.
        """
        cluster = self.start(MAX_MESSAGE_SIZE="10000")
        cluster.settled()
        clients = self.clients(cluster, 1)
        lines = cluster.process_lines()
        assert_alike(self, lines, clients)
        for client in clients.values():
            wanted = sent_by(2 * len(lines))
            self.assertEqual([client.recv(timeout=PATIENCE) for _ in wanted], wanted)
        for id in clients:
            self.assertEqual(rows(lines[0].ask("PUT", f"/groups/g/{id}")), {"code": "OK"})
        ids = sorted(clients)
        for line in lines:
            for slow in ("", SLOW):
                for target in ("/broadcast", "/groups/g"):
                    whole = rows(line.ask("PUT", target, b"all", slow))
                    self.assertEqual(whole, {"code": "OK", "sent": 4, "skipped": 0})
            self.assertEqual(rows(line.ask("GET", "/connections")), {"count": 4, "connections": ids, "next": None})
            self.assertEqual(rows(line.ask("GET", "/groups"))["groups"], [{"name": "g", "members": 4}])
        for client in clients.values():
            self.assertEqual([client.recv(timeout=PATIENCE) for _ in range(16)], ["all"] * 16)
        self.list_of_all(cluster, lines, ids)
        self.one_stops(cluster, lines, clients)
        for id, line in zip(ids, lines, strict=True):
            self.assertEqual(line.ask("DELETE", f"/{id}?code=4001").status, 200)
            self.assertEqual(closing(clients[id])[0], 4001)

    def list_of_all(self, cluster: Cluster, lines: list[ApiLine], ids: list[str]) -> None:
        """/-/cluster has each worker with the name of its node and its number, and a port of its own."""
        for line in lines:
            found = rows(line.ask("GET", "/-/cluster"))["members"]
            self.assertEqual(
                sorted((row["node"], row["worker"], row["state"], row["connections"]) for row in found),
                [(node, number, "ready", 1) for node in ("n1", "n2") for number in (1, 2)],
            )
            self.assertEqual(sorted(row["prefix"] for row in found), [id[:8] for id in ids])
            ports = {(row["node"], row["worker"]): int(row["address"].rpartition(":")[2]) for row in found}
            self.assertEqual([ports[node, 2] - ports[node, 1] for node in ("n1", "n2")], [1, 1])
        for node in cluster.nodes:
            samples = node.api.get("/-/metrics").body.decode()
            for number in (1, 2):
                self.assertIn(f'worker="{number}"', samples)

    def one_stops(self, cluster: Cluster, lines: list[ApiLine], clients: dict[str, Any]) -> None:
        """The worker of the first line stops for a while."""
        pid = lines[0].pid
        (prefix,) = (row["prefix"] for row in cluster.rows() if row["pid"] == pid)
        theirs = next(id for id in clients if id[:8] == prefix)
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(resume, pid)
        for line in lines[1:3]:  # one beside it, and one of another node
            line.send("PUT", f"/{theirs}", b"late")
        for line in lines[1:3]:
            self.assertIn(line.receive().status, (503, 504))
        partial = rows(lines[2].ask("PUT", "/groups/g", b"part"))
        self.assertEqual(partial, {"code": "PARTIAL", "sent": 3, "skipped": 0, "unreached": 1})
        resume(pid)
        eventually(lambda: lines[2].ask("PUT", f"/{theirs}", b"again").status == 200, PATIENCE)
        got = [clients[theirs].recv(timeout=PATIENCE)]
        self.assertEqual(got, ["again"])


class DeathTests(ClusterWorkersCase):
    def test_deaths(self) -> None:
        """The connections of a worker that is killed are told of once each, by the one that follows it and proves its
        end, or by another that is quicker; so are those of a node's workers, if it is killed and one process follows.
        Each DELETE has the headers of its connection's last refresh.
        """
        cluster = self.start()
        self.stage.on_refresh(accept(expires_in=1000, headers={"X-Token": "new"}))
        clients = self.clients(cluster, 2, expires_in=1, headers={"X-Token": "old"})
        eventually(lambda: clients.keys() <= {each.id for each in self.stage.refreshes if each.answered}, PATIENCE)
        clients |= self.clients(cluster, 1)  # these are stored, and what the others' refreshes brought before them
        (first,) = (row for row in cluster.rows() if (row["node"], row["worker"]) == ("n1", 1))
        os.kill(first["pid"], signal.SIGKILL)
        self.told_once(cluster, [id for id in clients if id[:8] == first["prefix"]])
        cluster.all_ready()
        for line in cluster.process_lines():
            for id in clients:
                status = line.ask("PUT", f"/{id}", b"hello").status
                self.assertEqual(status, 404 if id[:8] == first["prefix"] else 200)
        node = cluster.nodes[1]
        theirs = [id for id in clients if id[:8] in {row["prefix"] for row in cluster.rows() if row["node"] == "n2"}]
        kill_all(node)
        self.assertEqual(len(theirs), 6)
        cluster.again(1, WORKERS="1").wait_ready(PATIENCE)
        self.told_once(cluster, theirs)
        told = [request for request in self.stage.disconnects if request.id in clients]
        self.assertEqual({request.json()["cause"] for request in told}, {"restart"})
        self.assertEqual([request.header("X-Token") for request in told].count("new"), 6)
        self.assertNotIn("old", [request.header("X-Token") for request in told])
        self.assertEqual(list((node.directory / "wsaas-state").glob("worker-*")), [])

    def test_lost_with_its_disk(self) -> None:
        """A node of two workers is lost with its disk: the other node tells of all of its connections, each once."""
        if not FULL:
            raise SkipTest("it waits for leases to end; WSAAS_FAULTS=full runs it")
        cluster = self.start()
        clients = self.clients(cluster, 20)
        prefixes = {row["prefix"] for row in cluster.rows() if row["node"] == "n1"}
        node, began = cluster.nodes.pop(0), time.monotonic()
        kill_all(node)
        shutil.rmtree(node.directory / "wsaas-state")
        theirs = [id for id in clients if id[:8] in prefixes]
        self.told_once(cluster, theirs)
        print(f"{len(theirs)} connections of two workers are told {time.monotonic() - began:.1f} s after")

    def test_one_without_disk(self) -> None:
        """With STATE_DIR=none a killed worker is claimed by another, of any node, and told of once."""
        if not FULL:
            raise SkipTest("it waits for leases to end; WSAAS_FAULTS=full runs it")
        cluster = self.start(STATE_DIR="none")
        clients = self.clients(cluster, 5)
        victim = cluster.rows()[0]
        began = time.monotonic()
        os.kill(victim["pid"], signal.SIGKILL)
        self.told_once(cluster, [id for id in clients if id[:8] == victim["prefix"]])
        print(f"a worker without a disk is told of {time.monotonic() - began:.1f} s after")


def kill_all(node: Gateway) -> None:
    """Kill a parent and its workers at once."""
    pids = children(node)
    node.kill()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
