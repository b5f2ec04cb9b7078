"""The log of a process whose log is taken by nobody: it serves, it stops, and says later what is missing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.gateway_process import TWISTD, Gateway
from tests.support.system_case import SystemTestCase, eventually

SMALL_BUFFER = f"""
from wsaas.telemetry.log_buffer import LogBuffer
LogBuffer.__init__.__defaults__ = (2, 1 << 20, 1.0)
{TWISTD}"""
SYSLOG_THAT_HANGS = f"""
import syslog, threading
syslog.syslog = lambda *line: threading.Event().wait()
{TWISTD}"""
CRASH = f"""
import wsaas.service.lifecycle
def boom(self):
    raise RuntimeError("a mistake")
wsaas.service.lifecycle.Daemon.startService = boom
{TWISTD}"""


class LogTests(SystemTestCase):
    def full_pipe(self) -> tuple[int, int]:
        """A pipe into which no further byte goes."""
        read, write = os.pipe()
        for each in (read, write):
            self.addCleanup(os.close, each)
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(write, False)
        try:
            while True:
                os.write(write, b"." * 4095 + b"\n")
        except BlockingIOError:
            os.set_blocking(write, True)
        return read, write

    def started(self, settings: Mapping[str, str] | None = None, **process: Any) -> Gateway:
        return self.watched(Gateway.start(self.directory(), settings or {}, **process))

    def serves_and_stops(self, **process: Any) -> None:
        """A gateway that is ready, alive and carries a message, drains at SIGTERM and ends with status 0."""
        backend = self.backend()
        stage = backend.stage("/")
        settings = {"TARGET_ADDRESS": backend.address, "LOG_LEVEL": "debug"}
        gateway = self.started(settings, **process)
        client = self.connect(gateway.ws + "/")
        for _ in range(20):
            gateway.process.send_signal(signal.SIGHUP)
            client.send("hello")
            self.assertEqual(gateway.api.get("/-/healthy").status, 200)
        eventually(lambda: len(stage.messages) == 20)
        self.assertEqual(gateway.stop(30), 0)
        self.assertEqual(self.only(lambda: stage.disconnects).json()["cause"], "drain")

    def test_reader_that_stopped(self) -> None:
        """With a standard output that nobody reads it serves and stops as ever."""
        _, write = self.full_pipe()
        self.serves_and_stops(stdout=write)

    def test_full_disk(self) -> None:
        """With a log file on a full disk the gateway serves and stops as usual."""
        self.serves_and_stops(twistd=["-n", "--pidfile=", "--logfile=/dev/full"])

    def test_syslog(self) -> None:
        """With a syslog daemon that hangs the gateway serves and stops as usual."""
        self.serves_and_stops(program=SYSLOG_THAT_HANGS, twistd=["-n", "--pidfile=", "--syslog"])

    def test_said_later(self) -> None:
        """When the log is read again, what waited comes, then a line that says how many are missing, then the end."""
        read, write = self.full_pipe()
        os.set_blocking(read, False)
        gateway = self.started(program=SMALL_BUFFER, stdout=write)
        for _ in range(10):
            gateway.process.send_signal(signal.SIGHUP)
            self.assertEqual(gateway.api.get("/-/healthy").status, 200)
        text = ""

        def said(words: str) -> bool:
            nonlocal text
            with contextlib.suppress(BlockingIOError):
                text += os.read(read, 1 << 16).decode()
            return words in text

        eventually(lambda: said(" lines are missing here: "))
        gateway.terminate()
        eventually(lambda: said("draining 0 connections"))
        self.assertEqual(gateway.wait(), 0)
        self.assertLess(text.index(" room for "), text.index(" lines are missing here: "))
        self.assertLess(text.index(" lines are missing here: "), text.index("draining 0 connections"))

    def test_reader_that_left(self) -> None:
        """A reader that closes its end costs the log, and nothing else."""
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        os.close(read)
        self.serves_and_stops(stdout=write)

    def crashed(self, twistd: Sequence[str]) -> Gateway:
        anywhere = dict.fromkeys(("WS_ENDPOINT", "HTTP_ENDPOINT"), "tcp:0:interface=127.0.0.1")
        gateway = Gateway(self.directory(), anywhere, program=CRASH, twistd=twistd)
        self.addCleanup(gateway.kill)
        self.assertEqual(gateway.wait(), 1)
        return gateway

    def test_crash(self) -> None:
        """The traceback of a process that crashes is in the log, whole."""
        for text in (
            self.crashed(["-n", "--pidfile="]).log(),
            Path(self.crashed(["-n", "--pidfile=", "--logfile=x.log"]).directory, "x.log").read_text(),
        ):
            self.assertIn("Traceback (most recent call last):", text)
            self.assertIn("in boom", text)
            self.assertIn("RuntimeError: a mistake", text)

    def test_rotation(self) -> None:
        """SIGUSR1 rotates a log file, and after a SIGHUP the log goes on in a new one."""
        gateway = self.started(twistd=["-n", "--pidfile=", "--logfile=x.log"])
        log, older = gateway.directory / "x.log", gateway.directory / "x.log.1"
        gateway.process.send_signal(signal.SIGUSR1)
        eventually(older.exists)
        self.assertIn("listening for clients", older.read_text())
        gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: log.exists() and "reloaded 0 of 0" in log.read_text())
        log.rename(gateway.directory / "moved")
        gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: log.exists() and "reloaded 0 of 0" in log.read_text())
        self.assertEqual(gateway.stop(), 0)
        self.assertIn("draining 0 connections", log.read_text())
