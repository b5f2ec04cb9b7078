"""Runs tests on many generated inputs: on the same examples each time, so that they never flake.

With WSAAS_EXAMPLES=20000 in the environment each test runs that number of examples, and new ones each time if that is
more than its own number.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def rounds(count: int) -> int:
    """Return the number of inputs for a test that makes `count` by itself."""
    return int(os.environ.get("WSAAS_EXAMPLES") or count)


def examples(count: int, steps: int = 50) -> settings:
    """Settings for `count` examples, of a state machine with at most `steps` steps each; no clock has a say."""
    return settings(
        max_examples=rounds(count),
        stateful_step_count=steps,
        derandomize=rounds(count) <= count,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
