"""The lock on the journal's directory: one gateway at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from wsaas.journal.watched_file import WatchedFile


class JournalUnusable(Exception):
    """The journal cannot be kept in STATE_DIR, so the gateway must not start. The text names cause and remedy."""


class JournalLocked(JournalUnusable):
    """Another gateway uses the same directory."""


class JournalDisplaced(Exception):
    """A start on the directory would not read the open file. The text says what happened to which file."""


def unusable(directory: Path, error: BaseException) -> JournalUnusable:
    """Return the exception for an `error` of the operating system or of SQLite."""
    return JournalUnusable(
        f"STATE_DIR {str(directory)!r} cannot be used for the journal: {error or type(error).__name__}; it must be a "
        "directory that the gateway may write to and no other program uses (STATE_DIR=none runs without a journal)"
    )


class Lock:
    """A lock on `directory` that the kernel releases at the end of the process, also after kill -9.

    If the directory was moved and a new one is locked, the old lock is kept as well: the old journal holds connections
    that live in this process, and no other gateway may send their DELETEs. Bound: one open file for each move.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "journal.lock"
        self._watched = WatchedFile(self._path)
        self._files: list[int] = []

    def acquire(self) -> None:
        """Create the directory, with mode 0700, and lock it. A further call locks a lock file that has replaced the
        first.

        Raises JournalLocked, JournalUnusable.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise unusable(self._directory, error) from error
        held = [each for each in self._files if os.path.samestat(os.fstat(each), os.fstat(file))]
        if held:
            os.close(file)  # this does not unlock it: a flock belongs to the open file, not to the process
            self._watched.note(held[0])
            return
        self._lock(file)
        for each in [each for each in self._files if os.fstat(each).st_nlink == 0]:
            os.close(each)
            self._files.remove(each)
        self._files.append(file)
        self._watched.note(file)
        with suppress(OSError):  # the pid is only for people; a full disk must not prevent the start
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)

    def flaw(self) -> str | None:
        """Return the reason why the held lock is no longer the directory's lock; None if it is."""
        return self._watched.flaw()

    def release(self) -> None:
        """Unlock the directory."""
        self._watched.forget()
        while self._files:
            os.close(self._files.pop())

    def _lock(self, file: int) -> None:
        """Lock the file; close it if that fails."""
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


def is_free(directory: Path) -> bool:
    """Return whether no process holds this directory's lock."""
    try:
        file = os.open(directory / "journal.lock", os.O_RDWR)
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True
