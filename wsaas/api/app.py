"""The Klein application: one gate for all requests and one decorator for all routes.

    request -> Gate (token, path) -> Klein (path and method) -> handler -> ApiResponse
                    `------------------------`-------------------`--> error -> the table in errors.py -> ApiResponse

Modules add routes of their own through `Api.route`; the first segment of their paths has a shape that no id has.
Importing this module installs the reactor, as Klein does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_to_bytes

from klein import Klein
from twisted.internet.address import UNIXAddress
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

from wsaas.api.access import Access
from wsaas.api.aws_dialect import Dialect, rest_of, translated
from wsaas.api.errors import INTERNAL_ERROR, HostNotAllowed, Unauthorized, answer_to
from wsaas.api.params import Query, receipt_seconds
from wsaas.api.refused_pushes import count_refused
from wsaas.api.responses import Answer, ApiResponse
from wsaas.api.sigv4 import SignedRequest
from wsaas.core.counters import Counters
from wsaas.core.errors import BadRequest, NoSuchConnection, OwnerUnreachable
from wsaas.core.groups import MAX_GROUP_NAME
from wsaas.core.ids import ID_LENGTH, is_id
from wsaas.internals.http_channel import read_on

if TYPE_CHECKING:
    from wsaas.api.elsewhere import Elsewhere

Handler = Callable[..., Awaitable[Answer]]

METHODS = frozenset({b"GET", b"HEAD", b"PUT", b"POST", b"DELETE"})
OTHER = b"OTHER"
_OPERATION = b"/-/"
_REPLAYS = b"/-/events/"

_log = Logger()

MAX_PATH_LENGTH = 2048
"""Bytes of a path; that of a group's member, all of it percent-encoded, has half of them."""


class ConnectionId(BaseConverter):
    """`<id:name>` in a route: a path segment that has the shape of a connection id."""

    regex = f"[A-Za-z0-9]{{{ID_LENGTH}}}"


class Name(BaseConverter):
    """`<name:name>` in a route: a path segment that is any text, percent-encoded where that is needed.

    The gate hands "%" and "/" on encoded, so that a slash in a name separates nothing.
    """

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return unquote(value)


class Stage(Name):
    """`<stage:name>` in a route: the stage before `@connections`, any segment but those that mean something there."""

    regex = "(?!(?:groups|@connections)(?:/|$))[^/]+"


class Api:
    """Answers requests by a Klein application: all answers are JSON, and all errors are looked up in one table.

    `counters` counts pushes that are refused before the router hears of them.
    A request for a connection that is not here goes on to its owner, if that is one of the processes `elsewhere`.
    While `may_answer()` is false, this process may not say of any connection that something was done: all requests but
    those below `/-/` are refused, and replays, which would wait. Each answer is written as `dialect` returns it.
    """

    def __init__(
        self,
        access: Access,
        counters: Counters,
        elsewhere: Elsewhere | None = None,
        may_answer: Callable[[], bool] | None = None,
        dialect: Dialect = translated,
    ) -> None:
        self._access = access
        self._may_answer = may_answer
        self._counters = counters
        self._elsewhere = elsewhere
        self._dialect = dialect
        self._klein = Klein()
        self._klein.url_map.converters["id"] = ConnectionId
        self._klein.url_map.converters["name"] = Name
        self._klein.url_map.converters["stage"] = Stage
        self._klein.url_map.merge_slashes = False
        self._klein.handle_errors(Exception)(self._failed)

    def route(
        self,
        rule: str,
        method: str,
        *,
        once: Collection[str] = (),
        repeatable: Collection[str] = (),
        patience: float = 0.0,
    ) -> Callable[[Handler], Handler]:
        """Answer requests for this path and method with what the decorated coroutine returns. HEAD comes with GET.

        The coroutine is called with the request, its Query and the variable parts of the rule, and raises the errors of
        the table. `once` and `repeatable` name the parameters that the route has: any other is refused.

        The part of a rule that holds a connection's id must be named `id`: with several workers, a request whose
        handler raises NoSuchConnection goes on to the owner of that `id`. A route about connections belongs into a
        module whose routes `add_routes` of `api/routes.py` adds, so that the owner has it, too. The owner has
        `patience` seconds more than usual for its answer.
        """

        def register(handler: Handler) -> Handler:
            async def answered(request: IRequest, **arguments: str) -> bytes:
                query = Query(request.uri.partition(b"?")[2], once, repeatable)
                answer: Answer
                try:
                    answer = await handler(request, query, **arguments)
                except NoSuchConnection:
                    elsewhere, id = self._elsewhere, arguments.get("id", "")
                    if elsewhere is None or not is_id(id) or not elsewhere.may_have(id):
                        raise
                    seconds = receipt_seconds(query) or patience
                    if seconds:
                        read_on(request)
                    answer = await elsewhere.forward(id, request, seconds)
                if isinstance(answer, ApiResponse):
                    answer = self._dialect(request.method, request.uri, answer)
                return answer.write_to(request)

            self._klein.route(rule, methods=[method], endpoint=f"{method} {rule}")(answered)
            return handler

        return register

    def resource(self) -> Resource:
        """Return the root of the site."""
        return Gate(self._access, self._counters, self._klein.resource(), self._may_answer, self._dialect)

    def _failed(self, request: IRequest, failure: Failure) -> bytes:
        count_refused(self._counters, request.method, request.uri, failure.value)
        return self._dialect(request.method, request.uri, answer_failure(request, failure)).write_to(request)


