"""The network between nodes and engine, as a proxy for each link: to be cut and healed, without root.

A cut link carries nothing, and says nothing: what is sent waits, as it would on its way through a broken switch.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

Link = tuple[str, str]


class Links:
    """Proxies in one thread. A link is named by both ends; `pids` says which process is which node."""

    def __init__(self) -> None:
        self.pids: dict[int, str] = {}
        self._cut: set[Link] = set()
        self._open: dict[int, _Pair] = {}
        self._moved: dict[tuple[str, int], tuple[str, int]] = {}
        self._changed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def proxy(
        self,
        target: str,
        connect: tuple[str, int] | str,
        source: str | None = None,
        listen: tuple[str, int] = ("127.0.0.1", 0),
    ) -> int:
        """Begin to pass on to a target, at (host, port) or a unix socket; return the port of this end.

        `source` is the one that calls here, if there is only one.
        """
        return asyncio.run_coroutine_threadsafe(self._listen(target, connect, source, listen), self._loop).result(10)

    def cut(self, links: Iterable[Link]) -> None:
        """Cut these links, whichever end calls, and heal all others."""
        cut = {link for a, b in links for link in ((a, b), (b, a))}
        self._loop.call_soon_threadsafe(self._set, cut)

    def retarget(self, old: tuple[str, int], new: tuple[str, int]) -> None:
        """Have new connections for one address go to another one."""
        self._moved[old] = new

    def stop(self) -> None:
        """End all. Can be repeated."""
        if self._loop.is_closed():
            return
        # In its own thread: this one may run another loop, a browser's.
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)

    def _set(self, cut: set[Link]) -> None:
        self._cut = cut
        if cut:
            self._name([pair for pair in self._open.values() if pair.source is None])
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _listen(
        self, target: str, connect: tuple[str, int] | str, source: str | None, listen: tuple[str, int]
    ) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._serve(target, connect, source, reader, writer)
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, *listen, backlog=512)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(
        self,
        target: str,
        connect: tuple[str, int] | str,
        source: str | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        pair = _Pair(source, target, writer.get_extra_info("peername")[1], writer.get_extra_info("sockname")[1])
        self._open[id(pair)] = pair
        try:
            if self._cut and source is None:
                self._name([pair])
            await self._join(pair, connect, reader, writer)
        finally:
            del self._open[id(pair)]

    async def _join(
        self, pair: _Pair, connect: tuple[str, int] | str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._whole(pair)
        if isinstance(connect, str):
            theirs, ours = await asyncio.open_unix_connection(connect)
        else:
            theirs, ours = await asyncio.open_connection(*self._moved.get(connect, connect))
        try:
            ways = [self._pass_on(pair, reader, ours), self._pass_on(pair, theirs, writer)]
            done, rest = await asyncio.wait(
                [asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED
            )
            for task in rest:
                task.cancel()
            del done
        finally:
            ours.close()

    async def _pass_on(self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._whole(pair)
                writer.write(data)
                await writer.drain()
            await self._whole(pair)
        except OSError:
            pass

    async def _whole(self, pair: _Pair) -> None:
        while (pair.source, pair.target) in self._cut:
            await self._changed.wait()

    def _name(self, pairs: Sequence[_Pair]) -> None:
        """Find the sources of connections, from /proc: only while links are cut, as it takes a while."""
        inodes = _inodes()
        owners = {}
        for pid, name in list(self.pids.items()):
            try:
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    owners[os.readlink(link)] = name
            except OSError:  # it has ended, or closed a file
                continue
        for pair in pairs:
            pair.source = owners.get(f"socket:[{inodes.get((pair.port, pair.here))}]")


@dataclass(eq=False)
class _Pair:
    """A connection that is passed on: from the node `source`, which has `port`, to `target`, at `here`."""

    source: str | None
    target: str
    port: int
    here: int


def _inodes() -> dict[tuple[int, int], str]:
    """The inodes of all TCP sockets of this machine, by their ports and those of their peers."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        found[int(fields[1][-4:], 16), int(fields[2][-4:], 16)] = fields[9]
    return found
