"""An empty folder in which a test does what a page says: it writes the page's files and runs its commands.

The command `wsaas` and others stand in `.venv/bin`, as the page has installed them. The page's ports, which may be
taken on this machine, are replaced by free ones.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.gateway_process import CHECKOUT, environment, free_port
from tests.support.pages import example

WSAAS = "import sys; from wsaas.cli.main import main; sys.exit(main())"


class FollowedPage:
    """One page, followed in one folder. `programs` are what `.venv/bin` holds, each with the code that it runs."""

    def __init__(self, page: Path, folder: Path, ports: tuple[str, ...], programs: Mapping[str, str]) -> None:
        self.page = page
        self.folder = folder
        self.ports = {port: free_port() for port in ports}
        scripts = folder / ".venv" / "bin"
        scripts.mkdir(parents=True)
        for name, code in {"wsaas": WSAAS, **programs}.items():
            (scripts / name).write_text(f"#!{sys.executable}\n{code}\n")
            (scripts / name).chmod(0o755)
        self.environ = {**environment({}), "PYTHONPATH": str(CHECKOUT)}

    def own(self, text: str) -> str:
        """Return the text with the ports of this folder."""
        return re.sub(rf"\b({'|'.join(self.ports)})\b", lambda found: str(self.ports[found[1]]), text)

    def example(self, name: str) -> str:
        """Return the example of this name."""
        return self.own(example(self.page, name))

    def write(self, name: str, file: str) -> None:
        """Save the example of this name."""
        (self.folder / file).write_text(self.example(name))

    def begin(self, name: str, **environ: str) -> Running:
        """Run the command of this name, and let it run."""
        return Running(self.example(name).strip(), self.folder, {**self.environ, **environ}, name)

    def run(self, name: str) -> str:
        """Run the command of this name to its end, and return what it prints."""
        ran = subprocess.run(
            ["bash", "-c", self.example(name)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return ran.stdout


class Running:
    """A command in a session of its own, whose input is a pipe, with a file for what it prints."""

    def __init__(self, command: str, folder: Path, environ: Mapping[str, str], name: str) -> None:
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=folder,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self) -> str:
        """Return all that it has printed so far."""
        return self._log.read_text(errors="replace")

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end_of_input(self) -> None:
        """Press Ctrl-D, and wait for the end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def interrupt(self) -> None:
        """Press Ctrl-C, and wait for the end."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)

    def stop(self) -> None:
        """End it and all that it has started. Can be repeated."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def wait(condition: Callable[[], bool], what: str, within: float = 60) -> None:
    """Wait until the condition holds; `what` says what did not happen."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"in {within:g} s: {what}")
        time.sleep(0.05)
