"""A client that pings and waits for the pong, again and again, in a process of its own: what the test does meanwhile is
not in its way.

    python -m tests.support.pinging PORT PATH        prints a line once it is connected
    a line on its standard input                     it prints a line after its next pong
    the end of its standard input                    it prints the seconds that each pong took, as JSON, and ends
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from typing import IO

from tests.support.source import ROOT
from tests.support.websocket_client import PING, RawClient, frame

PAUSE = 0.002
"""Seconds from a pong to the next ping."""


class Pinging:
    """The process, from its start to `stop`."""

    def __init__(self, port: int, path: str) -> None:
        command = [sys.executable, "-m", "tests.support.pinging", str(port), path]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def rest(self) -> None:
        """Wait until it has pinged again."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write("\n")
        stdin.flush()
        self._read()

    def stop(self) -> list[float]:
        """Have it end, and return the seconds that each pong took, in order of size."""
        spent, _ = self._process.communicate()
        return sorted(json.loads(spent))

    def kill(self) -> None:
        """End it at once, if it is there. Can be repeated."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        stdout: IO[str] | None = self._process.stdout
        assert stdout is not None
        assert stdout.readline() == "\n", "the client that pings has ended"


def ping(port: int, path: str) -> list[float]:
    """Ping until standard input ends; return the seconds that each pong took."""
    client = RawClient(port).open(path)
    spent: list[float] = []
    print(flush=True)
    while True:
        began = time.monotonic()
        client.send(frame(PING, b"p"))
        client.next()
        spent.append(time.monotonic() - began)
        if select.select([sys.stdin], [], [], PAUSE)[0]:
            if not sys.stdin.readline():
                return spent
            print(flush=True)


if __name__ == "__main__":
    print(json.dumps(ping(int(sys.argv[1]), sys.argv[2])))
