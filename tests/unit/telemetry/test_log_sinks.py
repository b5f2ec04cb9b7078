"""The sinks of the log: a descriptor, a file that is rotated and reopened."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from wsaas.telemetry.log_sinks import MAX_ROTATED, DescriptorSink, FileSink


class DescriptorTests(SynchronousTestCase):
    def pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        for each in (read, write):
            self.addCleanup(os.close, each)
        return read, write

    def test_written(self) -> None:
        """Written data arrives, and a pipe is no terminal."""
        read, write = self.pipe()
        sink = DescriptorSink(write)
        self.assertEqual((sink.write(memoryview(b"abc")), os.read(read, 10)), (3, b"abc"))
        self.assertFalse(sink.isatty())
        sink.rotate()
        sink.reopen()

    def test_descriptor_of_others(self) -> None:
        """If another process has made it not block, a write waits until there is room, and loses nothing."""
        read, write = self.pipe()
        os.set_blocking(write, False)
        sink = DescriptorSink(write)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write, bytes(1 << 12))
        answers: list[int] = []

        def insist() -> None:
            while sum(answers) < 3:
                answers.append(sink.write(memoryview(b"abc")))

        thread = threading.Thread(target=insist)
        thread.start()
        os.read(read, 1 << 12)
        thread.join(30)
        self.assertEqual(answers[-1], 3)


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.path = self.directory / "x.log"

    def sink(self, path: Path | None = None, rotate_at: int = 100, rotated: int = MAX_ROTATED) -> FileSink:
        sink = FileSink(str(path or self.path), rotate_at, rotated)
        self.addCleanup(sink.close)
        return sink

    def files(self) -> dict[str, str]:
        return {each.name: each.read_text() for each in self.directory.iterdir()}

    def test_appended(self) -> None:
        """A file that is there goes on."""
        self.path.write_text("one\n")
        self.sink().write(memoryview(b"two\n"))
        self.assertEqual(self.files(), {"x.log": "one\ntwo\n"})

    def test_rotated(self) -> None:
        """At its size it is rotated, between two lines; so many older files are kept, and no more."""
        sink = self.sink(rotated=3)
        for number in range(7):
            sink.write(memoryview(b"%d" % number * 150))
            sink.write(memoryview(b"\n"))
        kept = {"x.log": 6, "x.log.1": 5, "x.log.2": 4, "x.log.3": 3}
        self.assertEqual(self.files(), {name: f"{number}" * 150 + "\n" for name, number in kept.items()})

    def test_left_by_earlier_ones(self) -> None:
        """Older files beyond the limit go, whichever process wrote them; what only looks like one stays."""
        for name in ("x.log.2", "x.log.57", "x.log.0", "x.log.bak", "y.log.99"):
            (self.directory / name).write_text(name)
        sink = self.sink(rotated=3)
        sink.rotate()
        self.assertEqual(set(self.files()), {"x.log", "x.log.1", "x.log.3", "x.log.0", "x.log.bak", "y.log.99"})

    def test_rotated_when_told(self) -> None:
        """`rotate` rotates the file at any time; the new file has the permissions of the old one."""
        sink = self.sink()
        sink.write(memoryview(b"old"))
        self.path.chmod(0o640)
        sink.rotate()
        sink.write(memoryview(b"new"))
        self.assertEqual(self.files(), {"x.log": "new", "x.log.1": "old"})
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o640)

    def test_cannot_be_rotated(self) -> None:
        """If it cannot be rotated, it goes on, and says so once for each further size."""
        sink = self.sink()
        self.path.unlink()
        with capturedLogs() as events:
            for _ in range(25):
                sink.write(memoryview(b"123456789\n"))
        self.assertEqual([event["log_level"] for event in events], [LogLevel.error] * 2)

    def test_reopened(self) -> None:
        """A log that was moved away goes on in a new file; one that cannot be opened goes on where it is."""
        sink = self.sink()
        sink.write(memoryview(b"one\n"))
        moved = self.path.rename(self.directory / "moved")
        sink.reopen()
        sink.write(memoryview(b"two\n"))
        self.assertEqual(self.files(), {"moved": "one\n", "x.log": "two\n"})
        again = self.path.rename(self.directory / "again")
        self.path.mkdir()
        with capturedLogs() as events:
            sink.reopen()
        self.assertEqual([event["log_level"] for event in events], [LogLevel.error])
        sink.write(memoryview(b"three\n"))
        self.assertEqual((moved.read_text(), again.read_text()), ("one\n", "two\nthree\n"))

    def test_full_disk(self) -> None:
        """A full disk is an OSError of the write; a device is not rotated."""
        sink = self.sink(Path("/dev/full"), rotate_at=0)
        self.assertRaises(OSError, sink.write, memoryview(b"x\n"))
        sink.rotate()
        self.assertTrue(Path("/dev/full").is_char_device())
        self.assertFalse(sink.isatty())
