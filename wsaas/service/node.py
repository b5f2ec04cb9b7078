"""One node of a cluster: what it does beside being a gateway.

It is a member, which the engine knows; it keeps a copy of its journal there; it listens for the other nodes and asks
them for what is theirs; it claims those that are over. Without the right to speak it says nothing to backend, clients
or API, and once it is claimed itself, it ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint

from wsaas.api.app import Api
from wsaas.api.elsewhere import Asked
from wsaas.cluster.addresses import check_address
from wsaas.cluster.claim_route import add_claim_route
from wsaas.cluster.claims import Claims
from wsaas.cluster.cluster_journal import ClusterJournal, LocalJournal
from wsaas.cluster.engine import Engine
from wsaas.cluster.event_streams import OtherProcesses
from wsaas.cluster.forwarding import Forwarding, missing_answer
from wsaas.cluster.gate import GatedSender
from wsaas.cluster.interest import Interest
from wsaas.cluster.keys import Keys
from wsaas.cluster.lives import Lives
from wsaas.cluster.member import Member
from wsaas.cluster.node_lines import NodeLines
from wsaas.cluster.nodes import Nodes
from wsaas.cluster.own_groups import OwnGroups
from wsaas.cluster.own_place import OwnPlace
from wsaas.cluster.right import Right
from wsaas.cluster.row_copy import OPENINGS_DELAY, RowCopy
from wsaas.cluster.sibling_site import sibling_site
from wsaas.cluster.siblings import Siblings
from wsaas.cluster.sockets import SiblingSockets
from wsaas.cluster.table import Table
from wsaas.cluster.turns import Turns
from wsaas.cluster.votes import Votes
from wsaas.core.gateway import Gateway
from wsaas.core.interfaces import Together
from wsaas.core.router import Router
from wsaas.http_client.target import Target
from wsaas.net.tls_client import ClientFiles
from wsaas.service.adoption import Heir
from wsaas.service.launch import StartFailed
from wsaas.service.listening import listen
from wsaas.service.node_life import RESTART_STATUS, NodeLife
from wsaas.service.node_report import NodeReport, name_of
from wsaas.service.startup_log import listening_flaw
from wsaas.settings.table import Settings

NODE_FILES = 512
"""Files that are kept free for connections to and from the other nodes, and to the engine."""


def replicas_of(settings: Settings) -> int:
    """Return the number of replicas that must have a claim."""
    if settings.cluster_replicas is not None:
        return settings.cluster_replicas
    return 0 if settings.cluster is None or settings.cluster.master is None else 1


class Node:
    """The node of this process. `boottime()` also counts while the machine is suspended.

    `end()` ends the process at once; its exit status is then `status`. `number` is that of a worker, if the node has
    several.
    """

    files = NODE_FILES

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        wall_clock: Callable[[], float],
        boottime: Callable[[], float],
        random: Callable[[], float],
        end: Callable[[], object],
        number: int | None = None,
    ) -> None:
        assert settings.cluster is not None
        self._reactor = reactor
        self._settings = settings
        self._wall_clock = wall_clock
        self.boottime = boottime
        self._random, self._end, self._number = random, end, number
        self._files = ClientFiles(settings.cluster_ca, settings.cluster_cert, settings.cluster_key, "CLUSTER_")
        self._engine = Engine(reactor, settings.cluster, self._files, random)
        self.right, self.name = Right(), name_of(settings)
        self.may_speak = self.right.by(boottime)
        self.ports: list[IListeningPort] = []
        """The ports at which the other nodes reach this one."""
        self._gate: GatedSender | None = None

    # What the assembly gives it

    def gate(self, sender: Any) -> GatedSender:
        """Return the sender that sends webhooks only with the right to speak."""
        self._gate = GatedSender(sender, self.may_speak)
        return self._gate

    def journal(self, local: LocalJournal | None, together: Together) -> ClusterJournal:
        """Return the journal, of which the engine has a copy; `together` makes the calls of one batch of that."""
        self._together = together
        self._journal = ClusterJournal(local, self.may_speak, self._settings.journal_authorization)
        return self._journal

    def join(
        self,
        gateway: Gateway,
        router: Router,
        ready: Callable[[], bool],
        add_routes: Callable[[Api, OtherProcesses], object],
    ) -> Forwarding:
        """Be one of the nodes, and return the others. `ready()` says if this one is ready.

        The others ask by the routes that `add_routes` adds, too.
        """
        settings, reactor, prefix = self._settings, self._reactor, gateway.prefix
        self._gateway, gateway.replies.may_speak = gateway, self.may_speak
        keys, table, self._token = Keys(settings.cluster_name), Table(prefix), secrets.token_hex(16)
        self._member = member = Member(
            reactor,
            self.boottime,
            self._engine,
            keys,
            prefix,
            self._token,
            lambda: self.report.row(),
            self.right,
            table,
        )
        self.report = NodeReport(settings, self._number, gateway, member, self.ports, self.boottime, ready)
        head = b"Authorization: Bearer %b\r\n" % settings.api_token[0].encode("ascii")
        self._nodes = Nodes(reactor, table, member.look_up, self._reach, head, self._wall_clock)
        votes = Votes(reactor, member, self._nodes, self.boottime)
        votes.granted = self._released
        durable = settings.state_dir is not None
        self._life = member.events = NodeLife(
            reactor,
            gateway,
            member,
            self._journal,
            Lives(None if settings.state_dir is None else Path(settings.state_dir), prefix),
            durable=durable,
            replicas=replicas_of(settings),
            released=self._released,
            end=self._end,
        )
        self._copy = copy = self._journal.copy = RowCopy(
            reactor,
            self._engine,
            keys,
            prefix,
            self._life,
            OwnGroups(reactor, self.boottime, member.vouches, gateway.registry),
            keep_authorization=settings.journal_authorization,
            alone=durable,
            gathering=OPENINGS_DELAY if durable else 0.0,
            together=self._together,
        )
        member.sequence = lambda: copy.sequence
        self._claims = Claims(
            reactor,
            self._engine,
            keys,
            prefix,
            answers=votes.alive,
            revive=gateway.revive,
            remove=copy.remove,
            claimed=member.hurry,
            replicas=replicas_of(settings),
            random=self._random,
        )
        self._journal.forgotten = self._claims.told
        self._turns = Turns(reactor, self._engine, keys, self.report.name, self._token)
        self._life.given(copy, self._claims, votes, OwnPlace(reactor, member, self._nodes, self._number is None))
        self._forwarding = Forwarding(reactor, self._nodes, prefix, unknown=lambda: table.version < 0)
        self._forwarding.interest = Interest(reactor, member, self.boottime, self._nodes.prefixes)
        self.others = others = OtherProcesses(reactor, self._forwarding, self._nodes)
        self._lines = self._forwarding.lines = NodeLines(
            reactor,
            table,
            self._nodes.place,
            self._wall_clock,
            lambda reason: missing_answer(reason).serialize(),
            self._forwarding.push_slowly,
        )
        self._site = sibling_site(
            reactor,
            router,
            max_message_size=settings.max_message_size,
            about=self.report.about,
            wall_clock=self._wall_clock,
            tokens=settings.api_token,
            prefix=prefix,
            may_answer=self.may_speak,
            add_more=partial(self.add_routes_for_others, add_routes, others),
        )
        self._site.max_connections = NODE_FILES
        return self._forwarding

    def by_sockets(self, sockets: SiblingSockets, siblings: Siblings) -> None:
        """Reach the other workers of this node by their sockets."""
        self._nodes.beside = siblings
        self._lines.by_sockets(sockets)

    def add_routes_for_others(
        self, add_routes: Callable[[Api, OtherProcesses], object], others: OtherProcesses, api: Api
    ) -> None:
        """Add the routes by which the others ask for leases, greet this process, and watch."""
        self._life.add_routes(api)
        add_routes(api, others)

    def heir(self) -> Heir:
        """Return what is to become of journals that this process adopts: the engine says who tells of them."""
        return Heir(self._journal.local or self._journal, self._life.adopt, self._life.take)

    def listen(self) -> None:
        """Listen for the other nodes. Raises StartFailed."""
        for endpoint in self._settings.cluster_endpoint:
            try:
                listen(self._reactor, endpoint, self._site, self.ports)
            except Exception as error:
                raise StartFailed(f"CLUSTER_ENDPOINT={endpoint}: {listening_flaw(error)}") from None

    def start(self, begin: Callable[[], object]) -> None:
        """Join. `begin()` is called once clients may come."""
        self._life.start(self._token, begin)

    # The end

    @property
    def status(self) -> int:
        """The exit status of the process."""
        return RESTART_STATUS if self.right.fenced else 0

    async def drain(self, within: float) -> None:
        """Wait until no other node drains, half of the time at most, and tell the others that this one stops."""
        self._claims.stop()
        if not self.right.fenced:
            await self._turns.acquire(within / 2, within)
        self.report.draining = True
        self._member.hurry()

    async def leave(self) -> None:
        """Be a member no more: no connection is left, or what is left is for others to tell."""
        if not self.right.fenced:
            await self._member.leave()
            await self._turns.release()

    async def stop(self) -> None:
        """Answer and ask the others no more."""
        self._life.stop()
        for port in self.ports:
            await maybeDeferred(port.stopListening)
        self._lines.close()
        await self._nodes.close()
        self._member.stop()

    @property
    def copied(self) -> bool:
        """Say if the engine has all that it is to have, or is away."""
        return self._copy.idle

    @property
    def answering(self) -> bool:
        """Say if another node waits for an answer of this one."""
        return any(connection.begun or connection.answering for connection in self._site.context.connections)

    async def members(self) -> list[dict[str, object]]:
        """Return what each node says of itself; of one that says nothing, what the engine knows."""
        gathered = await self._forwarding.ask_all(Asked(b"GET", b"/-/worker"))
        return self.report.members(gathered.answers, self._nodes.trouble)

    def add_routes(self, api: Api) -> None:
        """Add the route of the operator's word that a process is over."""
        add_claim_route(api, self._claims)

    # Steps

    def _reach(self, address: str) -> tuple[IStreamClientEndpoint, bytes]:
        check_address(address, self.report.address)
        target = Target.from_address(self._reactor, address, self._files)
        return target.endpoint, target.host

    def _released(self) -> None:
        if self._gate is not None:
            self._gate.release()
        self._gateway.replies.release()
