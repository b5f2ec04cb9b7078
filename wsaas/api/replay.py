"""The route by which a recorded webhook is sent to the backend again: `POST /-/events/{webhook-id}/replay`."""

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
from wsaas.telemetry.payloads import Answer, answer_members


class Replays(Protocol):
    """Sends recorded webhooks again."""

    def recorded(self, webhook_id: str, /) -> bool:
        """Say if this webhook can be replayed."""

    def may_begin(self, webhook_id: str, /) -> bool:
        """Say if no other replay of its connection is under way, and not too many in all."""

    def replay(self, webhook_id: str, body: bytes | None, /) -> Awaitable[tuple[object, Times | None]]:
        """Send it, with this body instead of its own if there is one; give the answer, or a fault, and the times."""


def add_replay_route(api: Api, replays: Replays | None, patience: float) -> None:
    """Add the route. `replays` is None if nothing is recorded. A replay takes `patience` seconds at most."""

    @api.route(f"{EVENTS}/<id:id>_<name:rest>/replay", "POST", patience=patience)
    async def replay(request: IRequest, query: Query, id: str, rest: str) -> ApiResponse:
        if replays is None:
            raise NotRecorded("webhooks are recorded with CONSOLE=payloads only: set that, and let it happen again")
        webhook_id, body = f"{id}_{rest}", new_body(request.content.read())
        if not replays.recorded(webhook_id):
            raise NotRecorded("no webhook of this id is recorded: it is too long, or newer ones have taken its place")
        if not replays.may_begin(webhook_id):
            raise ReplayUnderWay("another replay of this connection is under way: wait for its answer")
        answer, times = await replays.replay(webhook_id, body)
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
