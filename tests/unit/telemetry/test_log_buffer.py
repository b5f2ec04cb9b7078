"""The buffer between the log and where it goes: nobody waits, nothing grows, and what is missing is said."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from wsaas.telemetry.log_buffer import CHUNK_SIZE, MAX_BYTES, MAX_LINES, LogBuffer
from wsaas.telemetry.log_sinks import DescriptorSink

SOON = 30.0
"""Seconds within which another thread does what it must; a bound for a test that fails."""


class FakeSink:
    """Keeps what is written. `open` lets writes through, `refusing` makes them fail, `most` is what one write takes."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Semaphore(0)
        self.refusing = False
        self.most = CHUNK_SIZE
        self.written = b""
        self.tasks: list[str] = []

    def isatty(self) -> bool:
        return False

    def write(self, data: memoryview) -> int:
        self.asked.release()
        self.open.wait(SOON)
        if self.refusing:
            raise OSError(28, "No space left on device")
        self.written += data[: self.most]
        return min(self.most, len(data))

    def rotate(self) -> None:
        self.tasks.append("rotate")

    def reopen(self) -> None:
        self.tasks.append("reopen")
        self.refusing = False


class BufferTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sink = FakeSink()

    def buffer(self, lines: int = MAX_LINES, size: int = MAX_BYTES, retry: float = SOON) -> LogBuffer:
        buffer = LogBuffer(self.sink, lines, size, retry)
        self.addCleanup(buffer.close, SOON)
        self.addCleanup(self.sink.open.set)
        return buffer

    def stuck(self, buffer: LogBuffer) -> None:
        """Start it, with a sink that takes one line and does not come back."""
        self.sink.open.clear()
        buffer.start()
        buffer.write("first\n")
        self.assertTrue(self.sink.asked.acquire(timeout=SOON))

    def text(self, buffer: LogBuffer) -> str:
        """All that was written, once that is over."""
        self.sink.open.set()
        buffer.close(SOON)
        return self.sink.written.decode()

    def test_in_order(self) -> None:
        """Lines arrive in order and whole, however little the sink takes at once."""
        for most in (1, 7, CHUNK_SIZE):
            self.sink.written, self.sink.most = b"", most
            buffer = self.buffer()
            buffer.start()
            lines = [f"line {number} \xf6\n" for number in range(300)]
            for line in lines:
                buffer.write(line)
            self.assertEqual(self.text(buffer), "".join(lines))

    def test_never_waits(self) -> None:
        """While the sink takes nothing, writing goes on and what waits is bounded in lines; the gap is said, once."""
        buffer = self.buffer(lines=10)
        self.stuck(buffer)
        for number in range(1000):
            buffer.write(f"{number}\n")
        self.assertEqual(len(buffer._waiting), 10)
        expected = ["first", *map(str, range(10)), "990 lines left out"]
        self.assertEqual(self.text(buffer).splitlines(), expected)

    def test_bytes(self) -> None:
        """The waiting lines are bounded in bytes, too; a line longer than the buffer is left out."""
        buffer = self.buffer(size=100)
        self.stuck(buffer)
        buffer.write("x" * 101)
        self.assertEqual(buffer._size, 0)
        self.assertEqual(self.text(buffer), "first\n1 lines left out\n")
        self.sink = FakeSink()
        buffer = self.buffer(size=100)
        self.stuck(buffer)
        for _ in range(1000):
            buffer.write("x" * 29 + "\n")
        self.assertEqual((buffer._size, len(buffer._waiting)), (90, 3))
        self.assertTrue(self.text(buffer).endswith("x\n997 lines left out\n"))

    def test_gap_in_its_place(self) -> None:
        """The gap is said where the missing lines would stand, and only when half of the buffer is free again."""
        buffer = self.buffer(lines=4)
        for number in range(6):
            buffer.write(f"{number}\n")
        buffer._waiting.popleft()
        buffer.write("left out\n")
        buffer._waiting.popleft()
        buffer.write("6\n")
        buffer.write("7\n")
        self.assertEqual(b"".join(buffer._waiting).decode().split("\n")[:-1], ["2", "3", "3 lines left out", "6"])

    def test_refusing(self) -> None:
        """Lines that a sink refuses are kept and tried again: a full disk loses the lines beyond the buffer, and no
        others.
        """
        self.sink.refusing = True
        buffer = self.buffer(lines=3, retry=0.001)
        buffer.start()
        buffer.write("first\n")
        for _ in range(3):
            self.assertTrue(self.sink.asked.acquire(timeout=SOON))
        for number in range(5):
            buffer.write(f"{number}\n")
        self.sink.refusing = False
        while buffer._waiting or buffer._left_out:
            self.assertTrue(self.sink.asked.acquire(timeout=SOON))
        self.assertEqual(self.text(buffer).splitlines(), ["first", "0", "1", "2", "2 lines left out"])

    def test_reopened(self) -> None:
        """A file is opened anew, or rotated, by the thread, also while the old one refuses; then the log goes on."""
        self.sink.refusing = True
        buffer = self.buffer()
        buffer.start()
        buffer.write("first\n")
        self.assertTrue(self.sink.asked.acquire(timeout=SOON))
        buffer.rotate()
        buffer.reopen()
        self.assertTrue(self.sink.asked.acquire(timeout=SOON))
        self.assertEqual(self.text(buffer), "first\n")
        self.assertEqual(self.sink.tasks, ["rotate", "reopen"])

    def test_end(self) -> None:
        """The end waits for the log, but not for ever: for no sink that takes nothing, and none that refuses."""
        buffer = self.buffer()
        self.stuck(buffer)
        buffer.write("second\n")
        buffer.close(0.01)
        self.assertEqual(self.sink.written, b"")
        self.assertEqual(self.text(buffer), "first\nsecond\n")
        self.sink.refusing = True
        buffer = self.buffer()
        buffer.start()
        buffer.write("third\n")
        buffer.close(SOON)
        assert buffer._thread is not None
        self.assertFalse(buffer._thread.is_alive())

    def test_end_before_the_start(self) -> None:
        """A process that ends before its start writes what it has to say all the same."""
        buffer = self.buffer()
        buffer.write("the reason\n")
        buffer.close()
        self.assertEqual(self.sink.written, b"the reason\n")

    def test_encoding(self) -> None:
        """Characters that the sink's encoding lacks, and half characters, are escaped."""
        for encoding, expected in (("ascii", b"gr\\xf6\\udc80\n"), ("utf-8", b"gr\xc3\xb6\\udc80\n")):
            self.sink.written, self.sink.encoding = b"", encoding
            buffer = self.buffer()
            buffer.write("gr\xf6\udc80\n")
            buffer.close()
            self.assertEqual(self.sink.written, expected)

    def test_many_threads(self) -> None:
        """Threads that write at the same time lose nothing."""
        buffer = self.buffer()
        buffer.start()
        threads = [threading.Thread(target=lambda: [buffer.write("x\n") for _ in range(500)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
        self.assertEqual(self.text(buffer), "x\n" * 4000)
        self.assertEqual(buffer._size, 0)

    def test_written_within_a_write(self) -> None:
        """A writer may be interrupted by the garbage collector, which writes a line itself: nobody waits."""
        buffer = self.buffer(lines=1)
        buffer.write("first\n")
        buffer.write("left out\n")
        buffer._waiting.clear()

        def gap(count: int) -> str:
            Waste(lambda: buffer.write("collected\n"))
            gc.collect()
            return f"{count}\n"

        buffer.gap = gap
        buffer.write("second\n")
        self.assertEqual(b"".join(buffer._waiting), b"collected\n1\nsecond\n")

    def test_a_pipe_nobody_reads(self) -> None:
        """With a real pipe that is full, a writer of a megabyte waits for nothing."""
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        buffer = LogBuffer(DescriptorSink(write), size=1 << 18)
        buffer.start()
        for _ in range(10_000):
            buffer.write("x" * 99 + "\n")
        os.close(read)
        buffer.close(SOON)


class Waste:
    """A circle that says something when it is collected."""

    def __init__(self, last_words: Callable[[], None]) -> None:
        self.itself = self
        self.last_words = last_words

    def __del__(self) -> None:
        self.last_words()
