"""Who may use the journal's directory: one gateway at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class JournalUnusable(Exception):
    """The journal cannot be kept here and the gateway must not start; the text says why and what to do."""


class JournalLocked(JournalUnusable):
    """Another gateway runs on the same directory."""


def unusable(directory: Path, error: BaseException) -> JournalUnusable:
    """The exception for an operating system's or SQLite's `error`."""
    return JournalUnusable(
        f"STATE_DIR {str(directory)!r} cannot be used for the journal: {error or type(error).__name__}; it must be a "
        "directory that the gateway may write to and no other program works on (STATE_DIR=none goes without)"
    )


class Lock:
    """A lock on `directory` that ends with the process, however that ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None

    def acquire(self) -> None:
        """Make the directory, for the owner only, and become its only user. Raises JournalLocked, JournalUnusable."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._directory / "journal.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise unusable(self._directory, error) from error
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
        self._file = file
        with suppress(OSError):  # the pid is a courtesy; that a full disk has no room for it is no reason to stop
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let others have the directory."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
