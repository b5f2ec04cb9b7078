"""Becoming the only user of the journal's directory: one gateway at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from wsaas.journal.watched_file import WatchedFile


class JournalUnusable(Exception):
    """The journal cannot be kept here and the gateway must not start; the text says why and what to do."""


class JournalLocked(JournalUnusable):
    """Another gateway runs on the same directory."""


class JournalDisplaced(Exception):
    """A start on the directory would not read what was written; the text says what happened to which file."""


def unusable(directory: Path, error: BaseException) -> JournalUnusable:
    """The exception for an operating system's or SQLite's `error`."""
    return JournalUnusable(
        f"STATE_DIR {str(directory)!r} cannot be used for the journal: {error or type(error).__name__}; it must be a "
        "directory that the gateway may write to and no other program works on (STATE_DIR=none goes without)"
    )


class Lock:
    """A lock on `directory` that ends with the process, however that ends.

    The lock of a directory that was moved elsewhere is kept beside the new one: its journal has connections that live
    here, and no other gateway may speak for them. Bound: one open file per move.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "journal.lock"
        self._watched = WatchedFile(self._path)
        self._files: list[int] = []

    def acquire(self) -> None:
        """Make the directory, for the owner only, and become its only user; again when its lock is another file by now.

        Raises JournalLocked, JournalUnusable.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise unusable(self._directory, error) from error
        held = [each for each in self._files if os.path.samestat(os.fstat(each), os.fstat(file))]
        if held:
            os.close(file)  # this does not unlock it: the lock is that of the open file, not of the process
            self._watched.note(held[0])
            return
        self._lock(file)
        for each in [each for each in self._files if os.fstat(each).st_nlink == 0]:
            os.close(each)
            self._files.remove(each)
        self._files.append(file)
        self._watched.note(file)
        with suppress(OSError):  # the pid is a courtesy; that a full disk has no room for it is no reason to stop
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)

    def flaw(self) -> str | None:
        """Say why the lock that is held is not the directory's any more; None if it is."""
        return self._watched.flaw()

    def release(self) -> None:
        """Let others have the directory."""
        self._watched.forget()
        while self._files:
            os.close(self._files.pop())

    def _lock(self, file: int) -> None:
        """Lock the file; it is closed if that cannot be done."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(file, 20, 0).decode("ascii", "replace").strip()
            os.close(file)
            raise JournalLocked(
                f"STATE_DIR {str(self._directory)!r} is in use by another gateway{f' (pid {pid})' if pid else ''}: "
                "stop that one, or give this one a STATE_DIR of its own"
            ) from None
        except OSError as error:
            os.close(file)
            raise unusable(self._directory, error) from error
