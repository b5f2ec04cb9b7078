"""Reads a backend's answers as the gateway does, and keeps what the gateway would log of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.responses import read
from wsaas.backend.retries import Retry
from wsaas.core.events import Event
from wsaas.core.model import Frame
from wsaas.core.outcomes import Accepted, Acknowledged, Delivered, Indeterminate, Outcome, Refused
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.telemetry.log_limit import LogLimit

_TO_DO = ". To do: "


@dataclass(frozen=True, slots=True)
class Remark:
    """A line that the gateway would log: the sentence, and what is to be done."""

    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A webhook with its answer, or the fault in its place, and the meaning that the gateway would find in it.

    `replies` would be sent to the client. `seconds` is the time from the sending to the whole answer.
    """

    answer: HttpResponse | Fault
    outcome: Outcome | Retry
    remarks: tuple[Remark, ...]
    replies: tuple[Frame, ...]
    seconds: float

    @property
    def status(self) -> int | None:
        """The status of the answer; None if there is none."""
        return self.answer.status if isinstance(self.answer, HttpResponse) else None

    @property
    def taken(self) -> bool:
        """Say if the gateway would go on: the client is let in, the message delivered, the end acknowledged."""
        return isinstance(self.outcome, Accepted | Delivered | Acknowledged)

    @property
    def refused(self) -> bool:
        """Say if the backend said no: by a 4xx after which nothing is repeated, or to a connect by another code."""
        if isinstance(self.outcome, Refused) and self.status is not None and self.status < 300:
            return True
        return not isinstance(self.outcome, Retry | Indeterminate) and 400 <= (self.status or 0) < 500

    @property
    def remark(self) -> Remark:
        """The first line that the gateway would log."""
        if self.remarks:
            return self.remarks[0]
        return Remark(f"the answer is {self.status or self.answer}", "look at the backend's log")

    def told_of(self, what: str) -> str:
        """Return the sentence of the first line, with `what` as its subject instead of the kind of the event."""
        sentence = self.remark.sentence
        for kind in ("a message ", "a connect ", "a refresh ", "a disconnect "):
            if sentence.startswith(kind):
                return f"{what} {sentence.removeprefix(kind)}"
        return f"{what}: {sentence}"


class Remarks(AnswerLog):
    """The gateway's log of answers, kept instead of written."""

    def __init__(self, clock: IReactorTime, address: str) -> None:
        super().__init__(LogLimit(clock, every=0.0), address)
        self._kept: list[Remark] = []

    def take(self) -> tuple[Remark, ...]:
        """Return the lines since the last call."""
        kept, self._kept = tuple(self._kept), []
        return kept

    def _write(self, level: Any, left_out: int, id: str, format: str, **fields: object) -> None:
        sentence, _, remedy = format.format(**fields).partition(_TO_DO)
        self._kept.append(Remark(sentence, remedy or "mend that in the backend's answer"))


def judge_answer(
    id: str,
    event: Event,
    answer: HttpResponse | Fault,
    seconds: float,
    remarks: Remarks,
    wall_clock: Callable[[], float],
) -> Answered:
    """Return what the gateway would make of this answer, which is no stream."""
    outcome = read(id, event, answer, wall_clock, remarks)
    replies: tuple[Frame, ...] = ()
    if isinstance(outcome, Delivered) and outcome.reply is not None:
        replies = (outcome.reply, *outcome.further)
    return Answered(answer, outcome, remarks.take(), replies, seconds)


def judge_stream(answer: HttpResponse, seconds: float, replies: Sequence[bytes], flaw: str | None) -> Answered:
    """Return what the gateway would make of a streamed reply that gave these messages, and perhaps was cut short."""
    remarks: tuple[Remark, ...] = ()
    if flaw is not None:
        remarks = (Remark(f"a streamed reply was cut short by {flaw}", "look at the backend's log"),)
    return Answered(answer, Delivered(), remarks, tuple(Frame(each, binary=False) for each in replies), seconds)
