"""How the time of a function grows with its input, measured within one run: ratios, never seconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

FOLD = 4
"""How much longer the second input is."""
LINEAR = 10.0
"""At most so much longer it may take: 4 is linear, 16 quadratic; halfway for the noise of a busy machine."""
ROUNDS = 8
"""Attempts to see a linear time. One that is not is seen in none; the first is the cheapest."""


def grows(function: Callable[[bytes], object], make: Callable[[int], bytes], size: int) -> float | None:
    """How many times longer the function takes for `make(4 * size)` than for `make(size)`, if that is not linear."""
    small, large = make(size), make(FOLD * size)
    gc.disable()  # which takes as long as there is memory in use
    try:
        for attempt in range(ROUNDS):
            ratio = _least(function, large, 1 + attempt) / _least(function, small, 1 + attempt)
            if ratio < LINEAR:
                return None
    finally:
        gc.enable()
    return ratio


def pumped(begin: str, pump: str, end: str) -> Callable[[int], bytes]:
    """Makes inputs of about so many bytes; each character is a byte."""
    return lambda size: (begin + pump * (size // len(pump)) + end).encode("latin-1")


def _least(function: Callable[[bytes], object], data: bytes, times: int) -> float:
    """The shortest of so many times."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        function(data)
        taken.append(time.perf_counter() - began)
    return min(taken)
