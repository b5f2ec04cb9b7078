"""The routes of recorded webhooks: `GET /-/events/{webhook-id}`, and `POST /-/events/{webhook-id}/replay`, by which one
is sent to the backend again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable
from typing import Protocol, cast

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.errors import NoAnswer, NotRecorded, ReplayUnderWay
from wsaas.api.events import EVENTS
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.errors import BadRequest
from wsaas.core.observer import Times
from wsaas.telemetry.payloads import answer_members, body_members, shown_headers
from wsaas.telemetry.webhooks import Answer, Request


class Replays(Protocol):
    """Sends recorded webhooks again."""

    def recorded(self, webhook_id: str, /) -> Request | None:
        """Return a webhook that can be replayed; None for any other."""

    def may_begin(self, webhook_id: str, /) -> bool:
        """Say if no other replay of its connection is under way, and not too many in all."""

    def replay(self, webhook_id: str, body: bytes | None, /) -> Awaitable[tuple[object, Times | None]]:
        """Send the webhook again, with this body if it is not None; give the answer, or a fault, and the times."""


def add_replay_route(api: Api, replays: Replays | None, patience: float) -> None:
    """Add the routes. `replays` is None if nothing is recorded. A replay takes `patience` seconds at most."""

    def recorded(webhook_id: str) -> tuple[Replays, Request]:
        if replays is None:
            raise NotRecorded("webhooks are recorded with CONSOLE=payloads only: set that, and let it happen again")
        found = replays.recorded(webhook_id)
        if found is None:
            raise NotRecorded("no webhook of this id is recorded: it is too long, or newer ones have taken its place")
        return replays, found

    @api.route(f"{EVENTS}/<id:id>_<name:rest>", "GET")
    async def read(request: IRequest, query: Query, id: str, rest: str) -> ApiResponse:
        _, found = recorded(f"{id}_{rest}")
        lines = (line.partition(b": ") for line in found.head.split(b"\r\n")[:-1])
        headers = shown_headers((name, value) for name, _, value in lines)
        body = body_members(found.body, len(found.body))
        return ApiResponse(200, {**OK, "method": found.method.decode("ascii"), "headers": headers, **body})

    @api.route(f"{EVENTS}/<id:id>_<name:rest>/replay", "POST", patience=patience)
    async def replay(request: IRequest, query: Query, id: str, rest: str) -> ApiResponse:
        webhook_id, body = f"{id}_{rest}", new_body(request.content.read())
        known, _ = recorded(webhook_id)
        if not known.may_begin(webhook_id):
            raise ReplayUnderWay("another replay of this connection is under way: wait for its answer")
        answer, times = await known.replay(webhook_id, body)
        if isinstance(answer, BaseException):
            raise NoAnswer(f"the backend did not answer the replay: {answer}")
        return ApiResponse(200, {**OK, **answer_members(cast(Answer, answer)), "times": in_milliseconds(times)})


def new_body(content: bytes) -> bytes | None:
    """Return the body that the request wants instead of the recorded one; None if it wants none. Raises BadRequest."""
    if not content.strip():
        return None
    flaw = 'the body of the request is none, or {"body": "text"}, or {"body_base64": "..."}'
    try:
        wanted = json.loads(content)
        if not isinstance(wanted, dict) or len(wanted) > 1:
            raise BadRequest(flaw)
        match wanted:
            case {"body": str(text)}:
                return text.encode()
            case {"body_base64": str(text)}:
                return base64.b64decode(text, validate=True)
            case {}:
                if not wanted:
                    return None
    except (ValueError, RecursionError):  # no JSON or no base64, half of a surrogate pair, or lists a thousand deep
        raise BadRequest(flaw) from None
    raise BadRequest(flaw)


def in_milliseconds(times: Times | None) -> dict[str, float | None] | None:
    """Return the times of a try as they are shown."""
    if times is None:
        return None
    names = ("queue", "connect", "first_byte", "total")
    return {name: None if value is None else round(value * 1000, 3) for name, value in zip(names, times, strict=True)}
