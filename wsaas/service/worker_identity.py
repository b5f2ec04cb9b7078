"""One of several workers: its number, and what its parent has handed to it.

A worker is `twistd wsaas --worker=2` with WORKERS=4. Started by a parent, it finds in WSAAS_PARENT the descriptors of
two pipes, the directory of the sockets of all workers, and the listening UNIX sockets that the parent has opened.
Without a parent, as a template unit of systemd, it is alone with STATE_DIR.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any

from wsaas.core.gateway import Gateway

VARIABLE = "WSAAS_PARENT"


@dataclass(frozen=True, slots=True)
class Parentage:
    """The descriptors of the pipes from the parent and to it, the directory of the workers' sockets, and open UNIX
    sockets by their paths.

    If the log is `prioritized`, each line that the parent is given begins with syslog's priority.
    """

    hears: int
    tells: int
    peers: str
    sockets: Mapping[str, int] = field(default_factory=dict)
    prioritized: bool = False

    def encode(self) -> str:
        """Return the value of the environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Parentage | None:
        """Take it from the environment; None if there is no parent."""
        text = environ.pop(VARIABLE, None)
        if text is None:
            return None
        fields: dict[str, Any] = json.loads(text)
        for descriptor in (fields["hears"], fields["tells"]):
            os.set_inheritable(descriptor, False)
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Worker `number`, from 1, of `count`."""

    number: int
    count: int
    parentage: Parentage | None = None

    def share(self, total: int) -> int:
        """Return this worker's part of a limit: the parts of all workers together are the limit."""
        return total // self.count + (self.number <= total % self.count)


def worker_row(number: int, ready: bool, gateway: Gateway) -> dict[str, object]:
    """Return what /-/cluster says of this process: its number, pid, state, the prefix of its ids, its connections."""
    return {
        "worker": number,
        "pid": os.getpid(),
        "state": "ready" if ready else "unready",
        "prefix": gateway.prefix,
        "connections": gateway.registry.count,
    }


def worker_count(workers: int) -> int:
    """Return how many processes WORKERS stands for: 0 is one for each core that this process may use."""
    return workers or len(os.sched_getaffinity(0))
