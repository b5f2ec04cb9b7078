"""One watcher of the stream of events: the lines that wait for it, and what happens when it does not read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsaas.telemetry.delivered_lines import LateLine
from wsaas.telemetry.event_filter import EventFilter
from wsaas.telemetry.event_sample import EventSample

MAX_EVENTS = 256
"""Events that wait for a watcher that does not read; further ones are counted, and left out."""
MAX_BYTES = 1 << 20
"""Bytes of these events; one alone may have more."""
LATE_SIZE = MAX_BYTES // MAX_EVENTS
"""Bytes that a line counts for which is not written yet: it keeps its message until then."""
FLUSH_AT = 192
FLUSH_AFTER = 0.05
"""Events, and seconds, that wait to be written together: a write for each would cost more than the event."""
TICK = 15.0
"""Seconds between two empty lines, which keep proxies awake and find out that the watcher is gone."""
MAX_SILENT_TICKS = 4
"""Ticks after which a watcher that reads nothing at all is cut off."""


class Watcher:
    """Writes the lines of the events that its filter wants, in order, by `write`.

    It is a push producer (IPushProducer), which its transport pauses: MAX_EVENTS and MAX_BYTES wait then, and the next
    line says how many more there were. `end` is called if the watcher is to be let go: at a stop of the process, or
    after MAX_SILENT_TICKS. `written` writes the lines that are not written when they are offered.
    """

    def __init__(
        self,
        clock: Any,
        filter: EventFilter,
        write: Callable[[bytes], object],
        end: Callable[[], object],
        written: Callable[[LateLine], bytes],
    ) -> None:
        self.filter = filter
        self.sample: EventSample | None = None
        """The part of these that it is shown; None for all."""
        self.end = end
        self._clock = clock
        self._write = write
        self._written = written
        self._lines: list[bytes | LateLine] = []
        self._size = 0
        self._skipped = 0
        self._paused = False
        self._silent = 0
        """Ticks for which it has been paused."""
        self._flush_call: Any = None
        self._tick_call = clock.callLater(TICK, self._tick)

    @property
    def reads(self) -> bool:
        """False while it does not read what is written."""
        return not self._paused

    def offer(self, line: bytes) -> bool:
        """Write a line of an event, which ends in a line feed, soon; or leave it out, and return False."""
        lines, size = self._lines, len(line)
        if self._skipped or len(lines) >= MAX_EVENTS or (lines and self._size + size > MAX_BYTES):
            self._skipped += 1
            return False
        lines.append(line)
        self._size += size
        self._flush_soon()
        return True

    def offer_late(self, line: LateLine) -> None:
        """Do the same with a line that is not written yet."""
        lines = self._lines
        count = len(lines)
        if self._skipped or count >= MAX_EVENTS or self._size > MAX_BYTES - LATE_SIZE:
            self._skipped += 1
            return
        lines.append(line)
        self._size += LATE_SIZE
        if self._flush_call is None or count >= FLUSH_AT - 1:
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._paused:
            if len(self._lines) >= FLUSH_AT:
                self._flush()
            elif self._flush_call is None:
                self._flush_call = self._clock.callLater(FLUSH_AFTER, self._flush)

    def stop(self) -> None:
        """Write what waits, and nothing more."""
        if self._tick_call is not None:
            if not self._paused:
                self._flush()
            self._cancel_flush()
            self._tick_call.cancel()
            self._tick_call = None
            self._lines = []

    # IPushProducer

    def pauseProducing(self) -> None:
        """Write nothing: the watcher does not read."""
        self._paused = True
        self._cancel_flush()

    def resumeProducing(self) -> None:
        """Go on: the watcher has read."""
        self._paused, self._silent = False, 0
        self._flush()

    def stopProducing(self) -> None:
        """Write nothing: the watcher is gone, and is about to be stopped."""
        self.pauseProducing()

    def _flush(self) -> None:
        self._cancel_flush()
        lines, self._lines, self._size = self._lines, [], 0
        if self._skipped:
            lines.append(b'{"event":"skipped","count":%d}\n' % self._skipped)
            self._skipped = 0
        if lines:
            written = self._written
            self._write(b"".join([written(each) if each.__class__ is list else each for each in lines]))  # type: ignore[misc]

    def _cancel_flush(self) -> None:
        if self._flush_call is not None:
            if self._flush_call.active():
                self._flush_call.cancel()
            self._flush_call = None

    def _tick(self) -> None:
        self._tick_call = self._clock.callLater(TICK, self._tick)
        if not self._paused:
            self._write(b"\n")
            return
        self._silent += 1
        if self._silent >= MAX_SILENT_TICKS:
            self.end()
