"""Traces, where OpenTelemetry's own variables ask for them."""

from __future__ import annotations

import time
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

from wsaas.core.monitor import Monitor
from wsaas.service.version import own_version
from wsaas.telemetry.otlp import OtlpExporter
from wsaas.telemetry.tracing import Tracing


class TracingService(Service):
    """Watches the process while it runs, the drain included, and exports spans. `address` is the backend's.

    The exporter's thread begins with the service: a daemon has forked by then.
    """

    _log = Logger()

    def __init__(self, reactor: Any, monitor: Monitor, address: str) -> None:
        self._reactor = reactor
        self._monitor = monitor
        self._address = address

    def startService(self) -> None:
        super().startService()
        try:
            exporter = OtlpExporter(own_version() or "unknown")
        except ImportError as error:
            self._log.warn(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no traces are sent: install wsaas[otel] ({reason})",
                reason=str(error),
            )
            return
        self._monitor.watch(Tracing(exporter, self._address, time.time))
        # The drain, during the shutdown, is traced as well.
        self._reactor.addSystemEventTrigger("after", "shutdown", exporter.close)
        self._log.info("traces are sent by OTLP")
