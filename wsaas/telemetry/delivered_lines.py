"""Fast path of the event stream: the lines of messages that were delivered, as most events of a busy gateway are.

A line is written when it is sent, not when its event happens: many in a row cost half of what they cost one by one,
between other work. `EventLines.webhook` gives the same line; a differential test holds that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from wsaas.core.events import Received
from wsaas.core.observer import DeliveryMoments
from wsaas.core.session import Session
from wsaas.core.timestamps import iso8601
from wsaas.telemetry.numbers import SHORT, milliseconds, short_durations
from wsaas.telemetry.webhooks import Answer, reply_kind

LateLine = list[Any]
"""A line that is written when it is first sent: until then what it is made of, and then it alone."""
LONGEST_KEPT = 3072
"""Bytes of the longest message that such a line keeps until then."""


class DeliveredLines:
    """Makes the lines of the process whose ids begin with `prefix`. `wall_clock()` is in seconds since the epoch."""

    def __init__(self, wall_clock: Callable[[], float], prefix: str) -> None:
        self._wall_clock = wall_clock
        self._prefix = prefix
        self._second = self._millisecond = -1
        self._date = self._begin = ""
        self._short: tuple[str, ...] = ()
        self._alike: tuple[int, ...] = ()
        self._answer: object = None
        self._middle = self._end = ""
        """The parts of the last line that say these numbers, of this answer: the next line often has the same."""

    def of(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> LateLine:
        """Return the line of a message that was delivered."""
        return [self._wall_clock(), session, message, number, answer, moments]

    def written(self, late: LateLine) -> bytes:
        """Return a line as it is sent."""
        if len(late) == 1:
            return cast(bytes, late[0])
        moment, session, message, number, found, (due, sent_at, begun, first_byte, answered_at) = late
        millisecond = int(moment * 1000)
        if millisecond != self._millisecond:
            self._begin_of(millisecond)
        id, frame, answer = session.id, message.frame, cast(Answer, found)
        alike = number, answer.status, len(frame.payload), len(answer.body), frame.binary
        if alike != self._alike or answer is not self._answer:
            self._alike, self._answer = alike, answer
            self._middle, self._end = _around_times(*alike, unsent=reply_kind(answer) is not None)
        # As `milliseconds` writes them, mostly without the calls.
        queue = int((sent_at - due) * 1e6 + 0.5)
        connect = int((begun - sent_at) * 1e6 + 0.5)
        first = int((first_byte - sent_at) * 1e6 + 0.5)
        total = int((answered_at - sent_at) * 1e6 + 0.5)
        short = self._short
        line = (
            f'{self._begin}{id}","trace":"{session.trace_id}","webhook_id":"{id}_{message.sequence}{self._middle}'
            f"{short[queue] if 0 <= queue < SHORT else milliseconds(sent_at - due)},"
            f'"connect":{short[connect] if 0 <= connect < SHORT else milliseconds(begun - sent_at)},'
            f'"first_byte":{short[first] if 0 <= first < SHORT else milliseconds(first_byte - sent_at)},'
            f'"total":{short[total] if 0 <= total < SHORT else milliseconds(answered_at - sent_at)}{self._end}'
        ).encode("ascii")
        late[:] = (line,)
        return line

    def _begin_of(self, millisecond: int) -> None:
        """Keep the beginning of the lines of a moment: several have the same."""
        second = millisecond // 1000
        if second != self._second:
            self._second, self._date = second, iso8601(second)[:-4]
            self._short = short_durations()
        self._millisecond = millisecond
        self._begin = (
            f'{{"time":"{self._date}{millisecond % 1000:03d}Z","event":"message","worker":"{self._prefix}","id":"'
        )


def _around_times(
    number: int, status: int, size: int, answer_size: int, binary: bool, *, unsent: bool
) -> tuple[str, str]:
    """Return what stands in a line between the sequence and the times, and what behind them.

    Where an answer has a reply that can be sent, its outcome says so, and the line is written on the slow path.
    """
    reply = ',"reply":"unsent"' if unsent else ""
    middle = (
        f'_message","method":"PUT","attempt":{number},"status":{status},"outcome":"delivered",'
        f'"bytes":{size},"answer_bytes":{answer_size},"times":{{"queue":'
    )
    return middle, f'}},"type":"{"binary" if binary else "text"}"{reply}}}\n'