class Gate(Resource):
    """Checks every request of the slow path before its route is looked up, so that no route can forget the token."""

    isLeaf = True

    def __init__(
        self,
        access: Access,
        counters: Counters,
        inside: IResource,
        may_answer: Callable[[], bool] | None,
        dialect: Dialect,
    ) -> None:
        super().__init__()
        self._dialect = dialect
        self._access = access
        self._counters = counters
        self._inside = inside
        self._may_answer = may_answer

    def render(self, request: IRequest) -> int:
        try:
            any_host = isinstance(request.getHost(), UNIXAddress)
            self._access.check(request.path, request.requestHeaders, any_host, _as_signed(request))
            _check_path(request.path)
            if self._may_answer is not None and _is_about_connections(request.path) and not self._may_answer():
                raise OwnerUnreachable(
                    "this process may not speak at this moment, and nothing was delivered: try again"
                )
        except (Unauthorized, HostNotAllowed, NotFound, BadRequest, OwnerUnreachable) as error:
            count_refused(self._counters, request.method, request.uri, error)
            self._dialect(request.method, request.uri, answer_failure(request, Failure())).finish(request)
            return NOT_DONE_YET
        if request.method not in METHODS:
            # Werkzeug ignores the case of a method, and HTTP does not (RFC 9110, 9.1): no path has the method OTHER.
            request.method = OTHER
        request.postpath = _segments(request.path)
        return self._inside.render(request)  # type: ignore[no-any-return]


def _is_about_connections(path: bytes) -> bool:
    """Say if a path is about connections: none below `/-/` is, except replays, and AWS's paths with the stage `-`."""
    return not path.startswith(_OPERATION) or path.startswith(_REPLAYS) or rest_of(path) is not None


def _as_signed(request: IRequest) -> SignedRequest:
    def body() -> bytes:
        content: bytes = request.content.read()
        request.content.seek(0)
        return content

    return SignedRequest(request.method, request.uri, body)


def _check_path(path: bytes) -> None:
    """Raise NotFound for a path that no route can have: one that is no UTF-8, begins with two slashes, or is too long.

    Werkzeug would log the first, redirect the second, and search long for the third. If it is the path of a group, the
    error is BadRequest: the name of the group is the mistake.
    """
    try:
        text = None if len(path) > MAX_PATH_LENGTH else unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        text = None
    if text is None and path.startswith(b"/groups/"):
        raise BadRequest(f"the name of a group has 1 to {MAX_GROUP_NAME} bytes of UTF-8, percent-encoded")
    if text is None or text.startswith("//"):
        raise NotFound


def _segments(path: bytes) -> list[bytes]:
    """Return the path's segments, decoded but for "%" and "/": an encoded slash must not become a separator."""
    segments = (unquote_to_bytes(segment) for segment in path[1:].split(b"/"))
    return [segment.replace(b"%", b"%25").replace(b"/", b"%2F") for segment in segments]


def answer_failure(request: IRequest, failure: Failure) -> ApiResponse:
    """Return the table's answer to an error. Any other error is a mistake of ours: log it, and tell no detail."""
    answer = answer_to(failure.value)
    if answer is None:
        # The path is left out: with the id that it holds, any reader of the log could push.
        _log.failure("the API failed at a {method} request", failure=failure, method=request.method.decode("ascii"))
        return INTERNAL_ERROR
    return answer
