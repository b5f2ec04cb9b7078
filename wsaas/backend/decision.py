"""Reads the JSON of a 2xx to a connect: whether the client is let in, and with which groups and headers.

The code decides. One detail beside it that cannot be used is left out, and told as a Flaw: a session that the backend
has let in does not end because of a name. A body is bounded before it comes here (MAX_DECISION), and so is the work.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wsaas.core.groups import MAX_GROUPS, name_flaw
from wsaas.core.model import Handshake
from wsaas.core.outcomes import Accepted
from wsaas.http_client.exchange import HttpResponse
from wsaas.net.handshake_response import HandshakeResponse
from wsaas.net.http_grammar import FIELD_TEXT, TOKEN, characters
from wsaas.net.webhook_headers import reserved

MAX_HEADERS = 32
"""Headers that a connect answer may ask to have repeated."""
MAX_HEADER_BYTES = 8192
"""Bytes of all their names and values."""
UNASKED = "the backend, or the proxy before it, must answer uncompressed, as Accept-Encoding: identity asks"
"""The remedy for an answer in a coding."""
MAX_SHOWN = 40
"""Characters of a text that a Flaw shows."""

_TOKEN = characters(TOKEN)
_TEXT = characters(FIELD_TEXT)


class InvalidAnswer(Exception):
    """An answer that cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Details that were left out of an OK: the member of its JSON, their number, and the first one with the reason."""

    member: str
    count: int
    reason: str


class _Number(str):
    """A number as the answer spells it: neither rounded nor bounded in its digits."""


_JSON = json.JSONDecoder(parse_int=_Number, parse_float=_Number)
_KINDS = {dict: "an object", list: "a list", bool: "true or false", type(None): "null", _Number: "a number"}


def decide(answer: HttpResponse, handshake: Handshake) -> tuple[Accepted | HandshakeResponse, list[Flaw]]:
    """Return the decision about the client of `handshake`, let in or answered with a refusal, and what was left out.

    Raises InvalidAnswer.
    """
    if answer.truncated:
        raise InvalidAnswer("its body is too long")
    if answer.coding is not None:
        raise InvalidAnswer(f"it says {answer.coding}, which was not asked for: {UNASKED}")
    try:
        decision: Any = _JSON.decode(answer.body.decode(json.detect_encoding(answer.body), "surrogatepass"))
    except (ValueError, RecursionError):
        raise InvalidAnswer("its body is not JSON") from None
    code = decision.get("code") if isinstance(decision, dict) else None
    if type(code) is not str:
        raise InvalidAnswer('its JSON has no "code"')
    if code != "OK":
        return HandshakeResponse(403, code, foreign=True), []
    if len(decision) == 1:
        return Accepted(), []
    flaws: list[Flaw] = []
    accepted = Accepted(
        _subprotocol(decision.get("subprotocol"), handshake.subprotocols, flaws),
        _groups(decision.get("groups"), flaws),
        _headers(decision.get("headers"), flaws),
    )
    return accepted, flaws


class _Flaws:
    """Counts what is left out of one member, and keeps the first: an answer has at most one Flaw of each."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def add(self, what: str, reason: str) -> None:
        if not self.count:
            self.first = f"{what}: {reason}"
        self.count += 1

    def into(self, flaws: list[Flaw], member: str) -> None:
        if self.count:
            flaws.append(Flaw(member, self.count, self.first))


def _subprotocol(name: Any, offered: Sequence[str], flaws: list[Flaw]) -> str | None:
    if name is None or name == "":
        return None
    if type(name) is str and name in offered:
        return name
    # Its text is not shown: a browser's credential may stand there.
    flaws.append(Flaw("subprotocol", 1, f"it is none of the {len(offered)} that the client offered"))
    return None


def _groups(groups: Any, flaws: list[Flaw]) -> tuple[str, ...]:
    if groups is None:
        return ()
    if not isinstance(groups, list):
        flaws.append(Flaw("groups", 1, f"{_shown(groups)}: groups are a list of names"))
        return ()
    kept: dict[str, None] = {}
    left_out = _Flaws()
    for group in groups:
        reason = name_flaw(group) if type(group) is str else "the name of a group is text"
        if reason is None and len(kept) >= MAX_GROUPS and group not in kept:
            reason = f"a connection is in at most {MAX_GROUPS} groups"
        if reason is None:
            kept[group] = None
        else:
            left_out.add(_shown(group), reason)
    left_out.into(flaws, "groups")
    return tuple(kept)


def _headers(headers: Any, flaws: list[Flaw]) -> tuple[tuple[bytes, bytes], ...]:
    if headers is None:
        return ()
    if not isinstance(headers, dict):
        flaws.append(Flaw("headers", 1, f"{_shown(headers)}: headers are an object of names and values"))
        return ()
    kept: dict[bytes, tuple[bytes, bytes]] = {}
    left_out = _Flaws()
    room = MAX_HEADER_BYTES
    for name, value in headers.items():
        field = _field(name, value)
        if isinstance(field, tuple):
            key, size = field[0].lower(), len(field[0]) + len(field[1])
            same = kept.get(key)
            if same is None and len(kept) >= MAX_HEADERS:
                field = f"at most {MAX_HEADERS} headers are repeated"
            elif size > (free := room if same is None else room + len(same[0]) + len(same[1])):
                field = f"all headers together have at most {MAX_HEADER_BYTES} bytes"
            else:
                room = free - size
                kept[key] = field
                if same is not None:
                    left_out.add(_shown(same[0].decode()), "the same name comes again, spelled otherwise")
        if isinstance(field, str):
            left_out.add(_shown(name), field)
    left_out.into(flaws, "headers")
    return tuple(kept.values())


def _field(name: str, value: Any) -> tuple[bytes, bytes] | str:
    """Return one header as bytes, or the reason why it is left out."""
    if not _TOKEN.fullmatch(name):
        return "it is not the name of a header (RFC 9110, 5.1)"
    key = name.lower()
    if key == "authorization" or reserved(key):
        return "a backend cannot set this header"
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str):
        return f"its value is {_kind(value)}; a value is text, a number, true or false"
    if not _TEXT.fullmatch(value):
        return "its value has a control character, such as a line end"
    try:
        return name.encode(), value.strip(" \t").encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return "its value has half of a surrogate pair, which is no text"


def _shown(value: Any) -> str:
    """Return a value for the log: the beginning of a text, the kind of anything else."""
    return repr(value[:MAX_SHOWN]) if type(value) is str else _kind(value)


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "not JSON")  # NaN and Infinity, which Python's parser lets pass
