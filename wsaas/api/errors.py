"""The one table from what is wrong with a request to what the API answers."""

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
)


class MalformedRequest(GatewayError):
    """The request is not HTTP/1.1 as RFC 9112 has it, or it is a form of it that two servers may read differently."""


class Unauthorized(GatewayError):
    """The request needs the API token and does not have it."""


class HostNotAllowed(GatewayError):
    """The API has no token, and the request calls it by a name that a web page may have made up."""


class RequestTimeout(GatewayError):
    """The request did not come whole in its time."""


class UnsupportedCoding(GatewayError):
    """A message comes in a content coding, in which it would reach the client."""


class NotReady(GatewayError):
    """The gateway is starting or draining, or its journal cannot be written."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """The answer to one kind of error; the message is `str()` of the error unless it stands here."""

    status: int
    code: str
    headers: tuple[tuple[str, str], ...] = ()
    message: str = ""


# One text for every 404: an id that is over, one that never was and a path that is no id cannot be told apart.
NOT_FOUND = ErrorRow(
    404, "NOT_FOUND", message="no such connection, or it is over, and no such path: forget the id or check the path"
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
}

INTERNAL_ERROR = ApiResponse(
    500, {"code": "INTERNAL_ERROR", "message": "the gateway made a mistake; its log has the details"}
)


def answer_to(error: BaseException | None) -> ApiResponse | None:
    """Return the answer to an error; None if it is no error of the caller's, but a mistake of ours."""
    row = TABLE.get(type(error))
    if row is None:
        return None
    headers = row.headers
    if isinstance(error, MethodNotAllowed):
        headers += (("Allow", ", ".join(sorted(error.valid_methods or ()))),)
    return ApiResponse(row.status, {"code": row.code, "message": row.message or str(error)}, headers)
