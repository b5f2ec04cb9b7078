"""Three nodes of a cluster, with a real engine: one service, whichever of them is asked."""

from __future__ import annotations

import json
import os
import re
import socket
from typing import Any

from tests.support.backend_answers import accept
from tests.support.certificates import authority, issue, write
from tests.support.cluster import PATIENCE, TOKEN, Cluster, NodeLine
from tests.support.expiring import assert_expires
from tests.support.gateway_process import Preparation, free_port
from tests.support.held_receipts import hold, vanish
from tests.support.python_process import run
from tests.support.quick_cluster import QUICK
from tests.support.redis_process import MISSING, Redis
from tests.support.same_answers import BINARY, SLOW, assert_alike, rows, sent_by
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import closing


class ClusterCase(SystemTestCase):
    skip = MISSING

    def start(self, count: int, program: str | None = None, **settings: str) -> Cluster:
        redis = Redis()
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        cluster = Cluster(self, count, redis, backend, program=program, **settings)
        cluster.all_ready()
        return cluster

    def clients(self, cluster: Cluster, each: int = 1, **accepted: Any) -> dict[str, Any]:
        """So many clients of each node, by their ids."""
        self.stage.on_connect(accept(**accepted))
        found: dict[str, Any] = {}
        for node in cluster.nodes:
            for _ in range(each):
                client = self.connect(node.ws + "/c")
                found[self.stage.connects[-1].id] = client
        return found


class OneServiceTests(ClusterCase):
    def test_answers(self) -> None:
        """Each request about one connection has the same answer from its owner and from another node, on the fast path
        and the slow; what is pushed arrives, in order; a close does, too. So it is while the backend is asked about a
        connection that expires; and callers of any node that hang up leave no receipt's place taken.
        """
        cluster = self.start(2, MAX_MESSAGE_SIZE="10000")
        clients = self.clients(cluster)
        lines = cluster.lines()
        cluster.settled()
        assert_alike(self, lines, clients)
        for id, client in clients.items():
            sent = sent_by(2 * len(lines))
            for line in lines:
                for number in range(20):
                    text, binary = f"{line.pid} {number}", os.urandom(number + 1)
                    self.assertEqual(line.ask("PUT", f"/{id}", text.encode()).status, 200)
                    self.assertEqual(line.ask("PUT", f"/{id}", binary, BINARY).status, 200)
                    sent += [text, binary]
            self.assertEqual([client.recv(timeout=PATIENCE) for _ in sent], sent)
        for (id, client), line in zip(clients.items(), reversed(lines), strict=True):
            self.assertEqual(line.ask("DELETE", f"/{id}?code=4001&reason=by%20any").status, 200)
            self.assertEqual(closing(client), (4001, "by any"))
        assert_expires(self, self.stage, lines, lambda: self.connect(cluster.nodes[0].ws + "/c"))
        silent = self.raw(cluster.nodes[0].ws_port).open("/c")
        id = self.stage.connects[-1].id
        for node in (*cluster.nodes, cluster.nodes[0]):
            vanish(hold(lambda node=node: cluster.line(node), id, silent, 64))  # type: ignore[misc]

    def test_many(self) -> None:
        """Broadcast, groups, closes and lists are of all nodes' connections, through each of them; a node that stops is
        counted, and one that left is not missed.
        """
        cluster = self.start(3)
        clients = self.clients(cluster, 2, groups=["g"])
        ids = sorted(clients)
        lines = cluster.lines()
        for line in lines:
            for slow in ("", SLOW):
                for target in ("/broadcast", "/groups/g"):
                    whole = rows(line.ask("PUT", target, b"all", slow))
                    self.assertEqual(whole, {"code": "OK", "sent": 6, "skipped": 0})
                part = rows(line.ask("PUT", f"/groups/g?except={ids[0]}", b"some", slow))
                self.assertEqual(part, {"code": "OK", "sent": 5, "skipped": 0})
            self.assertEqual(rows(line.ask("GET", "/groups"))["groups"], [{"name": "g", "members": 6}])
            self.assertEqual(rows(line.ask("GET", "/connections")), {"count": 6, "connections": ids, "next": None})
            self.assertEqual(rows(line.ask("GET", "/groups/g?limit=4"))["members"], ids[:4])
        for id, client in clients.items():
            wanted = ["all", "all"] if id == ids[0] else ["all", "all", "some"]
            self.assertEqual([client.recv(timeout=PATIENCE) for _ in range(len(wanted) * 6)], wanted * 6)
        joined = rows(lines[0].ask("PUT", f"/groups/new/{ids[-1]}"))
        self.assertEqual(joined, {"code": "OK"})
        self.assertEqual(rows(lines[1].ask("GET", "/groups/new"))["members"], [ids[-1]])
        found = rows(lines[2].ask("GET", "/-/cluster"))["members"]
        self.assertEqual(
            [(row["node"], row["state"], row["connections"]) for row in sorted(found, key=lambda row: row["node"])],
            [(name, "ready", 2) for name in ("n1", "n2", "n3")],
        )
        cluster.stop(cluster.nodes[2])
        theirs = next(id for id in ids if id[:8] == _prefix(found, "n3"))
        self.assertEqual(lines[0].ask("PUT", f"/{theirs}", b"late").status, 504)
        partial = rows(lines[0].ask("PUT", "/groups/g", b"part"))
        self.assertEqual(partial, {"code": "PARTIAL", "sent": 4, "skipped": 0, "unreached": 1})
        silent = [row["state"] for row in rows(lines[0].ask("GET", "/-/cluster"))["members"]]
        self.assertEqual(sorted(silent), ["ready", "ready", "silent"])
        cluster.resume(cluster.nodes[2])
        eventually(lambda: lines[0].ask("PUT", f"/{theirs}", b"again").status == 200, PATIENCE)
        seen = []
        while not seen or seen[-1] != "again":
            seen.append(clients[theirs].recv(timeout=PATIENCE))
        self.assertNotIn("late", seen)
        cluster.nodes[2].stop()
        whole = rows(lines[0].ask("PUT", "/groups/g", b"rest"))
        self.assertEqual(whole, {"code": "OK", "sent": 4, "skipped": 0})
        self.assertEqual(lines[0].ask("PUT", f"/{theirs}", b"gone").status, 404)

    def test_engine_away(self) -> None:
        """While the engine is away, pushes to connections of known nodes go on; one of an unknown prefix is 503, as it
        may be that of a node that is to come back. The operator's word claims nothing that is there.
        """
        cluster = self.start(2)
        clients = self.clients(cluster)
        lines = cluster.lines()
        prefix = next(iter(clients))[:8]
        self.assertEqual(rows(lines[1].ask("POST", "/-/cluster/unknown1/claim"))["code"], "UNKNOWN")
        refused = lines[1].ask("POST", f"/-/cluster/{prefix}/claim")
        self.assertEqual((refused.status, rows(refused)["code"] in ("ALIVE", "CALM")), (409, True))
        cluster.redis.kill()
        self.assertEqual(lines[1].ask("POST", f"/-/cluster/{prefix}/claim").status, 503)
        for id in clients:
            for line in lines:
                self.assertEqual(line.ask("PUT", f"/{id}", b"hello").status, 200)
        unknown = lines[0].ask("PUT", "/" + "0" * 32, b"hello")
        self.assertEqual((unknown.status, rows(unknown)["code"]), (503, "OWNER_UNREACHABLE"))
        cluster.redis.start()
        cluster.all_ready()
        cluster.settled()
        for id in clients:
            self.assertEqual(lines[0].ask("PUT", f"/{id}", b"hello").status, 200)


