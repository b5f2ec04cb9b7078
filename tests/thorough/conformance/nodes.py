"""Two nodes of a cluster that the suite is run against: its clients are those of the one, and the backend pushes the
echo of each message to the other, which hands it on.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.support.api_client import Api
from tests.support.backend_answers import Exchange, reply
from tests.support.backend_server import Backend
from tests.support.gateway_process import Gateway, free_port
from tests.support.redis_process import Redis
from tests.thorough.conformance import gateway as gateways

TOKEN = "the-token-of-the-two-nodes"


class TwoNodes:
    """The nodes, their engine, and the backend, started and ready. Clients connect at `ws`."""

    def __init__(self, directory: Path, *, compression: bool) -> None:
        self._ends = contextlib.ExitStack()
        redis = Redis()
        self._ends.callback(redis.end)
        backend = Backend()
        self._ends.callback(backend.stop)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.pushed = 0
        """Echoes that the other node answered with 200."""
        backend.stage("/").on_message(self._echo)
        self._nodes: list[Gateway] = []
        for name in ("n1", "n2"):
            settings = {
                **gateways.settings(directory / name, compression=compression),
                "TARGET_ADDRESS": backend.address,
                "CLUSTER": redis.address,
                "CLUSTER_ENDPOINT": f"tcp:{free_port()}:interface=127.0.0.1",
                "API_TOKEN": TOKEN,
                "NODE": name,
            }
            node = Gateway.start(
                directory / name, settings, make=lambda _, http_port: ({}, Api(http_port, token=TOKEN))
            )
            self._ends.callback(node.kill)
            self._nodes.append(node)
        self.ws = self._nodes[0].ws

    def finish(self) -> str | None:
        """Stop both, and say what was wrong with them although each case may have passed."""
        problems = [gateways.finish(node) for node in self._nodes]
        if not self.pushed:
            problems.append("no echo went through the other node")
        return "\n".join(filter(None, problems)) or None

    def kill(self) -> None:
        """End all."""
        self._ends.close()

    async def _echo(self, exchange: Exchange) -> bool:
        """Push the message to the other node, then answer: so the client's next one comes behind its echo."""
        request = exchange.request
        head = (
            f"PUT /{request.id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: {request.header('Content-Type')}\r\nContent-Length: {len(request.body)}\r\n\r\n"
        )
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._nodes[1].http_port)
        writer.write(head.encode("ascii") + request.body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        _, _, length = answer.partition("content-length: ")
        await reader.readexactly(int(length.partition("\r\n")[0]))
        self._idle.append((reader, writer))
        self.pushed += answer.startswith("http/1.1 200 ")
        return await reply()(exchange)


def _with_token(ws_port: int, http_port: int) -> tuple[dict[str, str], Api]:
    return {}, Api(http_port, token=TOKEN)
