"""The parts of one gateway, as the start and the drain need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsaas.api.server.site import ApiSite
from wsaas.backend.courier import Courier
from wsaas.clients.factory import ClientFactory
from wsaas.core.gateway import Gateway
from wsaas.http_client.pool import Pool
from wsaas.journal.memory import MemoryJournal
from wsaas.journal.sqlite import SqliteJournal
from wsaas.service.systemd import Notifier
from wsaas.settings.table import Settings
from wsaas.telemetry.event_stream import EventStream

if TYPE_CHECKING:
    from wsaas.cluster.cluster_journal import ClusterJournal
    from wsaas.service.node import Node
    from wsaas.service.worker import Worker


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts, each given what it needs of the others, none of them started. `worker` is None without WORKERS,
    `node` without CLUSTER, `events` with CONSOLE=off.

    `make_api` is called at the start, in the process that stays and in its directory: a worker then opens sockets."""

    reactor: Any
    settings: Settings
    gateway: Gateway
    clients: ClientFactory
    make_api: Callable[[], ApiSite]
    courier: Courier
    pool: Pool
    journal: MemoryJournal | SqliteJournal | ClusterJournal
    notifier: Notifier | Worker
    worker: Worker | None
    node: Node | None = None
    events: EventStream | None = None
