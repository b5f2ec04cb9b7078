"""One node of a cluster: what it does beside being a gateway.

It listens for the other nodes and asks them for what is theirs, and it is a member: the engine knows of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint
from twisted.logger import Logger

from wsaas.api.elsewhere import Asked
from wsaas.cluster.engine import Engine
from wsaas.cluster.forwarding import Forwarding
from wsaas.cluster.member import Member
from wsaas.cluster.nodes import Nodes
from wsaas.cluster.right import Right
from wsaas.cluster.scripts import Keys
from wsaas.cluster.sibling_site import sibling_site
from wsaas.cluster.table import Table
from wsaas.core.gateway import Gateway
from wsaas.core.router import Router
from wsaas.http_client.target import Target
from wsaas.net.tls_client import ClientFiles
from wsaas.service.launch import StartFailed
from wsaas.service.listening import listen
from wsaas.service.node_report import NodeReport
from wsaas.service.startup_log import listening_flaw
from wsaas.settings.table import Settings

NODE_FILES = 512
"""Files that are kept free for connections to and from the other nodes, and to the engine."""
SAY_AGAIN = 10.0
"""Seconds between two log lines about an engine that is awaited."""


class Node:
    """The node of this process. `boottime()` also counts while the machine is suspended."""

    _log = Logger()
    files = NODE_FILES

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        wall_clock: Callable[[], float],
        boottime: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        assert settings.cluster is not None
        self._reactor = reactor
        self._settings = settings
        self._wall_clock = wall_clock
        self.boottime = boottime
        self._random = random
        self._files = ClientFiles(settings.cluster_ca, settings.cluster_cert, settings.cluster_key, "CLUSTER_")
        self.engine = Engine(reactor, settings.cluster, self._files, random)
        self.right = Right()
        self._ports: list[IListeningPort] = []
        self._begin: Callable[[], object] | None = None

    # What the assembly gives it

    def join(self, gateway: Gateway, router: Router, ready: Callable[[], bool]) -> Forwarding:
        """Be one of the nodes, and return the others. `ready()` says if this one is ready."""
        self._gateway = gateway
        self._ready = ready
        self.table = Table(gateway.prefix)
        self.member = Member(
            self._reactor,
            self.boottime,
            self.engine,
            Keys(self._settings.cluster_name),
            gateway.prefix,
            secrets.token_hex(16),
            lambda: self._report.row(),
            self.right,
            self.table,
        )
        self.member.events = self
        self._report = NodeReport(self._settings, gateway, self.member, self._ports, self.boottime, ready)
        token = self._settings.api_token[0].encode("ascii")
        self._nodes = Nodes(
            self._reactor,
            self.table,
            self.member.look_up,
            self._reach,
            b"Authorization: Bearer %b\r\n" % token,
            self._wall_clock,
        )
        self._forwarding = Forwarding(self._nodes, gateway.prefix)
        self._site = sibling_site(
            self._reactor,
            router,
            max_message_size=self._settings.max_message_size,
            about=lambda: self._report.about(),
            wall_clock=self._wall_clock,
            tokens=self._settings.api_token,
            prefix=gateway.prefix,
        )
        self._site.max_connections = NODE_FILES
        return self._forwarding

    def listen(self) -> None:
        """Listen for the other nodes. Raises StartFailed."""
        for endpoint in self._settings.cluster_endpoint:
            try:
                listen(self._reactor, endpoint, self._site, self._ports)
            except Exception as error:
                raise StartFailed(f"CLUSTER_ENDPOINT={endpoint}: {listening_flaw(error)}") from None

    def start(self, begin: Callable[[], object]) -> None:
        """Join. `begin()` is called once clients may come."""
        self._begin = begin
        self.member.start()
        self._await_engine()

    @property
    def ports(self) -> list[IListeningPort]:
        """The ports at which the other nodes reach this one."""
        return self._ports

    # MemberEvents

    def joined(self) -> None:
        """Let clients in: the engine has this process."""
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()

    def renewed(self, expired: list[str]) -> None:
        """Go on."""

    def unanswered(self) -> None:
        """Go on: the lease may run out."""

    def fenced(self) -> None:
        """Say that another process has claimed this one."""
        self._log.error("this process was claimed by another node, as it had not renewed its lease")

    # The end

    def drain(self) -> None:
        """Tell the others that this node stops."""
        self._report.draining = True
        self.member.hurry()

    async def leave(self) -> None:
        """Be a member no more: no connection is left, or what is left is for others to tell."""
        await self.member.leave()

    async def stop(self) -> None:
        """Answer and ask the others no more."""
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        await self._nodes.close()
        self.member.stop()

    @property
    def answering(self) -> bool:
        """Say if another node waits for an answer of this one."""
        return any(connection.begun or connection.answering for connection in self._site.context.connections)

    async def members(self) -> list[dict[str, object]]:
        """Return what each node says of itself; of one that says nothing, what the engine knows."""
        gathered = await self._forwarding.ask_all(Asked(b"GET", b"/-/worker"))
        return self._report.members(gathered.answers)

    # Steps

    def _reach(self, address: str) -> tuple[IStreamClientEndpoint, bytes]:
        target = Target.from_address(self._reactor, address, self._files)
        return target.endpoint, target.host

    def _await_engine(self) -> None:
        if self._begin is not None and self.member.engine.there is False:
            self._log.warn("waiting for the engine {engine}", engine=self.engine.address.shown)
        if self._begin is not None:
            self._reactor.callLater(SAY_AGAIN, self._await_engine)
