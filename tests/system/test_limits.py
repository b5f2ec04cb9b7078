"""Limits of a real process: files, connections, addresses."""

from __future__ import annotations

import re
import resource
import socket
import subprocess
import sys
import time
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.support import gateway_process as gateway_module
from tests.support.backend_answers import Gate, accept, gated, reply
from tests.support.gateway_process import TWISTD, Gateway
from tests.support.source import ROOT
from tests.support.system_case import Settings, SharedTestCase, SystemTestCase, eventually
from tests.support.websocket_client import TEXT, RawClient, Refusal, frame, handshake
from wsaas.clients.admission import ASKING_PER_WEBHOOK

FILES = 256
FEW_FILES = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES})); {TWISTD}"


class FilesTests(SystemTestCase):
    def room(self, gateway: Gateway) -> int:
        """For how many clients there is room, as the log says."""
        found = re.search(r"room for ([0-9]+) clients", gateway.log())
        assert found is not None
        return int(found[1])

    def answers(self, crowd: list[RawClient]) -> dict[int, int]:
        """Return the number of clients by status; 0 counts those that were disconnected."""
        counts: dict[int, int] = {}
        for each in crowd:
            head = each.read()
            status = int(head[9:12]) if head.startswith(b"HTTP/1.1 ") else 0
            counts[status] = counts.get(status, 0) + 1
        return counts

    def test_more_clients_than_files(self) -> None:
        """400 clients where there are 256 files: the clients that are in are served, with webhooks, pushes and journal,
        none over the limit gets in, and when they are gone there is room again."""
        self.patch(gateway_module, "TWISTD", FEW_FILES)
        backend = self.backend()
        backend.strays.on_message(reply(200, b"heard", [("WSAAS-Reply", "text")]))
        gateway = self.gateway(backend)
        room = self.room(gateway)
        self.assertTrue(16 <= room < FILES, room)
        inside = [self.connect(gateway.ws) for _ in range(10)]
        for _ in range(2):
            crowd = []
            for _ in range(400):
                try:
                    client = self.raw(gateway.ws_port)
                    crowd.append(client)
                    client.send(handshake("/crowd"))
                except ConnectionError:
                    pass  # already cut off
            for client in inside:
                client.send("hello")
            for client in inside:
                self.assertEqual(client.recv(timeout=20), "heard")
            for webhook in backend.strays.connects[:10]:
                self.assertEqual(gateway.api.push(webhook.id, "pushed").status, 200)
            for client in inside:
                self.assertEqual(client.recv(timeout=20), "pushed")
            counts = self.answers(crowd)
            self.assertEqual(set(counts) - {0, 503}, {101})
            self.assertEqual(counts[101], room - len(inside), counts)
            for each in crowd:
                each.leave()
            eventually(lambda: gateway.api.get("/connections").json()["count"] == len(inside), 30)
        late = self.connect(gateway.ws)
        late.send("hello")
        self.assertEqual(late.recv(timeout=20), "heard")
        for client in (*inside, late):
            client.close()
        eventually(lambda: len(backend.strays.disconnects) == len(backend.strays.connects), 30)
        self.assertEqual(gateway.stop(), 0)
        self.assertNotIn("Too many open files", gateway.log())
        self.assertNotIn("EMFILE", gateway.log())
        self.assertLess(len(re.findall("TOO_MANY_CONNECTIONS", gateway.log())), 5)

    def test_a_wish_too_large(self) -> None:
        """MAX_CONNECTIONS over what the files allow is cut down with a warning; no room at all is an error."""
        self.patch(gateway_module, "TWISTD", FEW_FILES)
        gateway = self.gateway(self.backend(), MAX_CONNECTIONS="5000")
        self.assertRegex(gateway.log(), "MAX_CONNECTIONS=5000: the limit of open files, 256, allows [0-9]+")
        self.patch(gateway_module, "TWISTD", FEW_FILES.replace(str(FILES), "64"))
        failed = self.watched(Gateway(self.directory(), {}))
        self.assertEqual(failed.wait(), 1)
        self.assertIn("wsaas: the limit of open files, 64, leaves no room for clients", failed.log())


