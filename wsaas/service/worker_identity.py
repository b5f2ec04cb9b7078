"""One of several workers: its number, and what its parent has handed to it.

A worker is `twistd wsaas --worker=2` with WORKERS=4. Started by a parent, it finds in WSAAS_PARENT the descriptors of
two pipes, the directory of the sockets of all workers, and the listening UNIX sockets that the parent has opened.
Without a parent, as a template unit of systemd, it is alone with STATE_DIR.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

VARIABLE = "WSAAS_PARENT"


@dataclass(frozen=True, slots=True)
class Inheritance:
    """The descriptors of the pipes from the parent and to it, the directory of the workers' sockets, and open UNIX
    sockets by their paths.

    If the log is `prioritized`, each line that the parent is given begins with syslog's priority. `log` is the place to
    which the parent writes the log of all: a descriptor, the path of a file, or None for one that a worker cannot use.
    """

    hears: int
    tells: int
    peers: str
    sockets: Mapping[str, int] = field(default_factory=dict)
    prioritized: bool = False
    log: int | str | None = None

    def encode(self) -> str:
        """Return the value of the environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Inheritance | None:
        """Take it from the environment; None if there is no parent."""
        text = environ.pop(VARIABLE, None)
        if text is None:
            return None
        fields: dict[str, Any] = json.loads(text)
        taken = cls(**fields)
        for descriptor in (taken.hears, taken.tells, taken.log):
            if isinstance(descriptor, int):
                os.set_inheritable(descriptor, False)
        return taken

    def log_without_parent(self) -> None:
        """Have standard output and standard error go to the log of all: the parent does not read them any more."""
        if self.log is not None:
            with suppress(OSError):  # then nobody can be told
                opened = os.open(self.log, os.O_WRONLY | os.O_APPEND) if isinstance(self.log, str) else self.log
                for standard in (1, 2):
                    os.dup2(opened, standard)


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Worker `number`, from 1, of `count`."""

    number: int
    count: int
    inheritance: Inheritance | None = None

    @classmethod
    def take(cls, number: int, count: int, environ: MutableMapping[str, str]) -> WorkerIdentity:
        """Return the identity, with what the parent has put into the environment, which is taken from there."""
        return cls(number, count, Inheritance.take(environ))

    @property
    def prioritized(self) -> bool:
        """Say if each line of the log begins with syslog's priority, for the parent."""
        return self.inheritance is not None and self.inheritance.prioritized

    def share(self, total: int) -> int:
        """Return this worker's part of a limit: the parts of all workers together are the limit."""
        return total // self.count + (self.number <= total % self.count)


def worker_count(workers: int) -> int:
    """Return how many processes WORKERS stands for: 0 is one for each core that this process may use."""
    return workers or len(os.sched_getaffinity(0))
