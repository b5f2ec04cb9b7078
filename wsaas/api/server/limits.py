"""The limits of one connection of the API: its phases and their times, a request's head, and a body."""

from __future__ import annotations

from enum import Enum, auto
from io import BytesIO

from twisted.web.http_headers import Headers

from wsaas.api.errors import MalformedRequest
from wsaas.core.errors import MessageTooLong
from wsaas.net.http_grammar import FIELD_LINE, in_origin_form, octets

# Seconds that a kept-alive connection may be silent, or leave its answers unread. Balancers close theirs after 60. The
# end that sends requests must close first: a request on a connection that is just being closed is lost.
IDLE_TIMEOUT = 75.0
# Seconds in which a refused client may read the reason. To close with bytes unread would reset the connection.
LINGER_TIMEOUT = 2.0
# Seconds after which the connection of a client that does not read its last bytes is aborted.
CLOSE_TIMEOUT = 15.0
# Digits of a Content-Length: 999 PB at most. Python refuses to convert thousands of digits.
MAX_LENGTH_DIGITS = 18
# Bytes of a header's name. Twisted keeps the first ten thousand names for ever.
MAX_NAME_LENGTH = 256
# Headers of a request: Twisted refuses more (`HTTPChannel.maxHeaders`).
MAX_FIELDS = 500

FIELD = octets(FIELD_LINE)


class Phase(Enum):
    """The phase of a connection; each but ANSWERING and CLOSED has a time limit that no byte extends."""

    IDLE = auto()
    RECEIVING = auto()
    ANSWERING = auto()
    LINGERING = auto()
    CLOSING = auto()
    CLOSED = auto()


OVER = (Phase.LINGERING, Phase.CLOSING, Phase.CLOSED)


class Body(BytesIO):
    """A request's body. Raises MessageTooLong instead of growing over `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > self._limit:
            raise too_long(self._limit)
        return super().write(data)


def too_long(limit: int) -> MessageTooLong:
    """Return the error of a body over `limit` bytes."""
    return MessageTooLong(f"a body has at most {limit} bytes (MAX_MESSAGE_SIZE)")


def line_in_origin_form(line: bytes) -> tuple[bytes, bytes | None]:
    """Return a request line with its target in origin-form, and the host that a target in absolute-form names.

    Return any other line as it is, and no host.
    """
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    found = in_origin_form(target)
    return (line, None) if found is None else (b" ".join((method, found[1], version)), found[0])


def check_head(target: bytes, version: bytes, headers: Headers, named_host: bytes | None = None) -> None:
    """Raise MalformedRequest for a head that two servers may read differently.

    `named_host`, of a target in absolute-form, replaces the Host header (RFC 9112, 3.2.2).
    """
    hosts = headers.getRawHeaders(b"host", [])
    if len(hosts) > 1 or (not hosts and version != b"HTTP/1.0"):
        raise MalformedRequest("send one Host header")
    codings = headers.getRawHeaders(b"transfer-encoding", [])
    if any(coding.lower() != b"chunked" for coding in codings):
        raise MalformedRequest("Transfer-Encoding: chunked is the only one")
    if codings and version == b"HTTP/1.0":
        raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding")
    if not target.startswith(b"/"):
        raise MalformedRequest("the request target must be a path, or a URL with a host and no fragment")
    if named_host is not None:
        headers.setRawHeaders(b"Host", [named_host])
