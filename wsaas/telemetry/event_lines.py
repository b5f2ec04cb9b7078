"""Writes an event as a line of JSON. docs/protocol_events.rst has the members of each.

A busy gateway writes thousands of them a second while there is a watcher. So the text is put together here, and only
the parts that a peer chose are `quoted`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from typing import Protocol, cast

from wsaas.core.events import Batch, Closed, Opened, Received
from wsaas.core.model import Frame
from wsaas.core.observer import Attempt, Push, RefusedHandshake, Times
from wsaas.core.outcomes import (
    Accepted,
    Acknowledged,
    CloseRequested,
    Delivered,
    Expired,
    Indeterminate,
    Kept,
    Outcome,
    Refused,
    Undelivered,
)
from wsaas.core.session import Session
from wsaas.core.timestamps import iso8601
from wsaas.telemetry.delivered_lines import DeliveredLines
from wsaas.telemetry.event_filter import NO_ANSWER
from wsaas.telemetry.event_sample import LeftOut
from wsaas.telemetry.numbers import milliseconds
from wsaas.telemetry.payloads import Payloads, body_members, in_an_object
from wsaas.telemetry.webhooks import METHODS, Answer, Request, reply_kind

_WEBHOOK = (
    '%s"id":"%s","trace":"%s","webhook_id":"%s","method":"%s","attempt":%d,"status":%s,"outcome":"%s","bytes":%d,'
    '"answer_bytes":%d,"times":%s%s}\n'
)
_WORDS: dict[type[object], str] = {
    Accepted: "accepted",
    Refused: "refused",
    Indeterminate: "unknown",
    CloseRequested: "close_requested",
    Undelivered: "undelivered",
    Kept: "accepted",
}
_AGAIN = frozenset({NO_ANSWER, 408, 425, 429})
_GONE = 404, 410


class Refusing(Protocol):
    """The answer to a handshake that is refused."""

    @property
    def status(self) -> int: ...
    @property
    def code(self) -> str: ...


def status_of(answer: object) -> int:
    """Return the status of an answer, NO_ANSWER if there is none or a fault instead."""
    return NO_ANSWER if answer is None or isinstance(answer, BaseException) else cast(Answer, answer).status


class EventLines:
    """Writes the events of the process whose ids begin with `prefix`. `wall_clock()` is in seconds since the epoch.

    With `payloads`, headers and bodies are written, too.
    """

    def __init__(self, wall_clock: Callable[[], float], prefix: str, payloads: Payloads | None = None) -> None:
        self._payloads = payloads
        self._wall_clock = wall_clock
        self._prefix = prefix
        self.delivered = None if payloads is not None else DeliveredLines(wall_clock, prefix)
        """The fast path, for all but payloads."""
        self._second = -1
        self._date = ""

    def hello(self, **members: object) -> bytes:
        """Return the first line of a stream."""
        return (self._begin("hello")[:-1] + "," + json.dumps(members, separators=(",", ":"))[1:] + "\n").encode("ascii")

    def end(self) -> bytes:
        """Return the last line of the stream of a process that stops."""
        return (self._begin("end")[:-1] + "}\n").encode("ascii")

    def sampled(self, left_out: LeftOut) -> bytes:
        """Return the line that says how many events a reader was not shown."""
        members = {
            "count": sum(left_out.kinds.values()),
            "failed": left_out.failed,
            "shown": left_out.shown,
            "duration": round(left_out.seconds * 1000),
            "left_out": left_out.kinds,
        }
        return (self._begin("sampled") + json.dumps(members, separators=(",", ":"))[1:] + "\n").encode("ascii")

    def note(self, word: str, prefix: str) -> bytes:
        """Return a line that says a word of the stream of the process with this prefix."""
        return (self._begin(word, prefix)[:-1] + "}\n").encode("ascii")

    def webhook(self, event: str, session: Session, attempt: Attempt) -> bytes:
        """Return the line of one try of a webhook."""
        told, number, _, answer, times, outcome, _ = attempt
        status = status_of(answer)
        request = cast("Request | None", attempt.request)
        more = ""
        if isinstance(answer, BaseException):
            more = f',"error":{quoted(str(answer))}'
        if isinstance(told, Received):
            more += ',"type":"binary"' if told.frame.binary else ',"type":"text"'
        elif isinstance(told, Batch):
            more += f',"count":{len(told.messages)}'
        elif isinstance(told, Opened):
            more += f',"path":{quoted(told.handshake.path)},"remote_address":{quoted(told.handshake.remote_address)}'
        elif isinstance(told, Closed):
            more += _ending(told) + f',"lost_messages":{told.lost_messages}'
        if isinstance(outcome, Delivered) and status // 100 == 2 and reply_kind(cast(Answer, answer)) is not None:
            more += f',"reply":"{_reply_word(outcome)}"'
        if attempt.retry_in is not None:
            more += f',"retry_in":{attempt.retry_in * 1000:.0f}'
        if self._payloads is not None:
            more += self._payloads.members(attempt.request, attempt.answer)
        line = _WEBHOOK % (
            self._begin(event),
            session.id,
            session.trace_id,
            webhook_id(session, attempt),
            METHODS.get(told.kind.value, "POST") if request is None else request.method.decode("ascii"),
            number,
            status or "null",
            outcome_word(outcome, status),
            _size(told) if request is None else len(request.body),
            len(cast(Answer, answer).body) if status else 0,
            "null" if times is None else _times(times),
            more,
        )
        return line.encode("ascii")

    def reply(self, session: Session, frame: Frame) -> bytes:
        """Return the line of a message that the backend's answer had for the client."""
        size, body = len(frame.payload), self._body(frame.payload)
        line = self._of(session, "reply") + f'"bytes":{size},"type":"{_type(frame.binary)}"{body}}}\n'
        return line.encode("ascii")

    def push(self, push: Push, status: int, code: str) -> bytes:
        """Return the line of a push to one connection."""
        session = push.session
        about = f'{self._begin("push")}"id":"{push.target}",' if session is None else self._of(session, "push")
        line = (
            f'{about}"status":{status},"code":"{code}","bytes":{len(push.payload)},"type":"{_type(push.binary)}"'
            f"{self._body(push.payload)}}}\n"
        )
        return line.encode("ascii")

    def push_to_many(self, event: str, push: Push) -> bytes:
        """Return the line of a push to a group, or to all."""
        group = f'"group":{quoted(push.target)},' if push.target else ""
        line = (
            f'{self._begin(event)}{group}"sent":{push.sent},"skipped":{push.skipped},'
            f'"bytes":{len(push.payload)},"type":"{_type(push.binary)}"{self._body(push.payload)}}}\n'
        )
        return line.encode("ascii")

    def refusal(self, refused: RefusedHandshake, id: str | None) -> bytes:
        """Return the line of a handshake that was refused."""
        response = cast(Refusing, refused.response)
        members: dict[str, object] = {} if id is None else {"id": id}
        members |= {
            "status": response.status,
            "code": response.code,
            "message": refused.message,
            "remote_address": refused.remote_address,
            "path": refused.path,
        }
        return (self._begin("refusal") + json.dumps(members, separators=(",", ":"))[1:] + "\n").encode("ascii")

    def close(self, session: Session, closed: Closed) -> bytes:
        """Return the line of a client that is gone."""
        seconds = max(0.0, self._wall_clock() - session.connected_at)
        line = (
            f"{self._of(session, 'close')[:-1]}{_ending(closed)},"
            f'"duration":{seconds * 1000:.0f},"messages_in":{session.lane.received},'
            f'"messages_out":{session.messages_out}}}\n'
        )
        return line.encode("ascii")

    def _body(self, payload: bytes) -> str:
        return "" if self._payloads is None else in_an_object(body_members(payload))

    def _of(self, session: Session, event: str) -> str:
        return f'{self._begin(event)}"id":"{session.id}","trace":"{session.trace_id}",'

    def _begin(self, event: str, worker: str | None = None) -> str:
        """Return the members that all events have, and a comma."""
        second, milliseconds = divmod(int(self._wall_clock() * 1000), 1000)
        if second != self._second:
            self._second, self._date = second, iso8601(second)[:-4]
        return f'{{"time":"{self._date}{milliseconds:03d}Z","event":"{event}","worker":"{worker or self._prefix}",'


