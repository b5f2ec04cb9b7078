"""The sinks of the log: a descriptor such as standard output, a rotated file, syslog. Their writes may block."""

from __future__ import annotations

import os
import re
import select
import stat
import syslog
from contextlib import suppress

from twisted.logger import Logger

ROTATE_AT = 1_000_000
"""Bytes after which a log file is rotated."""
MAX_ROTATED = 20
"""Rotated files that are kept: FILE.1, the youngest, to FILE.20."""


class DescriptorSink:
    """An open file descriptor, such as that of standard output."""

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self._descriptor = descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process has set O_NONBLOCK on the shared open file
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            poll.poll()
            return 0

    def rotate(self) -> None:
        pass

    def reopen(self) -> None:
        pass


class FileSink:
    """A file that is rotated at `rotate_at` bytes. `rotated` older files are kept beside it, others removed.

    A new file gets the permissions of the one before. If it cannot be created, the log continues in the old file.
    """

    encoding = "utf-8"
    _log = Logger()

    def __init__(self, path: str, rotate_at: int = ROTATE_AT, rotated: int = MAX_ROTATED) -> None:
        self.path = os.path.abspath(path)
        self._step = rotate_at
        self._rotated = rotated
        self._descriptor = -1
        self._size = 0
        self._line_ended = True
        self._open()

    def isatty(self) -> bool:
        return False

    def write(self, data: memoryview) -> int:
        if self._size >= self._rotate_at and self._line_ended:
            self.rotate()
        count = os.write(self._descriptor, data)
        self._size += count
        self._line_ended = count > 0 and data[count - 1] == ord("\n")
        return count

    def rotate(self) -> None:
        self._rotate_at = self._size + self._step  # first: a failed rotation must not be repeated for every line
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            return
        try:
            self._move()
            self._open(os.fstat(self._descriptor).st_mode)
        except OSError as error:
            self._log.error("cannot rotate the log: {reason}", reason=str(error))

    def reopen(self) -> None:
        try:
            self._open()
        except OSError as error:
            self._log.error("cannot reopen the log: {reason}", reason=str(error))

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _open(self, mode: int | None = None) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        if mode is not None:
            with suppress(OSError):
                os.fchmod(descriptor, stat.S_IMODE(mode))
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._rotate_at = self._step

    def _move(self) -> None:
        """Rename FILE.n to FILE.n+1, remove the files beyond the limit, and rename FILE to FILE.1."""
        directory, name = os.path.split(self.path)
        older = re.compile(re.escape(name) + r"\.([1-9][0-9]{0,8})")
        numbers = sorted(int(found[1]) for each in os.listdir(directory) if (found := older.fullmatch(each)))
        for number in reversed(numbers):
            if number >= self._rotated:
                os.remove(f"{self.path}.{number}")
            else:
                os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        os.rename(self.path, f"{self.path}.1")


class SyslogSink:
    """The system log. Each line begins with its priority in angle brackets, such as `<6>`."""

    encoding = "utf-8"

    def __init__(self, prefix: str) -> None:
        syslog.openlog(prefix)

    def isatty(self) -> bool:
        return False

    def write(self, data: memoryview) -> int:
        for line in bytes(data).decode(self.encoding).splitlines():
            syslog.syslog(int(line[1]), line[3:])
        return len(data)

    def rotate(self) -> None:
        pass

    def reopen(self) -> None:
        pass
