"""The core interface on aiohttp and uvloop, as a Python developer would write it instead of using the gateway.

    python -m benchmarks.peers.aiohttp_gateway {target} {client port} {API port} {TLS port} {PEM file}

It has no guarantees, limits, journal or keepalive. A client's messages are in order while nothing fails.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import sys

import uvloop
from aiohttp import ClientSession, TCPConnector, WSMsgType, web

target = sys.argv[1]
sockets: dict[str, web.WebSocketResponse] = {}
session = web.AppKey("session", ClientSession)


async def client(request: web.Request) -> web.StreamResponse:
    id = secrets.token_hex(16)
    url = f"{target}/{id}"
    http = request.app[session]
    headers = {"Content-Type": "application/json"}
    if "Authorization" in request.headers:
        headers["Authorization"] = request.headers["Authorization"]
    event = {"code": "NEW_CONNECTION", "ws_uri": f"http://localhost/{id}", "timeout": 30000}
    async with http.post(url, data=json.dumps(event), headers=headers) as answer:
        if (await answer.json())["code"] != "OK":
            return web.Response(status=403)
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    sockets[id] = socket
    try:
        async for message in socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                async with http.put(url, data=message.data, headers=headers) as answer:
                    await answer.read()
    finally:
        del sockets[id]
        event = {"code": "CONNECTION_CLOSE", "ws_uri": f"http://localhost/{id}"}
        async with http.delete(url, data=json.dumps(event), headers=headers) as answer:
            await answer.read()
    return socket


async def push(request: web.Request) -> web.Response:
    socket = sockets.get(request.match_info["id"])
    if socket is None:
        return web.json_response({"code": "NOT_FOUND"}, status=404)
    if request.method == "DELETE":
        await socket.close()
    else:
        await socket.send_str(await request.text())
    return web.json_response({"code": "OK"})


async def broadcast(request: web.Request) -> web.Response:
    text = await request.text()
    for socket in list(sockets.values()):
        await socket.send_str(text)
    return web.json_response({"code": "OK"})


async def main(ws_port: int, http_port: int, tls_port: int, pem: str) -> None:
    clients, api = web.Application(), web.Application()
    clients.router.add_get("/{path:.*}", client)
    api.router.add_put("/broadcast", broadcast)
    api.router.add_put("/{id}", push)
    api.router.add_delete("/{id}", push)
    async with ClientSession(connector=TCPConnector(limit=64)) as clients[session]:
        runners = [web.AppRunner(each, access_log=None) for each in (clients, api)]
        for runner in runners:
            await runner.setup()
        await web.TCPSite(runners[0], "127.0.0.1", ws_port).start()
        await web.TCPSite(runners[1], "127.0.0.1", http_port).start()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        await web.TCPSite(runners[0], "127.0.0.1", tls_port, ssl_context=context).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
