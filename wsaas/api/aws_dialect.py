"""The dialect of AWS API Gateway's management API: its paths, and the form that its answers have.

    /@connections/{id}    /{stage}/@connections/{id}    "@" may be percent-encoded; `groups` is no stage

Its routes (`aws.py`) answer like all others. Only on the way out to a backend does an answer get the dialect's form, so
that an answer of another process, of the fast path or of the gate gets it, too.

    POST      200 without a body
    GET       200 and the facts under AWS's names
    DELETE    204
    errors    AWS's status, the header x-amzn-ErrorType, and JSON with `message`
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import UUID

from wsaas.api.responses import ApiResponse

Dialect = Callable[[bytes, bytes, ApiResponse], ApiResponse]
"""Returns the answer to a request as it is written: called with its method, its target and the answer of its route."""

_CONNECTIONS = b"@connections"
_NO_STAGE = (b"", b"groups")
"""First segments of paths that are not of the dialect: `/groups/@connections/{id}` is about a group."""
_MOST_SEGMENTS = 4

ERRORS: Mapping[str, tuple[int, str]] = {
    "BAD_REQUEST": (400, "BadRequestException"),
    "UNAUTHORIZED": (403, "ForbiddenException"),
    "HOST_NOT_ALLOWED": (403, "ForbiddenException"),
    "NOT_FOUND": (404, "NotFoundException"),
    "METHOD_NOT_ALLOWED": (405, "MethodNotAllowedException"),
    "REQUEST_TIMEOUT": (408, "RequestTimeoutException"),
    "MESSAGE_TOO_LONG": (413, "PayloadTooLargeException"),
    "UNSUPPORTED_CODING": (415, "UnsupportedMediaTypeException"),
    "CLIENT_TOO_SLOW": (429, "LimitExceededException"),
    "INTERNAL_ERROR": (500, "InternalServerErrorException"),
    "OWNER_UNREACHABLE": (503, "ServiceUnavailableException"),
    "OWNER_SILENT": (504, "OwnerSilentException"),
}
"""Status and x-amzn-ErrorType by the API's code. Each code that a request of the dialect can get is here."""
GONE = (410, "GoneException")
MAYBE_SENT = (409, "OwnerSilentException")
"""The answer to a POST that may have been written: SDKs repeat every request that gets a 5xx."""
_KEPT = frozenset(("Allow", "Retry-After"))
"""Headers of an error that it keeps."""


def rest_of(path: bytes) -> list[bytes] | None:
    """Return the segments behind `@connections`, decoded, at most three of them; None if the path is not the dialect's.

    The path is that of the request line. It is read as the routes read it: segment by segment, each decoded once.
    """
    segments = [unquote_to_bytes(segment) for segment in path[1:].split(b"/", _MOST_SEGMENTS)]
    if segments[0] == _CONNECTIONS:
        return segments[1:]
    if segments[1:2] == [_CONNECTIONS] and segments[0] not in _NO_STAGE:
        return segments[2:]
    return None


def plain(method: bytes, target: bytes, answer: ApiResponse) -> ApiResponse:
    """Return the answer as it is: between processes there is no dialect. This is a Dialect."""
    return answer


def translated(method: bytes, target: bytes, answer: ApiResponse) -> ApiResponse:
    """Return the answer in the dialect's form if the request was the dialect's. This is a Dialect."""
    rest = rest_of(target.partition(b"?")[0])
    if rest is None:
        return answer
    request_id = ("X-Amzn-Requestid", str(UUID(int=random.getrandbits(128), version=4)))
    if answer.status >= 400:
        return _error(method, len(rest) == 1 and rest[0] != b"", answer, request_id)
    if method == b"DELETE":
        return ApiResponse(204, {}, (request_id,))
    if method == b"POST":
        return ApiResponse(200, {}, (request_id,))
    return ApiResponse(200, _facts(answer.content), (request_id,))


def _error(method: bytes, has_id: bool, answer: ApiResponse, request_id: tuple[str, str]) -> ApiResponse:
    content = answer.content
    code = str(content.get("code"))
    status, kind = ERRORS.get(code, (answer.status, code.title().replace("_", "") + "Exception"))
    if code == "NOT_FOUND" and has_id:
        status, kind = GONE
    elif code == "OWNER_SILENT" and method == b"POST":
        status, kind = MAYBE_SENT
    kept = tuple(header for header in answer.headers if header[0] in _KEPT)
    return ApiResponse(status, {"message": content.get("message", "")}, (("X-Amzn-Errortype", kind), request_id, *kept))


def _facts(facts: Mapping[str, Any]) -> dict[str, object]:
    """Return the JSON object of `GET /{id}` as AWS names its members."""
    return {
        "connectedAt": facts.get("connected_at"),
        "lastActiveAt": facts.get("last_active_at"),
        "identity": {"sourceIp": facts.get("remote_address"), "userAgent": facts.get("user_agent")},
    }
