"""WORKERS=3: whichever worker a request reaches, it is answered as the connection's own worker would answer it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import tempfile
from importlib.util import find_spec
from typing import Any

from wsproto.events import Ping

from tests.support.api_client import Api
from tests.support.backend_answers import accept
from tests.support.certificates import authority, issue, write
from tests.support.expiring import assert_expires
from tests.support.gateway_process import Gateway, free_port
from tests.support.held_receipts import hold, vanish
from tests.support.python_process import run
from tests.support.same_answers import BINARY, SLOW, assert_alike, rows, sent_by
from tests.support.system_case import SharedTestCase, SystemTestCase, eventually
from tests.support.websocket_client import PONG, closing, frame, handshake, refused
from tests.support.workers import PATIENCE, ApiLine, Reply, Workers, resume


class ThreeTests(SharedTestCase):
    """Three workers that nobody kills."""

    settings = {"WORKERS": "3", "MAX_MESSAGE_SIZE": "10000", "STATE_DIR": "state"}  # noqa: RUF012

    def setUp(self) -> None:
        super().setUp()
        self.workers = Workers(self, self.gw)
        self.addCleanup(self.nobody_left)

    def nobody_left(self) -> None:
        """Wait until the clients of this test are gone."""
        eventually(lambda: self.api.get("/connections").json()["count"] == 0, PATIENCE)

    def crowd(self, each: int = 1, groups: list[str] | None = None) -> dict[str, Any]:
        """Clients by their ids, so many and more at each worker."""
        self.stage.on_connect(accept(groups=groups or []))
        clients: dict[str, Any] = {}
        counts = dict.fromkeys(self.workers.pids, 0)
        while min(counts.values()) < each:
            client = self.client()
            id = self.stage.connects[-1].id
            clients[id] = client
            counts[id[:8]] += 1
        return clients

    def one_of_each(self) -> dict[str, Any]:
        """One client of each worker; others have left."""
        clients = self.crowd()
        kept: dict[str, Any] = {}
        for id, client in clients.items():
            if any(other[:8] == id[:8] for other in kept):
                client.close()
            else:
                kept[id] = client
        eventually(lambda: self.api.get("/connections").json()["count"] == len(kept), PATIENCE)
        return kept

    def test_answers(self) -> None:
        """Each request about one connection has the same answer from every worker, on the fast path and the slow."""
        clients = self.one_of_each()
        lines = self.workers.lines()
        assert_alike(self, lines, clients)
        for client in clients.values():
            wanted = sent_by(2 * len(lines))
            self.assertEqual([client.recv(timeout=PATIENCE) for _ in wanted], wanted)

    def test_receipts(self) -> None:
        """A push with a receipt is answered by any worker when the client's pong is there, or its time is over, later
        than any other request would be; meanwhile other pushes go on.
        """
        lines = self.workers.lines()
        self.client()
        for line in lines:
            reply = line.ask("PUT", f"/{self.connection_id()}?receipt=60000", b"read me")
            self.assertEqual((reply.status, rows(reply)), (200, {"code": "OK", "received": True}))
        silent = self.raw_client()
        id = self.stage.connects[-1].id
        for line in lines:
            line.send("PUT", f"/{id}?receipt=2500", b"read me")
        for line in self.workers.lines():
            self.assertEqual(line.ask("PUT", f"/{id}", b"meanwhile").status, 200)
        for line in lines:
            reply = line.receive()
            self.assertEqual((reply.status, rows(reply)), (202, {"code": "UNCONFIRMED", "received": False}))
        for line in lines:
            line.send("PUT", f"/{id}?receipt=60000", b"read me")
        pings = 0
        while pings < 6:
            event = silent.next()
            if isinstance(event, Ping):
                pings += 1
        silent.send(frame(PONG, bytes(event.payload)))
        for line in lines:
            self.assertEqual(rows(line.receive()), {"code": "OK", "received": True})

    def test_receipts_of_the_gone(self) -> None:
        """Callers that hang up leave no place taken among the receipts of a connection, whichever worker they asked,
        and although they have sent a further request.
        """
        silent = self.raw_client()
        id = self.connection_id()
        for _ in range(2):
            callers = hold(lambda: ApiLine(self.gw.http_port, 0, self.api.dial()), id, silent, 64, f"/{id}")
            self.assertEqual(self.api.request("PUT", f"/{id}?receipt=60000", b"x").status, 429)
            vanish(callers)
        silent.leave()

    def test_expiry(self) -> None:
        """The backend is asked about a connection that expires, and meanwhile any worker speaks to it."""
        assert_expires(self, self.stage, self.workers.lines(), self.client)

    def test_what_arrives(self) -> None:
        """What is pushed by any worker reaches the client as it is, in order, and a close does too."""
        clients = self.one_of_each()
        lines = self.workers.lines()
        for id, client in clients.items():
            sent: list[str | bytes] = []
            for line in lines:
                for number in range(20):
                    text, binary = f"{line.pid} {number}", os.urandom(number)
                    self.assertEqual(line.ask("PUT", f"/{id}", text.encode()).status, 200)
                    self.assertEqual(line.ask("PUT", f"/{id}", binary, BINARY).status, 200)
                    sent += [text, binary]
            self.assertEqual([client.recv(timeout=PATIENCE) for _ in sent], sent)
        for (id, client), line in zip(clients.items(), lines, strict=True):
            self.assertEqual(line.ask("DELETE", f"/{id}?code=4001&reason=by%20any").status, 200)
            self.assertEqual(closing(client), (4001, "by any"))

    def test_pipelined(self) -> None:
        """Requests on one connection are answered in their order, whichever worker each of them is for."""
        clients = self.one_of_each()
        for line in self.workers.lines():
            order = [id for _ in range(20) for id in clients]
            request = "PUT /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}"
            texts = [f"{line.pid} {number}" for number in range(len(order))]
            pipeline = (request.format(id, len(text), text) for id, text in zip(order, texts, strict=True))
            line.socket.sendall("".join(pipeline).encode("ascii"))
            got = b""
            while got.count(b"HTTP/1.1 200 OK") < len(order):
                part = line.socket.recv(65536)
                self.assertNotEqual(part, b"")
                got += part
            for id, client in clients.items():
                wanted = [text for other, text in zip(order, texts, strict=True) if other == id]
                self.assertEqual([client.recv(timeout=PATIENCE) for _ in wanted], wanted)

    def test_many(self) -> None:
        """Broadcast, group pushes, closes and lists are of all workers' connections, `except` included."""
        clients = self.crowd(3, ["g", "h"])
        ids = sorted(clients)
        out = ids[::4]
        some_out = "&".join(f"except={id}" for id in out)
        lines = self.workers.lines()
        for line in lines:
            for slow in ("", SLOW):
                for target in ("/broadcast", "/groups/g"):
                    whole = rows(line.ask("PUT", target, b"all", slow))
                    self.assertEqual(whole, {"code": "OK", "sent": len(ids), "skipped": 0})
                    part = rows(line.ask("PUT", f"{target}?{some_out}", b"some", slow))
                    self.assertEqual(part, {"code": "OK", "sent": len(ids) - len(out), "skipped": 0})
                nobody = rows(line.ask("PUT", "/groups/nobody", b"all", slow))
                self.assertEqual(nobody, {"code": "OK", "sent": 0, "skipped": 0})
                self.assertEqual(line.ask("PUT", "/groups/g", b"\xff", slow).status, 400)
            groups = rows(line.ask("GET", "/groups"))
            sizes = [{"name": name, "members": len(ids)} for name in ("g", "h")]
            self.assertEqual(groups, {"count": 2, "groups": sizes, "next": None})
            self.assertEqual(rows(line.ask("GET", "/groups?limit=1")), {"count": 2, "groups": sizes[:1], "next": "g"})
            for limit in (1, 2, len(ids), 1000):
                for target, name in (("/connections", "connections"), ("/groups/g", "members")):
                    self.assertEqual(self.paged(line, target, name, limit, len(ids)), ids)
        for id, client in clients.items():
            wanted = ["all", "all"] if id in out else ["all", "some", "all", "some"]
            self.assertEqual([client.recv(timeout=PATIENCE) for _ in range(len(wanted) * 6)], wanted * 6)
        closed = rows(lines[0].ask("DELETE", f"/groups/h?code=4002&{some_out}"))
        self.assertEqual(closed, {"code": "OK", "closed": len(ids) - len(out)})
        for id, client in clients.items():
            if id not in out:
                self.assertEqual(closing(client)[0], 4002)
                del client
        for line in lines:
            self.assertEqual(rows(line.ask("GET", "/groups/h"))["members"], sorted(out))

    def paged(self, line: ApiLine, target: str, name: str, limit: int, count: int) -> list[str]:
        """All ids of a list, page by page."""
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page = rows(line.ask("GET", f"{target}?limit={limit}&after={after}"))
            self.assertEqual(set(page), {"count", name, "next"})
            self.assertEqual(page["count"], count)
            self.assertLessEqual(len(page[name]), limit)
            found += page[name]
            after = page["next"]
        return found

    def test_groups(self) -> None:
        """Joining and leaving through any worker counts at all of them."""
        clients = self.one_of_each()
        lines = self.workers.lines()
        for id in clients:
            for line in lines:
                self.assertEqual(line.ask("PUT", f"/groups/joined/{id}").status, 200)
                for other in lines:
                    self.assertEqual(rows(other.ask("GET", "/groups/joined"))["members"], [id])
                self.assertEqual(line.ask("DELETE", f"/groups/joined/{id}").status, 200)
                self.assertEqual(rows(lines[0].ask("GET", "/groups"))["count"], 0)

    def test_list_of_workers(self) -> None:
        """/-/cluster lists the workers from each of them, with state, pid, prefix and connections."""
        clients = self.one_of_each()
        for line in self.workers.lines():
            found = rows(line.ask("GET", "/-/cluster"))["workers"]
            self.assertEqual([row["worker"] for row in found], [1, 2, 3])
            self.assertEqual({row["state"] for row in found}, {"ready"})
            self.assertEqual({row["pid"] for row in found}, set(self.workers.children()))
            self.assertEqual({row["prefix"]: row["connections"] for row in found}, {id[:8]: 1 for id in clients})

    def test_log(self) -> None:
        """Each line of a worker's log says its number."""
        for number in (1, 2, 3):
            self.assertIn(f"info  [{number}] service.lifecycle", self.gw.log())

    def test_stopped(self) -> None:
        """A worker that is stopped: its connections are 504 or 503, many are PARTIAL, lists say what is missing; others
        are served as ever. Nothing that was answered 504 comes late, and all is well when it goes on.
        """
        clients = self.crowd(2, ["s"])
        victim = next(iter(clients))[:8]
        pid = self.workers.pids[victim]
        lines = [self.workers.line(each) for each in self.workers.pids.values() if each != pid]
        all_of_it = sorted(id for id in clients if id[:8] == victim)
        theirs = all_of_it[:2]
        others = sorted(set(clients) - set(all_of_it))

        def each_line(method: str, target: str, body: bytes = b"") -> list[Reply]:
            """Ask all at once: such an answer takes seconds, and a line that waited for the others could time out."""
            for line in lines:
                line.send(method, target, body)
            return [line.receive(method) for line in lines]

        self.assertEqual(lines[0].ask("PUT", f"/{theirs[0]}", b"before").status, 200)  # a connection that is kept alive
        self.workers.stop(pid)
        for id in theirs:
            for reply in each_line("PUT", f"/{id}", b"late") + each_line("GET", f"/{id}"):
                self.assertIn((reply.status, rows(reply)["code"]), [(504, "OWNER_SILENT"), (503, "OWNER_UNREACHABLE")])
        for id in others:
            self.assertEqual({reply.status for reply in each_line("PUT", f"/{id}", b"other")}, {200})
        for reply in each_line("PUT", "/groups/s", b"group"):
            self.assertEqual(rows(reply), {"code": "PARTIAL", "sent": len(others), "skipped": 0, "unreached": 1})
        for reply in each_line("GET", "/connections"):
            self.assertEqual((rows(reply)["connections"], rows(reply)["unreached"]), (others, 1))
        for reply in each_line("GET", "/groups"):
            self.assertEqual(rows(reply)["unreached"], 1)
        eventually(
            lambda: {r["state"] for r in rows(lines[0].ask("GET", "/-/cluster"))["workers"]} == {"ready", "silent"},
            PATIENCE,
        )
        resume(pid)
        eventually(lambda: rows(lines[0].ask("GET", "/connections")).get("unreached") is None, PATIENCE)
        eventually(lambda: lines[0].ask("GET", "/-/ready").status == 200, PATIENCE)
        for line in lines:
            for id in clients:
                self.assertEqual(line.ask("PUT", f"/{id}", b"after").status, 200)
        for id in theirs:
            got = []
            while len(got) < len(lines) or got[-len(lines) :] != ["after"] * len(lines):
                got.append(clients[id].recv(timeout=PATIENCE))
            self.assertEqual(got, ["before"] * (id == theirs[0]) + ["after"] * len(lines))


