"""The journal's thread. It waits for the disk, so that neither the reactor nor the reactor's thread pool does."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Protocol


class JobQueue(Protocol):
    """Runs jobs one after another, in order. A job reports its own result and never raises."""

    def start(self) -> None:
        """Begin to run jobs."""

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job after all earlier ones. Returns at once."""

    def stop(self) -> None:
        """Run the submitted jobs, then end. Returns after the end."""


class WriterThread:
    """The JobQueue of the running gateway: a daemon thread, so that a hanging disk does not keep the process alive.

    Bound: the journal submits a batch when the one before is written.
    """

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
            del job  # frees the batch before the next job comes
