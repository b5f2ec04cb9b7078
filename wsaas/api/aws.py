"""The routes of the AWS SDKs' clients of API Gateway's management API. `aws_dialect.py` has the form of the answers."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.connections import facts_as_json
from wsaas.api.params import Query, message
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.errors import NoSuchConnection
from wsaas.core.events import CloseCode
from wsaas.core.ids import is_id
from wsaas.core.model import is_text
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.router import Router


def add_aws_routes(api: Api, router: Router) -> None:
    """Add POST, GET and DELETE on `/@connections/{id}`, and on the same behind a stage."""

    async def post(request: IRequest, query: Query, id: str, stage: str = "") -> ApiResponse:
        payload, _ = message(request)  # AWS has text messages only, and SDKs name no media type, or any
        pushed = router.push(_checked(id), payload, not is_text(payload), kind=PushKind.AWS)
        return ApiResponse(202 if pushed is Pushed.QUEUED else 200, OK)

    async def get(request: IRequest, query: Query, id: str, stage: str = "") -> ApiResponse:
        return ApiResponse(200, facts_as_json(router.inspect(_checked(id))))

    async def delete(request: IRequest, query: Query, id: str, stage: str = "") -> ApiResponse:
        router.close(_checked(id), CloseCode.NORMAL, "")
        return ApiResponse(200, OK)

    for rule in ("/@connections/<name:id>", "/<stage:stage>/@connections/<name:id>"):
        api.route(rule, "POST")(post)
        api.route(rule, "GET")(get)
        api.route(rule, "DELETE")(delete)


def _checked(id: str) -> str:
    """Return the id. Raises NoSuchConnection if none here has this form: AWS's own ids, for one, have not."""
    if not is_id(id):
        raise NoSuchConnection("the text is no connection id of this gateway")
    return id
