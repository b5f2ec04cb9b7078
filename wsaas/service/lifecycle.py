"""The gateway as one Twisted service: who is given what, the order of the start, and the drain."""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger

from wsaas.api.debug_router import DebugRouter
from wsaas.api.server.site import ApiSite, api_site
from wsaas.backend.courier import Courier
from wsaas.backend.debug_sender import DebugSender
from wsaas.backend.requests import Contract
from wsaas.backend.sender import PoolSender, Sender
from wsaas.clients.admission import ASKING_PER_WEBHOOK, Admission
from wsaas.clients.factory import ClientFactory
from wsaas.clients.handshake.client_address import Proxies
from wsaas.clients.handshake.credentials import Credentials
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.core.gateway import Gateway
from wsaas.core.model import Limits
from wsaas.core.monitor import Monitor
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.http_client.pool import Pool
from wsaas.http_client.target import Target
from wsaas.internals.signals import Signals
from wsaas.journal.lock import JournalUnusable
from wsaas.journal.memory import MemoryJournal
from wsaas.journal.sqlite import SqliteJournal
from wsaas.net.tls_client import ClientFiles
from wsaas.service.file_limits import capacity, open_files
from wsaas.service.launch import StartFailed
from wsaas.service.listening import listen, listen_by_default
from wsaas.service.reload import Reloadable, Reloader
from wsaas.service.startup_log import client_url, endpoint_label, listening_flaw, log_ports, log_settings
from wsaas.service.systemd import Notifier
from wsaas.service.version import user_agent
from wsaas.settings.table import Settings

if TYPE_CHECKING:
    from wsaas.service.adoption import Adoption
    from wsaas.service.worker import Worker
    from wsaas.service.worker_identity import WorkerIdentity

PACE = 0.1
"""Seconds between two batches of clients that a drain closes."""
SMALLEST_BATCH = 50
LAST_WORDS = 10.0
"""Seconds that the end may take beyond DRAIN_TIMEOUT: the journal's last batch, goodbyes on the API."""


HANDSHAKES = 2.0
"""Seconds in which a worker lets those in whose connection it has when it stops."""
GOODBYES = 1.0
"""Seconds in which a worker answers requests that it has when it stops."""


def assemble(
    reactor: Any, settings: Settings, demo: bool, signals: Signals, identity: WorkerIdentity | None = None
) -> IService:
    """The whole gateway, not yet started. With `demo` the demo backend stands beside it.

    With an `identity` it is one of several workers.
    """
    worker: Worker | None = None
    if identity is not None:
        from wsaas.service.worker import Worker, settings_of

        worker = Worker(reactor, identity, settings, time.time)
        settings = settings_of(settings, identity)
    files = ClientFiles(settings.target_ca, settings.target_cert, settings.target_key)
    backend = Target.from_address(reactor, settings.target_address, files)
    pool = Pool(reactor, backend.endpoint, backend.host, max_idle=settings.webhook_concurrency)
    debug = settings.log_level == "debug"
    sender: Sender = PoolSender(pool, backend, settings.webhook_timeout)
    monitor = Monitor()
    courier = Courier(
        reactor,
        Contract(
            local_address=settings.local_address,
            ws_timeout=settings.ws_timeout,
            message_content_type=settings.message_content_type,
            max_message_size=settings.max_message_size,
            secrets=settings.webhook_secret,
            user_agent=user_agent(),
            wall_clock=time.time,
            bits=random.getrandbits,
        ),
        DebugSender(sender, reactor, backend.url) if debug else sender,
        concurrency=settings.webhook_concurrency,
        message_patience=settings.message_patience,
        disconnect_patience=settings.disconnect_patience,
        wall_clock=time.time,
        random=random.random,
        monitor=monitor,
        address=backend.url,
    )
    journal: MemoryJournal | SqliteJournal = MemoryJournal()
    if settings.state_dir is not None:
        journal = SqliteJournal(
            reactor, Path(settings.state_dir), keep_authorization=settings.journal_authorization, wall_clock=time.time
        )
    registry = Registry()
    limits = Limits(settings.max_message_size, settings.receive_buffer, settings.send_buffer)
    gateway = Gateway(registry, journal, courier, limits, time.time, secrets.token_bytes, monitor)
    clients = ClientFactory(
        reactor,
        gateway,
        HandshakePolicy(
            proxies=Proxies(settings.trusted_proxies),
            credentials=Credentials(settings.auth_query, settings.auth_subprotocol),
            allowed_origins=settings.allowed_origins,
            forward_headers=settings.forward_headers,
        ),
        Admission(
            most_per_address=settings.max_connections_per_address,
            most_asking=settings.webhook_concurrency * ASKING_PER_WEBHOOK,
            connect_rate=settings.connect_rate,
            below=random.randrange,
            refused=monitor.counters.refused,
        ),
        ws_timeout=settings.ws_timeout,
        handshake_timeout=settings.handshake_timeout,
        max_message_size=settings.max_message_size,
        message_rate=settings.message_rate,
        send_buffer=settings.send_buffer,
        compression=settings.compression,
        wall_clock=time.time,
    )
    notifier = worker or Notifier.of(os.environ)
    router = Router(registry, settings.max_message_size, monitor, clients.fan_out)
    if debug:
        router = DebugRouter(reactor, registry, settings.max_message_size, monitor, clients.fan_out)
    daemon = Daemon(reactor, settings, gateway, router, clients, courier, pool, journal, notifier, worker)
    services = MultiService()
    daemon.setServiceParent(services)
    signals.on_stop(daemon.stop, daemon.hurry)
    reloader = Reloader(lambda: [*daemon.reloadable(), *filter(None, [backend.tls])], notifier)
    signals.on(signal.SIGHUP, reloader.reload)
    if demo:
        from wsaas.demo.service import demo_service

        demo_service(reactor, settings, daemon.clients_at).setServiceParent(services)
    return services


