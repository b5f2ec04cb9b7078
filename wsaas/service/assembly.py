"""The gateway put together: each part, and what it is given, on one page. What happens then is in `lifecycle`."""

from __future__ import annotations

import atexit
import os
import random
import secrets
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import IService, MultiService
from twisted.internet.error import ReactorNotRunning
from twisted.internet.threads import deferToThreadPool

from wsaas.api.app import Api
from wsaas.api.health import process_row
from wsaas.api.metrics import add_metrics_route
from wsaas.api.server.request_log import RequestLog
from wsaas.api.server.site import ApiSite, api_site
from wsaas.api.sigv4 import Signatures
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.courier import Courier
from wsaas.backend.message_fast_path import MessageFastPath
from wsaas.backend.reply_stream import ReplyStreams
from wsaas.backend.requests import Contract
from wsaas.backend.sender import PoolSender
from wsaas.clients.admission import ASKING_PER_WEBHOOK, Admission
from wsaas.clients.direct_push import write_one_directly
from wsaas.clients.factory import ClientFactory
from wsaas.clients.fanout import write_directly
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
from wsaas.internals.awake_clock import passed_since
from wsaas.internals.end_of_turn import EndOfTurn
from wsaas.internals.plain_callbacks import plain_callbacks
from wsaas.internals.reactor_tuning import Turns
from wsaas.internals.signals import Signals, exit_with
from wsaas.journal.memory import MemoryJournal
from wsaas.journal.sqlite import SqliteJournal
from wsaas.net.tls_client import ClientFiles
from wsaas.service.lifecycle import Daemon
from wsaas.service.listening import with_real_port
from wsaas.service.measurements import Measurements
from wsaas.service.parts import Parts
from wsaas.service.reload import Reloader
from wsaas.service.scrape import Scrape
from wsaas.service.systemd import Notifier
from wsaas.service.version import user_agent
from wsaas.service.watching import Watching, debug_log
from wsaas.settings.table import Settings
from wsaas.telemetry.connection_log import log_end
from wsaas.telemetry.figures import Figures
from wsaas.telemetry.log_limit import LogLimit
from wsaas.telemetry.otlp import configured
from wsaas.telemetry.reactor_delay import ReactorDelay

if TYPE_CHECKING:
    from wsaas.cluster.cluster_journal import ClusterJournal
    from wsaas.cluster.forwarding import Forwarding
    from wsaas.service.node import Node
    from wsaas.service.worker import Worker
    from wsaas.service.worker_identity import WorkerIdentity


