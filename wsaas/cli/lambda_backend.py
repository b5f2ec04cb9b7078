"""`wsaas lambda`: the backend that calls Lambda handlers, in the foreground; and the same beside `wsaas run`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from threading import Thread
from typing import TYPE_CHECKING, Any

from wsaas.cli.failures import DONE, FAILED, Failed, Misused
from wsaas.cli.terminal import Output

if TYPE_CHECKING:
    from wsaas.settings.table import Settings

MAX_HANDLER_TIME = 29.0
"""Seconds that API Gateway gives a handler."""
MARGIN = 0.5
"""Seconds by which a handler's time ends before the gateway's, so that the gateway hears of it and does not repeat."""
STOP_TIMEOUT = 5.0
"""Seconds in which the backend beside a gateway ends, before it is killed."""


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from wsaas.settings.load import SettingsError, load

    try:
        settings = load({}, os.environ)
    except SettingsError as error:
        raise Misused("; ".join(error.problems)) from None
    return _serve(options, settings)


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from twisted.internet.defer import Deferred, ensureDeferred
    from twisted.internet.error import CannotListenError
    from twisted.internet.task import react
    from twisted.logger import Logger, globalLogBeginner

    from wsaas.internals.awake_clock import count_awake_time
    from wsaas.lambda_backend.program import Options, Program, place_of
    from wsaas.logs import Log, log_to

    sys.path.insert(0, os.getcwd())  # where the handlers are
    failures: list[Failed] = []
    logs: list[Log] = []

    async def serve(reactor: Any) -> None:
        count_awake_time(reactor)
        try:
            program = Program(
                reactor,
                Options(
                    routes=options.route,
                    select=options.select,
                    stage=options.stage,
                    timeout=options.timeout or min(MAX_HANDLER_TIME, max(settings.webhook_timeout - MARGIN, MARGIN)),
                    route_responses=not options.no_route_response,
                    listen=options.listen or place_of(settings.target_address),
                    keys=settings.webhook_secret,
                    max_message_size=settings.max_message_size,
                ),
                os.environ,
                os.getcwd(),
            )
        except ValueError as error:
            failures.append(Misused(str(error)))
            return
        logs.append(log_to(sys.stderr.fileno(), settings.log_level, settings.log_style, reactor, time.time))
        logs[0].buffer.start()
        globalLogBeginner.beginLoggingTo([logs[0].observer], redirectStandardIO=False)
        try:
            await program.start()
        except (CannotListenError, ValueError, OSError, OverflowError) as error:
            failures.append(Failed("CANNOT_LISTEN", f"cannot listen at {program.endpoint}: {error}"))
            return
        log = Logger()
        log.info("calling Lambda handlers for the gateway; listening at {place}", place=program.endpoint)
        if options.timeout is not None and options.timeout >= settings.webhook_timeout:
            log.warn(
                "--timeout={timeout} s: the gateway repeats a message after WEBHOOK_TIMEOUT, {patience} s: raise that",
                timeout=options.timeout,
                patience=settings.webhook_timeout,
            )
        await Deferred()  # until a signal stops the reactor

    try:
        react(lambda reactor: ensureDeferred(serve(reactor)))
    except SystemExit as ended:
        for each in logs:
            each.buffer.close()
        if failures:
            raise failures[0] from None
        return int(ended.code or DONE)
    return DONE


class Beside:
    """The same program in a process of its own, as long as the gateway of `wsaas run` runs."""

    def __init__(self, routes: Sequence[str], settings: Settings) -> None:
        self._routes = [f"--route={route}" for route in routes]
        self._environ = {
            **os.environ,
            "TARGET_ADDRESS": settings.target_address,
            "WEBHOOK_TIMEOUT": f"{round(settings.webhook_timeout * 1000)}",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        self._environ.pop("API_URI", None)  # another name of TARGET_ADDRESS
        self._leaving = False
        self.status = DONE
        """The status with which the gateway is to end: a failure if the backend ended before it."""

    def __enter__(self) -> Beside:
        # In a group of its own: Ctrl-C in a terminal is for the gateway, whose drain needs its backend.
        ours, self._held = os.pipe()  # closed with this process, even if it is killed
        start = f"import sys; from wsaas.cli.lambda_backend import beside; sys.exit(beside({ours}))"
        process = subprocess.Popen(
            [sys.executable, "-c", start, "lambda", *self._routes],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            pass_fds=(ours,),
            process_group=0,
        )
        os.close(ours)
        self._process = process
        Thread(target=self._watch, args=(process,), name="backend", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving = True
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._held)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Stop the gateway once the backend has ended by itself: it cannot listen, or an option is wrong."""
        status = process.wait()
        if not self._leaving:
            self.status = status if status > 0 else FAILED
            Output().error("wsaas run", "NO_BACKEND", f"`wsaas lambda` has ended (status {status}): stopping, too")
            os.kill(os.getpid(), signal.SIGTERM)


def beside(held: int) -> int:
    """Run the command in a process that ends with the gateway: when the other end of this pipe is closed."""
    from wsaas.cli.main import main

    def watch() -> None:
        os.read(held, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, name="gateway", daemon=True).start()
    return main()
