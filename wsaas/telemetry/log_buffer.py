"""The buffer of the log: bounded, and emptied by a thread of its own.

    Observer (any thread, mostly the reactor's) --write--> buffer --thread--> sink: a pipe, a file, syslog

A pipe whose reader has stopped, a full disk or a hanging syslog daemon blocks that thread and nothing else. A
non-blocking descriptor would not suffice: O_NONBLOCK belongs to the open file, which other processes may share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Protocol

MAX_LINES = 10_000
"""Lines that wait in the buffer, at most."""
MAX_BYTES = 1 << 20
"""Bytes that wait in the buffer, at most."""
CHUNK_SIZE = 1 << 16
"""Bytes of one write to the sink, at most, unless one line is longer. They are held beside the buffer."""
RETRY_INTERVAL = 1.0
"""Seconds between two writes to a sink that refuses."""
CLOSE_TIMEOUT = 2.0
"""Seconds that the exit of the process waits for the log to be written."""


class Sink(Protocol):
    """The destination of the log. Only the buffer's thread calls the methods, so they may block."""

    encoding: str

    def isatty(self) -> bool:
        """Return whether the sink is a terminal."""

    def write(self, data: memoryview) -> int:
        """Write these bytes, or some of them, and return how many. OSError if the sink refuses them now."""

    def rotate(self) -> None:
        """Begin a new file, if the sink is a file."""

    def reopen(self) -> None:
        """Open the path again, if the sink is a file: a rotation tool has moved the old file away."""


def plain_gap(count: int) -> str:
    """Return a line that says how many lines are missing."""
    return f"{count} lines left out\n"


class LogBuffer:
    """Takes lines from any thread without blocking; its own thread writes them to `sink`, in order.

    At most `lines` lines and `size` bytes wait. When the buffer is full, further lines are dropped and counted until
    the sink has taken half of the buffer. The line that `gap(count)` returns then stands in their place. A sink that
    refuses (a full disk, a pipe without a reader) is tried again every `retry` seconds.

    Lines written before `start` wait: a daemon forks, and threads do not survive a fork.
    """

    def __init__(
        self, sink: Sink, lines: int = MAX_LINES, size: int = MAX_BYTES, retry: float = RETRY_INTERVAL
    ) -> None:
        self.gap: Callable[[int], str] = plain_gap
        self.encoding = sink.encoding
        self._sink = sink
        self._most_lines = lines
        self._most_bytes = size
        self._retry = retry
        # A reentrant lock: the garbage collector may run, and log, while a line is being written.
        self._changed = Condition()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._left_out = 0
        self._tasks: deque[Callable[[], None]] = deque()
        self._closing = False
        self._thread: Thread | None = None

    def isatty(self) -> bool:
        return self._sink.isatty()

    def write(self, text: str) -> None:
        """Take one line with its line end, and the traceback below it if it has one. Never blocks."""
        data = text.encode(self.encoding, "backslashreplace")
        with self._changed:
            if self._has_room(len(data)):
                self._say_gap()
                self._put(data)
                self._changed.notify()
            else:
                self._left_out += 1

    def flush(self) -> None:
        """Do nothing: the thread writes as fast as the sink takes lines."""

    def rotate(self) -> None:
        """Have the thread begin a new file. Returns at once."""
        self._do(self._sink.rotate)

    def reopen(self) -> None:
        """Have the thread open the file again. Returns at once."""
        self._do(self._sink.reopen)

    def start(self) -> None:
        """Start the thread, unless it runs. It is a daemon thread, so that a blocked sink does not prevent the exit."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="log", daemon=True)
            self._thread.start()

    def close(self, within: float = CLOSE_TIMEOUT) -> None:
        """Write the waiting lines, for `within` seconds at most. A sink that refuses is not tried again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is None:  # the start of the gateway failed early; no thread can be started during the exit
            self._work()
        else:
            self._thread.join(within)

    def _has_room(self, length: int) -> bool:
        if self._left_out:
            return len(self._waiting) <= self._most_lines // 2 and self._size <= self._most_bytes // 2
        return len(self._waiting) < self._most_lines and self._size + length <= self._most_bytes

    def _say_gap(self) -> None:
        if self._left_out:
            count, self._left_out = self._left_out, 0
            self._put(self.gap(count).encode(self.encoding, "backslashreplace"))

    def _put(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)

    def _do(self, task: Callable[[], None]) -> None:
        with self._changed:
            self._tasks.append(task)
            self._changed.notify()

    def _work(self) -> None:
        """Write lines to the sink until `close` is called and the buffer is empty."""
        while chunk := self._next_chunk():
            rest = memoryview(chunk)
            while rest:
                try:
                    rest = rest[self._sink.write(rest) :]
                except OSError:
                    if not self._retry_later():
                        return

    def _next_chunk(self) -> bytes:
        """Wait for lines, and return the next chunk; an empty one at the end."""
        while True:
            self._run_tasks()
            with self._changed:
                if not self._waiting:
                    self._say_gap()
                if self._waiting:
                    return self._take_chunk()
                if self._closing:
                    return b""
                if not self._tasks:
                    self._changed.wait()

    def _take_chunk(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0]) <= CHUNK_SIZE):
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._size -= size
        return b"".join(taken)

    def _retry_later(self) -> bool:
        """Wait for `retry` seconds, a task or `close`. Return False after `close`, True to try the sink again."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._tasks, self._retry)
            closing = self._closing
        self._run_tasks()
        return not closing

    def _run_tasks(self) -> None:
        while self._tasks:
            self._tasks.popleft()()
