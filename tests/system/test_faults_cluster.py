"""Nodes of a cluster that die, stop, lose the engine or each other: what the backend, the clients and pushers see.

WSAAS_FAULTS=full takes 5,000 connections, 34 seconds, more schedules, and the tests that wait for minutes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.support.backend_answers import Request, accept, after, reply
from tests.support.cluster import PATIENCE, Cluster
from tests.support.gateway_process import TWISTD, Gateway, free_port
from tests.support.links import Links
from tests.support.redis_process import MISSING, Redis
from tests.support.system_case import SystemTestCase, eventually
from tests.support.workers import resume

FULL = os.environ.get("WSAAS_FAULTS") == "full"
MANY = 5000 if FULL else 300
PAUSE = 34.0 if FULL else 12.0
AWAY = 15.0 if FULL else 5.0
"""Seconds for which the engine is away."""
LAST = 12.0
"""Seconds after a node's death within which the backend has heard of all its connections."""
SCHEDULES = range(200) if FULL else range(2)
LONG = None if FULL else "it takes a minute; WSAAS_FAULTS=full runs it"
ANSWERS = {200, 202, 404, 429, 503, 504}
UNGATED = f"""
from wsaas.cluster.right import Right
from wsaas.cluster.member import Member
Right.may_speak = lambda self, now: True
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

    def cluster(self, count: int, redis: Redis | None = None, **settings: str) -> Cluster:
        redis = redis or Redis()
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        settings = {"CONNECT_RATE": "0", "STATE_DIR": "state", "WEBHOOK_TIMEOUT": "30000", **settings}
        cluster = Cluster(self, count, redis, backend, **settings)
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
        wanted = set(ids)
        eventually(lambda: wanted <= {request.id for request in self.stage.disconnects}, within)


class DeathTests(FaultCase):
    def test_lost_with_its_disk(self) -> None:
        """A node is killed and its disk is gone: each of its connections gets one DELETE from another node, with its
        Authorization and the headers of its connect answer, the last within 12 seconds.
        """
        cluster = self.cluster(3, WS_TIMEOUT="0")  # the many clients answer no ping
        self.stage.on_connect(accept(headers={"X-User": "42"}))
        victim, others = cluster.nodes[0], cluster.nodes[1:]
        kept = self.crowd(others[0], 3)
        headers = {"Authorization": "Bearer secret"}
        ids = self.many(victim, MANY, headers)
        began = time.monotonic()
        victim.kill()
        shutil.rmtree(victim.directory / "state")
        moment = others[0].api.request("PUT", f"/{ids[0]}", b"now").status
        self.all_told(ids)
        took = max(request.arrived for request in self.stage.disconnects) - began
        first = min(request.arrived for request in self.stage.disconnects) - began
        print(f"{len(ids)} connections of a lost node: first DELETE {first:.1f} s, last {took:.1f} s after")
        self.assertLess(took, LAST)
        self.assertIn(moment, (503, 504))
        told = self.stage.disconnects
        self.assertEqual(len(told), len(ids))
        self.assertEqual(repeats(told), [])
        for request in told[:20]:
            fields = request.json()
            self.assertEqual((fields["cause"], fields["close_code"]), ("restart", 1006))
            self.assertEqual(request.header("Authorization"), "Bearer secret")
            self.assertEqual(request.header("X-User"), "42")
            self.assertEqual(request.header("webhook-id"), f"{request.id}_0_disconnect")
        for node in others:
            self.assertEqual(node.api.request("PUT", f"/{ids[0]}", b"later").status, 404)
        for id in kept:
            self.assertEqual(others[1].api.request("PUT", f"/{id}", b"hello").status, 200)
        prefix = ids[0][:8]
        eventually(lambda: not cluster.redis.ask("EXISTS", f"{{wsaas}}:c:{prefix}"), PATIENCE)
        self.assertIsNone(cluster.redis.ask("HGET", "{wsaas}:owner", prefix))

    def many(self, node: Gateway, count: int, headers: dict[str, str]) -> list[str]:
        """Connect many clients, which need no object of their own; they stay open to the end of the test."""
        for _ in range(count):
            self.raw(node.ws_port).open("/c", list(headers.items()))
        eventually(lambda: len(self.stage.connects) >= count, PATIENCE)
        return [request.id for request in self.stage.connects if request.header("Authorization")]

    def test_disk_comes_back(self) -> None:
        """A killed node that starts again with its disk tells its own connections, at once; if another node has claimed
        it meanwhile, it repeats nothing, or with the same webhook-ids.
        """
        cluster = self.cluster(2)
        for wait in (False, True):
            victim = cluster.nodes[0]
            ids = list(self.crowd(victim, 20))
            told = len(self.stage.disconnects)
            victim.kill()
            if wait:
                self.all_told(ids)
            began = time.monotonic()
            settings = cluster.settings_of("n1")
            again = self.watched(
                Gateway.start(
                    victim.directory,
                    settings,
                    make=lambda ws, http: ({"CLUSTER_ENDPOINT": f"tcp:{free_port()}"}, cluster_api(http)),
                )
            )
            cluster.nodes[0] = again
            self.all_told(ids)
            if FULL and not wait:
                self.assertLess(max(request.arrived for request in self.stage.disconnects) - began, 10)
            time.sleep(1)
            # A repeat carries the same webhook-id: on a slow machine the claim may come while the node starts.
            ended = {request.header("webhook-id") for request in self.stage.disconnects[told:]}
            self.assertEqual(len(ended), 20)
            if FULL:
                self.assertEqual(len(self.stage.disconnects) - told, 20)

    def test_claimer_killed(self) -> None:
        """The node that tells of a dead one is killed as well: a third tells the rest, and of both; none is missing."""
        cluster = self.cluster(3, WEBHOOK_CONCURRENCY="4")
        victim = cluster.nodes[0]
        ids = list(self.crowd(victim, 120))
        also = {node.pid: list(self.crowd(node, 3)) for node in cluster.nodes[1:]}
        self.stage.on_disconnect(after(0.15, reply()))
        victim.kill()
        shutil.rmtree(victim.directory / "state")
        eventually(lambda: len(self.stage.disconnects) > 10, PATIENCE)
        claimer = next(node for node in cluster.nodes[1:] if "claimed" in node.log())
        claimer.kill()
        shutil.rmtree(claimer.directory / "state")
        self.stage.on_disconnect(reply())
        self.all_told([*ids, *also[claimer.pid]])
        self.assertEqual(late(self.stage.requests), [])
        self.assertLessEqual(len(repeats(self.stage.requests)), 16)

    def test_engine_alone(self) -> None:
        """With STATE_DIR=none the engine has it all: connections of a killed node are told by another."""
        cluster = self.cluster(2, STATE_DIR="none")
        ids = list(self.crowd(cluster.nodes[0], 20))
        cluster.nodes[0].kill()
        self.all_told(ids)
        self.assertEqual(repeats(self.stage.requests), [])

    def test_drained(self) -> None:
        """A node that is stopped in order leaves nothing: each DELETE is sent by itself, and pushes are 404 at once."""
        cluster = self.cluster(2)
        ids = list(self.crowd(cluster.nodes[0], 20))
        self.assertEqual(cluster.nodes[0].stop(), 0)
        self.assertEqual({request.id for request in self.stage.disconnects}, set(ids))
        self.assertEqual({request.json()["cause"] for request in self.stage.disconnects}, {"drain"})
        self.assertEqual(cluster.nodes[1].api.request("PUT", f"/{ids[0]}", b"x").status, 404)
        self.assertEqual(cluster.redis.ask("ZCARD", "{wsaas}:members"), 1)

    def test_drain_cut_short(self) -> None:
        """What a stopping node could not tell in time another node tells at once."""
        cluster = self.cluster(2, DRAIN_TIMEOUT="500")
        ids = list(self.crowd(cluster.nodes[0], 20))
        self.stage.on_disconnect(reply(503))
        cluster.nodes[0].stop()
        shutil.rmtree(cluster.nodes[0].directory / "state")
        self.stage.on_disconnect(reply())
        self.all_told(ids)


class PauseTests(FaultCase):
    def paused(self, program: str | None = None) -> tuple[Gateway, int]:
        """A node of 20 talking clients is stopped until it is claimed, and goes on; the events that came too late."""
        cluster = self.cluster(2)
        victim = self.watched(
            Gateway.start(
                self.directory(),
                cluster.settings_of("n3"),
                make=lambda ws, http: ({"CLUSTER_ENDPOINT": f"tcp:{free_port()}"}, cluster_api(http)),
                program=program,
            )
        )
        cluster.nodes.append(victim)
        cluster.all_ready()
        clients = self.crowd(victim, 20)
        stop = threading.Event()
        talkers = [threading.Thread(target=talk, args=(client, stop), daemon=True) for client in clients.values()]
        for talker in talkers:
            talker.start()
        eventually(lambda: len(self.stage.messages) > 100, PATIENCE)
        os.kill(victim.pid, signal.SIGSTOP)
        self.addCleanup(resume, victim.pid)
        self.all_told(clients)
        time.sleep(max(0.0, PAUSE - 10))
        self.assertEqual(cluster.nodes[0].api.request("PUT", f"/{next(iter(clients))}", b"x").status, 404)
        os.kill(victim.pid, signal.SIGCONT)
        time.sleep(4)
        stop.set()
        return victim, len(late(self.stage.requests))

    def test_stopped(self) -> None:
        """A stopped node is claimed; when it goes on, no event comes after a DELETE, its clients are closed, and the
        process ends with status 3.
        """
        victim, after = self.paused()
        self.assertEqual(after, 0)
        self.assertEqual(victim.wait(), 3)
        self.assertEqual(repeats(self.stage.requests), [])

    def test_without_the_fence(self) -> None:
        """The control: the same node without the fence tells of connections after their DELETEs."""
        _, after = self.paused(UNGATED)
        self.assertGreater(after, 0)

    def test_short_pause(self) -> None:
        """A node that is stopped for less than it takes to be claimed goes on, and has lost nothing."""
        cluster = self.cluster(2)
        clients = self.crowd(cluster.nodes[0], 5)
        cluster.stop(cluster.nodes[0])
        for client in clients.values():
            client.send("meanwhile")
        time.sleep(4.5)
        cluster.resume(cluster.nodes[0])
        eventually(lambda: len(self.stage.messages) == 5, PATIENCE)
        time.sleep(4)
        self.assertEqual(self.stage.disconnects, [])
        self.assertEqual(cluster.nodes[1].api.request("PUT", f"/{next(iter(clients))}", b"x").status, 200)


class EngineTests(FaultCase):
    def test_killed_and_empty(self) -> None:
        """The engine is killed, away for seconds, and back with nothing: nobody is closed, no DELETE is sent, pushes
        and messages go on, newcomers are let in; then it has all rows again, and a lost node is told of as ever.
        """
        cluster = self.cluster(3)
        clients = {id: client for node in cluster.nodes for id, client in self.crowd(node, 5).items()}
        cluster.redis.kill()
        ends = time.monotonic() + AWAY
        pushes: list[int] = []
        while time.monotonic() < ends:
            for id, client in clients.items():
                client.send("hello")
                for node in cluster.nodes[:2]:
                    pushes.append(node.api.request("PUT", f"/{id}", b"push").status)
        new = self.crowd(cluster.nodes[0], 3)
        unknown = cluster.nodes[0].api.request("PUT", "/" + "0" * 32, b"x").status
        cluster.redis.start()
        cluster.all_ready()
        refused = sum(status != 200 for status in pushes)
        print(f"engine away: {refused} of {len(pushes)} pushes not 200: {sorted(set(pushes))}")
        self.assertLess(refused, len(pushes) / 4)
        self.assertLessEqual(set(pushes), {200, 503})
        self.assertEqual(unknown, 503)
        sent = sum(1 for _ in pushes) // 2
        eventually(lambda: len(self.stage.messages) == sent, PATIENCE)
        self.assertEqual(self.stage.disconnects, [])
        prefix = next(iter(new))[:8]
        eventually(lambda: cluster.redis.ask("HLEN", f"{{wsaas}}:c:{prefix}") == 8, PATIENCE)
        cluster.settled()
        cluster.nodes[0].kill()
        shutil.rmtree(cluster.nodes[0].directory / "state")
        theirs = [id for id in (*clients, *new) if id[:8] == prefix]
        self.all_told(theirs)
        self.assertEqual(len(self.stage.disconnects), 8)

    def test_stopped(self) -> None:
        """An engine that hangs counts as away: pushes go on, and the nodes renew when it goes on."""
        cluster = self.cluster(2)
        (id,) = self.crowd(cluster.nodes[0], 1)
        cluster.redis.freeze()
        self.addCleanup(cluster.redis.thaw)
        eventually(lambda: "unleased" in {row["state"] for row in cluster.rows()}, PATIENCE)
        eventually(lambda: cluster.nodes[1].api.request("PUT", f"/{id}", b"x").status == 200, PATIENCE)
        cluster.redis.thaw()
        cluster.all_ready()
        self.assertEqual(self.stage.disconnects, [])

    def test_not_there_at_the_start(self) -> None:
        """A node with a STATE_DIR starts without the engine after a while, and joins when it is there: the engine then
        has its rows.
        """
        redis = Redis()
        self.addCleanup(redis.end)
        redis.kill()
        self.stage = (backend := self.backend()).stage("/c")
        cluster = Cluster(self, 1, redis, backend, STATE_DIR="state")
        (id,) = self.crowd(cluster.nodes[0], 1)
        self.assertEqual(cluster.nodes[0].api.request("PUT", f"/{id}", b"x").status, 200)
        redis.start()
        cluster.all_ready()
        eventually(lambda: redis.ask("HLEN", f"{{wsaas}}:c:{id[:8]}") == 1, PATIENCE)


class LinkTests(FaultCase):
    """Three nodes whose links to the engine and to each other can be cut."""

    skip = LONG

    def setUp(self) -> None:
        super().setUp()
        self.redis = Redis()
        self.links = Links()
        self.addCleanup(self.links.stop)

    def linked(self) -> Cluster:
        self.addCleanup(self.redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        settings = {"CONNECT_RATE": "0", "STATE_DIR": "state"}
        cluster = Cluster(self, 0, self.redis, backend, **settings)
        for number in (1, 2, 3):
            port, engine = free_port(), self.links.proxy("engine", str(self.redis.path))
            own = {
                "CLUSTER": f"redis://127.0.0.1:{engine}",
                "CLUSTER_ENDPOINT": f"tcp:{port}:interface=127.0.0.1",
                "CLUSTER_ADDRESS": f"http://127.0.0.1:{self.links.proxy(f'n{number}', ('127.0.0.1', port))}",
            }
            node = cluster.add(**own)
            self.links.pids[node.pid] = f"n{number}"
        # The nodes connected before their names were known: begin anew.
        for node in list(cluster.nodes):
            self.assertIsNotNone(self.links.pids.get(node.pid))
        self.redis.kill()
        self.redis.start()
        cluster.all_ready()
        cluster.settled()
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
        cluster = self.linked()
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
        cluster = self.linked()
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
        cluster = self.linked()
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
        cluster = self.linked()
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


class FailoverTests(FaultCase):
    skip = LONG

    def test_replica_promoted(self) -> None:
        """A claim that no replica has is told to nobody: the master dies with it, the replica takes over, and the
        claimed node, which was only stopped, goes on.
        """
        master, replica = Redis(free_port()), Redis(free_port())
        self.addCleanup(replica.end)
        links = Links()
        self.addCleanup(links.stop)
        links.pids[replica.process.pid] = "replica"
        replica.ask("REPLICAOF", "127.0.0.1", links.proxy("master", ("127.0.0.1", master.port)))
        eventually(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"), PATIENCE)
        port = links.proxy("engine", ("127.0.0.1", master.port))
        cluster = self.cluster(2, master, CLUSTER=f"redis://127.0.0.1:{port}", CLUSTER_REPLICAS="1")
        ids = list(self.crowd(cluster.nodes[0], 10))
        cluster.stop(cluster.nodes[0])
        links.cut([("replica", "master")])
        eventually(lambda: "claimed" in cluster.nodes[1].log(), PATIENCE)
        time.sleep(3)
        self.assertEqual(self.stage.disconnects, [])
        master.kill()
        replica.ask("REPLICAOF", "NO", "ONE")
        replica.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        links.retarget(("127.0.0.1", master.port), ("127.0.0.1", replica.port))
        cluster.resume(cluster.nodes[0])
        eventually(lambda: cluster.nodes[1].api.request("PUT", f"/{ids[0]}", b"x").status == 200, PATIENCE)
        time.sleep(3)
        self.assertEqual(self.stage.disconnects, [])


class ScheduleTests(FaultCase):
    """Anything, in any order, under clients that come and go."""

    def test_schedules(self) -> None:
        """Each accepted connection is open or gets its DELETE, nothing comes after that, and each answer is one that
        the API has.
        """
        for seed in SCHEDULES:
            Schedule(self, seed).run()


class Schedule:
    """One random schedule of four nodes."""

    SECONDS = 45.0 if FULL else 12.0

    def __init__(self, case: ScheduleTests, seed: int) -> None:
        self.case = case
        self.seed = seed
        self.rng = random.Random(seed)
        self.cluster = case.cluster(4)
        self.stage = case.stage
        self.stop = threading.Event()
        self.answers: dict[int, int] = defaultdict(int)
        self.done: list[str] = []
        self.frozen: set[int] = set()
        self.complete_at = 0.0

    def run(self) -> None:
        threads = [threading.Thread(target=self.churn, args=(number,), daemon=True) for number in range(8)]
        threads.append(threading.Thread(target=self.push, daemon=True))
        for thread in threads:
            thread.start()
        ends = time.monotonic() + self.SECONDS
        while time.monotonic() < ends:
            time.sleep(self.rng.uniform(0.3, 4))
            self.happen()
        self.heal()
        self.stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        accepted = {request.id for request in self.stage.connects}
        told: Callable[[], set[str]] = lambda: {request.id for request in self.stage.disconnects}  # noqa: E731
        try:
            eventually(lambda: accepted <= told(), PATIENCE)
        except AssertionError:
            missing = accepted - told()
            raise AssertionError(f"seed {self.seed}: {len(missing)} missing: {self.done} {missing}") from None
        after = late(self.stage.requests)
        self.case.assertEqual(len(after), 0, (self.seed, self.done, after[:3]))
        self.case.assertLessEqual(set(self.answers), ANSWERS, (self.seed, self.answers))
        print(
            f"seed {self.seed}: {len(accepted)} connections, {len(repeats(self.stage.requests))} repeated DELETEs, "
            f"answers {dict(self.answers)}, {' '.join(self.done)}"
        )
        for node in self.cluster.nodes:
            node.kill()
        self.cluster.redis.end()

    def happen(self) -> None:
        node = self.rng.randrange(4)
        gateway = self.cluster.nodes[node]
        what = self.rng.choice(["kill", "stop", "stop", "go on", "go on", "engine", "empty", "drain", "disk"])
        if what == "disk" and time.monotonic() < self.complete_at:
            what = "kill"  # the one loss that is not promised against: engine and disk, before the next upload
        self.done.append(f"{what}{node}" if what not in ("engine", "empty") else what)
        if what in ("kill", "disk"):
            gateway.kill()
            self.frozen.discard(node)
            if what == "disk":
                shutil.rmtree(gateway.directory / "state", ignore_errors=True)
            self.again(node)
        elif what == "drain" and node not in self.frozen:
            gateway.terminate()
            try:
                gateway.wait()
            except Exception:
                gateway.kill()
            self.again(node)
        elif what == "stop" and len(self.frozen) < 2:
            os.kill(gateway.pid, signal.SIGSTOP) if gateway.process.poll() is None else None
            self.frozen.add(node)
        elif what == "go on" and self.frozen:
            self.thaw(self.frozen.pop())
        elif what == "engine":
            self.cluster.redis.freeze()
            time.sleep(self.rng.uniform(0.5, 6))
            self.cluster.redis.thaw()
        elif what == "empty":
            self.cluster.redis.kill()
            time.sleep(self.rng.uniform(0.1, 6))
            self.cluster.redis.start()
            self.complete_at = time.monotonic() + 8

    def thaw(self, node: int) -> None:
        gateway = self.cluster.nodes[node]
        resume(gateway.pid)

    def again(self, node: int) -> None:
        """Start a node again in its directory."""
        old = self.cluster.nodes[node]
        settings = self.cluster.settings_of(f"n{node + 1}") | {
            "CLUSTER_ENDPOINT": f"tcp:{free_port()}:interface=127.0.0.1"
        }
        self.cluster.nodes[node] = self.case.watched(
            Gateway(old.directory, settings, ws_port=free_port(), http_port=free_port())
        )

    def heal(self) -> None:
        """Let all go on, start what has ended, and wait until all have been ready for a while."""
        while self.frozen:
            self.thaw(self.frozen.pop())
        ready_since, ends = time.monotonic(), time.monotonic() + 2 * PATIENCE
        while time.monotonic() < ready_since + 3:
            self.case.assertLess(time.monotonic(), ends, (self.seed, self.done))
            for node, gateway in enumerate(self.cluster.nodes):
                if gateway.process.poll() is not None:
                    self.again(node)
            if not all(map(is_ready, self.cluster.nodes)):
                ready_since = time.monotonic()
            time.sleep(0.2)

    def churn(self, number: int) -> None:
        """Connect, talk, leave, again and again."""
        rng = random.Random(self.seed * 100 + number)
        while not self.stop.is_set():
            gateway = self.cluster.nodes[rng.randrange(4)]
            try:
                client = self.case.connect(gateway.ws + "/c", open_timeout=5)
                for _ in range(rng.randrange(20)):
                    client.send("hello")
                    time.sleep(rng.uniform(0, 0.2))
                client.close()
            except Exception:
                time.sleep(0.1)

    def push(self) -> None:
        rng = random.Random(self.seed)
        while not self.stop.is_set():
            connects = self.stage.connects[-50:]
            if connects:
                try:
                    gateway = self.cluster.nodes[rng.randrange(4)]
                    self.answers[gateway.api.request("PUT", f"/{rng.choice(connects).id}", b"x").status] += 1
                except OSError:
                    pass
            time.sleep(0.02)


def is_ready(gateway: Gateway) -> bool:
    try:
        return gateway.api.get("/-/ready").status == 200
    except OSError:
        return False


def talk(client: Any, stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            client.send("hello")
            time.sleep(0.1)
    except (ConnectionClosed, OSError):
        pass


def cluster_api(port: int) -> Any:
    from tests.support.api_client import Api
    from tests.support.cluster import TOKEN

    return Api(port, token=TOKEN)
