"""The lives of a node on its disk: under which names it was a member, and whether the engine had all its rows.

    {STATE_DIR}/cluster.json    {prefix: {"token": ..., "copied": true}}

With the token a later life can prove that the earlier one is over: it holds the lock of the same directory. A life that
another node has claimed has nothing left to tell, if the engine had all its rows.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from twisted.logger import Logger

FILE = "cluster.json"


@dataclass(slots=True)
class Life:
    """One life: what proves it, and whether the engine has every row of it."""

    token: str
    copied: bool = True


class Lives:
    """The lives in a directory; None for a node that keeps nothing. `own` is the prefix of this one.

    Bound: one for each start of the node from which something is left to tell.
    """

    _log = Logger()

    def __init__(self, directory: Path | None, own: str) -> None:
        self._path = None if directory is None else directory / FILE
        self._own = own
        self._lives: dict[str, Life] = {}

    def begin(self, token: str) -> dict[str, Life]:
        """Read the file, add this life to it, and return the earlier ones by their prefixes."""
        if self._path is not None:
            self._lives = self._read(self._path)
        earlier = dict(self._lives)
        self._lives[self._own] = Life(token)
        self._write()
        return earlier

    def take(self, directory: Path) -> dict[str, Life]:
        """Read the lives in another directory, keep them in this one as well, and return them by their prefixes."""
        taken, own = self._read(directory / FILE), self._lives
        if not own and self._path is not None:  # this life has not begun
            own = self._read(self._path)
        self._lives = taken | own
        self._write()
        return taken

    def copied(self, copied: bool) -> None:
        """Note whether the engine has every row of this life."""
        if self._own in self._lives and self._lives[self._own].copied != copied:
            self._lives[self._own].copied = copied
            self._write()

    def settled(self, prefix: str) -> None:
        """Note that nothing is left to say of a life."""
        if self._lives.pop(prefix, None) is not None:
            self._write()

    def _read(self, path: Path) -> dict[str, Life]:
        try:
            return {prefix: Life(**fields) for prefix, fields in json.loads(path.read_text("ascii")).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            self._log.error("{path} cannot be read: {reason}", path=str(path), reason=str(error))
            return {}

    def _write(self) -> None:
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                json.dump({prefix: asdict(life) for prefix, life in self._lives.items()}, file)
            new.rename(self._path)
        except OSError as error:
            self._log.error("{path} cannot be written: {reason}", path=str(self._path), reason=str(error))
