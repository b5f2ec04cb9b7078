"""Decides if and when a webhook is tried again: facts in, a decision out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0


@dataclass(frozen=True, slots=True)
class Attempted:
    """The facts after a failed try: the number of tries, the seconds since the first, and those of Retry-After."""

    tries: int
    elapsed: float
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again."""

    reason: str


def decide(attempted: Attempted, patience: float, random: Callable[[], float]) -> Wait | GiveUp:
    """Decide by exponential backoff with full jitter, within `patience` seconds from the first try.

    The delay is random between 0 and twice the previous bound, which grows from `FIRST_DELAY` to `LONGEST_DELAY`;
    Retry-After is a lower bound to it, itself capped at `LONGEST_DELAY`. A wait that patience would cut off is
    shortened to its end, so that the last try is made there; after it there is none.

    See https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/.
    """
    left = patience - attempted.elapsed
    if left <= 0:
        return GiveUp(f"no success within {patience:g} s and {attempted.tries} tries")
    bound = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(attempted.tries, 16))
    delay = bound * random()
    if attempted.retry_after is not None:
        delay = max(delay, min(attempted.retry_after, LONGEST_DELAY))
    return Wait(min(delay, left))
