"""The JSON of a backend's answer: how it is read, and what is said of a part of it that cannot be used.

A body is bounded before it comes here (MAX_DECISION), and so is the work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wsaas.http_client.exchange import HttpResponse

UNASKED = "the backend, or the proxy before it, must answer uncompressed, as Accept-Encoding: identity asks"
"""The remedy for an answer in a coding."""
MAX_SHOWN = 40
"""Characters of a text that a Flaw shows."""


class InvalidAnswer(Exception):
    """An answer that cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Details that were left out of an OK: the member of its JSON, how many of its entries, and the first one with the
    reason. A number of 0 means the whole member.
    """

    member: str
    count: int
    reason: str


class Number(str):
    """A number as the answer spells it: neither rounded nor bounded in its digits."""


_JSON = json.JSONDecoder(parse_int=Number, parse_float=Number)
_KINDS = {dict: "an object", list: "a list", bool: "true or false", type(None): "null", Number: "a number"}


def read_code(answer: HttpResponse) -> tuple[str, dict[str, Any]]:
    """Return the code of an answer's JSON object, and the whole object. Raises InvalidAnswer."""
    decision = _read(answer)
    code = decision.get("code") if isinstance(decision, dict) else None
    if type(code) is not str:
        raise InvalidAnswer('its JSON has no "code"')
    return code, decision


def read_object(answer: HttpResponse) -> dict[str, Any]:
    """Return an answer's JSON object. Raises InvalidAnswer."""
    members = _read(answer)
    if not isinstance(members, dict):
        raise InvalidAnswer("its JSON is no object")
    return members


def _read(answer: HttpResponse) -> Any:
    if answer.truncated:
        raise InvalidAnswer("its body is too long")
    if answer.coding is not None:
        raise InvalidAnswer(f"it says {answer.coding}, which was not asked for: {UNASKED}")
    try:
        return _JSON.decode(answer.body.decode(json.detect_encoding(answer.body), "surrogatepass"))
    except (ValueError, RecursionError):
        raise InvalidAnswer("its body is not JSON") from None


class LeftOut:
    """Counts what is left out of one member, and keeps the first: an answer has at most one Flaw of each."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def add(self, what: str, reason: str) -> None:
        """Count one more."""
        if not self.count:
            self.first = f"{what}: {reason}"
        self.count += 1

    def into(self, flaws: list[Flaw], member: str) -> None:
        """Add the Flaw of this member to others, if anything was left out."""
        if self.count:
            flaws.append(Flaw(member, self.count, self.first))


def shown(value: Any) -> str:
    """Return a value for the log: the beginning of a text, the kind of anything else."""
    return repr(value[:MAX_SHOWN]) if type(value) is str else kind(value)


def kind(value: Any) -> str:
    """Return the kind of a value in words."""
    return _KINDS.get(type(value), "not JSON")  # NaN and Infinity, which Python's parser lets pass
