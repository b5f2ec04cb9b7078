"""The end of a gateway: clients are let go, the backend is told, and then everything stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger

from wsaas.api.server.site import ApiSite
from wsaas.service.parts import Parts

PACE = 0.1
"""Seconds between two batches of clients that a drain closes."""
SMALLEST_BATCH = 50
"""Clients of one batch at least; and in a cluster, for each of the other nodes, at most: 500 a second come to each."""
HANDSHAKES = 2.0
"""Seconds in which a worker lets those in whose connection it has when it stops."""
GOODBYES = 1.0
"""Seconds in which a worker answers requests that it has when it stops."""


def batch_size(count: int, within: float, others: int = 0, longest: float = 0.0) -> int:
    """Return the number of clients to close in one batch, so that all `count` are closed within this time, or sooner.

    In a cluster the clients go to `others`, the nodes that stay. If these would get too many, it takes longer than
    `within`, but not longer than `longest`.
    """
    gentle = SMALLEST_BATCH * others
    batch = max(SMALLEST_BATCH, -(-count // max(1, int(within / PACE))))
    if not gentle or batch <= gentle:
        return batch
    return min(batch, max(gentle, -(-count // max(1, int(longest / PACE)))))


class Drain:
    """Ends within DRAIN_TIMEOUT, or at once when told to hurry.

    Pushes work to the end. What the backend has not heard by then is in the journal, for the next start.
    """

    _log = Logger()

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reactor = parts.reactor
        self._hurried = False

    def hurry(self) -> None:
        """Cut the waiting short, also of a drain that has not begun."""
        if not self._hurried:
            self._log.warn("told again to stop: stopping at once")
            self._hurried = True

    async def run(
        self, client_ports: Sequence[IListeningPort], api_ports: Sequence[IListeningPort], api: ApiSite
    ) -> None:
        """Do it all, in this order."""
        timeout = self._parts.settings.drain_timeout
        deadline = self._reactor.seconds() + timeout
        if self._parts.node is not None and not self._hurried:
            await self._parts.node.drain(timeout)
        await self._stop_accepting(client_ports)
        told = await self._close_everyone(timeout / 3, max(0.0, deadline - self._reactor.seconds()))
        await self._tell_the_backend(told, deadline)
        self._parts.courier.stop()
        self._parts.clients.keepalive.stop()
        await self._stop_the_api(api_ports, api)
        await self._parts.pool.close()
        await self._parts.journal.stop()

    async def _stop_accepting(self, ports: Sequence[IListeningPort]) -> None:
        gateway, clients, worker = self._parts.gateway, self._parts.clients, self._parts.worker
        if worker is None:
            gateway.accepting = False
        else:
            # A newcomer that is here already is served: the others have no way to take it over.
            worker.clients.stop_listening()
        for port in ports:
            await maybeDeferred(port.stopListening)
        if worker is not None:
            await self._wait_while(lambda: clients.handshaking or gateway.handshaking, HANDSHAKES, PACE / 10)
            gateway.accepting = False

    async def _close_everyone(self, within: float, left: float) -> int:
        """Close all clients in batches, paced to spare them, the backend and the other nodes.

        It takes `within` seconds, or longer if the others need that; `left` is what is left of DRAIN_TIMEOUT. Return
        how many clients were still there.
        """
        sessions, told = list(self._parts.gateway.registry), 0
        others = 0 if self._parts.node is None else self._parts.node.report.survivors
        batch = batch_size(len(sessions), min(within, left / 2), others, left * 2 / 3)
        self._log.info("draining {count} connections", count=len(sessions))
        if others and batch > SMALLEST_BATCH * others:
            self._log.warn(
                "DRAIN_TIMEOUT is short for {count} connections: each of the {others} other processes gets {rate:.0f} "
                "a second",
                others=others,
                rate=batch / PACE / others,
                count=len(sessions),
            )
        for start in range(0, len(sessions), batch):
            for session in sessions[start : start + batch]:
                told += self._parts.gateway.close_for_drain(session)
            if start + batch < len(sessions) and not self._hurried:
                await deferLater(self._reactor, PACE)
        return told

    async def _tell_the_backend(self, told: int, deadline: float) -> None:
        """Wait until the backend has heard of every end, and each client has what is owed to it."""
        registry, clients = self._parts.gateway.registry, self._parts.clients
        if told:
            self._log.info(
                "clients told that the gateway stops: {told}; disconnect webhooks left: {left}",
                told=told,
                left=len(registry),
            )
        await self._wait_while(lambda: len(registry) or clients.owes, deadline - self._reactor.seconds(), PACE / 2)
        if len(registry):
            self._log.warn(
                "stopped before the backend heard of the end of {left} connections: {outlook}",
                left=len(registry),
                outlook=self._outlook(),
            )

    def _outlook(self) -> str:
        """Say who tells the backend of the connections that are left."""
        if self._parts.node is not None:
            return "another node tells it, or the next start"
        return (
            "the next start tells it"
            if self._parts.settings.state_dir is not None
            else "with STATE_DIR=none it never will"
        )

    async def _stop_the_api(self, ports: Sequence[IListeningPort], api: ApiSite) -> None:
        worker, node, connections = self._parts.worker, self._parts.node, api.context.connections
        if worker is not None:
            worker.leave()
            worker.api.stop_listening()
        if node is not None:
            await self._wait_while(lambda: not node.copied, GOODBYES, PACE / 10)
            await node.leave()
        for port in ports:
            await maybeDeferred(port.stopListening)
        if self._parts.events is not None:  # a reader that comes again finds another process, and not this one
            self._parts.events.stop()
        others = [each for each in (node, worker) if each is not None]
        if others:
            await self._wait_while(
                lambda: (
                    any(each.answering for each in others) or any(each.begun or each.answering for each in connections)
                ),
                GOODBYES,
                PACE / 10,
            )
        for each in others:
            await each.stop()

    async def _wait_while(self, busy: Callable[[], object], within: float, every: float) -> None:
        """Wait until `busy()` is false, which is looked at every so many seconds, `within` seconds at most."""
        deadline = self._reactor.seconds() + within
        while busy() and self._reactor.seconds() < deadline and not self._hurried:
            await deferLater(self._reactor, every)
