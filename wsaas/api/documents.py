"""Descriptions for machines, files of the package that are written by hand.

/-/openapi.json     the API and the webhooks, in OpenAPI 3.1
/-/asyncapi.json    the messages of clients, gateway and backend, in AsyncAPI 3.0
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import ApiResponse

NAMES = ("openapi.json", "asyncapi.json")


@cache
def document(name: str) -> dict[str, Any]:
    """Return one of the documents."""
    found: dict[str, Any] = json.loads(files("wsaas.api").joinpath(name).read_text())
    return found


def add_document_routes(api: Api) -> None:
    """Add the routes of the documents. Each is read when it is first asked for."""

    @api.route("/-/openapi.json", "GET")
    async def openapi(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, document("openapi.json"))

    @api.route("/-/asyncapi.json", "GET")
    async def asyncapi(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, document("asyncapi.json"))
