"""A gateway of several workers: which of them has a connection, and connections of the API to each of them."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.gateway_process import Gateway
from tests.support.system_case import SystemTestCase, eventually
from wsaas.core.ids import PREFIX_LENGTH

PATIENCE = 60.0
"""Seconds in which things happen that must happen, on however slow a machine."""


@dataclass(frozen=True)
class Reply:
    """An answer of the API, all of it but the moment and the request's id."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ApiLine:
    """One kept-alive connection of the API, and the process at its other end."""

    def __init__(self, port: int, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.socket = line
        self._file = line.makefile("rb")
        self.port = port

    def ask(self, method: str, target: str, body: bytes = b"", headers: str = "") -> Reply:
        """Send a request whose head is as it stands here, and return the answer. The fast path serves it if it may."""
        self.send(method, target, body, headers)
        return self.receive(method)

    def send(self, method: str, target: str, body: bytes = b"", headers: str = "") -> None:
        """Send a request, and do not wait for its answer."""
        length = f"Content-Length: {len(body)}\r\n" if method in ("PUT", "POST") else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost:{self.port}\r\n{headers}{length}\r\n"
        self.socket.sendall(head.encode("latin-1") + body)

    def receive(self, method: str = "") -> Reply:
        """Return the next answer; that to a HEAD has no body."""
        status = int(self._file.readline().split()[1])
        fields = []
        while line := self._file.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            fields.append((name.lower(), value.strip()))
        size = int(dict(fields).get("content-length", "0"))
        got = b"" if method == "HEAD" else self._file.read(size)
        return Reply(status, tuple(sorted(pair for pair in fields if pair[0] not in ("date", "x-amzn-requestid"))), got)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()


class Workers:
    """The workers of a running gateway."""

    def __init__(self, case: SystemTestCase, gateway: Gateway) -> None:
        self._case = case
        self.gateway = gateway
        self.count = len(self.rows())
        """All of them: the gateway is ready."""

    def rows(self) -> list[dict[str, object]]:
        """What /-/cluster lists."""
        rows: list[dict[str, object]] = self.gateway.api.get("/-/cluster").json()["workers"]
        return rows

    def all_ready(self) -> bool:
        """Say if every worker is ready, and no connection of the API is refused.

        The worker that answers may not have heard of a death yet: those that it names must be there.
        """
        try:
            rows = self.rows()
        except OSError:
            return False
        there = [row["pid"] for row in rows if row["state"] == "ready"]
        return len(there) == self.count and set(there) == set(self.children())

    @property
    def pids(self) -> dict[str, int]:
        """The pids of the workers by the prefixes of their ids."""
        return {str(row["prefix"]): int(str(row["pid"])) for row in self.rows()}

    def owner(self, id: str) -> int:
        """The pid of the process that has the connection."""
        return self.pids[id[:PREFIX_LENGTH]]

    def line(self, pid: int) -> ApiLine:
        """A connection of the API to this worker."""
        return line_to(self._case, self.gateway, pid)

    def lines(self) -> list[ApiLine]:
        """A connection of the API to each worker."""
        return [self.line(pid) for pid in self.pids.values()]

    def children(self) -> list[int]:
        """The pids of the parent's processes."""
        return children(self.gateway)

    def stop(self, pid: int) -> None:
        """Stop a worker where it stands; it goes on after the test, whatever happens."""
        os.kill(pid, signal.SIGSTOP)
        self._case.addCleanup(resume, pid)


def line_to(case: SystemTestCase, gateway: Gateway, pid: int, kind: type[ApiLine] = ApiLine) -> ApiLine:
    """A connection of the API to this worker of a gateway; the kernel deals them out, so that it takes some."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        line = socket.create_connection(("127.0.0.1", gateway.http_port), PATIENCE)
        if _accepted_by(gateway, line) == pid:
            found = kind(gateway.http_port, pid, line)
            case.addCleanup(found.close)
            return found
        line.close()
    raise AssertionError(f"no connection reached worker {pid}")


def children(gateway: Gateway) -> list[int]:
    """The pids of a parent's processes."""
    path = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def _accepted_by(gateway: Gateway, line: socket.socket) -> int | None:
    """The process that has the other end, from /proc, once it is accepted."""
    ours, theirs = line.getsockname()[1], gateway.http_port
    inode = eventually(lambda: _inode(theirs, ours))
    for pid in eventually(lambda: children(gateway)):
        if any(_link(each) == f"socket:[{inode}]" for each in Path(f"/proc/{pid}/fd").iterdir()):
            return pid
    return None


def resume(pid: int) -> None:
    """Let a stopped process go on; it may be gone."""
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def _inode(local: int, remote: int) -> str | None:
    """The inode of the socket on loopback between these ports, if it is accepted."""
    wanted = f":{local:04X}", f":{remote:04X}"
    lines = [line for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    for fields in map(str.split, lines):
        if fields[1].endswith(wanted[0]) and fields[2].endswith(wanted[1]) and fields[9] != "0":
            return fields[9]
    return None


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return ""
