"""One of several workers: what it does beside being a gateway.

It listens beside the others, has a socket for them and asks them for what is theirs, takes its part of the limits,
adopts journals that no process holds, and is in touch with its parent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from twisted.logger import Logger

from wsaas.api.app import Api
from wsaas.api.elsewhere import Asked
from wsaas.api.health import process_row
from wsaas.api.metrics import SAMPLES, add_samples_route
from wsaas.cluster.event_streams import OtherProcesses, SocketPlaces, watchers_at_once
from wsaas.cluster.forwarding import Forwarding, missing_answer
from wsaas.cluster.push_lines import PushLines
from wsaas.cluster.shared_counts import SharedCounts
from wsaas.cluster.sibling_site import sibling_site
from wsaas.cluster.siblings import MAX_AT_ONCE, Siblings
from wsaas.cluster.sockets import SiblingSockets
from wsaas.core.gateway import Gateway
from wsaas.core.router import Router
from wsaas.net.shared_ports import InheritedPort, SharingReactor
from wsaas.service.adoption import Adoption, Heir, worker_directory
from wsaas.service.lifeline import Lifeline
from wsaas.service.scrape import Scrape
from wsaas.service.systemd import Notifier
from wsaas.service.worker_identity import WorkerIdentity
from wsaas.settings.endpoints import with_port_added
from wsaas.settings.table import Settings

if TYPE_CHECKING:
    from wsaas.service.node import Node

SIBLING_FILES = 512
"""Connections to and from the other workers, at most, unless there are so many that each needs at least MIN_AT_ONCE."""
MIN_AT_ONCE = 8


def requests_at_once(count: int) -> int:
    """Return the number of requests that one worker has with another at once."""
    return max(MIN_AT_ONCE, min(MAX_AT_ONCE, SIBLING_FILES // 2 // max(1, count - 1)))


def sibling_files(count: int) -> int:
    """Return the number of files that a worker keeps free for the others."""
    return 2 * (count - 1) * (requests_at_once(count) + watchers_at_once(count - 1) + 1)  # one for the pushes


def settings_of(settings: Settings, identity: WorkerIdentity) -> Settings:
    """Return the settings of one worker: its directory, its port in a cluster, and its part of the limits, which is
    never none at all.

    MAX_CONNECTIONS_PER_ADDRESS is not divided: one address has few connections, which the kernel deals out at random.
    """

    def share(total: int) -> int:
        return max(1, identity.share(total)) if total else 0

    state_dir, address = settings.state_dir, settings.cluster_address
    if settings.cluster is not None:
        settings = replace(
            settings,
            cluster_endpoint=tuple(with_port_added(each, identity.number) for each in settings.cluster_endpoint),
            cluster_address=None if address is None else _with_port_added(address, identity.number),
        )
    return replace(
        settings,
        state_dir=None if state_dir is None else str(worker_directory(Path(state_dir), identity.number)),
        webhook_concurrency=share(settings.webhook_concurrency),
        max_streams=share(settings.max_streams),
        connect_rate=share(settings.connect_rate),
        max_connections=share(settings.max_connections),
    )


def _with_port_added(address: str, number: int) -> str:
    """Return a URL with a port as one whose port is greater by `number`."""
    url = urlsplit(address)
    assert url.port is not None  # which the settings were checked for
    host = url.netloc.rpartition(":")[0]
    return urlunsplit((url.scheme, f"{host}:{url.port + number}", url.path, url.query, url.fragment))


class Worker:
    """The worker of this process. `settings` are those of the whole gateway.

    `clients` and `api` are the reactors with which it listens.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, identity: WorkerIdentity, settings: Settings, wall_clock: Callable[[], float]
    ) -> None:
        inheritance = identity.inheritance
        sockets = {} if inheritance is None else inheritance.sockets
        self.clients = SharingReactor(reactor, sockets)
        self.api = SharingReactor(reactor, sockets)
        self._reactor = reactor
        self._identity = identity
        self._settings = settings
        self._wall_clock = wall_clock
        if inheritance is not None:
            self._peers_directory = Path(inheritance.peers)
        else:
            assert settings.state_dir is not None  # which a worker without a parent needs
            self._peers_directory = Path(settings.state_dir) / "peers"
        self._notifier = Notifier.of(os.environ) if inheritance is None else None
        """Tells the service manager of a worker without a parent; a parent does that itself."""
        self.networks: SharedCounts | None = None
        """The clients of all workers by network, if they are limited."""
        if settings.max_connections_per_address:
            self._peers_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.networks = SharedCounts(self._peers_directory, identity.number, identity.count)
        self._lifeline: Lifeline | None = None
        self._adoption: Adoption | None = None
        self._port: InheritedPort | None = None

    def join(
        self,
        gateway: Gateway,
        router: Router,
        ready: Callable[[], bool],
        stop: Callable[[], object],
        scrape: Scrape,
        add_routes: Callable[[Api, OtherProcesses], object],
        node: Node | None = None,
        of_cluster: Forwarding | None = None,
    ) -> Forwarding:
        """Be one of the workers, and return the others: in a cluster those `of_cluster`, of which this one is `node`.

        `ready()` says if this one is ready; `stop()` is called when the parent is gone. The others ask for the
        readings of `scrape`, and by the routes that `add_routes` adds.
        """
        self._gateway = gateway
        self._ready = ready
        self._sockets = SiblingSockets(self._peers_directory, gateway.prefix)
        self._siblings = Siblings(
            self._reactor, self._sockets, self._wall_clock, requests_at_once(self._identity.count)
        )
        self._lines = PushLines(
            self._reactor, self._sockets, self._wall_clock, lambda reason: missing_answer(reason).serialize()
        )
        self._forwarding = Forwarding(self._reactor, self._siblings, gateway.prefix, self._lines)
        places = SocketPlaces(self._reactor, self._sockets)
        self.others = OtherProcesses(self._reactor, self._forwarding, places, self._identity.count - 1)
        self._site = sibling_site(
            self._reactor,
            router,
            max_message_size=self._settings.max_message_size,
            about=self._about if node is None else node.report.about,
            wall_clock=self._wall_clock,
            may_answer=None if node is None else node.may_speak,
            add_more=partial(self._add_routes, scrape, add_routes, node),
        )
        if node is not None:
            node.by_sockets(self._sockets, self._siblings)
        self._site.max_connections = sibling_files(self._identity.count)
        inheritance = self._identity.inheritance
        if inheritance is not None:

            def orphaned() -> None:
                inheritance.log_without_parent()
                self._log.error("the parent of the workers is gone: stopping")
                stop()

            self._lifeline = Lifeline(self._reactor, inheritance, ready, orphaned)
        scrape.gather = lambda: self._forwarding.ask_all(Asked(b"GET", SAMPLES))
        return of_cluster or self._forwarding

    def start(self, heir: Heir) -> None:
        """Listen for the others, and adopt journals that no process holds. The journal is open, so that an earlier
        life of this worker is over, and its name is taken away.
        """
        self._sockets.remove_dead()
        descriptor = self._sockets.listen()
        self._port = InheritedPort(descriptor, self._site, self._reactor)
        os.close(descriptor)
        self._port.startListening()
        if self._settings.state_dir is not None:
            self._adoption = Adoption(
                self._reactor,
                Path(self._settings.state_dir),
                self._identity.count,
                heir,
                keep_authorization=self._settings.journal_authorization,
                wall_clock=self._wall_clock,
            )
            self._adoption.look()
        if self._lifeline is not None:
            self._lifeline.start()

    def _add_routes(
        self, scrape: Scrape, add_routes: Callable[[Api, OtherProcesses], object], node: Node | None, api: Api
    ) -> None:
        """Add the routes that the other workers ask for, beside those of the API."""
        add_samples_route(api, scrape.samples)
        if node is None:
            add_routes(api, self.others)
        else:
            node.add_routes_for_others(add_routes, node.others, api)

    @property
    def files(self) -> int:
        """The number of files that are kept free for the other workers."""
        return sibling_files(self._identity.count)

    @property
    def all_ready(self) -> bool:
        """Say if clients should be sent to the gateway that all workers are."""
        return self._ready() if self._lifeline is None else self._lifeline.roster.ready

    # What a Notifier tells the service manager, this tells the parent, or the service manager if there is no parent.

    def ready(self) -> None:
        """Tell at once that this worker is ready."""
        if self._lifeline is not None:
            self._lifeline.beat()
        if self._notifier is not None:
            self._notifier.ready()

    def reloading(self) -> None:
        """Tell that a reload begins; a parent knows that, having asked for it."""
        if self._notifier is not None:
            self._notifier.reloading()

    def stopping(self, within: float) -> None:
        """Tell that this worker drains; adopt nothing more."""
        if self._lifeline is not None:
            self._lifeline.stopping()
        if self._notifier is not None:
            self._notifier.stopping(within)
        if self._adoption is not None:
            self._adoption.stop()

    def leave(self) -> None:
        """Take this worker's name away: it has no connection any more."""
        self._sockets.leave()

    async def stop(self) -> None:
        """Answer and ask the others no more."""
        if self._port is not None:
            self._port.stopListening()
        self._lines.close()
        await self._siblings.close()
        self._sockets.close()
        if self._lifeline is not None:
            self._lifeline.stop()

    @property
    def answering(self) -> bool:
        """Say if another worker waits for an answer of this one."""
        return any(connection.begun or connection.answering for connection in self._site.context.connections)

    async def members(self) -> list[dict[str, object]]:
        """Return what each worker says of itself; of one that says nothing, what the parent knows."""
        gathered = await self._forwarding.ask_all(Asked(b"GET", b"/-/worker"))
        rows: dict[object, dict[str, object]] = {}
        if self._lifeline is not None:
            for news in self._lifeline.roster.workers:
                rows[news.number] = {"worker": news.number, "pid": news.pid, "state": news.state.value}
        for about in (self._about(), *gathered.answers):
            row = {name: value for name, value in about.items() if name != "code"}
            number = row["worker"]
            rows[number] = {**row, **({"state": rows[number]["state"]} if number in rows else {})}
        return [
            {"prefix": None, "connections": None, **rows[number]}
            for number in sorted(rows, key=lambda each: int(str(each)))
        ]

    def _about(self) -> dict[str, object]:
        return process_row(self._identity.number, self._ready(), self._gateway)
