"""The life of a gateway as one Twisted service: start, ready, drain, stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from wsaas.api.server.site import ApiSite
from wsaas.journal.lock import JournalUnusable
from wsaas.net.tls_endpoint import TlsPort
from wsaas.service.drain import Drain
from wsaas.service.file_limits import open_files, room_for, stream_files
from wsaas.service.launch import StartFailed
from wsaas.service.listening import listen, listen_by_default
from wsaas.service.parts import Parts
from wsaas.service.reload import Reloadable
from wsaas.service.startup_log import (
    client_url,
    endpoint_label,
    format_address,
    listening_flaw,
    log_ports,
    log_settings,
)

if TYPE_CHECKING:
    from wsaas.service.adoption import Adoption, Heir

LAST_WORDS = 10.0
"""Seconds that the end may take beyond DRAIN_TIMEOUT: the journal's last batch, goodbyes on the API."""


class Daemon(Service):
    """Starts and stops the parts of a gateway in the right order.

    Start: listen (nothing is accepted before the reactor runs), open the journal, send the DELETEs that an earlier life
    owes, be ready. A start that cannot succeed raises StartFailed. Stop: the `Drain`.
    """

    _log = Logger()

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._drain = Drain(parts)
        self._client_ports: list[IListeningPort] = []
        self._api_ports: list[IListeningPort] = []
        self._client_url: str | None = None
        self._tls_ports: dict[str, TlsPort] = {}
        """By address. A port that has stopped has none any more, and a drain is watched, too."""
        self._adoption: Adoption | None = None
        self.hurry = self._drain.hurry

    def clients_at(self) -> str | None:
        """Return the URL where a client on this machine connects, without a path; None if no URL would do."""
        return self._client_url

    def reloadable(self) -> list[Reloadable]:
        """Return the listening ports that have certificates of their own."""
        of_node = () if self._parts.node is None else self._parts.node.ports
        return [port for port in (*self._client_ports, *self._api_ports, *of_node) if isinstance(port, Reloadable)]

    def certificates(self) -> dict[str, float]:
        """Return when the certificate of each address ends, in seconds since the epoch."""
        return {address: port.expires_at for address, port in self._tls_ports.items()}

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        settings, worker = self._parts.settings, self._parts.worker
        api = self._api = self._parts.make_api()
        self._limit_connections(api)
        self._listen("HTTP_ENDPOINT", settings.api_endpoints, api, self._api_ports, worker and worker.api)
        self._listen(
            "WS_ENDPOINT", settings.client_endpoints, self._parts.clients, self._client_ports, worker and worker.clients
        )
        self._client_url = client_url(settings.client_endpoints, self._client_ports)
        ports = (*self._client_ports, *self._api_ports)
        self._tls_ports = {format_address(port.getHost()): port for port in ports if isinstance(port, TlsPort)}
        if self._parts.node is not None:
            self._parts.node.listen()

    def _limit_connections(self, api: ApiSite) -> None:
        """Apply MAX_CONNECTIONS and the limit of open files."""
        settings = self._parts.settings
        others = [each.files for each in (self._parts.worker, self._parts.node) if each is not None]
        files = open_files()
        try:
            room = room_for(
                settings.max_connections,
                settings.webhook_concurrency,
                files,
                stream_files(settings.max_streams, files) + sum(others),
            )
        except ValueError as error:
            raise StartFailed(str(error)) from None
        if room.warning:
            self._log.warn("{doubt}", doubt=room.warning)
        self._log.info("room for {clients} clients in {files} files", clients=room.clients, files=room.open_files)
        self._parts.clients.admission.limit(room.clients, room.surplus)
        api.max_connections = room.api

    def _listen(
        self, name: str, endpoints: tuple[str, ...], factory: Any, ports: list[IListeningPort], shared: Any
    ) -> None:
        settings = self._parts.settings
        begin = listen if getattr(settings, name.lower()) else listen_by_default
        for endpoint in endpoints:
            try:
                begin(shared or self._parts.reactor, endpoint, factory, ports)
            except Exception as error:
                raise StartFailed(f"{endpoint_label(settings, name, endpoint)}: {listening_flaw(error)}") from None

    def startService(self) -> None:
        super().startService()
        parts = self._parts
        if parts.worker is None:
            log_settings(self._log, parts.settings)
        try:
            owed = parts.journal.start(parts.gateway)
        except JournalUnusable as error:
            raise StartFailed(str(error)) from None
        parts.gateway.revive(owed)
        parts.clients.keepalive.start()
        if parts.worker is not None:
            parts.worker.start(self._heir())
        else:
            self._adopt()
        log_ports(self._log, parts.settings, self._client_ports, self._api_ports)
        if parts.node is not None:
            parts.node.start(self._let_in)
        else:
            self._let_in()

    def _let_in(self) -> None:
        """Let clients in, and say so."""
        if self.running:
            self._parts.gateway.accepting = True
            self._parts.reactor.callWhenRunning(self._parts.notifier.ready)

    def _adopt(self) -> None:
        """Adopt the journals of workers, if there were several before."""
        state_dir = self._parts.settings.state_dir
        if state_dir is not None and any(Path(state_dir).glob("worker-*")):
            from wsaas.service.adoption import Adoption

            self._adoption = Adoption(
                self._parts.reactor,
                Path(state_dir),
                0,
                self._heir(),
                keep_authorization=self._parts.settings.journal_authorization,
                wall_clock=time.time,
            )
            self._adoption.look()

    def _heir(self) -> Heir:
        """Return what is to become of journals that this process adopts."""
        from wsaas.service.adoption import Heir

        node = self._parts.node
        return Heir(self._parts.journal, self._parts.gateway.revive) if node is None else node.heir()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._parts.notifier.stopping(self._parts.settings.drain_timeout + LAST_WORDS)
        if self._adoption is not None:
            self._adoption.stop()
        return Deferred.fromCoroutine(self._drain.run(self._client_ports, self._api_ports, self._api))
