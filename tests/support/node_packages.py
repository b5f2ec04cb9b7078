"""Packages of npm for tests: installed once into a cache outside the checkout, in the versions that are named here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest


def cache() -> Path:
    """The directory for what tests download: WSAAS_TEST_CACHE, or one in the user's cache."""
    base = os.environ.get("WSAAS_TEST_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "wsaas-tests"
    found = Path(base).expanduser()
    found.mkdir(parents=True, exist_ok=True)
    return found


def installed(package: str, version: str) -> Path:
    """Return a directory in which Node finds this package. The test is skipped if npm cannot install it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SkipTest("Node.js and npm are not installed")
    directory = cache() / f"{package.strip('@').replace('/', '-')}-{version}"
    done = directory / "done"
    if not done.exists():
        directory.mkdir(exist_ok=True)
        (directory / "package.json").write_text('{"private": true}')
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"{package}@{version}"]
        try:
            ran = subprocess.run(command, cwd=directory, capture_output=True, timeout=240, check=False, text=True)
        except subprocess.TimeoutExpired:
            raise SkipTest(f"npm did not install {package} in time") from None
        if ran.returncode:
            raise SkipTest(f"npm cannot install {package}: {ran.stderr[-300:]}")
        done.touch()
    return directory
