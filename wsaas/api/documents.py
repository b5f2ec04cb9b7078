"""The description of the API in OpenAPI 3.1, webhooks included: a file of the package, written by hand."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import ApiResponse

OPENAPI = "/-/openapi.json"


@cache
def openapi() -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = json.loads(files("wsaas.api").joinpath("openapi.json").read_text())
    return document


def add_document_routes(api: Api) -> None:
    """Add the route of the document. It is read when it is first asked for."""

    @api.route(OPENAPI, "GET")
    async def described(request: IRequest, query: Query) -> ApiResponse:
        return ApiResponse(200, openapi())
