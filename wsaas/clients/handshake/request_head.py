"""The head of a handshake, checked before Autobahn reads it.

Autobahn splits lines where `str.splitlines` does, joins repeated headers and ignores lines it does not understand, so
that a header could be smuggled past a proxy in front (X: a\\x85Origin: https://good). What is ambiguous is refused.
"""

from __future__ import annotations

import re

MAX_HEAD = 16384
"""Bytes of request line and headers; more is answered with 431."""

END = b"\r\n\r\n"

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) (HTTP/[0-9]\.[0-9])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\x84\x86-\xff]*)")
_ONCE = frozenset(
    (b"host", b"origin", b"authorization", b"upgrade", b"sec-websocket-key", b"sec-websocket-version", b"traceparent")
)
_BODY = frozenset((b"content-length", b"transfer-encoding"))

# What is between the client and the gateway only, or a credential: not for the body of the connect webhook.
_PRIVATE = frozenset(
    "authorization cookie proxy-authorization proxy-authenticate connection keep-alive proxy-connection te trailer "
    "transfer-encoding upgrade sec-websocket-key sec-websocket-version sec-websocket-extensions "
    "sec-websocket-protocol".split()
)


def flaw(head: bytes) -> str | None:
    """What is wrong with a request head (up to but without the empty line), None if it can only be read one way."""
    request_line, *fields = head.split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(request_line)
    if request is None:
        return "the request line is malformed"
    if not request[2].startswith(b"/"):
        return "the request target is not a path"
    seen = set()
    for line in fields:
        field = _FIELD.fullmatch(line)
        if field is None:
            return "a header line is malformed"
        name = field[1].lower()
        if name in _BODY:
            return "a handshake has no body"
        if name in _ONCE and name in seen:
            return "a header that may appear once is repeated"
        seen.add(name)
    return None


def fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a flawless head, in order: names in lower case, values without the white space around them."""
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]


def public(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that the backend may read in the connect webhook's body; repeated ones joined (RFC 9110, 5.3)."""
    result: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in _PRIVATE:
            result[name] = f"{result[name]}, {value}" if name in result else value
    return result


def repeated(headers: list[tuple[bytes, bytes]], names: frozenset[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of these (lower-case) names for every webhook, each once.

    A value is as it came. Several of one name are joined, empty ones left out: with a comma (RFC 9110, 5.3), cookies
    with a semicolon (RFC 6265, 5.4; RFC 9113, 8.2.3, since HTTP/2 may split them).
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in names:
            found.setdefault(name, []).append(value)
    return tuple(
        (_SPELLED.get(name, name), _SEPARATORS.get(name, b", ").join(filter(None, values)))
        for name, values in found.items()
    )


_SEPARATORS = {b"cookie": b"; "}
_SPELLED = {b"authorization": b"Authorization", b"cookie": b"Cookie"}
