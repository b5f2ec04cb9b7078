"""A node of a cluster that stops while replies of the backend stream through it: what its clients get afterwards.

WSAAS_FAULTS=full runs these tests, which take a minute each.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.support.backend_answers import Exchange, head
from tests.support.cluster import PATIENCE
from tests.support.fault_case import LONG, PAUSE, UNGATED, FaultCase
from tests.support.redis_process import MISSING
from tests.support.system_case import eventually


async def ticking(exchange: Exchange) -> bool:
    """A reply that streams a line ten times a second, without end."""
    await exchange.write(head(200, [("WSAAS-Reply", "lines"), ("Transfer-Encoding", "chunked")]))
    while True:
        await exchange.write(b"5\r\ntick\n\r\n")
        await asyncio.sleep(0.1)


class ReplyTests(FaultCase):
    skip = MISSING or LONG

    def late_frames(self, program: str | None = None) -> int:
        """A node that streams replies to its clients is stopped until it is claimed, and goes on; return how many
        frames came after the DELETEs.
        """
        cluster = self.cluster(2)
        victim = cluster.add(program)
        cluster.all_ready()
        self.stage.on_message(ticking)
        clients = self.crowd(victim, 5)
        moments: list[float] = []

        def listen(client: Any) -> None:
            try:
                while True:
                    client.recv()
                    moments.append(time.monotonic())
            except (ConnectionClosed, OSError):
                pass

        for client in clients.values():
            client.send("begin")
            threading.Thread(target=listen, args=(client,), daemon=True).start()
        eventually(lambda: len(moments) > 50, PATIENCE)
        cluster.stop(victim)
        self.all_told(clients)
        told = time.monotonic()
        time.sleep(max(0.0, PAUSE - 10))
        cluster.resume(victim)
        if program is None:
            self.assertEqual(victim.wait(), 3)
        time.sleep(2)
        return sum(moment > told for moment in moments)

    def test_stopped(self) -> None:
        """A node that stops while replies stream and is claimed sends its clients no frame of them when it goes on."""
        self.assertEqual(self.late_frames(), 0)

    def test_without_the_fence(self) -> None:
        """The control: the same node without the fence sends what the backend has streamed meanwhile."""
        self.assertGreater(self.late_frames(UNGATED), 0)
