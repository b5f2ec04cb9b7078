"""A real HTTP backend on a socket of its own, whose every answer a test writes and which forgets nothing.

In the test's process it runs in a thread (`Backend`); `python -m tests.support.backend_server` is the same in a process
that can be stopped and killed (see `backend_process`). It is written on bare asyncio streams, so that it can misbehave.

A test works on a `Stage`: the part of the backend that serves the clients of one path. Tests that share a
gateway and a backend take different paths and do not see each other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import threading
import time
from itertools import count, pairwise
from typing import Any

from tests.support.backend_answers import Answer, Exchange, Request, accept, after, reply, stale

EVENTS = {"POST": "connect", "PUT": "message", "DELETE": "disconnect"}
ROOT = "/websocket"


def overlapping(requests: list[Request]) -> list[tuple[Request, Request]]:
    """Pairs of neighbours of which the second came before the first was answered. Wants clean, answered requests."""
    ordered = sorted(requests, key=lambda request: request.arrived)
    return [(a, b) for a, b in pairwise(ordered) if a.answered is None or b.arrived < a.answered]


def is_refresh(request: Request) -> bool:
    """A second POST of a connection, told from the first one by its header only."""
    return request.header("WSAAS-Event") == "refresh"


class Stage:
    """The backend as the clients of one path meet it. Answers are used in turn; the last one stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[str, list[Answer]] = {
            "connect": [accept()],
            "message": [reply()],
            "refresh": [accept()],
            "disconnect": [reply()],
        }

    def on_connect(self, *answers: Answer) -> None:
        self._answers["connect"] = list(answers)

    def on_message(self, *answers: Answer) -> None:
        self._answers["message"] = list(answers)

    def on_refresh(self, *answers: Answer) -> None:
        self._answers["refresh"] = list(answers)

    def on_disconnect(self, *answers: Answer) -> None:
        self._answers["disconnect"] = list(answers)

    def answer_to(self, request: Request) -> Answer:
        """Remember the request and take the next answer."""
        self.requests.append(request)
        event = "refresh" if is_refresh(request) else EVENTS.get(request.method, "")
        answers = self._answers.get(event, [reply(405)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def of(self, method: str) -> list[Request]:
        return [request for request in list(self.requests) if request.method == method]

    @property
    def connects(self) -> list[Request]:
        return [request for request in self.of("POST") if not is_refresh(request)]

    @property
    def refreshes(self) -> list[Request]:
        return [request for request in self.of("POST") if is_refresh(request)]

    @property
    def messages(self) -> list[Request]:
        return self.of("PUT")

    @property
    def disconnects(self) -> list[Request]:
        return self.of("DELETE")

    @property
    def bodies(self) -> list[bytes]:
        """The requests of the clients, in the order in which they came."""
        return [request.body for request in self.messages]


class Server:
    """The backend's sockets and its memory, inside a running asyncio loop."""

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}
        self.strays = Stage()
        self._by_id: dict[str, Stage] = {}
        self._connections = count(1)
        self._tasks: set[asyncio.Task[Any]] = set()

    def stage(self, path: str) -> Stage:
        """The stage for clients whose handshake asks for this path, made when first asked for."""
        return self.stages.setdefault(path, Stage())

    def stage_of(self, request: Request) -> Stage:
        """By the client's path, which only the connect webhook says; later ones by the id."""
        if request.method == "POST" and not is_refresh(request):
            try:
                path = request.json()["path"]
            except (ValueError, KeyError, TypeError):
                return self.strays
            self._by_id[request.id] = self.stages.get(path, self.strays)
        return self._by_id.get(request.id, self.strays)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, in turn, until one of the two sides hangs up."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError, asyncio.LimitOverrunError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, keep, nth = next(self._connections), True, 0
        while keep:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            arrived, nth = time.monotonic(), nth + 1
            method, path, _ = lines[0].split(" ", 2)
            headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:] if line)]
            request = Request(method, path, headers, b"", connection, nth, arrived)
            request.body = await self._body(request, reader)
            request.certificate = writer.get_extra_info("peercert")
            exchange = Exchange(request, reader, writer)
            answer = self._control(request) if path.startswith("/-/") else self.stage_of(request).answer_to(request)
            keep = await answer(exchange)

    async def _body(self, request: Request, reader: asyncio.StreamReader) -> bytes:
        if request.header("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(await reader.readline(), 16):
                parts.append(await reader.readexactly(size))
                await reader.readline()
            await reader.readline()
            return b"".join(parts)
        return await reader.readexactly(int(request.header("Content-Length") or 0))

    def _control(self, request: Request) -> Answer:
        """The test's own door: read what came, or write what to answer to strays (there are only strays then)."""
        if request.path == "/-/requests":
            return reply(200, json.dumps([as_json(kept) for kept in self.strays.requests]).encode())
        wanted = request.json()
        answer = reply(wanted["status"], wanted["body"].encode(), [tuple(pair) for pair in wanted["headers"]])
        answer = after(wanted["delay"], answer) if wanted["delay"] else answer
        answer = stale(answer) if wanted["stale"] else answer
        {
            "connect": self.strays.on_connect,
            "message": self.strays.on_message,
            "disconnect": self.strays.on_disconnect,
        }[wanted["event"]](answer)
        return reply()

    async def close(self) -> None:
        """Hang up on everyone."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def as_json(request: Request) -> dict[str, Any]:
    return {**vars(request), "body": request.body.decode("latin-1"), "certificate": None}


class Backend(Server):
    """The backend in a thread of this process, on a port of loopback that the system picks."""

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        super().__init__()
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backend", daemon=True)
        self._thread.start()
        self._listener = asyncio.run_coroutine_threadsafe(self._listen(port), self._loop).result(10)
        self.port: int = self._listener.sockets[0].getsockname()[1]

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self.serve, "127.0.0.1", port, ssl=self._context, backlog=512)

    @property
    def address(self) -> str:
        """The value for TARGET_ADDRESS. With TLS it has a name and not a number, because certificates are for names."""
        return f"https://localhost:{self.port}{ROOT}" if self._context else f"http://127.0.0.1:{self.port}{ROOT}"

    async def _unlisten(self) -> None:
        # In the loop, as asyncio is not safe to call from another thread.
        self._listener.close()
        await self.close()

    def stop(self) -> None:
        """Hang up, stop listening and end the thread. Can be repeated."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._unlisten(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def run(port: int) -> None:
    """The backend as a process: says its port on a line and serves until it is killed."""
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", port, backlog=512)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=run.__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(run(parser.parse_args().port))


if __name__ == "__main__":
    main()