class FormsTests(SystemTestCase):
    """The forms of endpoints, and other ways to start."""

    def test_unix(self) -> None:
        """UNIX sockets are opened once for all workers, survive the restart of one, and go with the last."""
        backend = self.backend()
        directory = tempfile.mkdtemp()  # the path of a UNIX socket is at most 107 bytes
        self.addCleanup(shutil.rmtree, directory)
        api, ws = f"{directory}/api", f"{directory}/ws"
        settings = {"TARGET_ADDRESS": backend.address, "WORKERS": "2", "LOCAL_ADDRESS": "http://gateway"}
        settings |= {"WS_ENDPOINT": f"unix:{ws}:mode=660", "HTTP_ENDPOINT": f"unix:{api}:mode=600"}
        gateway = self.watched(Gateway(self.directory(), settings, api=Api(unix=api)))
        gateway.wait_ready(PATIENCE)
        self.assertEqual([os.stat(path).st_mode & 0o777 for path in (ws, api)], [0o660, 0o600])
        for _ in range(2):
            for _ in range(6):
                client = socket.socket(socket.AF_UNIX)
                self.addCleanup(client.close)
                client.settimeout(PATIENCE)
                client.connect(ws)
                client.sendall(handshake("/"))
                self.assertEqual(client.recv(12), b"HTTP/1.1 101")
            gateway.process.send_signal(signal.SIGUSR2)
            eventually(lambda: "all workers are restarted" in gateway.log(), PATIENCE)
        self.assertEqual(gateway.stop(PATIENCE), 0)
        self.assertEqual(os.listdir(directory), [])

    def test_proxied_tls(self) -> None:
        """Ports with TLS behind a PROXY header are shared like any other, and their certificates reload at SIGHUP."""
        backend = self.backend()
        stage = backend.stage("/")
        directory = self.directory()
        directory.mkdir()
        both = write(directory, "both.pem", issue(authority(), ["localhost"]).together)
        port = free_port()
        endpoint = f"wsaas-tls:{port}:interface=127.0.0.1:certificate={both}:proxy=yes"
        gateway = self.gateway(backend, WORKERS="2", WS_ENDPOINT=endpoint)
        for _ in range(8):
            plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
            plain.sendall(b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n")
            client = ssl._create_unverified_context().wrap_socket(plain)
            self.addCleanup(client.close)
            client.sendall(handshake("/"))
            self.assertEqual(client.recv(12), b"HTTP/1.1 101")
        addresses = {request.json()["remote_address"] for request in stage.connects}
        self.assertEqual(addresses, {"203.0.113.9"})
        gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: gateway.log().count("reloaded 1 of 1") == 2, PATIENCE)

    def test_without_a_parent(self) -> None:
        """Workers that are started one by one, as template units are, answer for each other as well."""
        backend = self.backend()
        stage = backend.stage("/")
        directory, ports = self.directory(), (free_port(), free_port())
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind("")  # the kernel chooses a name in the abstract namespace
        manager.settimeout(PATIENCE)
        notify = "@" + manager.getsockname()[1:].decode()
        settings = {"TARGET_ADDRESS": backend.address, "WORKERS": "2", "NOTIFY_SOCKET": notify}
        gateways = [
            Gateway(directory, settings, arguments=[f"--worker={number}"], ws_port=ports[0], http_port=ports[1])
            for number in (1, 2)
        ]
        for gateway in gateways:
            self.watched(gateway)
        for gateway in gateways:
            gateway.wait_ready(PATIENCE)
            self.assertEqual(manager.recv(1000), b"READY=1")
        api = gateways[0].api
        eventually(lambda: len(api.get("/-/cluster").json()["workers"]) == 2, PATIENCE)
        clients = [self.connect(gateways[0].ws + "/") for _ in range(8)]
        for id in {request.id for request in stage.connects}:
            for _ in range(4):
                self.assertEqual(api.get(f"/{id}").status, 200)
        for gateway in gateways:
            self.assertEqual(gateway.stop(PATIENCE), 0)
        self.assertEqual({closing(client)[0] for client in clients}, {1012})

    def test_wrong_number(self) -> None:
        """A worker that is none of WORKERS does not start."""
        for number, settings in (
            ("3", {"WORKERS": "2"}),
            ("0", {"WORKERS": "2"}),
            ("1", {"WORKERS": "2", "STATE_DIR": "none"}),
        ):
            gateway = self.watched(Gateway(self.directory(), settings, arguments=[f"--worker={number}"]))
            self.assertEqual(gateway.wait(PATIENCE), 1)
            self.assertIn(f"wsaas: --worker={number}: ", gateway.log())

    def test_state_dir_none(self) -> None:
        """With STATE_DIR=none the workers' sockets are in a directory that goes with the parent."""
        place = self.directory()
        place.mkdir()
        gateway = self.gateway(self.backend(), WORKERS="2", STATE_DIR="none", TMPDIR=str(place))
        self.assertEqual(len(Workers(self, gateway).pids), 2)
        self.assertEqual([path.name.startswith("wsaas-") for path in place.iterdir()], [True])
        self.assertEqual(gateway.stop(PATIENCE), 0)
        self.assertEqual(list(place.iterdir()), [])

    def test_one_address(self) -> None:
        """MAX_CONNECTIONS_PER_ADDRESS is that of all workers: so many are let in, whichever worker each reaches."""
        gateway = self.gateway(self.backend(), WORKERS="3", MAX_CONNECTIONS_PER_ADDRESS="7")
        for _ in range(3):
            clients = [self.connect(gateway.ws + "/") for _ in range(7)]
            for _ in range(5):
                self.assertEqual(refused(gateway.ws + "/").status, 503)
            for client in clients:
                client.close()
            eventually(lambda: gateway.api.get("/connections").json()["count"] == 0, PATIENCE)

    def test_demo(self) -> None:
        """The demo backend stands beside the first worker, once, and serves all."""
        port = free_port()
        settings = {"TARGET_ADDRESS": f"http://127.0.0.1:{port}/websocket", "WORKERS": "2"}
        gateway = self.watched(Gateway(self.directory(), settings, arguments=["--demo"]))
        gateway.wait_ready(PATIENCE)
        for _ in range(6):
            client = self.connect(gateway.ws + "/")
            client.send("hello")
            self.assertEqual(client.recv(timeout=PATIENCE), "hello")
        self.assertEqual(gateway.stop(PATIENCE), 0)


