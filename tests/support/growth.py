"""Measures how the time of a function grows with its input, within one run: ratios, never seconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

FOLD = 4
"""How much longer the second input is."""
LINEAR = 10.0
"""At most so much longer it may take: 4 is linear, 16 quadratic; halfway for the noise of a busy machine."""
STEADY = 3.0
"""And it takes at most so much longer than half of it: 2 is linear, 4 quadratic. What takes a long step once, as from a
fast path to a slow one, does not grow for that.
"""
ROUNDS = 6
"""Attempts to see a linear time. One that is not is seen in none."""


def grows(function: Callable[[bytes], object], make: Callable[[int], bytes], size: int) -> float | None:
    """Return how many times longer the function takes for `make(4 * size)` than for `make(size)`, if not linear."""
    small, half, large = make(size), make(FOLD * size // 2), make(FOLD * size)
    gc.disable()  # which takes as long as there is memory in use
    try:
        for attempt in range(ROUNDS):
            times = 1 + attempt // 2
            longest = _least(function, large, times)
            ratio = longest / _least(function, small, times)
            if ratio < LINEAR or longest < STEADY * _least(function, half, times):
                return None
    finally:
        gc.enable()
    return ratio


def pumped(begin: str, pump: str, end: str) -> Callable[[int], bytes]:
    """Makes inputs of about so many bytes; each character is a byte."""
    return lambda size: (begin + pump * (size // len(pump)) + end).encode("latin-1")


def _least(function: Callable[[bytes], object], data: bytes, times: int) -> float:
    """The shortest of so many times, in seconds of this thread: other processes do not count."""
    taken = []
    for _ in range(times):
        began = time.thread_time()
        function(data)
        taken.append(time.thread_time() - began)
    return min(taken)
