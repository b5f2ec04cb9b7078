"""The log's way out of the process: a bounded buffer that one thread empties.

    Observer (any thread, the reactor's above all) --write--> buffer --thread--> sink: a pipe, a file, syslog

A pipe whose reader has stopped, a full disk and a syslog daemon that hangs hold up the thread and nothing else. A
descriptor that does not block would not do: the setting belongs to the open file, which other processes share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Protocol

LINES = 10_000
BYTES = 1 << 20
"""What waits in the buffer at most."""
CHUNK = 1 << 16
"""Bytes that are handed to the sink at once. They, or one line if that is longer, are held beside the buffer."""
RETRY = 1.0
"""Seconds until a sink that refused is tried again."""
LAST_WAIT = 2.0
"""Seconds that the end of the process waits for the log."""


class Sink(Protocol):
    """The place where the log goes. Only the buffer's thread calls these, so they may wait."""

    encoding: str

    def isatty(self) -> bool:
        """Tell whether people look at it on a terminal."""

    def write(self, data: memoryview) -> int:
        """Write these bytes, or some of them; returns how many. OSError if that is not possible now."""

    def rotate(self) -> None:
        """Begin a new file, if it is one."""

    def reopen(self) -> None:
        """Go on in a file of the same name, if it is one, for a rotation tool that has moved the old one away."""


def plain_gap(count: int) -> str:
    """Say how many lines are missing."""
    return f"{count} lines left out\n"


class LogBuffer:
    """Takes lines from any thread, at once; its own thread hands them to `sink`, in order.

    At most `lines` lines and `size` bytes wait. When there is no more room, further lines are left out and counted
    until the sink has taken half of the buffer; one line, which `gap(count)` makes, then says how many, in the place
    where they would stand. A sink that refuses (a full disk, a pipe without a reader) is tried again every `retry`
    seconds with what waits.

    Until `start`, what is written waits: a daemon forks, and threads do not survive that.
    """

    def __init__(self, sink: Sink, lines: int = LINES, size: int = BYTES, retry: float = RETRY) -> None:
        self.gap: Callable[[int], str] = plain_gap
        self.encoding = sink.encoding
        self._sink = sink
        self._most_lines = lines
        self._most_bytes = size
        self._retry = retry
        # A reentrant lock: the garbage collector may log, at any moment, also of one who is writing a line.
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
        """Take one line, with its line end and, if it has one, the traceback below it. Never waits."""
        data = text.encode(self.encoding, "backslashreplace")
        with self._changed:
            if self._has_room(len(data)):
                self._say_gap()
                self._put(data)
                self._changed.notify()
            else:
                self._left_out += 1

    def flush(self) -> None:
        """Do nothing: what can be written is being written."""

    def rotate(self) -> None:
        """Begin a new file; returns at once."""
        self._do(self._sink.rotate)

    def reopen(self) -> None:
        """Open the file anew; returns at once."""
        self._do(self._sink.reopen)

    def start(self) -> None:
        """Start the thread, unless it runs. It is a daemon thread: while it waits for a sink, the process can end."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="log", daemon=True)
            self._thread.start()

    def close(self, within: float = LAST_WAIT) -> None:
        """Write what waits, for `within` seconds at most; a sink that refuses is not tried again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is None:  # the start failed before it began, and no other thread can be started this late
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
        """Hand over what waits, until `close` and nothing waits any more."""
        while chunk := self._next_chunk():
            rest = memoryview(chunk)
            while rest:
                try:
                    rest = rest[self._sink.write(rest) :]
                except OSError:
                    if not self._retry_later():
                        return

    def _next_chunk(self) -> bytes:
        """Wait for something to write; returns nothing at the end."""
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
        while self._waiting and (not taken or size + len(self._waiting[0]) <= CHUNK):
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._size -= size
        return b"".join(taken)

    def _retry_later(self) -> bool:
        """Wait until the sink may be tried again; returns whether it is to be tried."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._tasks, self._retry)
            closing = self._closing
        self._run_tasks()
        return not closing

    def _run_tasks(self) -> None:
        while self._tasks:
            self._tasks.popleft()()