class InterestTests(ClusterCase):
    def pushes(self, cluster: Cluster) -> list[int]:
        """The number of pushes to groups that each node has made or was sent."""
        found = []
        for node in cluster.nodes:
            text = node.api.get("/-/metrics").body.decode()
            found.append(int(sum(map(float, re.findall(r'^wsaas_pushes_total{.*kind="group".*} (\S+)$', text, re.M)))))
        return found

    def pushed(self, cluster: Cluster, line: NodeLine, group: str, slow: str = "") -> list[int]:
        """Push to a group with one member, and return which nodes made the push, or were sent it, how often; nothing if
        one may not speak or is slow.
        """
        before = self.pushes(cluster)
        answer = rows(line.ask("PUT", f"/groups/{group}", b"hello", slow))
        if answer["code"] != "OK":
            return []
        self.assertEqual(answer, {"code": "OK", "sent": 1, "skipped": 0})
        heard = self.client.recv(timeout=PATIENCE)
        while heard == "joined":  # pushed again, as a node had not answered the first time: the member has both
            heard = self.client.recv(timeout=PATIENCE)
        self.assertEqual(heard, "hello")
        return [now - then for now, then in zip(self.pushes(cluster), before, strict=True)]

    def served(self, line: NodeLine, *request: Any) -> Any:
        """The answer to a request, asked again while a node is slow, or has lost the engine and may not speak."""

        def ask() -> Any:
            answer = line.ask(*request)
            found = rows(answer)
            return found if answer.status == 200 and found["code"] == "OK" else None

        return eventually(ask, PATIENCE)

    def test_members(self) -> None:
        """A node without members gets no request for a push to a group, and one with members gets one. A push through
        one node that follows a join through another one at once reaches the member, also while the engine is away, and
        after it has lost its data.
        """
        # Leases are short, but a node has all its time for an answer.
        cluster = self.start(3, program=Preparation(f"{QUICK}\ndel CONSTANTS['wsaas.cluster.siblings']"))
        self.stage.on_connect(accept(groups=["g"]))
        self.client = self.connect(cluster.nodes[0].ws + "/c")
        id = self.stage.connects[-1].id
        _, second, third = cluster.lines()
        eventually(lambda: self.pushed(cluster, third, "g") == [1, 0, 1], PATIENCE)
        eventually(lambda: self.pushed(cluster, third, "g", SLOW) == [1, 0, 1], PATIENCE)
        eventually(lambda: self.pushed(cluster, second, "g") == [1, 1, 0], PATIENCE)

        def join(count: int, name: str) -> list[str]:
            """Join groups through the second node, and push to each at once, through the third."""
            sent = []
            for number in range(count):
                self.served(second, "PUT", f"/groups/{name}{number}/{id}")
                sent.append(self.served(third, "PUT", f"/groups/{name}{number}", b"joined"))
            self.assertEqual([answer["sent"] for answer in sent], [1] * count)
            return [self.client.recv(timeout=PATIENCE) for _ in sent]

        join(30, "first")
        cluster.redis.ask("FLUSHALL")
        for number in range(20):
            join(1, f"flushed{number}")
        cluster.all_ready()
        eventually(lambda: self.pushed(cluster, third, "g") == [1, 0, 1], PATIENCE)
        cluster.redis.kill()
        join(3, "away")
        eventually(lambda: self.pushed(cluster, third, "g") == [1, 1, 1], PATIENCE)
        cluster.redis.start()
        for number in range(20):
            join(1, f"back{number}")
        eventually(lambda: self.pushed(cluster, third, "g") == [1, 0, 1], PATIENCE)
        self.served(second, "DELETE", f"/groups/g/{id}")
        eventually(lambda: self.gone(cluster, third), PATIENCE)

    def gone(self, cluster: Cluster, line: NodeLine) -> bool:
        """Push to the group that has no members any more, and say if no other node was asked."""
        before = self.pushes(cluster)
        self.assertEqual(self.served(line, "PUT", "/groups/g", b"nobody")["sent"], 0)
        return [now - then for now, then in zip(self.pushes(cluster), before, strict=True)] == [0, 0, 1]