def outcome_word(outcome: Outcome | None, status: int) -> str:
    """Return the word for what came of a try whose answer had this status."""
    if outcome is None:
        return "retried"
    if isinstance(outcome, Delivered):
        return "delivered" if status // 100 == 2 else "refused"
    if isinstance(outcome, Expired):
        return "refused" if status // 100 in (2, 4) and status not in _AGAIN else "undelivered"
    if isinstance(outcome, Acknowledged):
        return "acknowledged" if status // 100 in (2, 4) and status not in _AGAIN else "undelivered"
    return _WORDS[type(outcome)]


def _reply_word(outcome: Delivered) -> str:
    """Return what becomes of the reply of an answer that has one."""
    return "streamed" if outcome.stream is not None else "unsent" if outcome.reply is None else "sent"


def failed(attempt: Attempt, status: int) -> bool:
    """Say if a try, whose answer had this status, is one of those that people look for when something is wrong."""
    if isinstance(attempt.outcome, Acknowledged):
        return status // 100 != 2 and status not in _GONE
    return status // 100 != 2 or isinstance(attempt.outcome, Refused | Indeterminate | Expired)


def webhook_id(session: Session, attempt: Attempt) -> str:
    """Return the webhook-id of a try, out of its request if that is there."""
    if attempt.request is None:
        return f"{session.id}_{getattr(attempt.event, 'sequence', 0)}_{attempt.event.kind.value}"
    head = cast(Request, attempt.request).head
    start = head.index(b"\r\nwebhook-id: ") + len(b"\r\nwebhook-id: ")
    return head[start : head.index(b"\r\n", start)].decode("ascii")


def _times(times: Times) -> str:
    connect = "null" if times.connect is None else milliseconds(times.connect)
    first_byte = "null" if times.first_byte is None else milliseconds(times.first_byte)
    return (
        f'{{"queue":{milliseconds(times.queue)},"connect":{connect},"first_byte":{first_byte},'
        f'"total":{milliseconds(times.total)}}}'
    )


def _ending(closed: Closed) -> str:
    return (
        f',"cause":"{closed.cause.value}","close_code":{closed.code},"close_reason":{quoted(closed.reason)},'
        f'"clean":{"true" if closed.clean else "false"}'
    )


def _size(event: object) -> int:
    return len(event.frame.payload) if isinstance(event, Received) else 0


def _type(binary: bool) -> str:
    return "binary" if binary else "text"
