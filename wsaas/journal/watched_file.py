"""Finding out that a path no longer leads to the file that is open here."""

from __future__ import annotations

import os
from pathlib import Path


class WatchedFile:
    """One open file, by its path and as it was when it was noted last.

    A file that is `steady` is written to by this process only, which notes it afterwards: any other change shows. Of
    another one it shows that it is shorter than it was, and than `shrinks_to`.
    """

    def __init__(self, path: Path, *, steady: bool = False, shrinks_to: int = 0) -> None:
        self._path = path
        self._steady = steady
        self._shrinks_to = shrinks_to
        self._noted: os.stat_result | None = None

    def note(self, file: int | None = None) -> None:
        """Remember the file that is at the path now, or that is open as `file`. Raises OSError."""
        self._noted = os.stat(self._path if file is None else file)

    def note_change(self) -> None:
        """Remember what this process has just made of it; another file in its place is not taken for it."""
        try:
            found = os.stat(self._path)
        except OSError:
            return  # `flaw` says so
        if self._noted is not None and os.path.samestat(found, self._noted):
            self._noted = found

    def forget(self) -> None:
        """The file is closed."""
        self._noted = None

    def flaw(self) -> str | None:
        """Say in what the path differs from the file that was noted; None if in nothing, or if none was."""
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
