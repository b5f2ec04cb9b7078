"""How the tests that hypothesis drives are run: on the same examples each time, so that they never flake.

With WSAAS_EXAMPLES=20000 in the environment each of them runs so many examples instead, other ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def examples(count: int, steps: int = 50) -> settings:
    """Settings for `count` examples, of a state machine with at most `steps` steps each; no clock has a say."""
    asked = os.environ.get("WSAAS_EXAMPLES")
    return settings(
        max_examples=int(asked) if asked else count,
        stateful_step_count=steps,
        derandomize=not asked,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
