"""The parent of `twistd wsaas` with WORKERS > 1, assembled: what is done once for all workers before the first starts.

It takes the lock of STATE_DIR, so that two gateways never serve it, sets the journal of an only process aside for the
workers, sees that no other gateway has the ports, and opens the UNIX sockets, which the workers share.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from wsaas.internals.signals import Signals
from wsaas.journal.lock import JournalUnusable, Lock, is_free
from wsaas.service.adoption import set_aside, worker_directory
from wsaas.service.file_limits import open_files, room_for, stream_files
from wsaas.service.launch import StartFailed
from wsaas.service.listening import listen, listen_by_default
from wsaas.service.parent import Parent, SpawnPlan
from wsaas.service.socket_trial import SocketTrial
from wsaas.service.startup_log import endpoint_label, listening_flaw, log_settings
from wsaas.service.systemd import Notifier
from wsaas.service.worker import sibling_files
from wsaas.service.worker_identity import VARIABLE, Inheritance, worker_count
from wsaas.settings.table import Settings

_RUN = """
import os, sys
if "LISTEN_FDS" in os.environ:
    os.environ["LISTEN_PID"] = str(os.getpid())
from wsaas.cli.main import main
sys.exit(main())
"""
"""The program of a worker. Twisted looks for systemd's sockets as it is imported, if they are this process's."""

FIRST_DESCRIPTOR = 3
"""The first descriptor that systemd passes on (sd_listen_fds(3))."""
LAST_WORDS = 15.0
"""Seconds that a worker may take beyond DRAIN_TIMEOUT before it is killed."""


def arguments_of(given: Mapping[str, str | list[str]]) -> list[str]:
    """Return the options that were given, as arguments."""
    found = []
    for name, value in given.items():
        option = f"--{name.lower().replace('_', '-')}"
        found += [f"{option}={each}" for each in ([value] if isinstance(value, str) else value)]
    return found


class ParentService(Service):
    """The parent with what it holds for its workers.

    `given` are the options of this process, which each worker gets. `log` is the place to which the log is written, a
    descriptor or the path of a file, or None for another; `coloured` says that it is looked at on a terminal,
    `prioritized` that each of its lines begins with a priority, for syslog.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        given: Mapping[str, str | list[str]],
        *,
        demo: bool,
        signals: Signals,
        printed: Callable[[str], object],
        log: int | str | None,
        coloured: bool,
        prioritized: bool,
        wall_clock: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._given = given
        self._demo = demo
        self._printed = printed
        self._log_at = log
        self._coloured = coloured
        self._prioritized = prioritized
        self._wall_clock = wall_clock
        self._count = worker_count(settings.workers)
        self._state_dir = None if settings.state_dir is None else Path(settings.state_dir)
        self._lock = None if self._state_dir is None else Lock(self._state_dir)
        self._trial = SocketTrial(reactor)
        self._private: str | None = None
        self._parent: Parent | None = None
        signals.on_stop(self._stop, self._hurry)
        signals.on(signal.SIGHUP, self._reload)
        signals.on(signal.SIGUSR2, self._renew)

    @property
    def status(self) -> int:
        """The exit status of this process."""
        return 0 if self._parent is None else self._parent.status

    def privilegedStartService(self) -> None:
        """Do what is done once. Raises StartFailed."""
        super().privilegedStartService()
        try:
            if self._lock is not None and self._state_dir is not None:
                self._lock.acquire()
                set_aside(self._state_dir, self._count, self._reactor.seconds, self._wall_clock)
        except JournalUnusable as error:
            raise StartFailed(str(error)) from None
        self._check_files()
        self._trial.lenient = not self._all_free()  # workers of an earlier life may still have the ports
        self._try("HTTP_ENDPOINT", self._settings.api_endpoints)
        self._try("WS_ENDPOINT", self._settings.client_endpoints)
        self._trial.let_go()

    def startService(self) -> None:
        """Start the workers, each when an earlier life of it is over."""
        super().startService()
        log_settings(self._log, self._settings)
        self._parent = Parent(
            self._reactor,
            self._count,
            self._spawn_plan(),
            Notifier.of(os.environ),
            free=self._free,
            printed=self._printed,
            end=self._stop,
            random=random.random,
            drain_within=self._settings.drain_timeout + LAST_WORDS,
        )
        self._reactor.callWhenRunning(self._parent.startService)

    async def _end(self) -> None:
        if self._parent is not None and self._parent.running:
            await self._parent.stopService()
        self._trial.close()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()

    def stopService(self) -> Deferred[None]:
        """Have all workers drain, and let go of what was held for them."""
        super().stopService()
        return Deferred.fromCoroutine(self._end())

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):
            self._reactor.stop()

    def _hurry(self) -> None:
        if self._parent is not None:
            self._parent.hurry()

    def _reload(self) -> None:
        if self._parent is not None:
            self._parent.reload()

    def _renew(self) -> None:
        if self._parent is not None:
            self._parent.renew()

    def _check_files(self) -> None:
        """See that the files of all workers together have room for the clients that are wished."""
        webhooks = -(-self._settings.webhook_concurrency // self._count)
        wanted = -(-self._settings.max_connections // self._count)
        try:
            files = open_files()
            streams = stream_files(-(-self._settings.max_streams // self._count), files)
            room_for(wanted, webhooks, files, sibling_files(self._count) + streams + self._node_files())
        except ValueError as error:
            raise StartFailed(str(error)) from None

    def _node_files(self) -> int:
        if self._settings.cluster is None:
            return 0
        from wsaas.service.node import NODE_FILES

        return NODE_FILES

    def _free(self, number: int) -> bool:
        """Say if no earlier life of this worker has its journal any more."""
        return self._state_dir is None or is_free(worker_directory(self._state_dir, number))

    def _all_free(self) -> bool:
        return all(self._free(number) for number in range(1, self._count + 1))

    def _try(self, name: str, endpoints: tuple[str, ...]) -> None:
        begin = listen if getattr(self._settings, name.lower()) else listen_by_default
        for endpoint in endpoints:
            try:
                begin(self._trial, endpoint, Factory(), [])
            except Exception as error:
                self._trial.close()
                label = endpoint_label(self._settings, name, endpoint)
                raise StartFailed(f"{label}: {listening_flaw(error)}") from None

    def _spawn_plan(self) -> SpawnPlan:
        """Return how a worker is started, and number the descriptors that it is handed."""
        if self._state_dir is None:
            peers = self._private = tempfile.mkdtemp(prefix="wsaas-")
        else:
            peers = str(self._state_dir / "peers")
        # Twisted has taken LISTEN_FDS away from the environment, and left the names.
        systemd = len(os.environ["LISTEN_FDNAMES"].split(":")) if self._trial.systemd else 0
        first = FIRST_DESCRIPTOR + systemd
        sockets = {path: first + place for place, path in enumerate(self._trial.unix)}
        hears = first + len(sockets)
        log = hears + 2 if isinstance(self._log_at, int) else self._log_at
        inheritance = Inheritance(hears, hears + 1, peers, sockets, self._prioritized, log)
        environ = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        if systemd:
            environ["LISTEN_FDS"] = str(systemd)
        passed_on = {number: self._trial.systemd.get(number, number) for number in range(FIRST_DESCRIPTOR, first)}
        if isinstance(self._log_at, int):
            passed_on[hears + 2] = self._log_at
        passed_on |= {sockets[path]: opened.fileno() for path, opened in self._trial.unix.items()}
        return SpawnPlan(self._command, environ | {VARIABLE: inheritance.encode()}, hears, hears + 1, passed_on)

    def _command(self, number: int) -> Sequence[str]:
        arguments = arguments_of(self._given)
        if self._coloured and self._settings.log_style == "auto":
            arguments.append("--log-style=always")
        if self._demo and number == 1:
            arguments.append("--demo")
        return [sys.executable, "-c", _RUN, "run", *arguments, f"--worker={number}"]
