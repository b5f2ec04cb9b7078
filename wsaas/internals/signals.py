"""The process's signals, handled from its start to its exit.

    SIGTERM, SIGINT   stop; a later one hurries the stop
    SIGHUP            reload certificates, open the log file again
    SIGUSR1           rotate the log file
    SIGUSR2           restart the workers one by one (service/parent_service.py); without workers, nothing

With the handlers of Python and Twisted a signal during the start would end the process, and a second SIGTERM would
raise an error.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SAME_REQUEST = 3.0
"""Seconds for which a further SIGTERM or SIGINT counts as part of the first: service manager and shell may both send
one.
"""
STOPS = (signal.SIGTERM, signal.SIGINT)
OTHERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Signals:
    """Holds signals that arrive during the start, and acts on them when the reactor runs.

    `clock()` counts seconds and never goes back. A signal that arrives several times during the start is held once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stop: Callable[[], object] = _nothing
        self._hurry: Callable[[], object] = _nothing
        self._actions: dict[int, list[Callable[[], object]]] = {number: [] for number in OTHERS}
        self._stop_asked: float | None = None
        self._held: list[int] = []
        self._call: Callable[..., object] | None = None  # reactor.callFromThread, once the reactor runs
        self._before: dict[int, Any] = {}

    def hold(self) -> None:
        """Hold signals from now on. Only a second SIGTERM or SIGINT, SAME_REQUEST after the first, ends the process."""
        for number in (*STOPS, *OTHERS):
            self._before[number] = signal.signal(number, self._arrived)

    def block(self) -> None:
        """Keep SIGTERM and SIGINT from the handlers that the reactor installs, until `serve` has replaced them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)

    def release(self) -> None:
        """Restore the handlers from before `hold`."""
        while self._before:
            signal.signal(*self._before.popitem())

    def on_stop(self, stop: Callable[[], object], hurry: Callable[[], object]) -> None:
        """Call `stop` for the first SIGTERM or SIGINT, and `hurry` for each one SAME_REQUEST or more later."""
        self._stop, self._hurry = stop, hurry

    def on(self, number: int, action: Callable[[], object]) -> None:
        """Call `action`, after those added before, for each signal `number`, which is one of OTHERS."""
        self._actions[number].append(action)

    def serve(self, call: Callable[..., object]) -> None:
        """Act on signals, held ones first, through `call`. Called when the reactor runs."""
        self._call = call
        for number in (*STOPS, *OTHERS):
            signal.signal(number, self._arrived)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        held, self._held = self._held, []
        for each in held:
            call(self._act, each)

    def ignore(self) -> None:
        """Ignore all signals. Called after the reactor's shutdown: Python's handlers would end the process early."""
        for number in (*STOPS, *OTHERS):
            signal.signal(number, signal.SIG_IGN)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if number in STOPS:
            now = self._clock()
            if self._stop_asked is None:
                self._stop_asked = now
            elif now - self._stop_asked < SAME_REQUEST:
                return
            elif self._call is None:  # during the start there are no connections whose end has to be told
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
                os._exit(128 + number)  # the first process of a container (pid 1) survives its own signals
            else:
                self._call(self._hurry)
                return
        if self._call is not None:
            self._call(self._act, number)
        elif number not in self._held:
            self._held.append(number)

    def _act(self, number: int) -> None:
        if number in STOPS:
            self._stop()
        else:
            for action in self._actions[number]:
                action()


def exit_with(status: int) -> None:
    """End the process at once with this status, unless it is 0. For the last of what is called at exit."""
    if status:
        os._exit(status)


def _nothing() -> None:
    pass
