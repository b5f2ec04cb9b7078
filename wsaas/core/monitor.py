"""The one place where a process counts what happens, and tells an observer of it while there is one."""

from __future__ import annotations

from wsaas.core.counters import Counters
from wsaas.core.interfaces import Observer


class Monitor:
    """Shared by all rooms of one process. `observer` may come and go while the process runs."""

    __slots__ = ("counters", "observer")

    def __init__(self) -> None:
        self.counters = Counters()
        self.observer: Observer | None = None
