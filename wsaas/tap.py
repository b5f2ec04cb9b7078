"""`twistd wsaas`: the options, made from the table of settings, and the service."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import twisted
from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.usage import Options as UsageOptions

from wsaas.internals.awake_clock import count_awake_time
from wsaas.internals.cookie_request import parse_late
from wsaas.internals.reactor_tuning import replace_iteration
from wsaas.internals.signals import Signals, exit_with
from wsaas.internals.supported import check
from wsaas.logs import Log, open_log, say
from wsaas.service.launch import Launch
from wsaas.service.version import own_version
from wsaas.service.worker_identity import VARIABLE, Parentage, WorkerIdentity, worker_count
from wsaas.settings.load import SettingsError, load
from wsaas.settings.sources import FILE
from wsaas.settings.table import TABLE, Settings, SettingSpec

GC_THRESHOLDS = 2_000, 5, 10
"""Arguments of `gc.set_threshold`; Python's defaults are 700, 10, 10.

A higher first threshold makes collections rarer, but each one stops the reactor for longer.
"""


class Options(UsageOptions):
    """One option per setting, beside --demo, --version and --help.

    Parsing sets `settings`. If a setting is wrong, parsing prints every mistake and ends the process with status 1.
    """

    longdesc = (
        "Each option but --demo can be an environment variable as well, in upper case: WS_PORT for --ws-port. "
        "The option beats the variable, which beats the default. "
        "Sizes are in bytes, times in milliseconds, unless they have a unit (64KiB, 30s); "
        "lists can be repeated or separated by spaces or commas."
    )
    optParameters = [  # noqa: RUF012
        ["worker", None, None, "Serve as this one of WORKERS, from 1; without it, a parent starts all of them.", int]
    ]
    optFlags = [["demo", None, "Start the demo backend beside the gateway, at TARGET_ADDRESS."]]  # noqa: RUF012
    environ: Mapping[str, str] = os.environ
    settings: Settings
    signals: Signals | None = None

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, str | list[str]] = {}

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(versions())
        raise SystemExit(0)

    def opt_help(self) -> None:
        """Print this help and exit."""
        print(self)
        raise SystemExit(0)

    def postOptions(self) -> None:
        try:
            self.settings = load(self.given, self.environ)
        except SettingsError as error:
            for problem in error.problems:
                say(f"wsaas: {problem}", sys.stderr)
            for warning in error.warnings:
                say(f"wsaas: warning: {warning}", sys.stderr)
            raise SystemExit(1) from None
        self._check_worker()

    def _check_worker(self) -> None:
        """Print what is wrong with --worker and exit, if anything is."""
        number = self["worker"]
        if number is not None:
            count = worker_count(self.settings.workers)
            flaw = None
            if not 1 <= number <= count:
                flaw = f"must be a number from 1 to WORKERS, {count}"
            elif self.settings.state_dir is None and VARIABLE not in self.environ:
                flaw = "needs a STATE_DIR, in which workers without a parent find each other"
            if flaw is not None:
                say(f"wsaas: --worker={number}: {flaw}", sys.stderr)
                raise SystemExit(1)


def versions() -> str:
    """Return the versions of WSAAS, Twisted and Python in one line."""
    own = own_version() or "(not installed)"
    return f"wsaas {own} (Twisted {twisted.__version__}, Python {'.'.join(map(str, sys.version_info[:3]))})"


def _option(name: str, repeats: bool, help: str) -> Callable[[Options, str], None]:
    """Return an `opt_` method, from which Twisted makes an option; `help` becomes its docstring, printed by --help."""

    def collect(self: Options, value: str) -> None:
        earlier = self.given.get(name)
        self.given[name] = [*earlier, value] if repeats and isinstance(earlier, list) else [value] if repeats else value

    collect.__doc__ = help
    return collect


def _help(row: SettingSpec) -> str:
    default = row.unset_is if row.default is None else row.default
    return f"{row.help} [default: {default}]"


for _name, _row in TABLE.items():
    setattr(Options, f"opt_{_name.lower()}", _option(_name, _row.repeats, _help(_row)))
    for _alias in _row.aliases:
        setattr(Options, f"opt_{_alias.lower()}", _option(_alias, _row.repeats, f"Another name of {_name}."))
    if _row.secret:
        setattr(Options, f"opt_{(_name + FILE).lower()}", _option(_name + FILE, False, f"File that holds {_name}."))


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


def makeService(options: Options) -> IService:
    """Return the gateway as a service that twistd can start."""
    from twisted.internet import reactor

    count = worker_count(options.settings.workers)
    if options["worker"] is None and count > 1:
        root = make_parent(options, reactor)
    else:
        from wsaas.service.assembly import assemble

        root = make_root(options, reactor, assemble)
    atexit.register(root.end)
    freeze_startup_objects()
    return root


def make_parent(options: Options, reactor: Any) -> Root:
    """Return the root service of the parent of several workers, which exits with the worst of their statuses."""
    from wsaas.service.workers import WorkersService

    twistd: Mapping[str, Any] = options.parent or {}
    made: list[WorkersService] = []

    def assemble(reactor: Any, settings: Settings, demo: bool, signals: Signals) -> IService:
        made.append(
            WorkersService(
                reactor,
                settings,
                options.given,
                demo=demo,
                signals=signals,
                printed=lambda text: root.printed(text),
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


def make_root(options: Options, reactor: Any, assemble: Callable[..., IService]) -> Root:
    """Return the root service around the service that `assemble` makes of the options.

    If the gateway cannot start, print one line with the reason and exit with status 1.
    """
    check()
    replace_iteration(reactor)
    parse_late()
    # By default Twisted's timers follow the wall clock: when it is set back by an hour, all timers stop for an hour
    # (Twisted #2424).
    count_awake_time(reactor)
    settings = options.settings
    twistd: Mapping[str, Any] = options.parent or {}
    signals = options.signals or Signals()
    number = options["worker"]
    parentage = None if number is None else Parentage.take(os.environ, os.getpid())
    prioritized = parentage is not None and parentage.prioritized
    try:
        log = open_log(twistd, settings.log_level, settings.log_style, reactor, worker=number, prioritized=prioritized)
        root = Root(reactor, Launch(twistd), signals, log)
        demo = bool(options["demo"])
        if number is None:
            root.addService(assemble(reactor, settings, demo, signals))
        else:
            identity = WorkerIdentity(number, worker_count(settings.workers), parentage)
            root.addService(assemble(reactor, settings, demo, signals, identity))
    except (ValueError, OSError) as error:
        say(f"wsaas: {error}", sys.stderr)
        raise SystemExit(1) from None
    return root
