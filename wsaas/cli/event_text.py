"""An event of /-/events as people read it: one line for what was sent, one for what came back.

    12:34:56.123  --> message     x8Kd93Lm  PUT text, 128 B
                  <-- 200         delivered (12 ms), 42 B

--> goes to the backend, <-- comes from it. Text that clients or the backend chose is escaped.
"""

from __future__ import annotations

import base64
import binascii
import textwrap
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from wsaas.cli.sentences import INSTEAD_OF_OK, REFUSALS, effect, of_reply
from wsaas.cli.terminal import BLUE, BOLD, DIM, GREEN, RED, YELLOW
from wsaas.cli.text import moment, number, padded, printable, short_id, shortened, size, span, took

Event = Mapping[str, Any]
Paint = Callable[..., str]
"""Colours a text by SGR codes, or leaves it as it is."""

WEBHOOKS = frozenset({"connect", "message", "refresh", "disconnect", "retry"})
TIME_WIDTH, NAME_WIDTH, ID_WIDTH = 12, 10, 8
MARGIN = " " * (TIME_WIDTH + 2)
MAX_BODY_LINES = 20
"""Lines of a body that are shown."""
_OUTCOMES = {
    ("connect", "accepted"): "accepted",
    ("connect", "refused"): "the client is refused",
    ("connect", "unknown"): "no usable answer: the client is refused, and a disconnect webhook follows",
    ("message", "delivered"): "delivered",
    ("message", "refused"): "refused; the connection goes on",
    ("message", "close_requested"): "delivered; the backend wants the connection closed",
    ("message", "undelivered"): "given up; the connection is closed",
    ("refresh", "accepted"): "the client is kept",
    ("refresh", "refused"): "the client is not kept: the connection is closed",
    ("refresh", "undelivered"): "given up; the connection is closed",
    ("disconnect", "acknowledged"): "acknowledged",
    ("disconnect", "undelivered"): "given up",
}


