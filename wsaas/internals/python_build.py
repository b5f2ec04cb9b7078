"""The build of the Python interpreter that runs: whether it was optimized by a profile (PGO).

A profile makes the gateway's own code a tenth faster (docs/operations.rst). An interpreter does not say if it has one,
but how its build was configured.
"""

from __future__ import annotations

import shlex
import sysconfig

_FLAG = "--enable-optimizations"
_OF_THE_SYSTEM = "--prefix=/usr"


def build_note(configured: str | None) -> str:
    """Return in a few words if an interpreter with these arguments of `configure` has PGO; None for no arguments.

    A distribution may build its own with `make profile-opt`, of which the arguments say nothing (Debian does).
    """
    if not configured:
        return "PGO unknown: it does not say how it was built"
    arguments = shlex.split(configured)
    if _FLAG in arguments:
        return "with PGO"
    if _OF_THE_SYSTEM in arguments:
        return "PGO unknown: a distribution's own build, which does not say"
    return "without PGO"


def own_build_note() -> str:
    """Return the same for the interpreter that runs."""
    configured = sysconfig.get_config_var("CONFIG_ARGS")
    return build_note(configured if isinstance(configured, str) else None)
