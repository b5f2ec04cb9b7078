"""Limits of one connection of the API: the phases of a request and their times, a body, and what a head may say."""

# mypy: allow-untyped-calls
# (twisted.web is only partly annotated.)

from __future__ import annotations

from enum import Enum, auto
from io import BytesIO

from twisted.web.http_headers import Headers

from wsaas.api.errors import MalformedRequest
from wsaas.core.errors import MessageTooLong
from wsaas.net.http_grammar import FIELD_LINE, octets

# Seconds that a kept-alive connection may be silent, or leave its answers unread. Balancers close theirs after 60: the
# end that sends requests must be the first, for what it sends on a connection that is just being closed is lost.
IDLE_TIMEOUT = 75.0
# Seconds in which a refused client may read why. Closing at once, with bytes of it unread, would reset the connection.
LINGER = 2.0
# Seconds after which a client that does not take its last bytes is cut off.
CLOSE_TIMEOUT = 15.0
# No length has more digits: 999 PB. Python refuses to convert thousands of them.
LENGTH_DIGITS = 18
# Bytes of a header's name. Twisted remembers the first ten thousand names that it meets, for ever.
LONGEST_NAME = 256

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
    return MessageTooLong(f"a body has at most {limit} bytes (MAX_MESSAGE_SIZE)")


def check_head(target: bytes, version: bytes, headers: Headers) -> None:
    """Raise MalformedRequest for a head that two servers may read differently."""
    hosts = headers.getRawHeaders(b"host", [])
    if len(hosts) > 1 or (not hosts and version != b"HTTP/1.0"):
        raise MalformedRequest("send one Host header")
    codings = headers.getRawHeaders(b"transfer-encoding", [])
    if any(coding.lower() != b"chunked" for coding in codings):
        raise MalformedRequest("Transfer-Encoding: chunked is the only one")
    if codings and version == b"HTTP/1.0":
        raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding")
    if not target.startswith(b"/"):
        raise MalformedRequest("the request target must begin with a slash")
