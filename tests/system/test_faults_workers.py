"""Workers that die, stop, are restarted, and are more or fewer than before: nobody is lost, and nothing said twice."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from tests.support.backend_answers import Request, accept
from tests.support.backend_server import Stage
from tests.support.faults import FULL, PATIENCE, Crowd, FaultsTestCase, note, size, want_files
from tests.support.gateway_process import Gateway, NeverReady
from tests.support.pinging import Pinging
from tests.support.system_case import eventually
from tests.support.workers import Workers

CROWD = size(60, 300)
MASSES = size(150, 3000)


def ended(stage: Stage) -> set[str]:
    """The ids of the connections of whose end the backend has heard."""
    return {request.id for request in stage.disconnects}


class WorkerFaultsTestCase(FaultsTestCase):
    """A gateway of three workers whose clients' ends are all accounted for."""

    def begin(self, count: int = 3, **settings: str) -> tuple[Gateway, Workers, Stage]:
        backend = self.backend()
        gateway = self.gateway(backend, WORKERS=str(count), DRAIN_TIMEOUT="60s", **settings)
        self.backend_address = backend.address
        workers = Workers(self, gateway)
        self.addCleanup(kill_each, workers.children())
        return gateway, workers, backend.stage("/")

    def again(self, gateway: Gateway, count: int, **settings: str) -> Gateway:
        """The next life of the gateway, on the same directory and ports."""
        settings = {"TARGET_ADDRESS": self.backend_address, "WORKERS": str(count), **settings}
        life = self.watched(Gateway(gateway.directory, settings, ws_port=gateway.ws_port, http_port=gateway.http_port))
        life.wait_ready(PATIENCE)
        self.addCleanup(kill_each, Workers(self, life).children())
        return life

    def kill_all(self, gateway: Gateway) -> None:
        """Kill the parent and its workers at the same moment."""
        pids = Workers(self, gateway).children()
        gateway.process.kill()
        kill_each(pids)
        gateway.kill()

    def assert_told_once(self, requests: Iterable[Request]) -> None:
        """Each connection had one POST, and DELETEs of one webhook-id, with nothing behind them."""
        ids: dict[str, set[str | None]] = {}
        for request in requests:
            if request.method == "DELETE":
                ids.setdefault(request.id, set()).add(request.header("webhook-id"))
            else:
                self.assertNotIn(request.id, ids, "something came after the DELETE")
        self.assertEqual({id: said for id, said in ids.items() if len(said) > 1}, {})


