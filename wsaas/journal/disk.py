"""The journal's directory, as the writer's thread uses it: the lock and the file, and both anew when they are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wsaas.journal.file import Store
from wsaas.journal.lock import JournalDisplaced, JournalUnusable, Lock
from wsaas.journal.pending_changes import Changes
from wsaas.journal.repair import Kept


class Disk:
    """Each call may wait for the disk. For one thread at a time, whichever.

    `clock()` counts seconds, `wall_clock()` is the time in seconds since the epoch.
    """

    def __init__(
        self,
        directory: Path,
        keep_authorization: bool,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self.store = Store(directory, clock, wall_clock)
        self._lock = Lock(directory)
        self._keep_authorization = keep_authorization

    def open(self) -> list[Kept]:
        """Become the directory's only user and read what an earlier life left. Raises JournalUnusable."""
        self._lock.acquire()
        try:
            return self.store.open()
        except JournalUnusable:
            self._lock.release()
            raise

    def write(self, batch: Changes, probe: bool, look: bool) -> None:
        """Write the batch; with `look`, see first whether the files are still the directory's.

        Raises JournalDisplaced if a start would not read what is written, else what the disk says.
        """
        if look:
            self._look()
        try:
            self.store.write(batch.rows(self._keep_authorization), tuple(batch.forgotten), probe)
        except Exception:
            self._look()  # that may be the reason
            raise

    def take_again(self) -> list[Kept]:
        """Become the only user of what the directory is now, and read what is in it. Raises JournalUnusable.

        While another gateway has the directory, the file that was open stays so.
        """
        self._lock.acquire()
        return self.store.open()

    def write_anew(self, everything: Changes) -> None:
        """Put this, and nothing else, into the file. Raises as `write` does."""
        self.store.write(everything.rows(self._keep_authorization), (), probe=True, anew=True)

    def close(self) -> None:
        """Leave one tidy file, if the disk lets us, and let others have the directory."""
        try:
            self.store.close()
        finally:
            self._lock.release()

    def _look(self) -> None:
        flaw = self._lock.flaw() or self.store.flaw()
        if flaw is not None:
            raise JournalDisplaced(flaw)
