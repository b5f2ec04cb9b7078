"""Detects that a path no longer leads to the file that is open in this process."""

from __future__ import annotations

import os
from pathlib import Path


class WatchedFile:
    """One open file: its path and its state when it was last noted.

    A `steady` file is written by this process only, which notes its state after each write: every change between is
    detected. Another file is only checked for its length: it must not become shorter, except down to `shrinks_to`
    bytes.
    """

    def __init__(self, path: Path, *, steady: bool = False, shrinks_to: int = 0) -> None:
        self._path = path
        self._steady = steady
        self._shrinks_to = shrinks_to
        self._noted: os.stat_result | None = None

    @property
    def size(self) -> int:
        """The bytes of the file when it was last looked at; 0 if it is not watched."""
        return 0 if self._noted is None else self._noted.st_size

    def note(self, file: int | None = None) -> None:
        """Remember the file that is at the path, or the open file `file`. Raises OSError."""
        self._noted = os.stat(self._path if file is None else file)

    def note_change(self) -> None:
        """Remember the file's state after a write of this process, unless another file is at the path."""
        try:
            found = os.stat(self._path)
        except OSError:
            return  # `flaw` will report it
        if self._noted is not None and os.path.samestat(found, self._noted):
            self._noted = found

    def forget(self) -> None:
        """Stop watching: the file is closed."""
        self._noted = None

    def flaw(self) -> str | None:
        """Return the difference between the path and the noted file as a text; None if nothing differs or was noted."""
        noted = self._noted
        if noted is None:
            return None
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return f"{self._path.name} is gone"
        except OSError as error:
            return f"{self._path.name} cannot be reached: {error.strerror}"
        if not os.path.samestat(found, noted):
            return f"{self._path.name} is another file"
        if self._steady and (found.st_size, found.st_mtime_ns) != (noted.st_size, noted.st_mtime_ns):
            return f"{self._path.name} was changed by another program"
        if found.st_size < min(noted.st_size, self._shrinks_to):
            return f"{self._path.name} was cut by another program"
        self._noted = found
        return None
