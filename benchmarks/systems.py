"""The systems under test: starting them, and the requests that they take."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from benchmarks.accounting import family

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT = 30.0
"""Seconds in which a system must listen."""


@dataclass
class Place:
    """The surroundings of a system: its own directory, the sink's port, and a PEM file with key and certificate."""

    directory: Path
    sink: int
    pem: Path


@dataclass
class System:
    """One system. It chooses the connections' ids and tells the backend, unless `clients_choose` them."""

    name: str
    place: Place
    clients_choose: ClassVar[bool] = False
    subscribes_in: ClassVar[float] = 0.0
    """Seconds after its handshake until a client receives pushes."""
    can: ClassVar[frozenset[str]] = frozenset(("tls", "broadcast"))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    more_settings: dict[str, str] = field(default_factory=dict)
    """Settings of the gateway beyond those of its variant."""
    engine: subprocess.Popen[bytes] | None = None
    """The server that a cluster needs beside its own processes."""

    def __post_init__(self) -> None:
        self.port, self.tls_port, self.api_port = free_ports(3)

    @property
    def slug(self) -> str:
        """The system's name in paths."""
        return re.sub(r"\W+", "-", self.name)

    @property
    def target(self) -> str:
        return f"http://127.0.0.1:{self.place.sink}/{self.slug}"

    def start(self) -> None:
        """Start the system, and wait until it listens."""
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT
        for port in self.listening():
            while not _answers(port):
                dead = [each for each in self.processes if each.poll() is not None]
                if dead or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"{self.name} does not start: {self.last_words()}")
                time.sleep(0.05)

    def launch(self) -> None:
        raise NotImplementedError

    def listening(self) -> list[int]:
        return [self.port, self.api_port, *([self.tls_port] if "tls" in self.can else [])]

    def spawn(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        log = self.place.directory / f"{self.slug}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(each) for each in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.place.directory,
                env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **(environment or {})},
            )
        self.processes.append(process)

    def last_words(self) -> str:
        """Return the end of the system's log."""
        return (self.place.directory / f"{self.slug}.log").read_text(errors="replace")[-1000:]

    def pids(self) -> list[int]:
        return family(each.pid for each in self.processes)

    def stop(self) -> None:
        all = [*self.processes, *([self.engine] if self.engine else [])]
        for process in all:
            process.terminate()
        for process in all:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        self.engine = None

    def url(self, *, tls: bool = False, crowd: bool = False) -> str:
        """Return the URL for clients; `{n}` stands for a client's number. With `crowd`, clients receive broadcasts.

        Several, between spaces, are for clients that are spread over all of them.
        """
        return f"wss://127.0.0.1:{self.tls_port}/{{n}}" if tls else f"ws://127.0.0.1:{self.port}/{{n}}"

    def push(self, id: str, body: str) -> str:
        """Return the request that sends `body` to one connection."""
        return request("PUT", f"/{id}", body)

    def broadcast(self, body: str) -> str:
        """Return the request that sends `body` to all connections."""
        return request("PUT", "/broadcast", body)


