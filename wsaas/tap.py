"""`twistd wsaas`: the options, made from the table of settings, and the service."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import twisted
from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions

from wsaas.internals.python_build import own_build_note
from wsaas.internals.signals import Signals
from wsaas.logs import say
from wsaas.service.process import freeze_startup_objects, make_parent, make_root
from wsaas.service.version import own_version
from wsaas.settings.load import SettingsError, load
from wsaas.settings.sources import FILE
from wsaas.settings.table import TABLE, Settings, SettingSpec


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
        ["worker", None, None, "Serve as the worker of this number, from 1; by default a parent starts all.", int]
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
        """Check --worker. If it is wrong, print the mistake and exit with status 1."""
        number = self["worker"]
        if number is not None:
            from wsaas.service.worker_identity import VARIABLE, worker_count

            count = worker_count(self.settings.workers)
            flaw = None
            if not 1 <= number <= count:
                flaw = f"must be a number from 1 to WORKERS, {count}"
            elif self.settings.state_dir is None and VARIABLE not in self.environ:
                flaw = "needs a STATE_DIR, in which workers without a parent find each other"
            if flaw is not None:
                say(f"wsaas: --worker={number}: {flaw}", sys.stderr)
                raise SystemExit(1)


def engine_flaws(settings: Settings) -> tuple[list[str], list[str]]:
    """Try the engine of a cluster: return what is wrong with it, and what is doubtful. Runs the reactor."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    from wsaas.cluster.engine import Engine
    from wsaas.cluster.engine_trial import try_engine
    from wsaas.cluster.keys import Keys
    from wsaas.net.tls_client import ClientFiles
    from wsaas.service.node import replicas_of

    if settings.cluster is None:
        return [], []
    files = ClientFiles(settings.cluster_ca, settings.cluster_cert, settings.cluster_key, "CLUSTER_")
    found: list[tuple[list[str], list[str]]] = []
    running: Any = reactor

    async def attempt() -> None:
        engine = Engine(reactor, settings.cluster, files)  # type: ignore[arg-type]
        found.append(await try_engine(engine, Keys(settings.cluster_name), replicas_of(settings)))

    running.callWhenRunning(lambda: Deferred.fromCoroutine(attempt()).addBoth(lambda _: running.stop()))
    running.run()
    return found[0]


def versions() -> str:
    """Return the versions of WSAAS, Twisted and Python, and the build of Python, in one line."""
    own = own_version() or "(not installed)"
    python = f"Python {'.'.join(map(str, sys.version_info[:3]))}, {own_build_note()}"
    return f"wsaas {own} (Twisted {twisted.__version__}, {python})"


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


def _several(workers: int) -> bool:
    """Say if WORKERS stands for more than one process."""
    if workers == 1:
        return False  # without an import for several
    from wsaas.service.worker_identity import worker_count

    return worker_count(workers) > 1


def makeService(options: Options) -> IService:
    """Return the gateway as a service that twistd can start."""
    from twisted.internet import reactor

    if options["worker"] is None and _several(options.settings.workers):
        root = make_parent(options, reactor)
    else:
        from wsaas.service.assembly import assemble

        root = make_root(options, reactor, assemble)
    atexit.register(root.end)
    freeze_startup_objects()
    return root
