"""The scripted backend in a process of its own: to be stopped, killed, started again, and weighed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.backend_answers import Request
from tests.support.backend_server import ROOT

CHECKOUT = Path(__file__).resolve().parents[2]


class BackendProcess:
    """A backend with one stage for everyone, reached by its own HTTP door."""

    def __init__(self, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.backend_server", "--port", str(port)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{ROOT}"

    def _ask(self, method: str, path: str, fields: object = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, json.dumps(fields))
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def answer(
        self,
        event: str,
        status: int,
        body: str = "",
        headers: Iterable[tuple[str, str]] = (),
        delay: float = 0,
        stale: bool = False,
    ) -> None:
        """From now on, answer every `connect`, `message` or `disconnect` like this; with `stale` on a fresh connection
        only: one that was used before is closed without a word once the request is read.
        """
        fields = {"event": event, "status": status, "body": body, "headers": list(headers)}
        fields |= {"delay": delay, "stale": stale}
        self._ask("PUT", "/-/answer", fields)

    @property
    def requests(self) -> list[Request]:
        """All that came since this process began."""
        return [as_request(fields) for fields in json.loads(self._ask("GET", "/-/requests"))]

    def freeze(self) -> None:
        """Stop the process where it stands; its sockets stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Kill it. Can be repeated."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def as_request(fields: dict[str, Any]) -> Request:
    headers = [(name, value) for name, value in fields.pop("headers")]
    return Request(**{**fields, "headers": headers, "body": fields["body"].encode("latin-1")})
