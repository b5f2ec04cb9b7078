"""The journal's own thread, which waits for the disk, so that neither the reactor nor its pool ever does."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Protocol


class Worker(Protocol):
    """Does jobs one after another, in order. A job reports for itself and never raises."""

    def start(self) -> None:
        """Be ready for jobs."""

    def submit(self, job: Callable[[], None]) -> None:
        """Do this after all earlier jobs; returns at once."""

    def stop(self) -> None:
        """Do what was submitted, then end; returns when it has ended."""


class WriterThread:
    """The Worker of the running gateway. A daemon thread: a disk that hangs does not keep the process from exiting."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def stop(self) -> None:
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # nothing of a batch stays alive until the next one
