"""`wsaas version`: the versions, read from what is installed, so that nothing large is imported."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import PackageNotFoundError, version

from wsaas.internals.python_build import own_build_note


def run(options: argparse.Namespace) -> int:
    """Print the versions of WSAAS, Twisted and Python, and the build of Python, in one line."""
    print(versions())
    return 0


def versions() -> str:
    """Return the line, which is that of `wsaas run --version`."""
    python = f"Python {platform.python_version()}, {own_build_note()}"
    return f"wsaas {_version('wsaas')} (Twisted {_version('Twisted')}, {python})"


def user_agent() -> str:
    """Return product and version for a User-Agent header, as the gateway has it."""
    own = _version("wsaas")
    return f"WSAAS/{own}" if own[0].isdigit() else "WSAAS"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
