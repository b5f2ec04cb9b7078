"""The one table from the error of a request to the answer of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.exceptions import MethodNotAllowed, NotFound

from wsaas.api.responses import ApiResponse
from wsaas.core.errors import (
    BadRequest,
    ClientTooSlow,
    GatewayError,
    MessageTooLong,
    NoSuchConnection,
    NotUtf8,
    OwnerSilent,
    OwnerUnreachable,
)


class MalformedRequest(GatewayError):
    """The request is not HTTP/1.1 (RFC 9112), or it has a form that two servers may read differently."""


class Unauthorized(GatewayError):
    """The request needs the API token and does not have it."""


class HostNotAllowed(GatewayError):
    """The API has no token, and the Host of the request is a name that a web page may have made up."""


class RequestTimeout(GatewayError):
    """The request was not whole when its time was over."""


class UnsupportedCoding(GatewayError):
    """The message has a content coding, which would reach the client as it is."""


class NotReady(GatewayError):
    """The gateway is starting or draining, or its journal cannot be written."""


class TooManyWatchers(GatewayError):
    """The event stream of this process has all the readers that it may have."""


class NotRecorded(NoSuchConnection):
    """No webhook of this id is recorded here; another process may have it."""


class ReplayUnderWay(GatewayError):
    """A webhook of the same connection is being replayed, or too many of others are."""


class NoAnswer(GatewayError):
    """The backend did not answer a replay."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """The answer to one kind of error. Without a `message` here, `str()` of the error is the message."""

    status: int
    code: str
    headers: tuple[tuple[str, str], ...] = ()
    message: str = ""


# One text for every 404: the answer does not tell an id that is over from one that never was, or from another path.
NOT_FOUND = ErrorRow(
    404,
    "NOT_FOUND",
    message="no such connection (it is over, or was one of another or an earlier process, or never was),"
    " and no such path: forget the id or check the path",
)

TABLE: Mapping[type[object], ErrorRow] = {
    NoSuchConnection: NOT_FOUND,
    NotFound: NOT_FOUND,
    MethodNotAllowed: ErrorRow(405, "METHOD_NOT_ALLOWED", message="use one of the methods that the Allow header lists"),
    BadRequest: ErrorRow(400, "BAD_REQUEST"),
    MalformedRequest: ErrorRow(400, "BAD_REQUEST"),
    NotUtf8: ErrorRow(400, "NOT_UTF8"),
    Unauthorized: ErrorRow(401, "UNAUTHORIZED", headers=(("WWW-Authenticate", "Bearer"),)),
    HostNotAllowed: ErrorRow(403, "HOST_NOT_ALLOWED"),
    RequestTimeout: ErrorRow(408, "REQUEST_TIMEOUT"),
    MessageTooLong: ErrorRow(413, "MESSAGE_TOO_LONG"),
    # RFC 9110, 15.5.16: the header says which codings would do.
    UnsupportedCoding: ErrorRow(415, "UNSUPPORTED_CODING", headers=(("Accept-Encoding", "identity"),)),
    ClientTooSlow: ErrorRow(429, "CLIENT_TOO_SLOW", headers=(("Retry-After", "1"),)),
    NotReady: ErrorRow(503, "NOT_READY"),
    NotRecorded: ErrorRow(404, "NOT_RECORDED"),
    ReplayUnderWay: ErrorRow(429, "REPLAY_UNDER_WAY", headers=(("Retry-After", "1"),)),
    NoAnswer: ErrorRow(502, "NO_ANSWER"),
    TooManyWatchers: ErrorRow(503, "TOO_MANY_WATCHERS", headers=(("Retry-After", "5"),)),
    OwnerUnreachable: ErrorRow(503, "OWNER_UNREACHABLE", headers=(("Retry-After", "1"),)),
    OwnerSilent: ErrorRow(504, "OWNER_SILENT"),
}

INTERNAL_ERROR = ApiResponse(
    500, {"code": "INTERNAL_ERROR", "message": "the gateway made a mistake; its log has the details"}
)


def answer_to(error: BaseException | None) -> ApiResponse | None:
    """Return the answer to an error of the caller, or None if the error is a mistake of the gateway."""
    row = TABLE.get(type(error))
    if row is None:
        return None
    headers = row.headers
    if isinstance(error, MethodNotAllowed):
        headers += (("Allow", ", ".join(sorted(error.valid_methods or ()))),)
    return ApiResponse(row.status, {"code": row.code, "message": row.message or str(error)}, headers)
