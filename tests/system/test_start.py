"""The start as its user and the service manager see it, and a service whose sockets are systemd's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.api_client import Api
from tests.support.gateway_process import Gateway, environment
from tests.support.system_case import Pair, SystemTestCase, eventually

HINT = "the API is for this machine only: to open it to others, set API_TOKEN_FILE or API_TOKEN"
AS_SYSTEMD = """
import fcntl, os, sys
passed = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 100) for each in sys.argv.pop(1).split()]
for at, each in enumerate(passed):
    os.dup2(each, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)))
from twisted.scripts.twistd import run
run()
"""


class HintTests(SystemTestCase):
    def log_of_start(self, **settings: str) -> str:
        """The log of a start up to its last line, and what is said of the console and the API beside it."""
        pair = Pair(self.directory(), settings)
        self.addCleanup(pair.backend.stop)
        gateway = self.watched(pair.gateway)
        gateway.terminate()
        gateway.wait()
        return gateway.log()

    def test_how_to_open(self) -> None:
        """A start whose API listens on loopback for want of a token says how to open it."""
        self.assertIn(HINT, self.log_of_start())

    def test_open(self) -> None:
        """One that has a token does not."""
        self.assertNotIn(HINT, self.log_of_start(API_TOKEN="the-token-of-the-api"))

    def test_no_such_socket(self) -> None:
        """A socket that systemd did not pass ends the start with a line that says which one, and why."""
        for endpoint in ("systemd:domain=INET:name=wsaas-api", "systemd:domain=INET:index=0"):
            gateway = self.watched(Gateway(self.directory(), {"HTTP_ENDPOINT": endpoint}))
            self.assertEqual(gateway.wait(), 1)
            line = f"wsaas: HTTP_ENDPOINT={endpoint}: systemd passed no such socket to this process; passed: none"
            self.assertIn(line, gateway.log())


class TakenTests(SystemTestCase):
    def test_taken(self) -> None:
        """A port that is taken ends the start with a line that names the setting as it was set, and the place once."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for settings, label in (
                ({"WS_ENDPOINT": f"tcp:{port}:interface=127.0.0.1"},) * 2,
                ({"WS_ENDPOINT": "", "WS_PORT": str(port)}, {"WS_PORT": str(port)}),
                ({"HTTP_PORT": str(port)},) * 2,
            ):
                [(name, value)] = label.items()
                gateway = self.watched(Gateway(self.directory(), settings))
                self.assertEqual(gateway.wait(), 1)
                line = f"wsaas: {name}={value}: cannot listen there: Address already in use"
                self.assertIn(f"{line}\n", gateway.log())


class Activated(Gateway):
    """A gateway that is passed listening sockets, by name, as systemd passes them."""

    def __init__(self, directory: Path, settings: Mapping[str, str], sockets: Mapping[str, socket.socket]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._log = directory / "gateway.log"
        numbers = [each.fileno() for each in sockets.values()]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", AS_SYSTEMD, " ".join(map(str, numbers)), "-n", "--pidfile=", "wsaas"],
                cwd=directory,
                env=environment({**settings, "LISTEN_FDNAMES": ":".join(sockets)}),
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


class SystemdTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        runtime = tempfile.mkdtemp()  # not below trial's: the path of a UNIX socket is at most 107 bytes
        self.addCleanup(shutil.rmtree, runtime)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.notify = os.path.join(runtime, "notify")
        self.manager.bind(self.notify)
        self.manager.settimeout(30)
        self.sockets = {name: self.listening() for name in ("wsaas-api", "wsaas-clients")}
        self.ws_port = self.sockets["wsaas-clients"].getsockname()[1]
        self.api = Api(self.sockets["wsaas-api"].getsockname()[1])

    def listening(self) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        return listening

    def heard(self) -> list[str]:
        """The next thing that the service manager is told."""
        return self.manager.recv(4096).decode().splitlines()

    def started(self, target: str, **settings: str) -> Activated:
        fixed = {
            "WS_ENDPOINT": "systemd:domain=INET:name=wsaas-clients",
            "HTTP_ENDPOINT": "systemd:domain=INET:name=wsaas-api",
            "NOTIFY_SOCKET": self.notify,
            "TARGET_ADDRESS": target,
        }
        gateway = Activated(self.directory(), {**fixed, **settings}, self.sockets)
        self.watched(gateway)
        return gateway

    def test_workers(self) -> None:
        """Several workers share systemd's sockets, also after a restart of each; the parent tells the manager."""
        backend = self.backend()
        gateway = self.started(backend.address, WORKERS="2", DRAIN_TIMEOUT="20000")
        self.manager.settimeout(120)
        self.assertEqual(self.heard(), ["READY=1"])
        for _ in range(2):
            for _ in range(8):
                self.connect(f"ws://127.0.0.1:{self.ws_port}/").close()
                self.assertEqual(self.api.get("/-/ready").status, 200)
            gateway.process.send_signal(signal.SIGHUP)
            self.assertEqual(self.heard()[0], "RELOADING=1")
            self.assertEqual(self.heard(), ["READY=1"])
            gateway.process.send_signal(signal.SIGUSR2)
            eventually(lambda: "all workers are restarted" in gateway.log(), 120)
        gateway.terminate()
        self.assertEqual(self.heard()[0], "STOPPING=1")
        self.assertEqual(gateway.wait(), 0)

    def test_life(self) -> None:
        """The manager hears READY when clients are taken, RELOADING and READY at a SIGHUP, and STOPPING at the end."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.started(backend.address, DRAIN_TIMEOUT="20000")
        self.assertEqual(self.heard(), ["READY=1"])
        self.assertEqual(self.api.get("/-/ready").status, 200)
        self.connect(f"ws://127.0.0.1:{self.ws_port}/")
        gateway.process.send_signal(signal.SIGHUP)
        reloading, since = self.heard()
        self.assertEqual(reloading, "RELOADING=1")
        self.assertTrue(since.startswith("MONOTONIC_USEC="))
        self.assertEqual(self.heard(), ["READY=1"])
        gateway.terminate()
        self.assertEqual(self.heard(), ["STOPPING=1", "EXTEND_TIMEOUT_USEC=30000000"])
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual(len(stage.disconnects), 1)

    def test_restart(self) -> None:
        """A client that comes while the service restarts waits in the socket, and is served by the next process."""
        backend = self.backend()
        stage = backend.stage("/")
        first = self.started(backend.address)
        self.assertEqual(self.heard(), ["READY=1"])
        self.assertEqual(first.stop(), 0)
        client = self.raw(self.ws_port)
        client.ask("/")
        self.started(backend.address)
        client.accepted()
        self.assertEqual(len(stage.connects), 1)

    def test_other_name(self) -> None:
        """A socket by another name is not taken for it; the line says which names there are."""
        gateway = self.started("http://127.0.0.1:1", HTTP_ENDPOINT="systemd:domain=INET:name=api")
        self.assertEqual(gateway.wait(), 1)
        line = "name=api: systemd passed no such socket to this process; passed: wsaas-api:wsaas-clients"
        self.assertIn(line, gateway.log())
