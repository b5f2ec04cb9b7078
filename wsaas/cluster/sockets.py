"""The directory of the sockets by which the workers of one machine reach each other.

    {directory}/{prefix}.sock      the worker whose ids begin with the prefix listens there

The directory alone says which workers there are, so that no process has to be told of another.
A file that is not there says that its process is over. One at which nobody listens is what a killed process has left;
the next worker that starts removes it.

A socket gets its name only once it listens, so that every file was at some time a worker that answers.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from contextlib import suppress
from pathlib import Path

from wsaas.core.ids import ALPHABET, PREFIX_LENGTH

_NAME = re.compile(f"([{ALPHABET}]{{{PREFIX_LENGTH}}})\\.sock")
LONGEST_PATH = 107
"""Bytes of the path of a UNIX socket (unix(7))."""
BACKLOG = 1024
"""Connections that wait to be accepted, at most."""


class SiblingSockets:
    """The sockets in one directory, which only the user of this process can open.

    `own_prefix` is that of the ids of this process.
    """

    def __init__(self, directory: Path, own_prefix: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        # The path of STATE_DIR may be longer than that of a socket can be; that of an open directory never is.
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._own = own_prefix

    def path(self, prefix: str) -> str:
        """Return a path of the worker's socket that is short enough for the kernel."""
        return self._short(f"{prefix}.sock")

    def there(self, prefix: str) -> bool:
        """Say if the worker may be alive; if not, its connections are over."""
        try:
            os.stat(f"{prefix}.sock", dir_fd=self._descriptor)
        except OSError:
            return False
        return True

    def others(self) -> list[str]:
        """Return the prefixes of the other workers, in order."""
        found = (_NAME.fullmatch(name) for name in os.listdir(self._directory))
        return sorted(match[1] for match in found if match is not None and match[1] != self._own)

    def listen(self) -> int:
        """Open this worker's socket, with mode 0600, under its name. Return a file descriptor of it."""
        new = f".{self._own}"
        with socket.socket(socket.AF_UNIX) as opened:
            opened.setblocking(False)
            with suppress(FileNotFoundError):
                os.unlink(new, dir_fd=self._descriptor)
            opened.bind(self._short(new))
            os.chmod(new, 0o600, dir_fd=self._descriptor)
            opened.listen(BACKLOG)
            os.rename(new, f"{self._own}.sock", src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
            return opened.detach()

    def leave(self) -> None:
        """Take this worker's name away: all that it had is over."""
        with suppress(FileNotFoundError):
            os.unlink(f"{self._own}.sock", dir_fd=self._descriptor)

    def remove_dead(self) -> None:
        """Take away the names of processes that are gone."""
        for prefix in self.others():
            with socket.socket(socket.AF_UNIX) as probe:
                probe.setblocking(False)
                if probe.connect_ex(self.path(prefix)) == errno.ECONNREFUSED:
                    with suppress(FileNotFoundError):
                        os.unlink(f"{prefix}.sock", dir_fd=self._descriptor)

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._descriptor)

    def _short(self, name: str) -> str:
        path = os.fspath(self._directory / name)
        return path if len(os.fsencode(path)) <= LONGEST_PATH else f"/proc/self/fd/{self._descriptor}/{name}"
