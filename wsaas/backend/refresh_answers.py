"""Reads the answers to refreshes, and for how many seconds the backend accepts a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsaas.backend.answer_headers import repeated_headers
from wsaas.backend.answer_json import Flaw, InvalidAnswer, Number, kind, read_code, read_object, shown
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.retries import TRY_AGAIN, Retry, retry_after
from wsaas.core.events import may_be_asked_for
from wsaas.core.outcomes import Expired, Kept, RefreshOutcome
from wsaas.core.router import MAX_REASON
from wsaas.http_client.exchange import Fault, HttpResponse

MIN_EXPIRES_IN, MAX_EXPIRES_IN = 1.0, 315360000.0
"""Bounds of `expires_in`, in seconds: a time beyond them counts as one at them. The longest is ten years."""
_AGAIN = "it is sent again"
_PLAIN = Expired()


def read_refresh(
    id: str, answer: HttpResponse | Fault, wall_clock: Callable[[], float], answer_log: AnswerLog
) -> RefreshOutcome | Retry:
    """Return the outcome that `answer` has for a connection whose time is over, or that the refresh is sent again.

    Only an OK keeps the connection, and only another code, or a 4xx, ends it at once.
    """
    if isinstance(answer, Fault):
        answer_log.not_ok("refresh", id, answer, _AGAIN)
        return Retry(str(answer))
    status = answer.status
    decided = 200 <= status < 300 or (400 <= status < 500 and status not in TRY_AGAIN)
    if not decided:
        answer_log.not_ok("refresh", id, answer, _AGAIN)
        return Retry(f"status {status}", retry_after(answer, wall_clock))
    flaws: list[Flaw] = []
    outcome: RefreshOutcome
    if status >= 400:
        outcome = _expired(_members(answer), flaws)
        answer_log.not_ok("refresh", id, answer, _closed_with(outcome))
    else:
        try:
            code, members = read_code(answer)
        except InvalidAnswer as error:
            answer_log.invalid("refresh", id, answer, str(error), _AGAIN)
            return Retry(str(error))
        if code == "OK":
            headers = repeated_headers(members.get("headers"), flaws)
            outcome = Kept(headers, read_expires_in(members.get("expires_in"), flaws))
        else:
            outcome = _expired(members, flaws)
            answer_log.other_code("refresh", id, code, _closed_with(outcome))
    answer_log.left_out(id, flaws, "the answer to a refresh")
    return outcome


def read_expires_in(value: Any, flaws: list[Flaw]) -> float | None:
    """Return the seconds of `expires_in`, None for a connection that does not expire."""
    if value is None:
        return None
    if type(value) is not Number:
        flaws.append(Flaw("expires_in", 0, f"{shown(value)}: it is a number of seconds"))
        return None
    return min(MAX_EXPIRES_IN, max(MIN_EXPIRES_IN, float(value)))


def _members(answer: HttpResponse) -> dict[str, Any]:
    """Return the members of the body of a 4xx, which needs no code, as its status decides; none of another body."""
    try:
        return read_object(answer)
    except InvalidAnswer:
        return {}


def _closed_with(outcome: Expired) -> str:
    return f"the connection is closed with {outcome.code}"


def _expired(members: dict[str, Any], flaws: list[Flaw]) -> Expired:
    """Read the close code and the reason for a client that the backend does not keep."""
    code, reason = _PLAIN.code, _PLAIN.reason
    asked, said = members.get("close_code"), members.get("close_reason")
    if type(asked) is Number and asked.isdigit() and len(asked) == 4 and _may_close(int(asked)):
        code = int(asked)
    elif asked is not None:
        what = asked[:20] if type(asked) is Number else shown(asked)
        flaws.append(Flaw("close_code", 0, f"{what}: a close code is 1000, 1008, or from 3000 to 4999"))
    flaw = None if said is None else _reason_flaw(said)
    if flaw is not None:
        flaws.append(Flaw("close_reason", 0, f"{shown(said)}: {flaw}"))
    elif said is not None:
        reason = said
    return Expired(code, reason)


def _may_close(code: int) -> bool:
    return code == _PLAIN.code or may_be_asked_for(code)


def _reason_flaw(said: Any) -> str | None:
    """Return why the reason of a Close cannot be sent, None if it can."""
    if type(said) is not str:
        return f"a reason is text, not {kind(said)}"
    try:
        size = len(said.encode())
    except UnicodeEncodeError:
        return "half of a surrogate pair is no text"
    return None if size <= MAX_REASON else f"a reason has at most {MAX_REASON} bytes"
