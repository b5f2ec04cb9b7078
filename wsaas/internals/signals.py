"""The signals that this process is sent, from its first moment to its last.

    SIGTERM, SIGINT   stop, and hurry when told again later
    SIGHUP            reload, open the log file anew
    SIGUSR1           rotate the log file
    SIGUSR2           nothing: it must not end the process either

Python's and Twisted's own ways would end the process with a signal that comes while it starts, and take a second
SIGTERM for an error.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SAME_REQUEST = 3.0
"""Seconds for which a further SIGTERM or SIGINT is part of the first: service managers and shells each send one."""
STOPS = (signal.SIGTERM, signal.SIGINT)
OTHERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Signals:
    """Holds what comes during the start, and does it when the reactor runs.

    `clock()` is in seconds and only goes forward. Of each signal that is held, one is remembered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stop: Callable[[], object] = _nothing
        self._hurry: Callable[[], object] = _nothing
        self._actions: dict[int, list[Callable[[], object]]] = {number: [] for number in OTHERS}
        self._stop_asked: float | None = None
        self._held: list[int] = []
        self._call: Callable[..., object] | None = None  # runs something in the reactor's turn
        self._before: dict[int, Any] = {}

    def hold(self) -> None:
        """From now on no signal ends the process, but a second stop that comes SAME_REQUEST seconds after the first."""
        for number in (*STOPS, *OTHERS):
            self._before[number] = signal.signal(number, self._arrived)

    def block(self) -> None:
        """Keep SIGTERM and SIGINT from the handlers that the reactor installs, until `serve` has replaced them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)

    def release(self) -> None:
        """Let signals do what they did before `hold`."""
        while self._before:
            signal.signal(*self._before.popitem())

    def on_stop(self, stop: Callable[[], object], hurry: Callable[[], object]) -> None:
        """Call `stop` when this process is to end, `hurry` for each signal that says so again SAME_REQUEST later."""
        self._stop, self._hurry = stop, hurry

    def on(self, number: int, action: Callable[[], object]) -> None:
        """Call `action`, after those given before, for each such signal, one of OTHERS."""
        self._actions[number].append(action)

    def serve(self, call: Callable[..., object]) -> None:
        """The reactor runs: have `call` do what signals ask for, what was held first of all."""
        self._call = call
        for number in (*STOPS, *OTHERS):
            signal.signal(number, self._arrived)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        held, self._held = self._held, []
        for each in held:
            call(self._act, each)

    def ignore(self) -> None:
        """The end is near: nothing is asked for any more. Left to Python, signals would kill its last moments."""
        for number in (*STOPS, *OTHERS):
            signal.signal(number, signal.SIG_IGN)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if number in STOPS:
            now = self._clock()
            if self._stop_asked is None:
                self._stop_asked = now
            elif now - self._stop_asked < SAME_REQUEST:
                return
            elif self._call is None:  # it still starts, and nobody is there who would have to be told
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
                os._exit(128 + number)  # the first process of a container is not ended by a signal of its own
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


def _nothing() -> None:
    pass
