"""Fast path of the event stream: the lines of messages that were delivered, as most events of a busy gateway are.

A line is written when it is sent, not when its event happens: many in a row cost half of what they cost one by one,
between other work. `EventLines.webhook` gives the same line; a differential test holds that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from wsaas.core.events import Received
from wsaas.core.observer import Attempt, Times
from wsaas.core.outcomes import Delivered
from wsaas.core.session import Session
from wsaas.core.timestamps import iso8601

LateLine = tuple[Any, ...]
"""A line that is written when it is sent: a function, and its arguments. It keeps no payload."""
_DELIVERED = (
    '{"time":"%s%03dZ","event":"message","worker":"@worker@","id":"%s","trace":"%s","webhook_id":"%s_%d_message",'
    '"method":"PUT","attempt":%d,"status":%d,"outcome":"delivered","bytes":%d,"answer_bytes":%d,'
    '"times":{"queue":%.3f,"connect":%.3f,"first_byte":%.3f,"total":%.3f},"type":"%s"}\n'
)


class Answer(Protocol):
    """The backend's answer."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class DeliveredLines:
    """Makes the lines of the process whose ids begin with `prefix`. `wall_clock()` is in seconds since the epoch."""

    def __init__(self, wall_clock: Callable[[], float], prefix: str) -> None:
        self._wall_clock = wall_clock
        self._line = _DELIVERED.replace("@worker@", prefix)
        self._second = -1
        self._date = ""

    def of(self, session: Session, attempt: Attempt) -> LateLine | None:
        """Return the line of a message that was delivered; None for any other try."""
        told, number, _, answer, times, outcome, _ = attempt
        if (
            outcome.__class__ is not Delivered
            or told.__class__ is not Received
            or times is None
            or times.connect is None
            or times.first_byte is None
        ):
            return None
        frame, found = told.frame, cast(Answer, answer)
        if found.status // 100 != 2:
            return None
        size, answer_size = len(frame.payload), len(found.body)
        return (
            self._write,
            self._wall_clock(),
            session,
            told.sequence,
            number,
            found.status,
            size,
            answer_size,
            times,
            frame.binary,
        )

    def _write(
        self,
        moment: float,
        session: Session,
        sequence: int,
        number: int,
        status: int,
        size: int,
        answer_size: int,
        times: Times,
        binary: bool,
    ) -> bytes:
        id = session.id
        queue, connect, first_byte, total = times
        second, milliseconds = divmod(int(moment * 1000), 1000)
        if second != self._second:
            self._second, self._date = second, iso8601(second)[:-4]
        line = self._line % (
            self._date,
            milliseconds,
            id,
            session.trace_id,
            id,
            sequence,
            number,
            status,
            size,
            answer_size,
            queue * 1000,
            connect * 1000,  # type: ignore[operator]  # `of` has looked
            first_byte * 1000,  # type: ignore[operator]
            total * 1000,
            "binary" if binary else "text",
        )
        return line.encode("ascii")
