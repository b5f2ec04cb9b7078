"""Starts Python programs in processes that have the gateway's modules already.

To import them takes most of a gateway's start, and the system tests start hundreds. So one process imports them, and
forks for each program that it is asked for. What a program does, it does after the fork: the modules that install
Twisted's reactor, or that need one, are left for it to import. It differs from `python -c` in what /proc says of its
command and of its first environment, and in variables that Python reads when it starts.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
PR_SET_CHILD_SUBREAPER = 36
LARGEST = 1 << 20
"""No request is longer, in bytes: the text of a program and an environment."""
_ONE_AT_A_TIME = threading.RLock()
"""Held while a program is started: whether this process takes orphans concerns all of its threads."""


class ForkedProcess:
    """A running program, with those of subprocess.Popen's methods that tests use. Its output goes where it was told."""

    stdin: None = None
    stdout: None = None
    stderr: None = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ends = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                os.close(self._ends)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired after so many seconds."""
        if self.poll() is None:
            waiting = select.poll()
            waiting.register(self._ends, select.POLLIN)
            if not waiting.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Preloader:
    """The process that forks. It ends with the one that made it. `prepare` is Python that it runs before it imports."""

    def __init__(self, prepare: str) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno()), prepare],
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self, program: str, arguments: Sequence[str], directory: Path, environment: Mapping[str, str], output: int
    ) -> ForkedProcess:
        """Run a program as `python -c` would. Its output and its errors go to the file `output`.

        It is a child of this process: the one in between makes it an orphan, and this one takes orphans meanwhile.
        """
        request = json.dumps([program, list(arguments), str(directory), dict(environment)]).encode()
        with _ONE_AT_A_TIME:
            _take_orphans(True)
            try:
                socket.send_fds(self._socket, [request], [output])
                answer = self._socket.recv(100)
            finally:
                _take_orphans(False)
        if not answer:
            raise RuntimeError("the process that has the gateway's modules has ended")
        return ForkedProcess(int(answer))

    def end(self) -> None:
        self._socket.close()
        self._process.wait()


def preloader(prepare: str = "") -> Preloader:
    """This process's own, one for each preparation."""
    with _ONE_AT_A_TIME:
        return _made(prepare)


@cache
def _made(prepare: str) -> Preloader:
    made = Preloader(prepare)
    atexit.register(made.end)
    return made


def _take_orphans(wanted: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class _NoReactor(MetaPathFinder):
    """Refuses the module that installs a reactor, whose descriptors two processes would share."""

    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname == "twisted.internet.reactor":
            raise ImportError("no reactor before the fork")


def _import_all(prepare: str) -> None:
    """Import what a gateway imports, as far as it goes without a reactor."""
    refuse = _NoReactor()
    sys.meta_path.insert(0, refuse)
    exec(compile(prepare, "<string>", "exec"), {})
    names = ["twisted.scripts.twistd", "twisted.scripts._twistd_unix", "autobahn.twisted.websocket", "treq", "sqlite3"]
    places = sorted((CHECKOUT / "wsaas").rglob("*.py"))
    names += [".".join(place.relative_to(CHECKOUT).with_suffix("").parts) for place in places]
    for name in names:
        if not name.endswith(("__init__", "__main__")):
            with suppress(ImportError):
                importlib.import_module(name)
    sys.meta_path.remove(refuse)


def _serve(requests: socket.socket) -> tuple[str, list[str], str, dict[str, str]] | None:
    """Fork for each request. Return it in the process that is to run it, and None in this one, at the end."""
    while True:
        request, passed, _, _ = socket.recv_fds(requests, LARGEST, 1)
        if not request:
            return None
        tell, told = os.pipe()
        between = os.fork()
        if not between:
            pid = os.fork()
            if pid:
                os.write(told, str(pid).encode())
                os._exit(0)
            requests.close()
            os.close(tell)
            os.close(told)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((nothing, 0), (passed[0], 1), (passed[0], 2)):
                os.dup2(source, target)
            os.close(nothing)
            os.close(passed[0])
            program, arguments, directory, environment = json.loads(request)
            return program, arguments, directory, environment
        os.waitpid(between, 0)  # an orphan now, which the one that asks may wait for
        requests.send(os.read(tell, 100))
        for descriptor in (passed[0], tell, told):
            os.close(descriptor)


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    _import_all(sys.argv[2])
    request = _serve(requests)
    if request is not None:
        program, arguments, directory, environment = request
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[:] = ["-c", *arguments]
        sys.path[0] = ""
        sys.modules["__main__"] = module = ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), module.__dict__)


if __name__ == "__main__":
    main()