class EventText:
    """Formats events. `columns` is the width of the terminal, 0 if nothing is to be cut."""

    def __init__(self, paint: Paint, columns: int = 0, payloads: bool = False) -> None:
        self._paint = paint
        self._columns = columns
        self._payloads = payloads
        self._advised = False
        """True once it was said how to see what is not shown."""
        self._told_of_replies = False
        """True once it was said that an answer needs a header to be a reply: most answers with a body mean none."""
        self.replayable = False
        """True if the gateway records webhooks, so that their ids are worth showing."""

    def lines(self, event: Event) -> list[str]:
        """Return the lines of one event."""
        name = str(event.get("event"))
        if name in WEBHOOKS:
            return self._webhook(name, event)
        format = {
            "push": self._push,
            "group_push": self._push_to_many,
            "broadcast": self._push_to_many,
            "reply": self._reply,
            "refusal": self._refusal,
            "close": self._close,
            "skipped": self._skipped,
            "sampled": self._sampled,
            "lost": self._lost,
            "found": self._found,
        }.get(name)
        return [] if format is None else format(event)

    def _webhook(self, name: str, event: Event) -> list[str]:
        told = str(event.get("webhook_id") or "").rpartition("_")[2] if name == "retry" else name
        facts = []
        if told == "connect":
            facts += [
                str(event.get("path") or ""),
                f"from {event['remote_address']}" if "remote_address" in event else "",
            ]
        elif told == "message":
            facts += [f"{event.get('type') or ''},", size(_int(event, "bytes"))]
            facts += [f"in {number(_int(event, 'count'), 'message')}" if "count" in event else ""]
        elif told == "disconnect":
            facts += [_ending(event)]
        if _int(event, "attempt") > 1:
            facts += [f"(attempt {_int(event, 'attempt')})"]
        said = " ".join(filter(None, (str(event.get("method") or ""), *facts)))
        first = self._first("-->", told, short_id(str(event.get("id") or "")), said, event)
        answer = [self._answer(told, event), *self._bodies(event, "answer"), *self._why(told, event)]
        return [first, *self._bodies(event, "request"), *answer]

    def _why(self, told: str, event: Event) -> list[str]:
        """Return what an answer that is no success means, at the first of several tries; else nothing."""
        status, outcome = event.get("status"), str(event.get("outcome") or "")
        bad = not isinstance(status, int) or status >= 300 or outcome in ("refused", "unknown")
        about_reply = self._about_reply(event) if told == "message" and not bad else ""
        if not (bad or about_reply) or (outcome == "retried" and _int(event, "attempt") > 1):
            return []
        text = printable(effect(told, status if isinstance(status, int) else None, outcome, about_reply))
        room = max(20, self._columns - len(MARGIN) - 4)
        lines = textwrap.wrap(text, room, break_on_hyphens=False) if self._columns else [text] if text else []
        return [f"{MARGIN}    {self._paint(line, YELLOW)}" for line in lines]

    def _about_reply(self, event: Event) -> str:
        """Return which sentence there is about the reply: of one that cannot be sent always, of a missing one once."""
        reply = event.get("reply")
        found = of_reply(reply if isinstance(reply, str) else None, _int(event, "answer_bytes"), "count" not in event)
        if found == "unreplied" and self._told_of_replies:
            return ""
        self._told_of_replies = self._told_of_replies or bool(found)
        return found

    def _answer(self, told: str, event: Event) -> str:
        status, times = event.get("status"), event.get("times")
        total = times.get("total") if isinstance(times, dict) else None
        outcome = str(event.get("outcome") or "")
        said = _OUTCOMES.get((told, outcome), outcome)
        if event.get("reply") == "unsent":
            said = "delivered, but the reply cannot be sent"
        if outcome == "retried":
            said = f"tried again in {took(float(event.get('retry_in') or 0))}"
        if status is None and event.get("error"):
            said = f"{event['error']}: {said}" if said else str(event["error"])
        if isinstance(total, int | float):
            said += f" ({took(total)})"
        if _int(event, "answer_bytes"):
            said += f", {size(_int(event, 'answer_bytes'))}"
        shown = self._paint(padded("none" if status is None else str(status), NAME_WIDTH), status_colour(status))
        id = str(event.get("webhook_id") or "")
        end = f"  {self._paint(f'[{id}]', DIM)}" if id and self.replayable else ""
        return f"{MARGIN}{self._paint('<--', DIM)} {shown}  {self._cut(said, 18 + NAME_WIDTH)}{end}"

    def _push(self, event: Event) -> list[str]:
        facts = f"{event.get('type') or ''}, {size(_int(event, 'bytes'))}"
        first = self._first("<--", "push", short_id(str(event.get("id") or "")), facts, event)
        status = event.get("status")
        said = self._paint(padded(str(status), NAME_WIDTH), status_colour(status))
        said += "  " + printable(str(event.get("code") or ""))
        return [first, *self._bodies({"request": event}, "request"), f"{MARGIN}{self._paint('-->', DIM)} {said}"]

    def _push_to_many(self, event: Event) -> list[str]:
        to_group = event.get("event") == "group_push"
        target = str(event.get("group") or "") if to_group else "all"
        facts = f"{event.get('type') or ''}, {size(_int(event, 'bytes'))}"
        first = self._first("<--", "group" if to_group else "broadcast", target, facts, event)
        said = f"sent {_int(event, 'sent'):,}, skipped {_int(event, 'skipped'):,}"
        if _int(event, "unreached"):
            said += f", {_int(event, 'unreached'):,} unreached"
        colour = YELLOW if _int(event, "skipped") or _int(event, "unreached") else GREEN
        return [
            first,
            *self._bodies({"request": event}, "request"),
            f"{MARGIN}{self._paint('-->', DIM)} {self._paint(said, colour)}",
        ]

    def _reply(self, event: Event) -> list[str]:
        facts = f"{event.get('type') or ''}, {size(_int(event, 'bytes'))}"
        return [self._first("<--", "reply", short_id(str(event.get("id") or "")), facts, event)]

    def _refusal(self, event: Event) -> list[str]:
        who = ", ".join(str(each) for each in (event.get("remote_address"), event.get("path")) if each)
        first = self._first(" x ", "refusal", short_id(str(event.get("id") or "-")), who, event)
        status = event.get("status")
        said = self._paint(f"{status} {printable(str(event.get('code') or ''))}", status_colour(status))
        message = event.get("message") or ("" if event.get("code") in REFUSALS else INSTEAD_OF_OK)
        why = self._cut(f": {message}" if message else "", 22 + len(str(event.get("code"))))
        return [first, f"{MARGIN}    {said}{why}"]

    def _close(self, event: Event) -> list[str]:
        facts = f"{_ending(event)}, after {span(_int(event, 'duration') / 1000)}"
        facts += f", {_int(event, 'messages_in'):,} in, {_int(event, 'messages_out'):,} out"
        return [self._first(" x ", "close", short_id(str(event.get("id") or "")), facts, event)]

    def _skipped(self, event: Event) -> list[str]:
        said = f"{_int(event, 'count'):,} events are left out: this reader was too slow"
        return [f"{MARGIN}{self._paint(said, YELLOW)}"]

    def _sampled(self, event: Event) -> list[str]:
        count, failed = _int(event, "count"), _int(event, "failed")
        among = f", {number(failed, 'failure')} among them" if failed else ""
        advice = [] if self._advised else ["to see each: name an ID, --event, --status or --group; or use --all"]
        self._advised = True
        all, seconds = count + _int(event, "shown"), took(_int(event, "duration"))
        said = f"{count:,} of {all:,} events in {seconds} are not shown{among}"
        return [f"{MARGIN}{self._paint(line, YELLOW)}" for line in (said, *advice)]

    def _lost(self, event: Event) -> list[str]:
        said = f"events of the process {printable(str(event.get('worker')))} are missing from here on: it is not heard"
        return [f"{MARGIN}{self._paint(said, YELLOW)}"]

    def _found(self, event: Event) -> list[str]:
        said = (
            f"events of the process {printable(str(event.get('worker')))} come from here on; earlier ones are missing"
        )
        return [f"{MARGIN}{self._paint(said, YELLOW)}"]

    def _first(self, arrow: str, name: str, target: str, facts: str, event: Event) -> str:
        """Return the first line of an event."""
        when = moment(event.get("time"))
        time = f"{when.astimezone():%H:%M:%S.%f}"[:TIME_WIDTH] if isinstance(when, datetime) else " " * TIME_WIDTH
        target = printable(target)
        room = TIME_WIDTH + NAME_WIDTH + max(ID_WIDTH, len(target)) + 10
        shown = self._paint(padded(shortened(name, NAME_WIDTH), NAME_WIDTH), BOLD)
        begin = f"{self._paint(time, DIM)}  {self._paint(arrow, BLUE)} {shown}"
        return f"{begin}  {padded(target, max(ID_WIDTH, len(target)))}  {self._cut(facts, room)}".rstrip()

    def _cut(self, text: str, before: int) -> str:
        """Return the text, escaped, and cut so that it ends at the terminal's edge after `before` columns."""
        text = printable(text)
        return shortened(text, max(20, self._columns - before)) if self._columns else text

    def _bodies(self, event: Event, name: str) -> list[str]:
        """Return the lines of a recorded body, if they are wanted and there is one."""
        part = event.get(name)
        if not self._payloads or not isinstance(part, Mapping):
            return []
        shown = body_lines(part)
        return [f"{MARGIN}{self._paint('  |', DIM)} {self._cut(line, len(MARGIN) + 4)}" for line in shown]


