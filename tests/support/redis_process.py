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
    """One server, without persistence. `port` is 0 for one that listens on `path` only."""

    def __init__(self, port: int = 0, options: Sequence[str] = ()) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="wsaas-redis-"))
        self.path = self._directory / "redis.sock"
        self.port = port
        self._options = options
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
            self.process = subprocess.Popen([PROGRAM, *arguments], stdout=log, stderr=log)
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
