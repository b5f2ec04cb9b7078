"""Programs of others, that examples and proxies need: found or skipped, run on a free port, ended after the test."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import SkipTest


def need(program: str) -> str:
    """The path of a program; the test is skipped where there is none."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        raise SkipTest(f"there is no {program} here")
    return path


def node_modules(*packages: str) -> str:
    """A folder that has these packages of npm, kept below the temporary directory from one run to the next."""
    npm = need("npm")
    place = Path(tempfile.gettempdir(), f"wsaas-npm-{os.getuid()}")
    place.mkdir(mode=0o700, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise SkipTest(f"{place} is somebody else's")
    modules = place / "node_modules"
    with (place / "lock").open("w") as lock:  # for tests that run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(npm, place, packages)
    return str(modules)


def _install(npm: str, place: Path, packages: Sequence[str]) -> None:
    modules = place / "node_modules"
    wanted = [each for each in packages if not (modules / each.rpartition("@")[0] / "package.json").exists()]
    if wanted:
        (place / "package.json").write_text("{}")
        quiet = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--cache", str(place / "cache"))
        try:
            ran = subprocess.run(
                [npm, "install", *quiet, *wanted], cwd=place, capture_output=True, text=True, timeout=120, check=False
            )
        except subprocess.TimeoutExpired:
            raise SkipTest("npm did not answer in time") from None
        if ran.returncode:
            raise SkipTest(f"npm cannot install {' '.join(wanted)}: {ran.stderr.strip().splitlines()[-1:]}")


class Program:
    """A process that serves on loopback. What it prints goes into one file."""

    def __init__(self, command: Sequence[str], directory: Path, environ: Mapping[str, str] | None = None) -> None:
        self._log = directory / "program.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        """All that it has printed so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, port: int, within: float = 60) -> None:
        """Wait until it takes connections on this port."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the program ended with {self.process.returncode}:\n{self.log()}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"nobody listens on {port} after {within} s:\n{self.log()}")

    def stop(self) -> None:
        """End it. Can be repeated."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