class Daemon(Service):
    """Starts and stops the parts of a gateway in the right order.

    Start: listen (nothing is accepted before the reactor runs), open the journal, send the DELETEs that an earlier life
    owes, be ready. Stop: `_drain`. A start that cannot succeed raises StartFailed.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        gateway: Gateway,
        router: Router,
        clients: ClientFactory,
        courier: Courier,
        pool: Pool,
        journal: MemoryJournal | SqliteJournal,
        notifier: Notifier | Worker,
        worker: Worker | None = None,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._gateway = gateway
        self._router = router
        self._clients = clients
        self._courier = courier
        self._pool = pool
        self._journal = journal
        self._notifier = notifier
        self._worker = worker
        self._client_ports: list[IListeningPort] = []
        self._api_ports: list[IListeningPort] = []
        self._hurry: Deferred[None] = Deferred()
        self._adoption: Adoption | None = None

    @property
    def ready(self) -> bool:
        return self._gateway.accepting and self._journal.healthy

    def clients_at(self) -> str | None:
        """The URL where a client on this machine connects, without a path; None if no URL would do."""
        return client_url(self._settings.client_endpoints, self._client_ports)

    def reloadable(self) -> list[Reloadable]:
        """The listening ports that have certificates of their own."""
        return [port for port in (*self._client_ports, *self._api_ports) if isinstance(port, Reloadable)]

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        settings = self._settings
        worker = self._worker
        others = None if worker is None else worker.join(self._gateway, self._router, lambda: self.ready, self.stop)
        api = api_site(
            self._reactor,
            self._router,
            tokens=settings.api_token,
            local_address=settings.local_address,
            max_message_size=settings.max_message_size,
            ready=lambda: self.ready if worker is None else worker.all_ready,
            elsewhere=others,
            members=None if worker is None else worker.members,
        )
        self._api = api
        self._limit_connections(api)
        self._listen("HTTP_ENDPOINT", settings.api_endpoints, api, self._api_ports, worker and worker.api)
        self._listen(
            "WS_ENDPOINT", settings.client_endpoints, self._clients, self._client_ports, worker and worker.clients
        )

    def _limit_connections(self, api: ApiSite) -> None:
        """As many as there is room for, and are wished."""
        try:
            room = capacity(
                self._settings.max_connections,
                self._settings.webhook_concurrency,
                open_files(),
                0 if self._worker is None else self._worker.files,
            )
        except ValueError as error:
            raise StartFailed(str(error)) from None
        if room.warning:
            self._log.warn("{doubt}", doubt=room.warning)
        self._log.info("room for {clients} clients in {files} files", clients=room.clients, files=room.open_files)
        self._clients.admission.limit(room.clients, room.surplus)
        api.max_connections = room.api

    def _listen(
        self, name: str, endpoints: tuple[str, ...], factory: Any, ports: list[IListeningPort], shared: Any
    ) -> None:
        begin = listen if getattr(self._settings, name.lower()) else listen_by_default
        for endpoint in endpoints:
            try:
                begin(shared or self._reactor, endpoint, factory, ports)
            except Exception as error:
                label = endpoint_label(self._settings, name, endpoint)
                raise StartFailed(f"{label}: {listening_flaw(error)}") from None

    def startService(self) -> None:
        super().startService()
        if self._worker is None:
            log_settings(self._log, self._settings)
        try:
            owed = self._journal.start(self._gateway)
        except JournalUnusable as error:
            raise StartFailed(str(error)) from None
        self._gateway.revive(owed)
        self._clients.keepalive.start()
        self._gateway.accepting = True
        if self._worker is not None:
            self._worker.start(self._journal)
        else:
            self._adopt()
        log_ports(self._log, self._settings, self._client_ports, self._api_ports)
        self._reactor.callWhenRunning(self._notifier.ready)

    def _adopt(self) -> None:
        """Adopt the journals of workers, if there were several before."""
        state_dir = self._settings.state_dir
        if state_dir is not None and any(Path(state_dir).glob("worker-*")):
            from wsaas.service.adoption import Adoption

            self._adoption = Adoption(
                self._reactor,
                Path(state_dir),
                0,
                self._journal,
                self._gateway.revive,
                keep_authorization=self._settings.journal_authorization,
                wall_clock=time.time,
            )
            self._adoption.look()

    def stop(self) -> None:
        """Have the process end, after a drain."""
        with suppress(ReactorNotRunning):  # something else has begun to stop it
            self._reactor.stop()

    def hurry(self) -> None:
        """Cut the drain."""
        if not self._hurry.called:
            self._log.warn("told again to stop: stopping at once")
            self._hurry.callback(None)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._notifier.stopping(self._settings.drain_timeout + LAST_WORDS)
        if self._adoption is not None:
            self._adoption.stop()
        return Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        """Let everyone go, tell the backend, and stop: within DRAIN_TIMEOUT, or at once when told to hurry.

        Pushes work to the end. What the backend has not heard by then is in the journal, for the next start.
        """
        registry = self._gateway.registry
        deadline = self._reactor.seconds() + self._settings.drain_timeout
        if self._worker is None:
            self._gateway.accepting = False
        else:
            # A newcomer that is here already is served: the others have no way to take it over.
            self._worker.clients.stop_listening()
        for port in self._client_ports:
            await maybeDeferred(port.stopListening)
        if self._worker is not None:
            await self._wait_while(lambda: self._clients.handshaking or self._gateway.handshaking, HANDSHAKES)
            self._gateway.accepting = False
        told = await self._close_everyone(self._settings.drain_timeout / 3)
        if told:
            self._log.info(
                "clients told that the gateway stops: {told}; disconnect webhooks left: {left}",
                told=told,
                left=len(registry),
            )
        while (len(registry) or self._clients.owes) and self._reactor.seconds() < deadline and not self._hurry.called:
            await deferLater(self._reactor, PACE / 2)
        if len(registry):
            self._log.warn(
                "stopped before the backend heard of the end of {left} connections: {outlook}",
                left=len(registry),
                outlook="the next start tells it" if self._settings.state_dir else "with STATE_DIR=none it never will",
            )
        self._courier.stop()
        self._clients.keepalive.stop()
        if self._worker is not None:
            self._worker.leave()
            self._worker.api.stop_listening()
        for port in self._api_ports:
            await maybeDeferred(port.stopListening)
        if self._worker is not None:
            worker, connections = self._worker, self._api.context.connections
            await self._wait_while(
                lambda: worker.answering or any(each.begun or each.answering for each in connections), GOODBYES
            )
            await self._worker.stop()
        await self._pool.close()
        await self._journal.stop()

    async def _wait_while(self, busy: Callable[[], object], within: float) -> None:
        """Wait until `busy()` is false, `within` seconds at most, less when told to hurry."""
        deadline = self._reactor.seconds() + within
        while busy() and self._reactor.seconds() < deadline and not self._hurry.called:
            await deferLater(self._reactor, PACE / 10)

    async def _close_everyone(self, within: float) -> int:
        """Close all clients in batches, paced to spare them and the backend; return how many were still there."""
        sessions, told = list(self._gateway.registry), 0
        batch = max(SMALLEST_BATCH, -(-len(sessions) // max(1, int(within / PACE))))
        self._log.info("draining {count} connections", count=len(sessions))
        for start in range(0, len(sessions), batch):
            for session in sessions[start : start + batch]:
                told += self._gateway.close_for_restart(session)
            if start + batch < len(sessions) and not self._hurry.called:
                await deferLater(self._reactor, PACE)
        return told
