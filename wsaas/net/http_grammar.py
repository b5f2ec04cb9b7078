"""The grammar of HTTP/1.1 messages: each rule once, under its name in RFC 9110 and RFC 9112.

A rule is text for a regular expression; `octets` compiles it for bytes, `characters` for text. h11's `_abnf.py` is the
model.

Every rule is deterministic: at each point of a match the next character alone decides how the match continues. A match
never backtracks, so its time is proportional to the length of the input. A test checks this for every pattern in
wsaas/ (tests.unit.test_linear).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""RFC 9110, 5.6.2: token = 1*tchar. Methods, field names, subprotocols, extensions."""

FIELD_VALUE = r"[\t\x20-\x7e\x80-\xff]*"
"""RFC 9110, 5.5: field-vchar = VCHAR / obs-text, with SP and HTAB between; the OWS around the value matches as well."""

FIELD_TEXT = r"[^\x00-\x08\x0a-\x1f\x7f]*"
"""A FIELD_VALUE as text before encoding: its UTF-8 matches FIELD_VALUE, unless it holds half a surrogate pair."""

FIELD_LINE = rf"({TOKEN}):({FIELD_VALUE})"
"""RFC 9112, 5: field-line = field-name ":" OWS field-value OWS. Groups: the name, and the value with its OWS."""

QUOTED_STRING = r'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
"""RFC 9110, 5.6.4: DQUOTE *( qdtext / quoted-pair ) DQUOTE."""

PARAMETERS = rf"(?:[ \t]*;[ \t]*{TOKEN}=(?:{TOKEN}|{QUOTED_STRING}))*"
"""RFC 9110, 5.6.6, without the empty parameters that it allows."""

MEDIA_TYPE = rf"{TOKEN}/{TOKEN}{PARAMETERS}"
"""RFC 9110, 8.3.1: type "/" subtype parameters."""

REQUEST_LINE = rf"({TOKEN}) ([\x21-\x7e]+) HTTP/([0-9]\.[0-9])"
"""RFC 9112, 3: method SP request-target SP HTTP-version. Groups: these three; the version without `HTTP/`."""

ORIGIN_FORM = r"/[\x21\x22\x24-\x7e]*"
"""RFC 9112, 3.2.1: absolute-path [ "?" query ], and also the characters that some clients fail to percent-encode."""

REG_NAME = r"(?:[0-9A-Za-z._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
"""RFC 3986, 3.2.2: a host name or an IPv4 address; never empty, although the RFC allows that."""

HOST = rf"(?:{REG_NAME}|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?"
"""RFC 9110, 7.2: uri-host [ ":" port ]. An IPv6 address stands in brackets."""

PATH = r"(?:[0-9A-Za-z._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
"""RFC 3986, 3.3: segments of pchar with slashes between them."""

OWS = b" \t"
"""RFC 9110, 5.6.3: optional white space around a value, to be stripped. (`bytes.strip()` would strip more.)"""

HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade".split()
)
"""RFC 9110, 7.6.1 and 11.7, and RFC 2616, 13.5.1: fields that concern one connection and are never forwarded."""

FRAMING = frozenset("content-length transfer-encoding".split())
"""RFC 9112, 6: fields that determine the end of a message."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""RFC 9110, 4.2: the port of a URL that names none."""


def octets(rule: str) -> re.Pattern[bytes]:
    """Compile a rule for bytes."""
    return re.compile(rule.encode("ascii"))


def characters(rule: str) -> re.Pattern[str]:
    """Compile a rule for text."""
    return re.compile(rule)


def encoded(names: Iterable[str]) -> frozenset[bytes]:
    """Return field names as bytes."""
    return frozenset(name.encode("ascii") for name in names)


def in_origin_form(target: bytes) -> tuple[bytes, bytes] | None:
    """Return the host of a target in absolute-form, and the target in origin-form (RFC 9112, 3.2.2); None if the target
    is no URL of HTTP or of WebSocket. A URL with user information or a fragment is none (RFC 9110, 4.2.4).
    """
    scheme, _, rest = target.partition(b"://")
    found = _BEHIND_SCHEME.fullmatch(rest) if scheme.lower() in _SCHEMES else None
    if found is None:
        return None
    host, path = found.groups()
    return host, path if path and path.startswith(b"/") else b"/" + (path or b"")


_BEHIND_SCHEME = octets(rf"({HOST})([/?][\x21\x22\x24-\x7e]*)?")
_SCHEMES = frozenset((b"http", b"https", b"ws", b"wss"))


def elements(value: bytes) -> list[bytes]:
    """Split a comma-separated list (RFC 9110, 5.6.1.2); white space around elements and empty elements are dropped."""
    return [element for each in value.split(b",") if (element := each.strip(OWS))]
