"""The messages to the service manager, on a real datagram socket."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.systemd import Notifier


class NotifierTests(SynchronousTestCase):
    def manager(self, name: str) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.bind(name)
        listening.settimeout(10)
        return listening

    def directory(self) -> str:
        path = tempfile.mkdtemp()  # not below trial's: the path of a UNIX socket is at most 107 bytes
        self.addCleanup(shutil.rmtree, path)
        return path

    def test_messages(self) -> None:
        """Each state is one datagram in the words of sd_notify(3)."""
        path = os.path.join(self.directory(), "notify")
        manager = self.manager(path)
        notifier = Notifier(path, monotonic_ns=lambda: 1_234_567_891)
        for tell, said in [
            (notifier.ready, b"READY=1"),
            (notifier.reloading, b"RELOADING=1\nMONOTONIC_USEC=1234567"),
            (lambda: notifier.stopping(30.5), b"STOPPING=1\nEXTEND_TIMEOUT_USEC=30500000"),
        ]:
            tell()
            self.assertEqual(manager.recv(4096), said)

    def test_abstract(self) -> None:
        """A name that begins with an @ is one of the abstract namespace."""
        name = f"wsaas-test-{os.getpid()}-{id(self)}"
        manager = self.manager("\0" + name)
        Notifier.of({"NOTIFY_SOCKET": "@" + name}).ready()
        self.assertEqual(manager.recv(4096), b"READY=1")

    def test_nobody(self) -> None:
        """Without a manager nothing is sent and nothing logged; an empty name counts as none."""
        self.patch(socket, "socket", None)
        for environ in ({}, {"NOTIFY_SOCKET": ""}):
            with capturedLogs() as events:
                Notifier.of(environ).ready()
            self.assertEqual(events, [])

    def test_gone(self) -> None:
        """A manager that is gone, that does not listen or that has an impossible name is logged; life goes on."""
        for name in (os.path.join(self.directory(), "nobody"), "@nobody-has-this-name", "/" + "x" * 200):
            with capturedLogs() as events:
                Notifier(name).ready()
            self.assertEqual([event["log_level"].name for event in events], ["warn"])
            self.assertIn("READY=1", str(formatEvent(events[0])))

    def test_full(self) -> None:
        """A manager that reads nothing does not make the gateway wait."""
        path = os.path.join(self.directory(), "notify")
        self.manager(path)
        with capturedLogs() as events:
            for _ in range(100_000):
                Notifier(path).ready()
                if events:
                    break
        self.assertEqual(len(events), 1)
