"""A process of the gateway: its log, signals and clock, around the service that it runs."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver
from twisted.python.components import Componentized

from wsaas.internals.awake_clock import count_awake_time
from wsaas.internals.reactor_tuning import Turns, replace_iteration
from wsaas.internals.signals import Signals, exit_with
from wsaas.internals.supported import check
from wsaas.logs import Log, log_destination, open_log, say
from wsaas.service.launch import Launch
from wsaas.settings.table import Settings

if TYPE_CHECKING:
    from wsaas.service.worker_identity import WorkerIdentity

GC_THRESHOLDS = 2_000, 5, 10
"""Arguments of `gc.set_threshold`; Python's defaults are 700, 10, 10.

A higher first threshold makes collections rarer, but each one stops the reactor for longer.
"""


class GatewayOptions(Protocol):
    """The options of twistd's command line, `worker` and `demo` among them, and the settings that they make."""

    given: dict[str, str | list[str]]
    settings: Settings
    signals: Signals | None

    @property
    def parent(self) -> Mapping[str, Any] | None:
        """The options of twistd itself."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of an option."""


class Root(MultiService):
    """The service that twistd starts: the gateway, with the log, the signals and the launch of this process.

    It installs the log observer in the application, lets signals act once the reactor runs, and reports through
    `launch` whether the start succeeded or failed.
    """

    def __init__(self, reactor: Any, launch: Launch, signals: Signals, log: Log | None) -> None:
        super().__init__()
        self._reactor = reactor
        self._launch = launch
        self._signals = signals
        self._log = log
        launch.begin()
        if log is not None:
            signals.on(signal.SIGHUP, log.buffer.reopen)
            signals.on(signal.SIGUSR1, log.buffer.rotate)

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if self._log is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._log.observer)

    def privilegedStartService(self) -> None:
        if self._log is not None:
            self._log.buffer.start()
        self._launch.forked()
        with self._launch.attempt():
            super().privilegedStartService()

    def startService(self) -> None:
        with self._launch.attempt():
            super().startService()
        self._launch.succeeded()
        for phase, event, *call in (
            ("before", "startup", self._signals.block),
            ("during", "startup", self._signals.serve, self._reactor.callFromThread),
            ("after", "shutdown", self._signals.ignore),
        ):
            self._reactor.addSystemEventTrigger(phase, event, *call)

    def printed(self, text: str) -> None:
        """Put a line of a worker's log into this process's."""
        if self._log is not None:
            self._log.buffer.write(text)

    def end(self) -> None:
        """End the launch, so that no parent process waits for it, and write the end of the log. Called at exit."""
        self._launch.end()
        if self._log is not None:
            self._log.buffer.close()


def make_root(options: GatewayOptions, reactor: Any, assemble: Callable[..., IService]) -> Root:
    """Return the root service around the service that `assemble` makes of the options.

    If the gateway cannot start, print one line with the reason and exit with status 1.
    """
    from wsaas.internals.cookie_request import parse_late  # imports twisted.web, which --help does without

    check()
    turns = Turns()
    replace_iteration(reactor, turns)
    parse_late()
    # By default Twisted's timers follow the wall clock: when it is set back by an hour, all timers stop for an hour
    # (Twisted #2424).
    count_awake_time(reactor)
    settings = options.settings
    twistd: Mapping[str, Any] = options.parent or {}
    signals = options.signals or Signals()
    number = options["worker"]
    identity: WorkerIdentity | None = None
    if number is not None:
        from wsaas.service.worker_identity import WorkerIdentity, worker_count

        identity = WorkerIdentity.take(number, worker_count(settings.workers), os.environ)
    prioritized = identity is not None and identity.prioritized
    try:
        log = open_log(twistd, settings.log_level, settings.log_style, reactor, worker=number, prioritized=prioritized)
        root = Root(reactor, Launch(twistd), signals, log)
        demo = bool(options["demo"])
        of_worker = () if identity is None else (identity,)
        root.addService(assemble(reactor, settings, demo, signals, turns, *of_worker))
    except (ValueError, OSError) as error:
        say(f"wsaas: {error}", sys.stderr)
        raise SystemExit(1) from None
    return root


def make_parent(options: GatewayOptions, reactor: Any) -> Root:
    """Return the root service of the parent of several workers, which exits with the worst of their statuses."""
    from wsaas.service.parent_service import ParentService

    twistd: Mapping[str, Any] = options.parent or {}
    made: list[ParentService] = []

    def assemble(reactor: Any, settings: Settings, demo: bool, signals: Signals, turns: Turns) -> IService:
        made.append(
            ParentService(
                reactor,
                settings,
                options.given,
                demo=demo,
                signals=signals,
                printed=lambda text: root.printed(text),
                log=log_destination(twistd),
                coloured=sys.stdout.isatty() and not twistd.get("logfile"),
                prioritized=bool(twistd.get("syslog")),
                wall_clock=time.time,
            )
        )
        return made[0]

    root = make_root(options, reactor, assemble)
    atexit.register(lambda: exit_with(made[0].status))  # called after root.end
    return root


def freeze_startup_objects() -> None:
    """Exempt all present objects from garbage collection, and make collections rarer.

    Most objects present after the start are code, which is never garbage. A connection makes some hundred objects, and
    reference counting frees nearly all of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
