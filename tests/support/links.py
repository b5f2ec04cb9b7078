"""The network between nodes and engine, as a proxy for each link: to be cut and healed, without root.

A cut link carries nothing, and says nothing: what is sent waits, as it would on its way through a broken switch.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

Link = tuple[str, str]


class Links:
    """Proxies in one thread. `pids` says which process is which node; a link is named by both ends."""

    def __init__(self) -> None:
        self.pids: dict[int, str] = {}
        self._cut: set[Link] = set()
        self._moved: dict[tuple[str, int], tuple[str, int]] = {}
        self._changed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def proxy(self, target: str, connect: tuple[str, int] | str) -> int:
        """Begin to pass on to a target, at (host, port) or a unix socket; return the port of this end."""
        return asyncio.run_coroutine_threadsafe(self._listen(target, connect), self._loop).result(10)

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
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _listen(self, target: str, connect: tuple[str, int] | str) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._serve(target, connect, reader, writer)
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(
        self,
        target: str,
        connect: tuple[str, int] | str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        source = self._source(writer.get_extra_info("peername")[1], writer.get_extra_info("sockname")[1])
        link = source, target
        await self._whole(link)
        if isinstance(connect, str):
            theirs, ours = await asyncio.open_unix_connection(connect)
        else:
            theirs, ours = await asyncio.open_connection(*self._moved.get(connect, connect))
        try:
            ways = [self._pass_on(link, reader, ours), self._pass_on(link, theirs, writer)]
            done, rest = await asyncio.wait(
                [asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED
            )
            for task in rest:
                task.cancel()
            del done
        finally:
            ours.close()

    async def _pass_on(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._whole(link)
                writer.write(data)
                await writer.drain()
            await self._whole(link)
        except OSError:
            pass

    async def _whole(self, link: Link) -> None:
        while link in self._cut:
            await self._changed.wait()

    def _source(self, port: int, here: int) -> str:
        """The node whose process has the other end, from /proc."""
        inode = _inode(port, here)
        for pid, name in list(self.pids.items()):
            try:
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    try:
                        if str(link.readlink()) == f"socket:[{inode}]":
                            return name
                    except OSError:
                        continue
            except OSError:
                continue
        return ""


def _inode(local: int, remote: int) -> str:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{local:04X}") and fields[2].endswith(f":{remote:04X}"):
            return fields[9]
    return ""
