"""The gateway's core interface on the unmodified stack: Klein, treq, Agent and Autobahn.

    python -m benchmarks.peers.plain {target} {client endpoint}.. {API port}

It has the webhooks POST, PUT and DELETE, PUT and DELETE of the API, and a broadcast; no guarantees, limits, journal or
keepalive.
"""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from klein import Klein
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.server import Site

target = sys.argv[1]
# With the pool's default of two connections, most of 64 concurrent webhooks would open one, and that would be measured.
pool = HTTPConnectionPool(reactor)
pool.maxPersistentPerHost = 64
agent = Agent(reactor, pool=pool)
sockets: dict[str, Socket] = {}


async def webhook(method: str, id: str, body: bytes, authorization: str | None) -> bytes:
    headers = Headers({"Content-Type": ["application/json"]})
    if authorization is not None:
        headers.addRawHeader("Authorization", authorization)
    response = await treq.request(method, f"{target}/{id}", data=body, headers=headers, agent=agent)
    content: bytes = await treq.content(response)
    return content


class Socket(WebSocketServerProtocol):
    async def onConnect(self, request: Any) -> None:  # type: ignore[override]  # Autobahn waits for a coroutine
        self.id = secrets.token_hex(16)
        self.authorization = request.headers.get("authorization")
        event = {"code": "NEW_CONNECTION", "ws_uri": f"http://localhost/{self.id}", "timeout": 30000}
        answer = await webhook("POST", self.id, json.dumps(event).encode(), self.authorization)
        if json.loads(answer)["code"] != "OK":
            raise ConnectionDeny(403)
        sockets[self.id] = self

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        Deferred.fromCoroutine(webhook("PUT", self.id, payload, self.authorization))

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        if sockets.pop(getattr(self, "id", ""), None) is not None:
            event = {"code": "CONNECTION_CLOSE", "ws_uri": f"http://localhost/{self.id}"}
            Deferred.fromCoroutine(webhook("DELETE", self.id, json.dumps(event).encode(), self.authorization))


factory = WebSocketServerFactory()
factory.protocol = Socket
app = Klein()


def answer(request: Any, status: int, code: str) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", "application/json")
    return json.dumps({"code": code}).encode()


@app.route("/broadcast", methods=["PUT"])
def broadcast(request: Any) -> bytes:
    message = factory.prepareMessage(request.content.read())
    for socket in list(sockets.values()):
        socket.sendPreparedMessage(message)
    return answer(request, 200, "OK")


@app.route("/<id>", methods=["PUT"])
def push(request: Any, id: str) -> bytes:
    if id not in sockets:
        return answer(request, 404, "NOT_FOUND")
    sockets[id].sendMessage(request.content.read())
    return answer(request, 200, "OK")


@app.route("/<id>", methods=["DELETE"])
def close(request: Any, id: str) -> bytes:
    if id not in sockets:
        return answer(request, 404, "NOT_FOUND")
    sockets[id].sendClose(1000)
    return answer(request, 200, "OK")


if __name__ == "__main__":
    for endpoint in sys.argv[2:-1]:
        serverFromString(reactor, endpoint).listen(factory)
    serverFromString(reactor, f"tcp:{sys.argv[-1]}:interface=127.0.0.1").listen(Site(app.resource()))
    reactor.run()
