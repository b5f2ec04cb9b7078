"""The headers that the JSON of a connect answer names: for the later webhooks, and for the client's 101."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsaas.backend.answer_json import Flaw, LeftOut, kind, shown
from wsaas.net.http_grammar import FIELD_TEXT, FRAMING, HOP_BY_HOP, TOKEN, characters
from wsaas.net.webhook_headers import reserved

MAX_HEADERS = 32
"""Headers that a connect answer may ask to have repeated, and headers that it may add to the 101."""
MAX_HEADER_BYTES = 8192
"""Bytes of all their names and values, of each of the two."""

Headers = tuple[tuple[bytes, bytes], ...]

_TOKEN = characters(TOKEN)
_TEXT = characters(FIELD_TEXT)
_OF_THE_HANDSHAKE = HOP_BY_HOP | FRAMING


def repeated_headers(headers: Any, flaws: list[Flaw]) -> Headers:
    """Return the headers for every later webhook: each name once, whether in upper or lower case."""
    kept: dict[bytes, tuple[bytes, bytes]] = {}
    left_out = LeftOut()
    room = MAX_HEADER_BYTES
    for name, value in _members(headers, "headers", flaws):
        field = _field(name, value, _of_webhooks)
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
                    left_out.add(shown(same[0].decode()), "the same name comes again, spelled otherwise")
        if isinstance(field, str):
            left_out.add(shown(name), field)
    left_out.into(flaws, "headers")
    return tuple(kept.values())


def response_headers(headers: Any, flaws: list[Flaw]) -> Headers:
    """Return the headers for the 101. A list of values, as Set-Cookie needs it (RFC 6265, 3), becomes one line each."""
    kept: list[tuple[bytes, bytes]] = []
    left_out = LeftOut()
    room = MAX_HEADER_BYTES
    for name, values in _members(headers, "response_headers", flaws):
        for value in values if isinstance(values, list) else [values]:
            field = _field(name, value, _of_handshakes)
            if isinstance(field, tuple):
                size = len(field[0]) + len(field[1])
                if len(kept) >= MAX_HEADERS:
                    field = f"at most {MAX_HEADERS} headers are added to the 101"
                elif size > room:
                    field = f"all headers together have at most {MAX_HEADER_BYTES} bytes"
                else:
                    room -= size
                    kept.append(field)
            if isinstance(field, str):
                left_out.add(shown(name), field)
    left_out.into(flaws, "response_headers")
    return tuple(kept)


def _members(headers: Any, member: str, flaws: list[Flaw]) -> list[tuple[str, Any]]:
    if isinstance(headers, dict):
        return list(headers.items())
    if headers is not None:
        flaws.append(Flaw(member, 0, f"{shown(headers)}: headers are an object of names and values"))
    return []


def _of_webhooks(name: str) -> bool:
    """Say if only the gateway, or the client, sets this header of a webhook; the name is in lower case."""
    return name == "authorization" or reserved(name)


def _of_handshakes(name: str) -> bool:
    """Say if only the gateway sets this header of a 101; the name is in lower case."""
    return name in _OF_THE_HANDSHAKE or name.startswith("sec-websocket-")


def _field(name: str, value: Any, ours: Callable[[str], bool]) -> tuple[bytes, bytes] | str:
    """Return one header as bytes, or the reason why it is left out."""
    if not _TOKEN.fullmatch(name):
        return "it is not the name of a header (RFC 9110, 5.1)"
    if ours(name.lower()):
        return "a backend cannot set this header"
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str):
        return f"its value is {kind(value)}; a value is text, a number, true or false"
    if not _TEXT.fullmatch(value):
        return "its value has a control character, such as a line end"
    try:
        return name.encode(), value.strip(" \t").encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return "its value has half of a surrogate pair, which is no text"
