"""Parses the head of a request, and refuses a head that can be read in two ways.

A server in front may read some heads differently (RFC 9112, 11.2), and these are refused: with a body, with lines that
end without CRLF or continue after one, with white space before a colon, with a second Host or Authorization. All else
that HTTP allows passes, in any bytes: only the headers that the gateway uses decide about a connection.
"""

from __future__ import annotations

from dataclasses import replace

from wsaas.core.values import value
from wsaas.net.http_grammar import (
    FIELD_LINE,
    FRAMING,
    HOP_BY_HOP,
    ORIGIN_FORM,
    OWS,
    REQUEST_LINE,
    encoded,
    in_origin_form,
    octets,
)

MAX_HEAD = 16384
"""Bytes of request line and headers; more is answered with 431."""

MAX_FIELDS = 500
"""Headers; more are answered with 431. No client comes near: it is those that cost time, not their bytes."""

END = b"\r\n\r\n"

_REQUEST_LINE = octets(REQUEST_LINE)
_FIELD_LINE = octets(FIELD_LINE)
_ORIGIN_FORM = octets(ORIGIN_FORM)
_ONCE = {b"host": "Host", b"authorization": "Authorization", b"sec-websocket-key": "Sec-WebSocket-Key"}
_WATCHED = _ONCE.keys() | encoded(FRAMING)

# Headers between the client and the gateway only, and credentials: they are not in the body of the connect webhook.
_PRIVATE = encoded(
    HOP_BY_HOP
    | FRAMING
    | frozenset(
        "authorization cookie sec-websocket-key sec-websocket-version sec-websocket-extensions "
        "sec-websocket-protocol".split()
    )
)


class MalformedHandshake(Exception):
    """A request that is no handshake. The text says why; `status` and `headers` are for the answer."""

    def __init__(self, reason: str, status: int = 400, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


@value
class RequestHead:
    """A request's method, target in origin-form, version ("1.1") and fields.

    `fields` has the values of each field, in the order in which they came: names in lower case, values without the
    white space around them. `carrier` is the subprotocol that carried a credential and is no longer among the fields;
    None for none, and from `parse`.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: dict[bytes, list[bytes]]
    carrier: str | None = None

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of one field; none if it is not there."""
        return self.fields.get(name, [])


def parse(head: bytes) -> RequestHead:
    """Read a head, up to but without its empty line. Raises MalformedHandshake.

    One empty line before the request line is ignored (RFC 9112, 2.2).
    """
    request_line, *lines = head.removeprefix(b"\r\n").split(b"\r\n")
    if len(lines) > MAX_FIELDS:
        raise MalformedHandshake(f"the request has more than {MAX_FIELDS} headers", 431)
    request = _REQUEST_LINE.fullmatch(request_line)
    if request is None:
        raise MalformedHandshake("the request line is malformed")
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        field = _FIELD_LINE.fullmatch(line)
        if field is None:
            raise MalformedHandshake(f"header {lines.index(line) + 1} is malformed: it is no name, colon and value")
        raw_name, value = field.groups()
        name, value = raw_name.lower(), value.strip(OWS)
        values = fields.get(name)
        if name in _WATCHED:
            _check(name, value, values is not None)
        if values is None:
            fields[name] = [value]
        else:
            values.append(value)
    method, target, version = request.groups()
    result = RequestHead(method, target, version, fields)
    return result if _ORIGIN_FORM.fullmatch(target) else _in_origin_form(result)


def _check(name: bytes, value: bytes, repeated: bool) -> None:
    if name == b"transfer-encoding" or (name == b"content-length" and (not value or value.strip(b"0"))):
        raise MalformedHandshake("a handshake has no body")
    if repeated and name in _ONCE:
        raise MalformedHandshake(f"{_ONCE[name]} is repeated: send this header once")


def _in_origin_form(head: RequestHead) -> RequestHead:
    """Return the same head for a target in absolute-form, whose host replaces the Host header (RFC 9112, 3.2.2)."""
    found = in_origin_form(head.target)
    if found is None:
        raise MalformedHandshake("the request target is not a path, nor a URL with a host and no fragment")
    host, target = found
    fields = {name: [host] if name == b"host" else values for name, values in head.fields.items()}
    return replace(head, target=target, fields=fields)


def public(head: RequestHead) -> dict[str, str]:
    """Return the headers for the body of the connect webhook, with repeated ones joined (RFC 9110, 5.3)."""
    return {
        name.decode("ascii"): b", ".join(values).decode("latin-1")
        for name, values in head.fields.items()
        if name not in _PRIVATE
    }


def repeated(head: RequestHead, names: frozenset[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of these (lower-case) names for every webhook, each once.

    A single value is unchanged. Several values are joined without the empty ones: by commas (RFC 9110, 5.3), cookies
    by semicolons (RFC 6265, 5.4; RFC 9113, 8.2.3, since HTTP/2 may split them).
    """
    if names.isdisjoint(head.fields):
        return ()
    return tuple(
        (_SPELLED.get(name, name), _SEPARATORS.get(name, b", ").join(filter(None, values)))
        for name, values in head.fields.items()
        if name in names
    )


_SEPARATORS = {b"cookie": b"; "}
_SPELLED = {b"authorization": b"Authorization", b"cookie": b"Cookie"}
