"""All that watches a process: the debug log, and the event stream with the routes by which it is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsaas.api.app import Api
from wsaas.api.console import add_console_routes
from wsaas.api.errors import INTERNAL_ERROR, answer_to
from wsaas.api.events import add_event_routes
from wsaas.api.replay import add_replay_route
from wsaas.api.stats import FIGURES, add_figures_route, add_stats_route
from wsaas.backend.replay import Replayer
from wsaas.backend.sender import Sender
from wsaas.core.errors import GatewayError
from wsaas.core.monitor import Monitor
from wsaas.service.version import own_version
from wsaas.settings.table import Settings
from wsaas.telemetry.debug_log import DebugLog
from wsaas.telemetry.event_lines import EventLines
from wsaas.telemetry.event_stream import EventStream
from wsaas.telemetry.figures import Figures, added_up
from wsaas.telemetry.payloads import Payloads
from wsaas.telemetry.recorder import Recorder

if TYPE_CHECKING:
    from wsaas.cluster.event_streams import OtherProcesses

CONSOLE = Path(__file__).resolve().parents[1] / "console"
"""The directory of the console's files, in the package."""


class Watching:
    """The event stream of the process whose ids begin with `prefix`, one of `workers`. It is None with CONSOLE=off.

    With CONSOLE=payloads there are a recorder, too, and replays by `sender`. `address` is the backend's, to be shown.
    `state()` is that of the gateway in a word, and `clients_at()` the URL for clients on this machine.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        monitor: Monitor,
        prefix: str,
        workers: int,
        *,
        sender: Sender,
        address: str,
        figures: Figures,
        state: Callable[[], str],
        clients_at: Callable[[], str | None],
    ) -> None:
        self._figures = figures
        self._state = state
        self._clients_at = clients_at
        self._console = settings.console
        self._patience = settings.webhook_timeout
        self._workers = workers
        self._replayer: Replayer | None = None
        payloads = None
        if settings.console == "payloads":
            payloads, recorder = Payloads(address), Recorder()
            monitor.watch(recorder)
            self._replayer = Replayer(recorder, sender, settings.webhook_secret, reactor, time.time)
        self._lines = EventLines(time.time, prefix, payloads)
        self.events: EventStream | None = None
        if settings.console != "off":
            self.events = EventStream(monitor, reactor, self._lines, code_of)

    def add_own_routes(self, api: Api, others: OtherProcesses) -> None:
        """Add the routes by which other processes ask for what is here: event streams for all of their readers."""
        add_figures_route(api, self._figures.read)
        if self.events is not None:
            add_event_routes(
                api,
                self.events,
                lambda: b"",
                most=lambda: max(1, others.count) * others.watchers,
                processes=lambda: 1 + others.count,
            )
            add_replay_route(api, self._replayer, self._patience)

    def add_routes(self, api: Api, others: OtherProcesses | None) -> None:
        """Add the routes for those who watch; `others` is None if this process is the only one."""
        add_stats_route(api, partial(self._stats, others))
        if self.events is None:
            return
        add_console_routes(api, CONSOLE)
        add_replay_route(api, self._replayer, self._patience)
        if others is None:
            add_event_routes(api, self.events, self._hello)
        else:
            add_event_routes(
                api,
                self.events,
                self._hello,
                most=lambda: others.watchers,
                processes=lambda: 1 + others.count,
                follow=others.follow,
            )

    async def _stats(self, others: OtherProcesses | None) -> dict[str, object]:
        """Return the figures of all processes; one that does not answer is left out, and counted."""
        readings, unreached = [self._figures.read()], 0
        if others is not None:
            gathered = await others.gather(FIGURES)
            unreached = gathered.unreached
            readings += [
                {name: value for name, value in answer.items() if name != "code"} for answer in gathered.answers
            ]
        stats: dict[str, object] = {"state": self._state(), "version": own_version(), "clients": self._clients_at()}
        stats |= added_up(readings)
        return stats | {"unreached": unreached} if unreached else stats

    def _hello(self) -> bytes:
        members = {"console": self._console, "workers": self._workers, "clients": self._clients_at()}
        return self._lines.hello(version=own_version(), **members)


def debug_log(address: str) -> DebugLog:
    """Return the observer of a gateway whose LOG_LEVEL is debug."""
    return DebugLog(address, lambda error: code_of(error)[0])


def code_of(error: GatewayError) -> tuple[int, str]:
    """Return status and code of the API's answer to an error."""
    answer = answer_to(error) or INTERNAL_ERROR
    return answer.status, str(answer.content["code"])
