"""How tests on many generated inputs are run: on the same examples each time, so that they never flake.

With WSAAS_EXAMPLES=20000 in the environment each of them runs so many examples instead, other ones each time where that
is more than it runs by itself.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def rounds(count: int) -> int:
    """How many inputs a test makes that would make `count` by itself."""
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
