"""A real `twistd wsaas` process on loopback: started, asked, watched, stopped, killed."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.api_client import Api
from tests.support.preloaded import ForkedProcess, preloader
from wsaas.settings.load import all_keys

CHECKOUT = Path(__file__).resolve().parents[2]
TWISTD = "from twisted.scripts.twistd import run; run()"
"""The start script does the same, but where it is depends on the installation."""


class Preparation(str):
    """Python that changes the modules of a gateway before they are imported."""

    __slots__ = ()


class NeverReady(Exception):
    """The gateway ended, or did not become ready in time; says what it logged."""


def free_port(following: int = 0) -> int:
    """A port that nobody listens on, and that no other test is given as long as this process lives; and so many that
    follow it.

    It is not one of those that the kernel gives to outgoing connections. Of two tests with the same port, one would
    find the other's gateway ready, and its own not yet listening.
    """
    while True:
        first = random.choice(_candidates())
        names = [socket.socket(socket.AF_UNIX) for _ in range(following + 1)]
        try:
            for port, name in enumerate(names, first):
                # An abstract name: of all processes one can have it, and it is free again when that process ends.
                name.bind(f"\0wsaas-test-port-{port}")
                with socket.socket() as probe:
                    probe.bind(("0.0.0.0", port))
        except OSError:
            for name in names:
                name.close()
        else:
            for name in names:
                name.detach()  # open as long as this process lives
            return first


@cache
def _candidates() -> list[int]:
    lowest, highest = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [port for port in range(10_000, 65_536) if not lowest <= port <= highest]
    return ports or list(range(10_000, 65_536))


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with the given settings and no others."""
    kept = {name: value for name, value in os.environ.items() if name not in all_keys()}
    return {**kept, **settings, "PYTHONPATH": str(CHECKOUT)}


class Gateway:
    """One process. Its clients are at `ws`, its API at `api`; all that it prints goes into one file, or to `stdout`.

    `program` is the Python that is run, TWISTD if it is None; `twistd` are its options before wsaas, `arguments`
    those after it, `within` the command that runs all of it. Without these, and with no other variables than the
    gateway's settings, it is forked from a process that has the modules already; `program=TWISTD` is the whole start.
    A Preparation is run by that process, before it has any module of the gateway; TWISTD follows.
    """

    process: subprocess.Popen[bytes] | ForkedProcess

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        *,
        arguments: Sequence[str] = (),
        ws_port: int = 0,
        http_port: int = 0,
        api: Api | None = None,
        program: str | None = None,
        twistd: Sequence[str] = ("-n", "--pidfile="),
        stdout: int | None = None,
        within: Sequence[str] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.ws_port = ws_port or free_port()
        self.http_port = http_port or free_port()
        self.api = api or Api(self.http_port, token=settings.get("API_TOKEN"))
        self._log = directory / "gateway.log"
        placed = {
            "WS_ENDPOINT": f"tcp:{self.ws_port}:interface=127.0.0.1",
            "WS_PORT": str(self.ws_port),
            "HTTP_PORT": str(self.http_port),
            **settings,
        }
        placed = {name: value for name, value in placed.items() if value}
        command, environ = [*twistd, "wsaas", *arguments], environment(placed)
        with self._log.open("ab") as log:
            own = program and not isinstance(program, Preparation)
            whole = program if own else f"{program or ''}\n{TWISTD}"
            if within or own or stdout is not None or not settings.keys() <= set(all_keys()):
                self.process = subprocess.Popen(
                    [*within, sys.executable, "-c", whole, *command],
                    cwd=directory,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log if stdout is None else stdout,
                    stderr=log,
                )
            else:
                self.process = preloader(program or "").start(TWISTD, command, directory, environ, log.fileno())

    @classmethod
    def start(
        cls,
        directory: Path,
        settings: Mapping[str, str],
        *,
        arguments: Sequence[str] = (),
        make: Callable[[int, int], tuple[Mapping[str, str], Api]] | None = None,
        **process: Any,
    ) -> Gateway:
        """Start and wait until it is ready; once more with other ports if somebody took one meanwhile.

        `make` is given the two ports and says further settings and how the API is then reached.
        """
        for chance in (3, 2, 1):
            ws_port, http_port = free_port(), free_port()
            more, api = make(ws_port, http_port) if make else ({}, None)
            gateway = cls(
                directory,
                {**settings, **more},
                arguments=arguments,
                ws_port=ws_port,
                http_port=http_port,
                api=api,
                **process,
            )
            try:
                gateway.wait_ready()
            except NeverReady as problem:
                gateway.kill()
                if chance == 1 or "in use" not in str(problem):
                    raise
            else:
                return gateway
        raise AssertionError("unreachable")

    @property
    def ws(self) -> str:
        """The URL at which clients connect, without a path."""
        return f"ws://127.0.0.1:{self.ws_port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """All that the process has printed so far."""
        return self._log.read_text(errors="replace")

    def wait_ready(self, within: float = 120) -> None:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NeverReady(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
            try:
                if self.api.get("/-/ready").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise NeverReady(f"the gateway was not ready after {within} s:\n{self.log()}")

    def terminate(self) -> None:
        """Ask it to end (SIGTERM), and do not wait."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, within: float = 30) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(within)

    def stop(self, within: float = 30) -> int:
        self.terminate()
        return self.wait(within)

    def kill(self) -> None:
        """End it at once (SIGKILL). Can be repeated."""
        self.process.kill()
        self.process.wait()

    def rss(self) -> int:
        """Resident memory in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the kernel does not say VmRSS")

    def listening(self) -> set[tuple[str, int]]:
        """The addresses of the process's listening TCP sockets, from /proc."""
        inodes = set()
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                target = os.readlink(link)
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        found = set()
        for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
            path = Path(f"/proc/{self.pid}/net/{table}")
            for line in path.read_text().splitlines()[1:] if path.exists() else ():
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    address, port = fields[1].split(":")
                    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                    found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
        return found
