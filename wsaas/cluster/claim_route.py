"""The route of the operator's word that a process is over: `wsaas cluster claim`."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from wsaas.api.app import Api
from wsaas.api.params import Query
from wsaas.api.responses import OK, ApiResponse
from wsaas.cluster.claims import Claims
from wsaas.cluster.engine_connection import EngineAway, EngineRefused

_WORDS = {
    "UNKNOWN": "no process of the cluster has this prefix",
    "CLAIMED": "another node has claimed it already",
    "ALIVE": "it has renewed its lease within the last seven seconds: it is there",
    "CALM": "the engine was away: wait some seconds, until all nodes are back",
}


def add_claim_route(api: Api, claims: Claims) -> None:
    """Add POST on `/-/cluster/{prefix}/claim`."""

    @api.route("/-/cluster/<name:prefix>/claim", "POST")
    async def claim(request: IRequest, query: Query, prefix: str) -> ApiResponse:
        try:
            word = await claims.by_word(prefix)
        except (EngineAway, EngineRefused) as error:
            return ApiResponse(503, {"code": "ENGINE_AWAY", "message": f"the engine does not answer: {error}"})
        if word == "OK":
            return ApiResponse(200, OK)
        return ApiResponse(409, {"code": word, "message": _WORDS.get(word, "the engine refuses the claim")})
