"""The routes of one connection, `/{id}`, and the list of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.pages import ids_answer
from wsaas.api.params import (
    CLOSE,
    PAGE,
    RECEIPT,
    Query,
    close_parameters,
    message,
    page_parameters,
    receipt_seconds,
)
from wsaas.api.receipts import AwaitedReceipt
from wsaas.api.responses import DONE, OK, ApiResponse
from wsaas.core.pushes import Pushed
from wsaas.core.records import Facts
from wsaas.core.router import Router
from wsaas.core.timestamps import iso8601
from wsaas.internals.http_channel import read_on

if TYPE_CHECKING:
    from wsaas.api.elsewhere import Elsewhere

RECEIVED = ApiResponse(200, {**OK, "received": True})
UNCONFIRMED = ApiResponse(202, {"code": "UNCONFIRMED", "received": False})
"""The answers to a push with `?receipt=` that was sent."""


def add_connection_routes(api: Api, router: Router, reactor: Any, elsewhere: Elsewhere | None = None) -> None:
    """Add PUT, DELETE, GET and HEAD on `/{id}`, and GET on `/connections`.

    The list has the connections of the processes `elsewhere` as well.
    """

    @api.route("/<id:id>", "PUT", once=RECEIPT)
    async def push(request: IRequest, query: Query, id: str) -> ApiResponse:
        seconds = receipt_seconds(query)
        awaited = None if seconds is None else AwaitedReceipt(reactor)
        pushed = router.push(id, *message(request), None if awaited is None else awaited.receipt)
        if pushed is Pushed.QUEUED:
            return ApiResponse(202, OK)
        if awaited is None or seconds is None:
            return DONE
        read_on(request)
        return RECEIVED if await awaited.within(seconds) else UNCONFIRMED

    @api.route("/<id:id>", "DELETE", once=CLOSE)
    async def close(request: IRequest, query: Query, id: str) -> ApiResponse:
        router.close(id, *close_parameters(query))
        return ApiResponse(200, OK)

    @api.route("/<id:id>", "GET")
    async def facts(request: IRequest, query: Query, id: str) -> ApiResponse:
        return ApiResponse(200, facts_as_json(router.inspect(id)))

    @api.route("/connections", "GET", once=PAGE)
    async def connections(request: IRequest, query: Query) -> ApiResponse:
        limit, after = page_parameters(query)
        page = router.page(limit, after)
        if elsewhere is None:
            return ids_answer("connections", page, limit)
        return (await elsewhere.gather(request)).ids("connections", page, limit)


def facts_as_json(facts: Facts) -> dict[str, object]:
    """Return the JSON object of `GET /{id}`."""
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