class SoftLimitTests(SynchronousTestCase):
    def test_raised(self) -> None:
        """The soft limit is raised to the hard one; a process of its own shows it."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        lower = 200 if hard == resource.RLIM_INFINITY else min(200, hard)
        script = (
            "import resource; from wsaas.service.file_limits import open_files\n"
            f"resource.setrlimit(resource.RLIMIT_NOFILE, (100, {lower}))\n"
            "print(open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
        )
        ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertEqual(ran.stdout.split(), [str(lower)] * 3)


class BusyTests(SystemTestCase):
    def test_asking(self) -> None:
        """For each webhook that may be in flight, 32 clients may wait for their answer; the next is told to come back,
        and the backend does not hear of it."""
        gate = Gate()
        backend = self.backend()
        backend.strays.on_connect(gated(gate, accept()))
        gateway = self.gateway(backend, WEBHOOK_CONCURRENCY="1")
        waiting = [self.raw(gateway.ws_port) for _ in range(ASKING_PER_WEBHOOK)]
        for each in waiting:
            each.ask()
        eventually(lambda: gateway.api.get("/connections").json()["count"] == len(waiting))
        late = self.raw(gateway.ws_port)
        late.ask()
        self.assertEqual(late.refusal(), 503)
        gate.open()
        for each in waiting:
            each.accepted()
        self.assertEqual(len(backend.strays.connects), len(waiting))


class RateTests(SystemTestCase):
    def test_flood(self) -> None:
        """MESSAGE_RATE is how many a second are read, two bursts of twice as many aside; none is lost."""
        backend = self.backend()
        gateway = self.gateway(backend, MESSAGE_RATE="1")
        client = self.raw(gateway.ws_port).open()
        began = time.monotonic()
        client.send(b"".join(frame(TEXT, b"%d" % number) for number in range(6)))
        eventually(lambda: len(backend.strays.messages) == 6, 60)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertEqual(backend.strays.bodies, [b"%d" % number for number in range(6)])


class AddressTests(SharedTestCase):
    settings: ClassVar[Settings] = {
        "MAX_CONNECTIONS_PER_ADDRESS": "2",
        "TRUSTED_PROXIES": "127.0.0.0/8",
        "MAX_CONNECTIONS": "6",
    }

    def from_address(self, *addresses: str) -> None:
        self.client(additional_headers={"X-Forwarded-For": ", ".join(addresses)})

    def refusal(self, address: str) -> Refusal:
        return self.refused(additional_headers={"X-Forwarded-For": address})

    def assertTurnedAway(self, refusal: Refusal, code: str) -> None:
        self.assertEqual((refusal.status, refusal.json()["code"]), (503, code))
        self.assertIn(int(refusal.headers["retry-after"]), range(1, 16))

    def test_limits(self) -> None:
        """Behind a trusted proxy each address has its places, and all together theirs; what a client makes up does not
        count, and the backend is not asked about a client that is turned away."""
        for _ in range(2):
            self.from_address("198.51.100.1")
        self.assertTurnedAway(self.refusal("6.6.6.6, 198.51.100.1"), "TOO_MANY_FROM_ADDRESS")
        self.from_address("198.51.100.1", "198.51.100.2")
        self.assertEqual(self.stage.connects[-1].json()["remote_address"], "198.51.100.2")
        for number in range(3, 6):
            self.from_address(f"2001:db8:0:{number}::1")
        self.assertTurnedAway(self.refusal("198.51.100.9"), "TOO_MANY_CONNECTIONS")
        self.assertEqual(len(self.stage.connects), 6)


class SilentTests(SystemTestCase):
    def test_silent_clients(self) -> None:
        """Connections that say nothing take no place for longer than a second from those who do."""
        backend = self.backend()
        gateway = self.gateway(backend, MAX_CONNECTIONS="20")
        silent = [socket.create_connection(("127.0.0.1", gateway.ws_port), 10) for _ in range(20)]
        for each in silent:
            self.addCleanup(each.close)
            each.sendall(b"GET / HTTP/1.1\r\nX: ")

        def let_in() -> bool:
            try:
                client = self.raw(gateway.ws_port)
                client.send(handshake("/"))
            except ConnectionError:
                return False
            return client.read().startswith(b"HTTP/1.1 101 ")

        eventually(let_in, 4)
