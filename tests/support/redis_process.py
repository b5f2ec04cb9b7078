"""A real redis-server on a unix socket or a free port: started, stopped, killed, begun again with nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hiredis

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")
MISSING = None if PROGRAM else "redis-server is not installed"
"""The reason to skip what needs it."""


class Redis:
    """One server, without persistence. `port` is 0 for one that listens on `path` only.

    `within` is the command that runs it, in a network of its own for example.
    """

    def __init__(self, port: int = 0, options: Sequence[str] = (), within: Sequence[str] = ()) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="wsaas-redis-"))
        self.path = self._directory / "redis.sock"
        self.port = port
        self._options = options
        self._within = within
        self.start()

    @property
    def address(self) -> str:
        """The value of CLUSTER."""
        return f"redis://127.0.0.1:{self.port}" if self.port else f"unix://{self.path}"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.path), "--save", ""]
        self._launch([*arguments, "--appendonly", "no", "--dir", str(self._directory), *self._options])

    def _launch(self, arguments: Sequence[str]) -> None:
        assert PROGRAM is not None
        with open(self._directory / "log", "ab") as log:
            self.process = subprocess.Popen([*self._within, PROGRAM, *arguments], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.ask("PING")
                return
            except (OSError, hiredis.ReplyError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self._directory / "log").read_text()) from None
                time.sleep(0.02)

    def ask(self, *words: str | int | bytes) -> Any:
        """Send one command and return its reply."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(str(self.path))
            line.sendall(hiredis.pack_command(words))
            reader = hiredis.Reader()
            while (reply := reader.gets()) is False:
                data = line.recv(65536)
                if not data:
                    raise OSError("the server hung up")
                reader.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def follow(self, port: int) -> None:
        """Be a replica of the server at this port of loopback, and wait until it has all of it."""
        self.ask("REPLICAOF", "127.0.0.1", port)
        deadline = time.monotonic() + 30
        while b"master_link_status:up" not in self.ask("INFO", "replication"):
            if time.monotonic() > deadline:
                raise AssertionError((self._directory / "log").read_text())
            time.sleep(0.05)

    def save(self) -> None:
        """Have it remember what it holds now, for a start after `roll_back`."""
        self.ask("SAVE")
        (self._directory / "dump.rdb").rename(self._directory / "saved.rdb")

    def roll_back(self) -> None:
        """Kill it, and start it with what it held when it was saved."""
        self.kill()
        (self._directory / "saved.rdb").rename(self._directory / "dump.rdb")
        self.start()
        (self._directory / "dump.rdb").unlink()

    def kill(self) -> None:
        """End it at once: what it held is gone. Can be repeated."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stop it where it stands."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        """Kill it and remove what it left."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)


class Sentinels:
    """Three Sentinels, which watch the server at a port of loopback under the name `master`."""

    NAME = "master"

    def __init__(self, port: int, ports: Sequence[int]) -> None:
        assert PROGRAM is not None
        self._directory = Path(tempfile.mkdtemp(prefix="wsaas-sentinels-"))
        self._processes = []
        self.ports = ports
        for own in ports:
            path = self._directory / f"{own}.conf"
            path.write_text(
                f"port {own}\nbind 127.0.0.1\ndir {self._directory}\n"
                f"sentinel monitor {self.NAME} 127.0.0.1 {port} 2\n"
                f"sentinel down-after-milliseconds {self.NAME} 1000\nsentinel failover-timeout {self.NAME} 6000\n"
            )
            with open(self._directory / f"{own}.log", "ab") as log:
                command = [PROGRAM, str(path), "--sentinel"]
                self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    @property
    def address(self) -> str:
        """The value of CLUSTER."""
        return f"redis://{','.join(f'127.0.0.1:{port}' for port in self.ports)}#{self.NAME}"

    def log(self) -> str:
        """All that the first of them has printed."""
        return (self._directory / f"{self.ports[0]}.log").read_text()

    def master(self) -> int:
        """The port of the server that the first one has as the master."""
        return int(self._ask("get-master-addr-by-name")[1])

    def agreed(self) -> bool:
        """Say if each knows the two others and the replica."""
        try:
            fields = self._ask("master")
        except OSError:
            return False
        found = dict(zip(fields[::2], fields[1::2], strict=True))
        return found[b"num-other-sentinels"] == b"2" and found[b"num-slaves"] != b"0"

    def _ask(self, what: str) -> Any:
        with socket.create_connection(("127.0.0.1", self.ports[0]), 10) as line:
            line.sendall(hiredis.pack_command(("SENTINEL", what, self.NAME)))
            reader = hiredis.Reader()
            while (reply := reader.gets()) is False:
                reader.feed(line.recv(65536))
        return reply

    def end(self) -> None:
        """Kill them and remove what they left."""
        for process in self._processes:
            process.kill()
            process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)
