"""The journal's directory as the writer thread uses it: the lock and the file, replaced when they are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wsaas.journal.file import Store
from wsaas.journal.lock import JournalDisplaced, JournalUnusable, Lock
from wsaas.journal.pending_changes import Changes
from wsaas.journal.repair import Kept


class Disk:
    """The lock and the file of one directory. Calls may block on the disk; one thread at a time may call.

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
        """Lock the directory and read the connections that an earlier process left. Raises JournalUnusable."""
        self._lock.acquire()
        try:
            return self.store.open()
        except JournalUnusable:
            self._lock.release()
            raise

    def write(self, batch: Changes, probe: bool, look: bool) -> None:
        """Write the batch. With `look`, check first that the open files are still those of the directory.

        Raises JournalDisplaced if a start on the directory would not read this file; sqlite3.Error or OSError if the
        disk refuses the write.
        """
        if look:
            self._look()
        try:
            self.store.write(batch.rows(self._keep_authorization), tuple(batch.deletions), probe)
        except Exception:
            self._look()  # a displaced file may be the reason
            raise

    def take_again(self) -> list[Kept]:
        """Lock the directory that is now at the path and read its file. Raises JournalUnusable.

        If another gateway has locked it, the file opened before stays open.
        """
        self._lock.acquire()
        return self.store.open()

    def write_anew(self, everything: Changes) -> None:
        """Replace all rows of the file by these. Raises as `write` does."""
        self.store.write(everything.rows(self._keep_authorization), (), probe=True, anew=True)

    def close(self) -> None:
        """Close the file, merged with its write-ahead log if the disk allows that, and unlock the directory."""
        try:
            self.store.close()
        finally:
            self._lock.release()

    def _look(self) -> None:
        flaw = self._lock.flaw() or self.store.flaw()
        if flaw is not None:
            raise JournalDisplaced(flaw)
