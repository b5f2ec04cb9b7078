"""The backend: a Klein application that answers webhooks with what Lambda handlers return.

POST    $connect                           2xx lets the client in, with the state in a header
PUT     the route that the message selects, else $default; the result's body is the reply
DELETE  $disconnect

handler fails or takes too long    connect: 500, a message: an error to the client; the connection goes on
handler was not reached            503: the gateway sends the webhook again, or refuses the client
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from klein import Klein
from twisted.logger import Logger, LogLevel
from twisted.web.iweb import IRequest

from wsaas.backend.signing import sign
from wsaas.lambda_backend.events import (
    Event,
    Webhook,
    connect_event,
    connect_state,
    disconnect_event,
    message_event,
    request_id,
)
from wsaas.lambda_backend.results import FAILED, FORBIDDEN, Reply, decision_of, error_reply, reply_of
from wsaas.lambda_backend.routes import CONNECT, DISCONNECT, Selection, select
from wsaas.lambda_backend.state import HEADER, State, read_state
from wsaas.lambda_backend.targets import Call, HandlerFailed, NotCalled, Target
from wsaas.telemetry.log_limit import LogLimit

LOG_INTERVAL = 1.0
"""Seconds between two log lines of a kind: any client can make a handler fail, but its author tries it by hand."""
MAX_AGE = 300
"""Seconds by which the moment of a webhook's signature and the clock here may differ."""
MAX_REPLIES = 32768
"""Bytes of replies in the answer to a batch, beyond which the next message is left for the next batch. The gateway has
room for much more (twice MAX_MESSAGE_SIZE), so that the last reply may be as long as a message.
"""
_JSON = "application/json"
_BINARY = "application/octet-stream"


