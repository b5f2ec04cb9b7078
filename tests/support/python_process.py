"""A Python process that runs a line of code with the gateway's modules, until it ends."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.source import ROOT
from wsaas.settings.load import all_keys


def run(code: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A Python process that sees the checkout, in a directory of its own, with no settings but these."""
    kept = {name: value for name, value in os.environ.items() if name not in all_keys()}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**kept, "COLUMNS": "80", **settings, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