def kill_each(pids: Iterable[int]) -> None:
    """End these processes at once; they may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def gone(pids: Iterable[int]) -> bool:
    """Say if none of these processes is there any more."""
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


class DeathTests(WorkerFaultsTestCase):
    def test_worker(self) -> None:
        """A worker that is killed while clients come: each of its connections has its DELETE, the clients of the others
        notice nothing, and a new worker takes its place.
        """
        gateway, workers, stage = self.begin()
        crowd = self.crowd(gateway)
        crowd.enter(CROWD)
        prefix, pid = next(iter(workers.pids.items()))
        newcomers = crowd.ask(CROWD)
        crowd.until(lambda: sum(member.status == 101 for member in newcomers) > CROWD // 3)
        died = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        crowd.until(lambda: all(member.status or member.code for member in newcomers))
        crowd.until(lambda: pid not in workers.children() and workers.all_ready())
        theirs = {request.id for request in stage.connects if request.id.startswith(prefix)}
        crowd.until(lambda: ended(stage) >= theirs)
        last = max(request.arrived for request in stage.disconnects)
        note(f"{len(theirs)} connections of a killed worker: the last DELETE after {last - died:.2f} s")
        crowd.until(lambda: gateway.api.get("/-/ready").status == 200)
        self.assertEqual(ended(stage), theirs)
        self.assert_told_once(stage.requests)
        self.assertGreater(len(theirs), 0)
        for line in workers.lines():
            for id in theirs:
                self.assertEqual(line.ask("GET", f"/{id}").status, 404)
        living = sum(member.status == 101 and member.code is None for member in crowd.members)
        self.assertEqual(gateway.api.get("/connections").json()["count"], living)
        self.assertEqual({m.code for m in crowd.members if m.status == 101}, {None, 1006})

    def test_each_in_turn(self) -> None:
        """Each worker is killed, one after the other, and all at once: the gateway is there again each time."""
        gateway, workers, stage = self.begin()
        for victims in ([0], [1], [2], [0, 1, 2]):
            crowd = self.crowd(gateway)
            crowd.enter(12)
            pids = workers.children()
            kill_each(pids[victim] for victim in victims)
            crowd.until(lambda pids=pids, victims=victims: gone([pids[each] for each in victims]))  # type: ignore[misc]
            crowd.until(workers.all_ready)
            crowd.leave()
        eventually(lambda: ended(stage) == {request.id for request in stage.connects}, PATIENCE)
        self.assert_told_once(stage.requests)

    def test_parent(self) -> None:
        """The parent is killed: its workers drain and end, each client is told, and the next life serves at once, each
        of its workers as soon as the one before it has let its journal go.
        """
        gateway, workers, stage = self.begin()
        pids = workers.children()
        crowd = self.crowd(gateway)
        crowd.enter(CROWD)
        gateway.kill()
        life = self.again(gateway, 3)
        crowd.until(lambda: all(member.code for member in crowd.members))
        self.assertEqual({member.code for member in crowd.members}, {1012})
        crowd.until(lambda: gone(pids))
        self.assertEqual(len(ended(stage)), CROWD)
        self.assert_told_once(stage.requests)
        self.assertEqual({request.json()["cause"] for request in stage.disconnects}, {"drain"})
        for line in ("the parent of the workers is gone", "clients told that the gateway stops"):
            self.assertEqual(gateway.log().count(line), 3, line)  # although nobody reads the workers' pipes any more
        self.crowd(life).enter(3)

    def test_everything(self) -> None:
        """Parent and workers are killed, and as many, more, fewer or one start again: each connection has its DELETE,
        from the time before workers as well.
        """
        backend = self.backend()
        stage = backend.stage("/")
        self.backend_address = backend.address
        gateway = self.gateway(backend)
        counts = (3, 3, 5, 2, 1, 2, 1) if FULL else (3, 1, 2, 1)
        for count in counts:
            crowd = self.crowd(gateway)
            crowd.enter(20)
            self.kill_all(gateway)
            gateway = self.again(gateway, count)
            eventually(lambda: ended(stage) == {request.id for request in stage.connects}, PATIENCE)
            for request in stage.connects:
                self.assertEqual(gateway.api.get(f"/{request.id}").status, 404)
            crowd.leave()
        self.assert_told_once(stage.requests)
        self.assertEqual(len(stage.disconnects), len(counts) * 20)
        state = gateway.directory / "wsaas-state"
        eventually(lambda: not list(state.glob("worker-*")), PATIENCE)


class StopTests(WorkerFaultsTestCase):
    def test_stop(self) -> None:
        """SIGTERM: all clients of all workers are closed with 1012, each has its DELETE, and the status is 0."""
        gateway, workers, stage = self.begin()
        pids = workers.children()
        crowd = self.crowd(gateway)
        crowd.enter(MASSES)
        began = time.monotonic()
        gateway.terminate()
        crowd.until(lambda: gateway.process.poll() is not None)
        note(f"{MASSES} clients of 3 workers: stopped after {time.monotonic() - began:.2f} s")
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual({member.code for member in crowd.members}, {1012})
        self.assertEqual(len(ended(stage)), MASSES)
        self.assert_told_once(stage.requests)
        self.assertTrue(gone(pids))
        self.assertEqual(list((gateway.directory / "wsaas-state" / "peers").iterdir()), [])


class StartTests(WorkerFaultsTestCase):
    def failed(self, gateway: Gateway) -> str:
        """The log of a start that fails with status 1 and leaves no process."""
        self.watched(gateway)
        with self.assertRaises(NeverReady):
            gateway.wait_ready()
        self.assertEqual(gateway.process.returncode, 1)
        return gateway.log()

    def test_port_taken(self) -> None:
        """A port that another gateway has, with workers or without: the start fails, and says which port it is."""
        backend = self.backend()
        for count in ("1", "2"):
            first = self.gateway(backend, WORKERS=count, STATE_DIR="none")
            settings = {"TARGET_ADDRESS": backend.address, "STATE_DIR": "none", "WORKERS": "2"}
            second = Gateway(self.directory(), settings, ws_port=first.ws_port)
            self.assertIn(f"{first.ws_port}", self.failed(second))
            first.stop()

    def test_directory_taken(self) -> None:
        """Two gateways never serve one STATE_DIR, with workers or without: the second start fails, and says why."""
        backend = self.backend()
        for ours, theirs in (("1", "2"), ("2", "1"), ("2", "2")):
            first = self.gateway(backend, WORKERS=ours)
            state = str(first.directory / "wsaas-state")
            settings = {"TARGET_ADDRESS": backend.address, "WORKERS": theirs, "STATE_DIR": state}
            self.assertIn("in use by another gateway", self.failed(Gateway(self.directory(), settings)))
            first.stop()

    def test_worker_cannot_start(self) -> None:
        """A worker that cannot start ends all of them, with its line and status 1."""
        directory = self.directory()
        (directory / "wsaas-state").mkdir(parents=True)
        (directory / "wsaas-state" / "worker-2").write_text("in the way")
        log = self.failed(Gateway(directory, {"WORKERS": "3"}))
        self.assertRegex(log, r"worker-2' cannot be used for the journal")
        self.assertIn("worker 2 cannot start", log)

    def test_queue(self) -> None:
        """Clients that wait in the queue of a worker that stops are served."""
        gateway, workers, _stage = self.begin(2)
        pid = next(iter(workers.pids.values()))
        workers.stop(pid)
        waiting = [socket.create_connection(("127.0.0.1", gateway.ws_port)) for _ in range(40)]
        for each in waiting:
            self.addCleanup(each.close)
            each.sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        for each in waiting:
            each.settimeout(PATIENCE)
            self.assertEqual(each.recv(12), b"HTTP/1.1 101")


class CrowdOfReturners(Crowd):
    """Clients that speak now and then, and come back at once when they are told that the service restarts."""

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(port)
        self.chance = random.Random(seed)
        self.said: list[bytes] = []

    def speak(self) -> None:
        """Some of them say something that nobody has said before; those whose connection ended return."""
        for member in self.living:
            if self.chance.random() < 0.05:
                text = b"%d" % len(self.said)
                self.said.append(text)
                self.say(member, text)

    def returned(self) -> int:
        """Let as many newcomers in as have been closed with 1012."""
        closed = sum(member.code == 1012 for member in self.members)
        missing = closed - self.came_back
        self.came_back += missing
        self.ask(missing)
        return closed

    came_back = 0


class RenewalTests(WorkerFaultsTestCase):
    def test_rolling(self) -> None:
        """SIGUSR2 restarts the workers one after another: clients that come back at once are let in, each message is
        delivered once, and the gateway is ready all the while.
        """
        gateway, workers, stage = self.begin()
        crowd = CrowdOfReturners(gateway.ws_port, 11)
        self.addCleanup(crowd.leave)
        crowd.enter(CROWD)
        before = workers.pids
        gateway.process.send_signal(signal.SIGUSR2)

        def all_new() -> bool:
            crowd.speak()
            crowd.returned()
            self.assertEqual(gateway.api.get("/-/ready").status, 200)
            now = {row["pid"] for row in workers.rows() if row["state"] == "ready"}
            return len(now) == 3 and not now & set(before.values())

        crowd.until(all_new)
        crowd.returned()
        crowd.until(lambda: all(member.status for member in crowd.members))
        crowd.until(lambda: len(stage.messages) >= len(crowd.said))
        refused = [member for member in crowd.members if member.status != 101 or member.code not in (None, 1012)]
        self.assertEqual([(member.status, member.code, member.head) for member in refused], [])
        self.assertEqual(sorted(stage.bodies), sorted(crowd.said))
        self.assertGreaterEqual(sum(member.code == 1012 for member in crowd.members), CROWD)
        note(f"rolling restart: {len(crowd.members)} connections, {len(crowd.said)} messages, none lost")
        self.assert_told_once(stage.requests)
        self.assertIn("all workers are restarted", gateway.log())
        self.assertEqual(gateway.stop(PATIENCE), 0)


class Allowed:
    """What the API may answer while workers die, stop and come back: by kind of request."""

    ONE = frozenset({(200, "OK"), (404, "NOT_FOUND"), (503, "OWNER_UNREACHABLE"), (504, "OWNER_SILENT")})
    MANY = frozenset({(200, "OK"), (200, "PARTIAL")})


class ScheduleTests(WorkerFaultsTestCase):
    """Deaths, stops and restarts in an order of chance, under churn."""

    def test_schedules(self) -> None:
        """Each connection that the backend has accepted is there, or has its DELETE, the last word; every answer
        of the API is one that it may give.
        """
        for seed in range(size(2, 50)):
            self.play(seed)

    def play(self, seed: int) -> None:
        chance = random.Random(seed)
        self.answers: dict[tuple[int, str], int] = {}
        gateway, workers, stage = self.begin(chance.choice((2, 3, 4)))
        crowd = self.crowd(gateway)
        crowd.enter(20)
        for _ in range(size(3, 8)):
            step = chance.choice(("worker", "worker", "stop", "parent", "renew", "term", "all"))
            count = chance.choice((2, 3, 4))
            note(f"{seed}: {step}")
            self.churn(crowd, gateway, stage, chance, chance.uniform(0, 1))
            pids = workers.children()
            victim = chance.choice(pids)
            if step == "worker":
                kill_each([victim])
            elif step == "stop":
                os.kill(victim, signal.SIGSTOP)
                self.churn(crowd, gateway, stage, chance, chance.uniform(1, size(4, 20)))
                os.kill(victim, signal.SIGCONT)
            elif step == "renew":
                gateway.process.send_signal(signal.SIGUSR2)
            else:
                if step == "all":
                    kill_each(pids)
                if step == "term":
                    gateway.terminate()
                    crowd.until(lambda gateway=gateway: gateway.process.poll() is not None)  # type: ignore[misc]
                gateway.kill()
                gateway = self.again(gateway, count, DRAIN_TIMEOUT="60s")
                workers = Workers(self, gateway)
            self.churn(crowd, gateway, stage, chance, chance.uniform(0, 3))
        crowd.until(workers.all_ready)
        crowd.until(lambda: gateway.api.get("/-/ready").status == 200)

        def accounted() -> bool:
            there = set(gateway.api.get("/connections?limit=10000").json()["connections"])
            return {request.id for request in stage.connects} - ended(stage) == there

        crowd.until(accounted)
        self.assert_told_once(stage.requests)
        note(f"{seed}: {len(ended(stage))} ended, answers {self.answers}")
        self.assertEqual(gateway.stop(PATIENCE), 0)
        crowd.leave()
        gateway.kill()

    def churn(self, crowd: Crowd, gateway: Gateway, stage: Stage, chance: random.Random, seconds: float) -> None:
        """For a while clients come and go, and the backend asks for things by a new connection of the API each time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            crowd.ask(1)
            living = crowd.living
            if len(living) > 10:
                crowd.close(chance.choice(living))
            crowd.wait(0.05)
            id = chance.choice(stage.connects).id if stage.connects else "0" * 32
            for method, target, allowed in (
                ("PUT", f"/{id}", Allowed.ONE),
                ("DELETE", f"/{id}?code=1001", Allowed.ONE | {(400, "BAD_REQUEST")}),
                ("PUT", "/broadcast", Allowed.MANY),
            ):
                with contextlib.suppress(OSError, http.client.HTTPException):  # of the process that has just died
                    reply = gateway.api.request(method, target, b"hello" if method == "PUT" else b"")
                    answer = reply.status, reply.code
                    self.answers[answer] = self.answers.get(answer, 0) + 1
                    self.assertIn(answer, allowed, (method, target))