def assemble(
    reactor: Any, settings: Settings, demo: bool, signals: Signals, turns: Turns, identity: WorkerIdentity | None = None
) -> IService:
    """Return the whole gateway, not yet started: with `demo` beside the demo backend, with an `identity` one of several
    workers. Webhooks that are made in one of the reactor's `turns` are written together."""
    settings = with_real_port(settings)
    worker: Worker | None = None
    if identity is not None:
        from wsaas.service.worker import Worker, settings_of

        worker = Worker(reactor, identity, settings, time.time)
        settings = settings_of(settings, identity)
    node: Node | None = None
    if settings.cluster is not None:
        from wsaas.service.node import Node

        number = None if identity is None else identity.number
        node = Node(reactor, settings, time.time, boottime, random.random, lambda: stop_at_once(), number)
    files = ClientFiles(settings.target_ca, settings.target_cert, settings.target_key)
    backend = Target.from_address(reactor, settings.target_address, files)
    may_write = None if node is None else node.may_speak
    pool = Pool(reactor, backend.endpoint, backend.host, max_idle=settings.webhook_concurrency, may_write=may_write)
    turns.gathering = pool
    sender = PoolSender(pool, backend, settings.webhook_timeout, plain_callbacks())
    gate = None if node is None else node.gate(sender)
    monitor = Monitor()
    if settings.log_level == "debug":
        monitor.watch(debug_log(backend.url))
    if settings.log_connections:
        monitor.log_end = log_end
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
        gate or sender,
        concurrency=settings.webhook_concurrency,
        message_patience=settings.message_patience,
        disconnect_patience=settings.disconnect_patience,
        wall_clock=time.time,
        random=random.random,
        monitor=monitor,
        streams=ReplyStreams(
            reactor,
            settings.max_streams,
            settings.max_message_size,
            AnswerLog(LogLimit(reactor), backend.url),
            monitor.counters.streams,
        ),
        address=backend.url,
        fast_path=MessageFastPath(
            pool, backend, settings.webhook_timeout, settings.max_message_size, gate, batches=settings.webhook_batch > 1
        ),
    )
    local: SqliteJournal | None = None
    if settings.state_dir is not None:
        path, keep = Path(settings.state_dir), settings.journal_authorization
        local = SqliteJournal(reactor, path, keep_authorization=keep, wall_clock=time.time, together=pool.together)
    journal: MemoryJournal | SqliteJournal | ClusterJournal = local or MemoryJournal()
    if node is not None:
        journal = node.journal(local, pool.together)
    registry = Registry()
    limits = Limits(settings.max_message_size, settings.receive_buffer, settings.send_buffer, settings.webhook_batch)
    gateway = Gateway(registry, journal, courier, limits, time.time, secrets.token_bytes, monitor, reactor.callLater)
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
            networks=None if worker is None else worker.networks,
        ),
        ws_timeout=settings.ws_timeout,
        handshake_timeout=settings.handshake_timeout,
        max_message_size=settings.max_message_size,
        message_rate=settings.message_rate,
        passed_since=passed_since(reactor),
        send_buffer=settings.send_buffer,
        compression=settings.compression,
        wall_clock=time.time,
        close_fast_path=EndOfTurn(reactor, pool.together).close,
    )
    notifier = worker or Notifier.of(os.environ)

    def elsewhere(id: str) -> bool:
        return (worker is not None or node is not None) and not gateway.minted(id)

    router = Router(registry, settings.max_message_size, monitor, write_directly, elsewhere, write_one_directly)

    def ready() -> bool:
        return gateway.accepting and journal.healthy and (node is None or node.may_speak())

    def state() -> str:
        if not daemon.running:
            return "draining"
        return "ready" if (ready() if worker is None else worker.all_ready) else "unready"

    watching = Watching(
        reactor,
        settings,
        monitor,
        gateway.prefix,
        1 if identity is None else identity.count,
        sender=gate or sender,
        address=backend.url,
        figures=Figures(monitor, gateway.census, lambda: clients.admission.most, reactor.seconds, time.time),
        state=state,
        clients_at=lambda: daemon.clients_at(),
    )

    async def alone() -> list[dict[str, object]]:
        return [process_row(1, ready(), gateway)]

    def stop() -> None:
        with suppress(ReactorNotRunning):  # something else has begun to stop it
            reactor.stop()

    others = node or worker

    def forwarding() -> Forwarding | None:
        of_cluster = None if node is None else node.join(gateway, router, ready, watching.add_own_routes)
        if worker is None:
            return of_cluster
        return worker.join(gateway, router, ready, stop, scrape, watching.add_own_routes, node, of_cluster)

    reactor_delay = ReactorDelay(reactor, time.monotonic)

    def certificates() -> dict[str, float]:
        own = None if backend.tls is None else backend.tls.expires_at
        return daemon.certificates() | ({} if own is None else {"TARGET_CERT": own})

    signatures: Signatures | None = None
    if settings.api_aws_access_key_id is not None and settings.api_aws_secret_access_key is not None:
        signatures = Signatures(settings.api_aws_access_key_id, settings.api_aws_secret_access_key, time.time)

    def make_api() -> ApiSite:
        return api_site(
            reactor,
            router,
            tokens=settings.api_token,
            local_address=settings.local_address,
            max_message_size=settings.max_message_size,
            ready=ready if worker is None else lambda: worker.all_ready,
            elsewhere=forwarding(),
            members=alone if others is None else others.members,
            members_name="workers" if node is None else "members",
            add_more=add_more,
            request_log=RequestLog() if settings.log_api else None,
            signatures=signatures,
            may_answer=None if node is None else node.may_speak,
        )

    def add_more(api: Api) -> None:
        watching.add_routes(api, None if others is None else others.others)
        if node is not None:
            node.add_routes(api)
        add_metrics_route(api, scrape.answer)

    scrape = Scrape(
        Measurements(
            monitor=monitor,
            census=gateway.census,
            load=courier.load,
            clients=clients,
            journal=journal,
            reactor_delay=reactor_delay.histogram,
            draining=lambda: not daemon.running,
            reloaded_at=lambda: reloader.succeeded_at,
            certificates=certificates,
            right=None if node is None else node.right,
            boottime=boottime,
            clock=reactor.seconds,
            wall_clock=time.time,
        ).families,
        lambda function: deferToThreadPool(reactor, reactor.getThreadPool(), function),
        None if identity is None else identity.number,
        None if node is None else node.name,
    )
    events = watching.events
    parts = Parts(reactor, settings, gateway, clients, make_api, courier, pool, journal, notifier, worker, node, events)
    daemon = Daemon(parts)

    def stop_at_once() -> None:
        daemon.hurry()
        stop()

    if node is not None:
        atexit.register(lambda: exit_with(node.status))
    services = MultiService()
    daemon.setServiceParent(services)
    reactor_delay.setServiceParent(services)
    if configured(os.environ):
        from wsaas.service.tracing import TracingService

        TracingService(reactor, monitor, backend.url).setServiceParent(services)
    signals.on_stop(stop, daemon.hurry)
    reloader = Reloader(lambda: [*daemon.reloadable(), *filter(None, [backend.tls])], notifier)
    signals.on(signal.SIGHUP, reloader.reload)
    if demo:
        from wsaas.demo.service import demo_service

        demo_service(reactor, settings, daemon.clients_at).setServiceParent(services)
    return services


boottime = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Returns the seconds since the machine started, those in which it was suspended included."""
