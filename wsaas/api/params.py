"""Reads the parameters of a request's query, and the message in its body."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from twisted.web.iweb import IRequest

from wsaas.api.errors import UnsupportedCoding
from wsaas.core.errors import BadRequest
from wsaas.core.events import CloseCode
from wsaas.core.ids import ID_LENGTH
from wsaas.net.http_grammar import OWS

CLOSE = ("code", "reason")
PAGE = ("limit", "after")
RECEIPT = ("receipt",)
EXCEPT = ("except",)

DEFAULT_PAGE = 1000
MAX_PAGE = 10_000
"""Ids on one page; an answer has at most 360 KB then."""
MAX_PAGE_OF_GROUPS = 1000
"""Groups on one page: a name takes up to 1.5 KB in JSON."""

MAX_RECEIPT_TIME = 60_000
"""Milliseconds for which a push may wait for its receipt."""

MAX_PARAMETERS = 500
"""Parameters of a request. A request line has room for 400 exceptions."""
MAX_PERCENT_SIGNS = 2000
"""Bytes of a query that are percent-encoded. A reason has 123 at most, the name of a group 256."""

_MAX_SHOWN = 60
"""Characters of a wrong parameter that an error repeats."""


class Query:
    """The parameters of a request, of which its route knows each.

    Raises BadRequest for a parameter that the route does not know: with a misspelt `except` a push would otherwise
    reach every client. MAX_PARAMETERS, MAX_PERCENT_SIGNS and the length of a request line bound the query.
    """

    def __init__(self, query: bytes, once: Collection[str] = (), repeatable: Collection[str] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        if query.count(b"%") > MAX_PERCENT_SIGNS:
            raise BadRequest(f"the query has more than {MAX_PERCENT_SIGNS} percent-encoded bytes")
        try:
            # Not request.args: Twisted takes ";" for a separator too, and a reason may have one.
            pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
        except UnicodeDecodeError:
            raise BadRequest("the query is not UTF-8, percent-encoded") from None
        except ValueError:
            raise BadRequest(f"the query has more than {MAX_PARAMETERS} parameters") from None
        for name, value in pairs:
            if name not in once and name not in repeatable:
                known = ", ".join((*once, *repeatable)) or "none"
                raise BadRequest(f"{name[:_MAX_SHOWN]!r}: no parameter of this request; those that it has: {known}")
            if name in self._values and name not in repeatable:
                raise BadRequest(f"{name}: give it once")
            self._values.setdefault(name, []).append(value)

    def one(self, name: str) -> str | None:
        """Return the value of a parameter, or None if the query does not have it."""
        return self._values[name][0] if name in self._values else None

    def all(self, name: str) -> list[str]:
        """Return the values of a parameter that can be repeated."""
        return self._values.get(name, [])


def close_parameters(query: Query) -> tuple[int, str]:
    """Return code and reason of `?code=&reason=`. The router checks their bounds."""
    code = query.one("code")
    if code is not None and not re.fullmatch("[0-9]{4}", code, re.ASCII):
        raise BadRequest("code: a close code is 1000 or from 3000 to 4999")
    return int(code or CloseCode.NORMAL), query.one("reason") or ""


def receipt_seconds(query: Query) -> float | None:
    """Return the seconds that `?receipt=` gives the client to read the message; None without it."""
    milliseconds = query.one("receipt")
    if milliseconds is None:
        return None
    if not re.fullmatch("[0-9]{1,5}", milliseconds, re.ASCII) or not 0 < int(milliseconds) <= MAX_RECEIPT_TIME:
        raise BadRequest(f"receipt: a number of milliseconds from 1 to {MAX_RECEIPT_TIME}")
    return int(milliseconds) / 1000


def excepted(query: Query) -> frozenset[str]:
    """Return the ids of `?except=`, which can be repeated."""
    ids = frozenset(query.all("except"))
    for id in ids:
        if not re.fullmatch(f"[A-Za-z0-9]{{{ID_LENGTH}}}", id):
            raise BadRequest(f"except={id[:_MAX_SHOWN]}: no id of a connection; for several, repeat except=")
    return ids


def page_parameters(query: Query, longest: int = MAX_PAGE) -> tuple[int, str]:
    """Return the size of the page, `?limit=`, and the item that it follows, `?after=`."""
    limit = query.one("limit")
    if limit is None:
        return DEFAULT_PAGE, query.one("after") or ""
    if not re.fullmatch("[0-9]{1,6}", limit, re.ASCII) or not 0 < int(limit) <= longest:
        raise BadRequest(f"limit: a number from 1 to {longest}")
    return int(limit), query.one("after") or ""


def message(request: IRequest) -> tuple[bytes, bool]:
    """Return the message in the body of a push, and True if it is binary.

    A message of the media type application/octet-stream is binary, whatever the parameters of the type.
    """
    codings = b",".join(request.requestHeaders.getRawHeaders(b"content-encoding", []))
    for coding in codings.split(b","):
        if coding.strip(OWS).lower() not in (b"", b"identity"):
            raise UnsupportedCoding(
                "Content-Encoding: the message would reach the client in this coding: send it without any"
            )
    types = request.requestHeaders.getRawHeaders(b"content-type", [b""])
    if len(types) > 1:
        raise BadRequest("Content-Type: send it once at most")
    media_type: bytes = types[0].partition(b";")[0]
    return request.content.read(), media_type.strip(OWS).lower() == b"application/octet-stream"
