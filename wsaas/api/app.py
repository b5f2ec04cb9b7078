"""The Klein application: one gate for all requests, one decorator for all routes, and the routes of a connection.

    request -> Gate (token, path) -> Klein (path and method) -> handler -> ApiResponse
                    `------------------------`-------------------`--> error -> the table in errors.py -> ApiResponse

Modules add routes of their own through `Api.route`; the first segment of their paths has a shape that no id has.
Importing this module installs the reactor, as Klein does.
"""

# mypy: allow-untyped-calls
# (twisted.web is only partly annotated.)

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
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
from wsaas.api.errors import INTERNAL_ERROR, HostNotAllowed, Unauthorized, answer_to
from wsaas.api.params import CLOSE, Query, close_parameters, message
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.ids import ID_LENGTH
from wsaas.core.outcomes import Pushed
from wsaas.core.records import Facts
from wsaas.core.router import Router
from wsaas.core.timestamps import iso8601

Handler = Callable[..., Awaitable[ApiResponse]]

METHODS = frozenset({b"GET", b"HEAD", b"PUT", b"POST", b"DELETE"})
OTHER = b"OTHER"

_log = Logger()

LONGEST_PATH = 2048
"""Bytes of a path; that of a group's member, all of it percent-encoded, has half of them."""


class ConnectionId(BaseConverter):
    """`<id:name>` in a route: a path segment that has the shape of a connection id."""

    regex = f"[A-Za-z0-9]{{{ID_LENGTH}}}"


class Name(BaseConverter):
    """`<name:name>` in a route: a path segment that is any text, percent-encoded where it must be.

    The gate hands "%" and "/" on encoded: a slash in a name separates nothing.
    """

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return unquote(value)


class Api:
    """A Klein application whose answers are all JSON and whose errors are all looked up in one table."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._klein = Klein()
        self._klein.url_map.converters["id"] = ConnectionId
        self._klein.url_map.converters["name"] = Name
        self._klein.url_map.merge_slashes = False
        self._klein.handle_errors(Exception)(_failed)

    def route(
        self, rule: str, method: str, *, once: Collection[str] = (), repeatable: Collection[str] = ()
    ) -> Callable[[Handler], Handler]:
        """ApiResponse requests for this path and method (HEAD comes with GET) by what the decorated coroutine returns.

        It is called with the request, its Query and the variable parts of the rule, and raises the errors of the table.
        `once` and `repeatable` name the parameters that have a meaning here: any other is refused.
        """

        def register(handler: Handler) -> Handler:
            async def answered(request: IRequest, **arguments: str) -> bytes:
                query = Query(request.uri.partition(b"?")[2], once, repeatable)
                answer = await handler(request, query, **arguments)
                return answer.write_to(request)

            self._klein.route(rule, methods=[method], endpoint=f"{method} {rule}")(answered)
            return handler

        return register

    def resource(self) -> Resource:
        """The root of the site."""
        return Gate(self._access, self._klein.resource())


class Gate(Resource):
    """The gate that every request passes before anything is looked up: no route can forget to ask for the token."""

    isLeaf = True

    def __init__(self, access: Access, inside: IResource) -> None:
        super().__init__()
        self._access = access
        self._inside = inside

    def render(self, request: IRequest) -> int:
        try:
            self._access.check(request.path, request.requestHeaders, isinstance(request.getHost(), UNIXAddress))
            _check_path(request.path)
        except (Unauthorized, HostNotAllowed, NotFound):
            answer_failure(request, Failure()).finish(request)
            return NOT_DONE_YET
        if request.method not in METHODS:
            # The router does not mind case, and HTTP does (RFC 9110, 9.1): it is to look for a method that no path has.
            request.method = OTHER
        request.postpath = _segments(request.path)
        return self._inside.render(request)  # type: ignore[no-any-return]


def _check_path(path: bytes) -> None:
    """Raise NotFound for what the router would log (no UTF-8), forgive (more than one slash in front), or take long to
    find nothing for.
    """
    if len(path) > LONGEST_PATH:
        raise NotFound
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise NotFound from None
    if text.startswith("//"):
        raise NotFound


def _segments(path: bytes) -> list[bytes]:
    """The path's segments, decoded but for what was encoded to be no separator and must not become one."""
    segments = (unquote_to_bytes(segment) for segment in path[1:].split(b"/"))
    return [segment.replace(b"%", b"%25").replace(b"/", b"%2F") for segment in segments]


def _failed(request: IRequest, failure: Failure) -> bytes:
    return answer_failure(request, failure).write_to(request)


def answer_failure(request: IRequest, failure: Failure) -> ApiResponse:
    """The table's answer to an error; one that is not in it is our mistake: logged here, and nothing said of it."""
    answer = answer_to(failure.value)
    if answer is None:
        # The path is left out: who reads an id may push to it.
        _log.failure("the API failed at a {method} request", failure=failure, method=request.method.decode("ascii"))
        return INTERNAL_ERROR
    return answer


def add_connection_routes(api: Api, router: Router) -> None:
    """PUT, DELETE, GET and HEAD on `/{id}`."""

    @api.route("/<id:id>", "PUT")
    async def push(request: IRequest, query: Query, id: str) -> ApiResponse:
        pushed = router.push(id, *message(request))
        return ApiResponse(202 if pushed is Pushed.QUEUED else 200, OK)

    @api.route("/<id:id>", "DELETE", once=CLOSE)
    async def close(request: IRequest, query: Query, id: str) -> ApiResponse:
        router.close(id, *close_parameters(query))
        return ApiResponse(200, OK)

    @api.route("/<id:id>", "GET")
    async def facts(request: IRequest, query: Query, id: str) -> ApiResponse:
        return ApiResponse(200, facts_as_json(router.inspect(id)))


def facts_as_json(facts: Facts) -> dict[str, object]:
    """Return what the API tells of a connection."""
    return {
        "id": facts.id,
        "state": "connecting" if facts.connecting else "open",
        "connected_at": iso8601(facts.connected_at),
        "last_active_at": iso8601(facts.last_active_at),
        "remote_address": facts.remote_address,
        "path": facts.path,
        "user_agent": facts.user_agent,
        "subprotocol": facts.subprotocol,
        "groups": list(facts.groups),
        "messages_in": facts.messages_in,
        "bytes_in": facts.bytes_in,
        "messages_out": facts.messages_out,
        "bytes_out": facts.bytes_out,
        "bytes_waiting_in": facts.bytes_waiting_in,
        "bytes_waiting_out": facts.bytes_waiting_out,
    }
