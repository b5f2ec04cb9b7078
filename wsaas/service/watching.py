"""All that watches a process: the debug log, and the event stream with the routes by which it is read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsaas.api.app import Api
from wsaas.api.console import add_console_routes
from wsaas.api.errors import INTERNAL_ERROR, answer_to
from wsaas.api.events import MAX_WATCHERS, add_event_routes
from wsaas.core.errors import GatewayError
from wsaas.core.monitor import Monitor
from wsaas.service.version import own_version
from wsaas.settings.table import Settings
from wsaas.telemetry.debug_log import DebugLog
from wsaas.telemetry.event_lines import EventLines
from wsaas.telemetry.event_stream import EventStream

if TYPE_CHECKING:
    from wsaas.service.worker import Worker

CONSOLE = Path(__file__).resolve().parents[1] / "console"
"""The directory of the console's files, in the package."""


class Watching:
    """The event stream of the process whose ids begin with `prefix`, one of `workers`. It is None with CONSOLE=off."""

    def __init__(self, reactor: Any, settings: Settings, monitor: Monitor, prefix: str, workers: int) -> None:
        self._console = settings.console
        self._workers = workers
        self._lines = EventLines(time.time, prefix)
        self.events: EventStream | None = None
        if settings.console != "off":
            self.events = EventStream(monitor, reactor, self._lines, code_of)

    def add_routes(self, api: Api, worker: Worker | None) -> None:
        """Add the routes for those who watch; `worker` is None if this process is the only one."""
        if self.events is None:
            return
        add_console_routes(api, CONSOLE)
        if worker is None:
            add_event_routes(api, self.events, self._hello, most=MAX_WATCHERS)
        else:
            add_event_routes(api, self.events, self._hello, most=worker.watchers, follow=worker.follow)

    def _hello(self) -> bytes:
        return self._lines.hello(version=own_version(), console=self._console, workers=self._workers)


def debug_log(address: str) -> DebugLog:
    """Return the observer of a gateway whose LOG_LEVEL is debug."""
    return DebugLog(address, lambda error: code_of(error)[0])


def code_of(error: GatewayError) -> tuple[int, str]:
    """Return status and code of the API's answer to an error."""
    answer = answer_to(error) or INTERNAL_ERROR
    return answer.status, str(answer.content["code"])
