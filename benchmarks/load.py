"""The clients and the pushers, in a process of their own.

    python -m benchmarks.load {sink's port}      reads JSON objects, one a line, and answers each with one line

    {"do": "open", "url": "ws://.../{n}", "count": n}       connect clients, numbered from 0, that stay connected; with
                                                            "source", from this address; to each of several URLs,
                                                            between spaces, in turn
    {"do": "close"}                                         close them all
    {"do": "messages", "total": n, "size": bytes, "window": clients, "depth": messages of each under way}
    {"do": "pushes", "port": p, "requests": [..], "total": n, "frames": n, "connections": n}
                                                            each makes `frames` frames; if several, one at a time
    {"do": "cycles", "url": .., "total": n, "width": n}     connect and close, `width` of them at a time
    {"do": "mixed", ...}                                    the fields of messages, pushes and cycles, all at once
    {"do": "streams", "count": clients, "lines": n, "interval": seconds}
                                                            each client asks for a stream; until each has a line
    {"do": "lines", "total": n}                             waits for so many lines in all, the first ones included
    {"do": "latency", "port": p, "requests": [..], "rate": per second, "seconds": s, "connections": n}

A client sends its next message when the last one has reached the sink; a pusher sends its next request when the last
one is answered. Only `latency` follows a timetable, by looking at the clock all the time: it measures the time from a
push's due moment to its frame. With "calm" it sleeps in between, so that it takes no processor from those that it
measures, and measures from the moment at which a push is sent.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import ssl
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import uvloop
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.pushers import Pushers

Job = dict[str, Any]
Figures = dict[str, Any]
NUMBER = b"@number@"
"""The placeholder in a request of `latency` for the eight digits that identify its frame."""
REQUEST_TIMEOUT = 60.0
"""Seconds for one request or handshake."""
STALL_TIMEOUT = 10.0
"""Seconds without progress after which missing frames count as lost."""


PORTS = 8000
"""Clients that connect from one address. With more than half of an address's ports (ip_local_port_range) in use towards
one other, the kernel looks through thousands of them for each further connection, on the account of the load generator,
which is then the limit: a rate lower than the gateway's makes each connect dearer, as fewer share a turn and a batch of
the journal."""


def source(number: int) -> str | None:
    """Return the address from which the client of this number connects; None for any."""
    return f"127.0.0.{1 + number // PORTS}" if number >= PORTS else None


class Frames:
    """Counts the frames that arrive at all clients, and waits for a number of them."""

    def __init__(self) -> None:
        self.count = 0
        self.look: Callable[[bytes], None] | None = None
        self._target = -1
        self._reached: asyncio.Future[None] | None = None

    def arrived(self, frame: WSFrame) -> None:
        self.count += 1
        if self.look is not None:
            self.look(frame.get_payload_as_bytes())
        if self.count == self._target and self._reached is not None:
            self._reached.set_result(None)

    async def reach(self, target: int) -> None:
        """Wait until `count` reaches `target`, or does not grow for STALL_TIMEOUT."""
        if self.count < target:
            self._target, self._reached = target, asyncio.get_running_loop().create_future()
            await _until(self._reached, lambda: self.count)
            self._target = -1


class Client(WSListener):
    def __init__(self, frames: Frames) -> None:
        super().__init__()
        self._frames = frames

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._frames.arrived(frame)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


class Watch(asyncio.Protocol):
    """The connection on which the sink reports each message that reached it."""

    def __init__(self, heard: Callable[[tuple[int, ...]], None]) -> None:
        self._heard = heard
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"GET /-/watch HTTP/1.1\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        whole = len(data) // 4
        self._buffer = data[whole * 4 :]
        self._heard(struct.unpack(f"={whole}I", data[: whole * 4]))


class Load:
    def __init__(self) -> None:
        self._frames = Frames()
        self._clients: list[WSTransport] = []
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._heard: Callable[[tuple[int, ...]], None] = lambda numbers: None

    async def watch(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Watch(lambda numbers: self._heard(numbers)), "127.0.0.1", port)

    async def obey(self, job: Job) -> Figures:
        began = time.monotonic()
        figures = await {
            "open": self._open,
            "close": self._close,
            "messages": self._messages,
            "pushes": self._pushes,
            "cycles": self._cycles,
            "mixed": self._mixed,
            "streams": self._streams,
            "lines": self._lines,
            "latency": self._latency,
        }[job["do"]](job)
        return {"seconds": time.monotonic() - began, **figures}

    async def _connect(self, url: str, source: str | None = None) -> WSTransport:
        transport, _ = await ws_connect(
            lambda: Client(self._frames),
            url,
            ssl_context=self._tls if url.startswith("wss:") else None,
            websocket_handshake_timeout=REQUEST_TIMEOUT,
            read_buffer_init_size=2048,
            **({} if source is None else {"local_addr": (source, 0)}),
        )
        return transport

    async def _open(self, job: Job) -> Figures:
        numbers = iter(range(job["count"]))
        clients: list[WSTransport | None] = [None] * job["count"]

        async def one_by_one() -> None:
            for number in numbers:
                clients[number] = await self._connect(
                    _numbered(job["url"], number), job.get("source") or source(number)
                )

        await asyncio.gather(*(one_by_one() for _ in range(32)))
        self._clients = [each for each in clients if each is not None]
        return {"opened": len(self._clients)}

    async def _close(self, job: Job) -> Figures:
        clients, self._clients = self._clients, []
        for begin in range(0, len(clients), 64):
            some = clients[begin : begin + 64]
            for transport in some:
                transport.send_close(WSCloseCode.OK)
            await asyncio.gather(*(_gone(transport) for transport in some))
        # Only here, where nothing is measured: with ten thousand clients a collection takes most of a second.
        gc.collect()
        return {"closed": len(clients)}

    async def _messages(self, job: Job) -> Figures:
        total, depth = job["total"], job.get("depth", 1)
        window = min(job["window"], len(self._clients), job["total"] // depth)
        messages = [b"%08d" % number + b"m" * (job["size"] - 8) for number in range(window)]
        clients = self._clients
        left, answered = total - window * depth, 0
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(numbers: tuple[int, ...]) -> None:
            nonlocal left, answered
            answered += len(numbers)
            for number in numbers:
                if left > 0:
                    left -= 1
                    clients[number].send(WSMsgType.TEXT, messages[number])
            if answered >= total and not done.done():
                done.set_result(None)

        self._heard = heard
        for number in range(window):
            for _ in range(depth):
                clients[number].send(WSMsgType.TEXT, messages[number])
        await _until(done, lambda: answered)
        return {"sent": total - left, "answered": answered}

    async def _pushes(self, job: Job) -> Figures:
        pushers = await Pushers.open(job["port"], job["connections"])
        requests = [each.encode("latin-1") for each in job["requests"]]
        before = self._frames.count
        frames_each, seen = job["frames"], 0

        run = itertools.islice(itertools.cycle(requests), job["total"])
        try:
            # One to many: the next request is sent when the last frame of this one has arrived.
            for some in [run] if frames_each <= 1 else ([request] for request in run):
                await asyncio.wait_for(pushers.run(some), REQUEST_TIMEOUT)
                seen += frames_each * (job["total"] if frames_each <= 1 else 1)
                await self._frames.reach(before + seen)
        except TimeoutError:
            pass
        finally:
            pushers.close()
        return {
            "frames": self._frames.count - before,
            "expected": job["total"] * frames_each,
            "statuses": dict(pushers.statuses),
        }

    async def _cycles(self, job: Job) -> Figures:
        left = iter(range(job["total"]))
        done = 0

        async def one_by_one() -> None:
            nonlocal done
            for number in left:
                transport = await self._connect(job["url"].replace("{n}", f"cycle{number}"))
                transport.send_close(WSCloseCode.OK)
                await _gone(transport)
                done += 1

        await asyncio.gather(*(one_by_one() for _ in range(job["width"])))
        return {"cycles": done}

    async def _mixed(self, job: Job) -> Figures:
        parts = await asyncio.gather(
            self._messages(job["messages"]), self._pushes(job["pushes"]), self._cycles(job["cycles"])
        )
        return {name: value for part in parts for name, value in part.items()}

    async def _streams(self, job: Job) -> Figures:
        count, before = job["count"], self._frames.count
        self._late: list[float] = []
        self._frames.look = lambda payload: self._late.append(time.monotonic() - float(payload.partition(b" ")[0]))
        pause = job["interval"] / count  # so that their lines do not come together
        for number, client in enumerate(self._clients[:count]):
            client.send(WSMsgType.TEXT, b"%08d stream %d %f" % (number, job["lines"], job["interval"]))
            await asyncio.sleep(pause)
        await self._frames.reach(before + count)
        return {"lines": len(self._late)}

    async def _lines(self, job: Job) -> Figures:
        await self._frames.reach(self._frames.count + job["total"] - len(self._late))
        self._frames.look = None
        late = sorted(self._late)
        return {"lines": len(late), **_quantiles(late)}

    async def _latency(self, job: Job) -> Figures:
        total = int(job["rate"] * job["seconds"])
        pushers = await Pushers.open(job["port"], job["connections"])
        requests = [each.encode("latin-1") for each in job["requests"]]
        due: list[float] = []
        late: list[float] = []
        before = self._frames.count
        self._frames.look = lambda payload: late.append(time.monotonic() - due[int(payload[:8])])
        began, calm, loop = time.monotonic(), job.get("calm", False), asyncio.get_running_loop()
        while len(due) < total:
            now = time.monotonic()
            while len(due) < total and (at := began + len(due) / job["rate"]) <= now:
                number = len(due)
                due.append(time.monotonic() if calm else at)
                pushers.submit(requests[number % len(requests)].replace(NUMBER, b"%08d" % number))
            if calm:  # by a thread: the loop's own timers count milliseconds
                await loop.run_in_executor(
                    None, time.sleep, max(0.0, began + len(due) / job["rate"] - time.monotonic())
                )
            else:
                await asyncio.sleep(0)  # a timer would be late by as much as is to be measured
        await self._frames.reach(before + total)
        self._frames.look = None
        pushers.close()
        late.sort()
        return {
            "frames": len(late),
            "expected": total,
            "statuses": dict(pushers.statuses),
            **_quantiles(late),
        }


def _quantiles(late: list[float]) -> Figures:
    """Return quantiles of a sorted list, in seconds."""
    parts = {"p50": len(late) // 2, "p99": len(late) * 99 // 100, "p999": len(late) * 999 // 1000}
    return {**{name: late[at] for name, at in parts.items()}, "max": late[-1]}


def _numbered(url: str, number: int) -> str:
    urls = url.split()
    return urls[number % len(urls)].replace("{n}", str(number))


async def _until(done: asyncio.Future[None], progress: Callable[[], int]) -> None:
    """Wait for `done`, but stop after STALL_TIMEOUT without progress."""
    before = -1
    while not done.done() and progress() != before:
        before = progress()
        await asyncio.wait([done], timeout=STALL_TIMEOUT)


async def _gone(transport: WSTransport) -> None:
    try:
        await asyncio.wait_for(transport.wait_disconnected(), REQUEST_TIMEOUT)
    except TimeoutError:
        transport.disconnect()


async def main() -> None:
    gc.disable()
    load = Load()
    await load.watch(int(sys.argv[1]))
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            answer = await load.obey(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
