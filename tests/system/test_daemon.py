"""`twistd wsaas` as a daemon: how it starts, and how a start that fails ends."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.support.gateway_process import TWISTD, Gateway
from tests.support.system_case import SystemTestCase, eventually

NO_SUCH_USER = f"""
from twisted.scripts import _twistd_unix
def switchUID(*_):
    raise OSError("Operation not permitted")
_twistd_unix.switchUID = switchUID
{TWISTD}"""
STREAMS_CLOSED = f"""
import os, sys
os.close(0), os.close(1)
sys.stdin = sys.stdout = None
{TWISTD}"""
"""As with `<&- >&-`."""


class DaemonTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.directory()
        self.pidfile, self.logfile = self.place / "pid", self.place / "x.log"

    def started(
        self, program: str = TWISTD, *options: str, arguments: tuple[str, ...] = (), **settings: str
    ) -> Gateway:
        """The process that is started on the terminal, which is to end."""
        anywhere = dict.fromkeys(("WS_ENDPOINT", "HTTP_ENDPOINT"), "tcp:0:interface=127.0.0.1")
        twistd = [f"--pidfile={self.pidfile}", f"--logfile={self.logfile}", *options]
        gateway = Gateway(self.place, {**anywhere, **settings}, program=program, twistd=twistd, arguments=arguments)
        return self.watched(gateway)

    def fails(self, line: str, gateway: Gateway) -> None:
        """Check that the daemon ends with status 1, prints the line on the terminal and in the log, and leaves no pid
        file and no process.
        """
        try:
            self.assertEqual(gateway.wait(), 1)
        except subprocess.TimeoutExpired:
            os.kill(int(self.pidfile.read_text()), signal.SIGKILL)
            raise
        self.assertIn(line, gateway.log())
        self.assertNotIn("Traceback", gateway.log())
        self.assertIn(line, self.logfile.read_text())
        self.assertFalse(self.pidfile.exists())

    def taken(self) -> int:
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        port: int = taken.getsockname()[1]
        return port

    def test_lives(self) -> None:
        """A daemon leaves the terminal with status 0, and its pid file exists until its end."""
        gateway = self.started(HTTP_ENDPOINT="")
        self.assertEqual(gateway.wait(), 0)
        pid = int(self.pidfile.read_text())
        self.addCleanup(lambda: Path(f"/proc/{pid}").exists() and os.kill(pid, signal.SIGKILL))
        self.assertEqual(gateway.log(), "")
        self.assertEqual(eventually(lambda: gateway.api.get("/-/ready").status), 200)
        terminal = os.path.realpath(gateway.directory / "gateway.log")
        self.assertNotIn(terminal, [os.path.realpath(each) for each in Path(f"/proc/{pid}/fd").iterdir()])
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not self.pidfile.exists(), 30)
        eventually(lambda: "draining 0 connections" in self.logfile.read_text())

    def test_port_taken(self) -> None:
        """A port that is taken. Without standard input and output it is the same: sockets do not get their numbers."""
        endpoint = f"tcp:{self.taken()}:interface=127.0.0.1:backlog=9"
        line = f"wsaas: WS_ENDPOINT={endpoint}: cannot listen there: Address already in use"
        for program in (TWISTD, STREAMS_CLOSED):
            self.fails(line, self.started(program, WS_ENDPOINT=endpoint))
            self.logfile.unlink()

    def test_state_taken(self) -> None:
        """A STATE_DIR that another gateway uses."""
        state = self.place / "state"
        state.mkdir(parents=True)
        lock = (state / "journal.lock").open("w")
        self.addCleanup(lock.close)
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = f"wsaas: STATE_DIR '{state}' is in use by another gateway"
        self.fails(line, self.started(STATE_DIR=str(state)))

    def test_demo(self) -> None:
        """A port of the demo that is taken."""
        gateway = self.started(TARGET_ADDRESS=f"http://localhost:{self.taken()}/", arguments=("--demo",))
        self.fails("the demo cannot listen there", gateway)

    def test_twistds_own(self) -> None:
        """An error for which twistd itself gives up is in the log."""
        gateway = self.started(NO_SUCH_USER, "--uid=1")
        self.assertEqual(gateway.wait(), 1)
        self.assertIn("An error has occurred", gateway.log())
        self.assertFalse(self.pidfile.exists())

    def test_in_the_foreground(self) -> None:
        """In the foreground, with a log file, it is the same; without one, and without standard output, too."""
        endpoint = f"tcp:{self.taken()}:interface=127.0.0.1:backlog=9"
        self.fails(f"wsaas: WS_ENDPOINT={endpoint}: ", self.started(TWISTD, "-n", WS_ENDPOINT=endpoint))
        gateway = self.started(STREAMS_CLOSED, "-n", "--logfile=-", WS_ENDPOINT=endpoint)
        self.assertEqual(gateway.wait(), 1)
        self.assertEqual(gateway.log(), f"wsaas: WS_ENDPOINT={endpoint}: cannot listen there: Address already in use\n")
