"""A small backend: the one to read before you write your own, in whatever language.

    client opens    -> POST   {TARGET_ADDRESS}/{id}   we say OK: anybody may connect
    client speaks   -> PUT    {TARGET_ADDRESS}/{id}   we echo it in the answer, or push it to the others in the room
    client is gone  -> DELETE {TARGET_ADDRESS}/{id}   we forget the client
    we push         -> PUT    {LOCAL_ADDRESS}/{id}    the body reaches that client

A client that says /join enters the chat room; /leave leaves it; /help says so. Both ways to talk back are here: the
echo rides on the webhook's own answer, the chat is pushed through the gateway's API. A real backend would also look at
the Authorization header that comes with every webhook, and drop repeats by `webhook-id`: a webhook whose answer got
lost comes twice.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from klein import Klein
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger, LogLevel
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from wsaas.telemetry.log_limit import LogLimit

BINARY = "application/octet-stream"  # the Content-Type of a binary message, in webhooks and in pushes
ROOM = 100  # how many clients the chat room holds
HELP = b"""\
/join   enter the chat room: what you say is pushed to all others there
/leave  leave it
/help   this
Anything else comes back to you, as text or binary as it was."""
PUSH_TIMEOUT = 5.0  # seconds; less than WEBHOOK_TIMEOUT, so that our own answer is in time


class Pusher:
    """The gateway's API, as much as we need of it. It pushes only to addresses under `api`: they get the token."""

    def __init__(self, http: HTTPClient, reactor: Any, api: str, token: str | None) -> None:
        self._http, self.reactor, self._api = http, reactor, api
        self._headers = Headers({"Authorization": [f"Bearer {token}"]} if token else {})
        self.curl = 'curl -H "Authorization: Bearer $API_TOKEN"' if token else "curl"

    def owns(self, ws_uri: object) -> bool:
        return isinstance(ws_uri, str) and ws_uri.startswith(f"{self._api}/")

    async def push(self, ws_uri: str, body: bytes, content_type: str) -> int:
        """Send one message to one client. 200: it is on its way; 404: there is no such client (any more)."""
        headers = self._headers.copy()
        headers.setRawHeaders("Content-Type", [content_type])
        response = await self._http.put(
            ws_uri,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=PUSH_TIMEOUT,
            reactor=self.reactor,
        )
        await response.content()
        return int(response.code)


class DemoBackend:
    """The three webhooks. All it remembers is who is in the room; everything else comes with each request."""

    app = Klein()
    log = Logger()

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher
        self._log_limit = LogLimit(pusher.reactor, every=1.0)  # anybody can connect, and each line costs room
        self._room: dict[str, str] = {}  # connection id -> where to push to it

    @app.route("/<id>", methods=["POST"])
    def connect(self, request: Request, id: str) -> bytes:
        """May this client connect? OK lets it in; any other code is a 403 to it, a status of 4xx is passed on."""
        try:
            ws_uri = json.loads(_body(request))["ws_uri"]
        except (ValueError, TypeError, KeyError):
            return _answer(request, 400, {"code": "BAD_REQUEST"})
        if not self._pusher.owns(ws_uri):
            return _answer(request, 403, {"code": "NOT_MY_GATEWAY"})
        if self._log_limit.allows("connected") is not None:
            curl, uri = self._pusher.curl, shlex.quote(ws_uri)  # whoever finds this port can say what ws_uri is
            self.log.info("connected; push to it:  {curl} -X PUT -d hello {uri}", curl=curl, uri=uri)
            self.log.info("       or, to close it:  {curl} -X DELETE {uri}", curl=curl, uri=uri)
        # The gateway repeats these headers on every later webhook of this connection: we need not store them.
        return _answer(request, 200, {"code": "OK", "headers": {"Demo-Push-To": ws_uri}})

    @app.route("/<id>", methods=["PUT"])
    async def message(self, request: Request, id: str) -> bytes:
        """The client said something. Its next message comes only after we have answered this one."""
        said = _body(request)
        binary = request.getHeader("Content-Type") == BINARY
        if said.strip() == b"/join" and not binary:
            return _reply(request, "text", self._join(id, request.getHeader("Demo-Push-To")))
        if said.strip() == b"/leave" and not binary:
            return _reply(request, "text", b"you left" if self._room.pop(id, None) else b"you are not in the room")
        if said.strip() == b"/help" and not binary:
            return _reply(request, "text", HELP)
        if id in self._room:
            await self._tell_the_others(id, said, BINARY if binary else "text/plain; charset=utf-8")
            return b""
        return _reply(request, "binary" if binary else "text", said)

    @app.route("/<id>", methods=["DELETE"])
    def disconnect(self, request: Request, id: str) -> bytes:
        """The client is gone; this is the last we hear of it. It may come twice, or for a client we never knew."""
        self._room.pop(id, None)
        return _answer(request, 200, {"code": "OK"})

    def _join(self, id: str, ws_uri: str | None) -> bytes:
        if ws_uri is None or not self._pusher.owns(ws_uri) or (len(self._room) >= ROOM and id not in self._room):
            return b"there is no room for you"
        self._room[id] = ws_uri
        return f"you are in the room; others there: {len(self._room) - 1}".encode()

    async def _tell_the_others(self, id: str, said: bytes, content_type: str) -> None:
        """Push to everybody else at once. Whoever it does not reach misses it: a retry would tell the rest twice."""
        others = [(other, ws_uri) for other, ws_uri in self._room.items() if other != id]
        pushes = [Deferred.fromCoroutine(self._pusher.push(uri, said, content_type)) for _, uri in others]
        results: list[tuple[bool, Any]] = await DeferredList(pushes, consumeErrors=True)
        for (other, _), (answered, status) in zip(others, results, strict=True):
            if answered and status == 404:
                self._room.pop(other, None)
            elif not answered or status not in (200, 202):
                reason = status if answered else status.value
                self._log_limit.emit(
                    self.log, LogLevel.warn, "no push", "no push to {id!r}: {status}", id=other, status=reason
                )


def _body(request: Request) -> bytes:
    return request.content.read() if request.content else b""


def _answer(request: Request, status: int, answer: dict[str, object]) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", "application/json")
    return json.dumps(answer).encode()


def _reply(request: Request, kind: str, message: bytes) -> bytes:
    """Answer a message webhook with a message: the gateway sends the body to the client, as `text` or `binary`."""
    request.setHeader("WSAAS-Reply", kind)
    return message