class Wsaas(System):
    """The gateway of this checkout, with the journal on disk and every limit at its default.

    `wsaas:VARIANT` is the same with another setting, `wsaas:N-workers` with WORKERS=N, `wsaas:python=FILE` under an
    interpreter of an environment with the gateway's dependencies, `wsaas:N-workers+VARIANT` with both, and
    `wsaas@DIRECTORY` the gateway of another checkout.
    """

    can = System.can | {"group", "batch", "streams", "workers", "events"}
    variants: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "journal-in-memory": {"STATE_DIR": "none"},
        "signed": {"WEBHOOK_SECRET": "whsec_YmVuY2htYXJrcy1iZW5jaG1hcmtzLWJlbmNobWFyaw=="},
        "token": {"API_TOKEN": "benchmarks-benchmarks-benchmarks"},
        "no-keepalive": {"WS_TIMEOUT": "0"},
        "batches": {"WEBHOOK_BATCH": "8"},
        "streams": {"MAX_STREAMS": "2000"},
    }
    scheduled: ClassVar[Mapping[str, Sequence[str]]] = {"nice": ("nice", "-n", "-15"), "fifo": ("chrt", "-f", "10")}
    """Variants that the scheduler prefers to other processes; only root may have them."""
    interpreter = sys.executable

    @staticmethod
    def varied(name: str, variant: str) -> str:
        """Return the name of a system with one more variant."""
        head, at, tree = name.partition("@")
        return f"{head}{'+' if ':' in head else ':'}{variant}{at}{tree}"

    def launch(self) -> None:
        variant = self.name.partition("@")[0].partition(":")[2]
        settings: dict[str, str] = {}
        prefix: list[str] = []
        for each in filter(None, variant.split("+")):
            workers = re.fullmatch("([0-9]+)-workers", each)
            if each in self.scheduled:
                prefix += self.scheduled[each]
            elif each.startswith("python="):
                self.interpreter = each.removeprefix("python=")
            else:
                settings |= {"WORKERS": workers[1]} if workers else self.variants[each]
        self.token = settings.get("API_TOKEN")
        endpoints = (
            f"tcp:{self.port}:interface=127.0.0.1 "
            f"wsaas-tls:{self.tls_port}:interface=127.0.0.1:certificate={self.place.pem}"
        )
        self.gateway(self.place.directory / self.slug, endpoints, self.api_port, settings, prefix)

    def gateway(
        self,
        directory: Path,
        endpoints: str,
        api_port: int,
        settings: Mapping[str, str],
        prefix: Sequence[str] = (),
    ) -> None:
        """Start one gateway in a directory of its own; `prefix` is the command that runs it."""
        tree = self.name.partition("@")[2]
        directory.mkdir(exist_ok=True)
        self.spawn(
            [
                *prefix,
                self.interpreter,
                "-c",
                "import sys, os; os.chdir(sys.argv.pop(1)); from twisted.scripts.twistd import run; run()",
                directory,
                "--nodaemon",
                "--pidfile=",
                "wsaas",
            ],
            {
                "PYTHONPATH": str(Path(tree).resolve()) if tree else str(ROOT),
                "TARGET_ADDRESS": self.target,
                "WS_ENDPOINT": endpoints,
                "HTTP_PORT": str(api_port),
                **settings,
                **self.more_settings,
            },
        )

    def start(self) -> None:
        """Start the gateway, and wait until all its workers serve."""
        super().start()
        deadline = time.monotonic() + START_TIMEOUT
        while not _ready(self.api_port) and time.monotonic() < deadline:
            time.sleep(0.05)

    def push(self, id: str, body: str) -> str:
        return request("PUT", f"/{id}", body, self.token)

    def events(self, query: str = "") -> str:
        """Return the request that begins the stream of events."""
        return request("GET", f"/-/events{query}", "", self.token)

    def broadcast(self, body: str) -> str:
        return request("PUT", "/broadcast", body, self.token)

    def group(self, name: str, body: str) -> str:
        """Return the request that sends `body` to a group."""
        return request("PUT", f"/groups/{name}", body, self.token)

    def join(self, name: str, id: str) -> str:
        """Return the request that makes a connection a member of a group."""
        return request("PUT", f"/groups/{name}/{id}", "", self.token)


class Plain(System):
    def launch(self) -> None:
        endpoints = [
            f"tcp:{self.port}:interface=127.0.0.1",
            f"ssl:{self.tls_port}:interface=127.0.0.1:privateKey={self.place.pem}:certKey={self.place.pem}",
        ]
        self.spawn([sys.executable, "-m", "benchmarks.peers.plain", self.target, *endpoints, str(self.api_port)])


class Aiohttp(System):
    def launch(self) -> None:
        ports = [str(self.port), str(self.api_port), str(self.tls_port)]
        self.spawn([sys.executable, "-m", "benchmarks.peers.aiohttp_gateway", self.target, *ports, self.place.pem])


def request(method: str, path: str, body: str, token: str | None = None) -> str:
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


def free_ports(count: int) -> list[int]:
    """Return ports on which no process listens now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
