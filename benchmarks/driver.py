"""The processes beside the systems, the load and the sink, as the benchmark controls them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from typing import Any

from benchmarks.systems import ROOT


class Lost(Exception):
    """Something did not arrive."""


class Unable(Exception):
    """A system cannot do a work at all, which is no fault of it."""


class Sink:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def counts(self, system: str) -> dict[str, int]:
        found: dict[str, int] = self._ask(f"/-/counts/{system}")
        return {"connect": 0, "message": 0, "disconnect": 0, "bytes": 0, **found}

    def ids(self, system: str) -> list[str]:
        found: list[str] = self._ask(f"/-/ids/{system}")
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class Load:
    def __init__(self, sink: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load", str(sink)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **fields: object) -> dict[str, Any]:
        """Run one job and return its figures."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator died")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Lost(answer["error"])
        return answer

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