def body_lines(part: Event, most: int = MAX_BODY_LINES) -> list[str]:
    """Return lines of a recorded body, `most` of them: its text, or a binary one in hexadecimal digits."""
    text = part.get("body")
    if isinstance(text, str):
        lines = text.splitlines() or ([""] if text else [])
        more = len(lines) - most
        return [*lines[:most], *([f"... {number(more, 'line')} more"] if more > 0 else [])]
    coded = part.get("body_base64")
    if not isinstance(coded, str):
        return []
    try:
        raw = base64.b64decode(coded)
    except (binascii.Error, ValueError):
        return []
    return [raw[at : at + 16].hex(" ") for at in range(0, min(len(raw), 16 * most), 16)]


def _ending(event: Event) -> str:
    """Return the cause of an end, with the close code and reason."""
    code, reason = event.get("close_code"), event.get("close_reason")
    said = str(event.get("cause") or "")
    said += f" {code}" if code else ""
    return f"{said} {reason}" if reason else said


def status_colour(status: object) -> str:
    """Return the colour of an answer: green if it is done, yellow if refused, red if it failed or there is none."""
    if not isinstance(status, int):
        return RED
    return GREEN if status < 300 else YELLOW if status < 500 else RED


def _int(event: Event, name: str) -> int:
    value = event.get(name)
    return int(value) if isinstance(value, int | float) else 0