class LambdaBackend:
    """The webhooks. `timeout` bounds each in seconds; `keys` are those of WEBHOOK_SECRET, none if it is not set.

    Bound: a webhook's body is kept in memory, and the gateway has WEBHOOK_CONCURRENCY of them on the way at most.
    """

    app = Klein()
    _log = Logger()

    def __init__(
        self,
        routes: Mapping[str, Target],
        selection: Selection,
        *,
        stage: str,
        timeout: float,
        route_responses: bool,
        keys: Sequence[bytes],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        log_limit: LogLimit,
    ) -> None:
        self._limit = log_limit
        self._routes = routes
        self._selection = selection
        self._stage = stage
        self._timeout = timeout
        self._route_responses = route_responses
        self._keys = keys
        self._clock = clock
        self._wall_clock = wall_clock

    @app.route("/<path:place>", methods=["POST"])
    async def connect(self, request: IRequest, place: str) -> bytes:
        """Let the client in, or refuse it."""
        webhook, told = self._read(request, place), self._told(request)
        if webhook is None or told is None:
            return _refused(request)
        if _header(request, "wsaas-event") != "connect":
            return _answer(request, 200, {"code": "OK"})  # it is asked about again, and no handler is for that
        state = connect_state(told, webhook.at)
        try:
            decision = decision_of(await self._call(CONNECT, connect_event(webhook, told, state, self._stage), webhook))
        except NotCalled as why:
            return self._unreached(request, webhook, why)
        except HandlerFailed as why:
            self._failed(CONNECT, webhook, why)
            return _answer(request, 500, {"code": "HANDLER_FAILED"})
        if decision.status == 200:
            ok: dict[str, Any] = {"code": "OK", "headers": {HEADER: state.header()}}
            if decision.subprotocol is not None:
                ok["subprotocol"] = decision.subprotocol
            return _answer(request, 200, ok)
        request.setResponseCode(decision.status)
        request.setHeader("Content-Type", decision.media_type or _JSON)
        return decision.body

    @app.route("/<path:place>", methods=["PUT"])
    async def message(self, request: IRequest, place: str) -> bytes:
        """Call the handler of a message, and answer with its reply."""
        webhook = self._read(request, place)
        if webhook is None:
            return _refused(request)
        state = self._state(request, webhook)
        if _header(request, "wsaas-event") == "messages":
            return await self._batch(request, webhook, state)
        binary = _header(request, "content-type") == _BINARY
        try:
            reply = await self._reply(webhook, state, _body(request), binary, self._timeout)
        except NotCalled as why:
            return self._unreached(request, webhook, why)
        if reply is None:
            request.setResponseCode(204)
            return b""
        request.setHeader("WSAAS-Reply", "binary" if reply.binary else "text")
        request.setHeader("Content-Type", _BINARY if reply.binary else "text/plain; charset=utf-8")
        return reply.payload

    @app.route("/<path:place>", methods=["DELETE"])
    async def disconnect(self, request: IRequest, place: str) -> bytes:
        """Tell the handler that the client is gone. A handler that fails is not called again."""
        webhook, told = self._read(request, place), self._told(request)
        if webhook is None or told is None:
            return _refused(request)
        event = disconnect_event(webhook, told, self._state(request, webhook), self._stage)
        try:
            await self._call(DISCONNECT, event, webhook)
        except NotCalled as why:
            return self._unreached(request, webhook, why)
        except HandlerFailed as why:
            self._failed(DISCONNECT, webhook, why)
        request.setResponseCode(204)
        return b""

    async def _call(self, key: str, event: Event, webhook: Webhook, seconds: float | None = None) -> Any:
        """Call the handler of a route; None if the route has none."""
        target = self._routes.get(key)
        if target is None:
            return None
        return await target.call(Call(event, request_id(webhook.webhook_id), seconds or self._timeout))

    async def _reply(self, webhook: Webhook, state: State, body: bytes, binary: bool, seconds: float) -> Reply | None:
        """Return the reply to one message. Raises NotCalled."""
        key = select(self._selection, self._routes, None if binary else body.decode(errors="replace"))
        id, asked = webhook.connection_id, request_id(webhook.webhook_id)
        if key is None:
            return error_reply(FORBIDDEN, id, asked)
        try:
            event = message_event(webhook, state, self._stage, key, body, binary)
            reply = reply_of(await self._call(key, event, webhook, seconds))
        except HandlerFailed as why:
            self._failed(key, webhook, why)
            return error_reply(FAILED, id, asked)
        return reply if self._route_responses else None

    async def _batch(self, request: IRequest, webhook: Webhook, state: State) -> bytes:
        """Call the handlers of several messages, one after the other, as far as the time suffices, and the answer has
        room for another reply of any length.
        """
        told = self._told(request)
        messages = None if told is None else told.get("messages")
        if not isinstance(messages, list):
            return _refused(request)
        ends, replies, accepted, size = self._clock() + self._timeout, [], 0, 0
        for each in messages:
            left = ends - self._clock()
            if accepted and (left < self._timeout / 2 or size > MAX_REPLIES):
                break
            binary = "binary" in each
            body = base64.b64decode(each["binary"]) if binary else each["text"].encode()
            one = Webhook(webhook.connection_id, each["webhook_id"], webhook.at)
            try:
                reply = await self._reply(one, state, body, binary, left)
            except NotCalled as why:
                if not accepted:
                    return self._unreached(request, webhook, why)
                break
            accepted += 1
            if reply is not None:
                replies.append(_in_json(reply))
                size += len(replies[-1])
        request.setHeader("Content-Type", _JSON)
        return b'{"accepted": %d, "replies": [%b]}' % (accepted, b", ".join(replies))

    def _read(self, request: IRequest, place: str) -> Webhook | None:
        """Return the webhook; None if its signature is not the gateway's."""
        webhook_id = _header(request, "webhook-id") or place
        stamp = _header(request, "webhook-timestamp") or ""
        if self._keys:
            given = (_header(request, "webhook-signature") or "").encode("latin-1").split(b" ")
            fresh = stamp.isdigit() and len(stamp) < 16 and abs(self._wall_clock() - int(stamp)) <= MAX_AGE
            content = webhook_id.encode("latin-1"), int(stamp) if fresh else 0, _body(request)
            right = sign(self._keys, *content).split(b" ")
            if not fresh or not any(hmac.compare_digest(one, other) for one in right for other in given):
                format = "a webhook without a good signature was refused"
                self._say(LogLevel.warn, "signature", format, place[-32:])
                return None
        return Webhook(
            _header(request, "wsaas-connection-id") or place.rpartition("/")[2],
            webhook_id,
            round(self._wall_clock() * 1000),
            _header(request, "authorization"),
            _header(request, "cookie"),
        )

    @staticmethod
    def _told(request: IRequest) -> Mapping[str, Any] | None:
        """Return the JSON object in a body; None if it is none."""
        try:
            told = json.loads(_body(request))
        except (ValueError, RecursionError):
            return None
        return told if isinstance(told, dict) else None

    @staticmethod
    def _state(request: IRequest, webhook: Webhook) -> State:
        """Return the state of a connection; what can be said of one that another backend let in."""
        return read_state(_header(request, HEADER)) or State(webhook.at, "127.0.0.1", "", "localhost")

    def _say(self, level: Any, kind: str, format: str, id: str, **fields: str) -> None:
        """Log a line about a connection, within the bound of its kind."""
        format += "; connection {connection}"
        self._limit.emit(self._log, level, kind, format, connection=id, **fields)

    def _failed(self, key: str, webhook: Webhook, why: HandlerFailed) -> None:
        self._say(
            LogLevel.error, f"{key} failed", "{key} failed: {reason}", webhook.connection_id, key=key, reason=str(why)
        )

    def _unreached(self, request: IRequest, webhook: Webhook, why: NotCalled) -> bytes:
        reason = str(why)
        self._say(LogLevel.warn, "not called", "no handler was called: {reason}", webhook.connection_id, reason=reason)
        return _answer(request, 503, {"code": "NOT_CALLED"})


def _header(request: IRequest, name: str) -> str | None:
    values = request.requestHeaders.getRawHeaders(name.lower().encode("ascii"))
    return None if not values else values[0].decode("latin-1")


def _body(request: IRequest) -> bytes:
    request.content.seek(0)
    body: bytes = request.content.read()
    return body


def _answer(request: IRequest, status: int, content: Mapping[str, object]) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", _JSON)
    return json.dumps(content).encode("ascii")


def _in_json(reply: Reply) -> bytes:
    """Return a reply as the answer to a batch has it; not with escapes, which make a text up to six times longer."""
    if reply.binary:
        return b'{"binary": "%b"}' % base64.b64encode(reply.payload)
    return json.dumps({"text": reply.payload.decode()}, ensure_ascii=False).encode()


def _refused(request: IRequest) -> bytes:
    return _answer(request, 401, {"code": "UNAUTHORIZED", "message": "this is no webhook with a good signature"})