class OneTests(SystemTestCase):
    def test_list_of_workers(self) -> None:
        """One process is a list of one worker."""
        backend = self.backend()
        gateway = self.gateway(backend)
        stage = backend.stage("/")
        client = self.connect(f"ws://127.0.0.1:{gateway.ws_port}/")
        [row] = gateway.api.get("/-/cluster").json()["workers"]
        id = stage.connects[0].id
        found = {name: row[name] for name in ("worker", "pid", "state", "prefix", "connections")}
        self.assertEqual(
            found,
            {"worker": 1, "pid": gateway.process.pid, "state": "ready", "prefix": id[:8], "connections": 1},
        )
        client.close()

    def test_imports(self) -> None:
        """One process loads nothing that is for several."""
        code = (
            "import sys; from twisted.internet import reactor; from wsaas.internals.signals import Signals;"
            "from wsaas.service.assembly import assemble; from wsaas.service.process import make_root;"
            "from wsaas.tap import Options;"
            "options = Options(); options.parseOptions([]); make_root(options, reactor, assemble);"
            "print(*sorted(sys.modules))"
        )
        ran = run(code, STATE_DIR="none")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for_several = ["wsaas.cluster", "wsaas.api.elsewhere", "wsaas.api.merging"]
        files = "adoption lifeline node parent parent_service roster socket_trial worker worker_identity worker_process"
        for_several += [f"wsaas.service.{name}" for name in files.split()]
        for module in for_several:
            self.assertTrue(find_spec(module), module)
        loaded = [
            name for name in ran.stdout.split() if f"{name}.".startswith(tuple(f"{each}." for each in for_several))
        ]
        self.assertEqual(loaded, [])