class TransportTests(ClusterCase):
    def test_tls(self) -> None:
        """Between nodes there is TLS, and only a node whose certificate is of their authority is answered."""
        directory = self.directory()
        directory.mkdir(parents=True)
        ca = authority("the nodes' authority")
        trusted = write(directory, "ca.pem", ca.certificate)
        server = write(directory, "server.pem", issue(ca, ["localhost"]).together)
        client = write(directory, "client.pem", issue(ca, ["node"], client=True).together)
        redis = Redis()
        self.addCleanup(redis.end)
        self.stage = (backend := self.backend()).stage("/c")
        cluster = Cluster(self, 0, redis, backend, CLUSTER_CA=trusted, CLUSTER_CERT=client)
        for _ in range(2):
            port = free_port()
            endpoint = f"wsaas-tls:{port}:certificate={server}:clientCA={trusted}:interface=127.0.0.1"
            cluster.add(CLUSTER_ENDPOINT=endpoint, CLUSTER_ADDRESS=f"https://localhost:{port}")
        cluster.all_ready()
        clients = self.clients(cluster)
        for id, client in clients.items():
            for line in cluster.lines():
                self.assertEqual(line.ask("PUT", f"/{id}", b"hello").status, 200)
                self.assertEqual(client.recv(timeout=PATIENCE), "hello")
        # Who may write to the engine gets no token by an address without TLS.
        with socket.create_server(("127.0.0.1", 0)) as trap:
            row = {"address": f"http://127.0.0.1:{trap.getsockname()[1]}", "node": "n", "state": "live", "version": ""}
            redis.ask("HSET", "{wsaas}:m:Zzzzzzzz", "state", "live")
            redis.ask("HSET", "{wsaas}:table", "Zzzzzzzz", json.dumps(row))
            redis.ask("INCR", "{wsaas}:version")
            eventually(lambda: len(cluster.rows()) == 3, PATIENCE)
            for method in ("PUT", "GET"):
                self.assertEqual(cluster.lines()[0].ask(method, "/Zzzzzzzz" + "0" * 24, b"hello").status, 503)
            trap.settimeout(0.1)
            self.assertRaises(TimeoutError, trap.accept)


class SettingsTests(SystemTestCase):
    def check(self, **settings: str) -> str:
        ran = run("import sys; from wsaas.cli.main import main; sys.exit(main(['check']))", **settings)
        return ran.stderr

    def test_contradictions(self) -> None:
        """A cluster needs the API token; each of several workers needs a port of its own in it."""
        self.assertIn("needs API_TOKEN", self.check(CLUSTER="unix:///nowhere"))
        settings = {"CLUSTER": "unix:///nowhere", "API_TOKEN": TOKEN, "WORKERS": "2"}
        self.assertIn("must have a TCP port", self.check(**settings, CLUSTER_ENDPOINT="unix:/x"))

    def test_doubts(self) -> None:
        """An engine without password or TLS, and an open endpoint, are warned of; the password is not shown."""
        said = self.check(CLUSTER="redis://:hidden@redis.example", API_TOKEN=TOKEN)
        self.assertIn("without TLS (rediss://)", said)
        self.assertIn("CLUSTER_ENDPOINT=tcp:8082: without TLS", said)
        self.assertNotIn("hidden", said)
        self.assertIn("no password", self.check(CLUSTER="rediss://redis.example", API_TOKEN=TOKEN))


def _prefix(found: list[dict[str, Any]], node: str) -> str:
    (prefix,) = (str(row["prefix"]) for row in found if row["node"] == node)
    return prefix
