"""Nodes of a cluster that die, stop, or lose the engine: what the backend, the clients and pushers see.

WSAAS_FAULTS=full takes 5,000 connections and 34 seconds.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

from tests.support.backend_answers import accept, after, reply, say
from tests.support.cluster import PATIENCE, Cluster
from tests.support.fault_case import FULL, PAUSE, UNGATED, FaultCase, late, repeats, talk
from tests.support.gateway_process import Gateway
from tests.support.redis_process import Redis
from tests.support.system_case import eventually
from tests.support.websocket_client import closing
from tests.support.workers import resume

MANY = 5000 if FULL else 300
AWAY = 15.0 if FULL else 5.0
"""Seconds for which the engine is away."""
LAST = 12.0
"""Seconds after a node's death within which the backend has heard of all its connections."""


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
            cluster.again(0).wait_ready()
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
        """With STATE_DIR=none the engine has it all: connections of a killed node are told by another, with the headers
        of their last refresh; one that had expired before, and of whose end the backend had not heard, with that cause.
        """
        cluster = self.cluster(2, STATE_DIR="none")
        victim = cluster.nodes[0]
        self.stage.on_connect(accept(expires_in=1, headers={"X-Token": "old"}))
        self.stage.on_refresh(say({"code": "REVOKED", "close_code": 4001}))
        self.stage.on_disconnect(reply(503))
        ((expired, client),) = self.crowd(victim, 1).items()
        self.assertEqual(closing(client), (4001, ""))
        eventually(lambda: self.stage.disconnects, PATIENCE)
        self.stage.on_refresh(accept(expires_in=1000, headers={"X-Token": "new"}))
        ids = list(self.crowd(victim, 20))
        rows = f"{{wsaas}}:c:{expired[:8]}"
        eventually(lambda: sum(b"new" in row for row in cluster.redis.ask("HVALS", rows)) == 20, PATIENCE)
        victim.kill()
        self.stage.on_disconnect(reply())
        self.all_told(ids)
        eventually(lambda: not cluster.redis.ask("EXISTS", rows), PATIENCE)
        told = [request for request in self.stage.disconnects if request.id != expired]
        self.assertEqual(repeats(told), [])
        self.assertEqual({(each.header("X-Token"), each.json()["cause"]) for each in told}, {("new", "restart")})
        first, *again = [request for request in self.stage.disconnects if request.id == expired]
        self.assertEqual((first.json()["cause"], first.json()["close_code"], len(again) > 0), ("expired", 4001, True))
        for each in again:
            self.assertEqual(each.header("webhook-id"), first.header("webhook-id"))
            self.assertEqual({**each.json(), "ws_uri": ""}, {**first.json(), "ws_uri": ""})  # it is the claimer's

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
        victim = cluster.add(program)
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