class MassTests(WorkerFaultsTestCase):
    def test_mass(self) -> None:
        """Many clients of four workers: a push to half of them reaches each of these once, others are served meanwhile,
        and a list that is paged while clients come and go has each of those that stay exactly once.
        """
        count = size(400, 10_000)
        want_files(count + 1000)
        backend = self.backend()
        gateway = self.gateway(backend, WORKERS="4", WEBHOOK_CONCURRENCY="256")
        self.addCleanup(kill_each, Workers(self, gateway).children())
        backend.stage("/in").on_connect(accept(groups=["g"]))
        inside, outside = self.crowd(gateway, "/in"), self.crowd(gateway, "/out")
        backend.stage("/out")
        inside.enter(count // 2)
        outside.enter(count // 2)
        pinging = Pinging(gateway.ws_port, "/out")
        self.addCleanup(pinging.kill)
        spent = []
        for number in range(5):
            pinging.rest()
            began = time.monotonic()
            reply = gateway.api.request("PUT", "/groups/g", b"%d" % number, timeout=PATIENCE)
            spent.append(time.monotonic() - began)
            self.assertEqual(reply.json(), {"code": "OK", "sent": count // 2, "skipped": 0})
            inside.until(lambda number=number: all(len(m.messages) > number for m in inside.members))  # type: ignore[misc]
        pongs = pinging.stop()
        note(f"groups of {count // 2}: {max(spent):.3f} s at most")
        note(f"pongs beside it: {pongs[-1] * 1000:.1f} ms at most, {pongs[len(pongs) * 99 // 100] * 1000:.1f} for 99 %")
        for member in inside.members:
            self.assertEqual(member.messages, [b"%d" % number for number in range(5)])
        there = {request.id for request in backend.stage("/in").connects}
        self.assertEqual(len(there), count // 2)
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page = gateway.api.get(f"/connections?limit={max(20, count // 50)}&after={after}").json()
            found += page["connections"]
            after = page["next"]
            outside.reset(outside.living[:3])
            outside.ask(3)
            outside.turn()
        self.assertEqual(len(set(found)), len(found))
        self.assertEqual(there - set(found), set())
