"""Signals sent twice, and signals sent before the gateway has got through its start."""

from __future__ import annotations

import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support import gateway_process
from tests.support.backend_answers import Gate, gated, reply
from tests.support.gateway_process import TWISTD, Gateway
from tests.support.source import ROOT
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import closing

WHEN_IMPORTING = """
import os, sys
class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            for number in {numbers}:
                os.kill(os.getpid(), number)
sys.meta_path.insert(0, Sender())
"""
"""The rest of a program sends itself signals when it comes to import a module."""
PATIENT = """
import sys
class Patient:
    def find_spec(self, name, path=None, target=None):
        if name == "wsaas.service.lifecycle":
            sys.modules["wsaas.internals.signals"].SAME_REQUEST = 600.0
sys.meta_path.insert(0, Patient())
"""
"""The rest of a program takes signals for one request however slow the machine is."""
RUN = "import sys; from wsaas.cli.main import main; sys.argv[1:] = ['run']; sys.exit(main())"


class TwiceTests(SystemTestCase):
    def test_back_to_back(self) -> None:
        """Two SIGTERMs in one moment, and a SIGINT, are one: it drains, nobody is forgotten, no traceback."""
        self.patch(gateway_process, "TWISTD", PATIENT + TWISTD)
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_disconnect(gated(gate, reply()))
        gateway = self.gateway(backend)
        clients = [self.connect(gateway.ws + "/") for _ in range(3)]
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            gateway.process.send_signal(number)
        self.assertEqual([closing(client, 30)[0] for client in clients], [1012] * 3)
        eventually(lambda: len(stage.disconnects) == 3)
        gateway.terminate()
        self.assertEqual(gateway.api.get("/-/healthy").status, 200)
        gate.open()
        self.assertEqual(gateway.wait(), 0)
        self.assertNotIn("Traceback", gateway.log())
        self.assertNotIn("told again", gateway.log())
        self.assertNotIn("stopped before", gateway.log())

    def test_to_the_last_moment(self) -> None:
        """However many signals it gets while it ends, its status is 0."""
        gateway = self.gateway(self.backend())
        while gateway.process.poll() is None:
            gateway.terminate()
        self.assertEqual(gateway.wait(), 0)
        self.assertNotIn("Traceback", gateway.log())


class EarlyTests(SystemTestCase):
    def starting(self, *numbers: int, program: str = TWISTD, twistd: tuple[str, ...] = ("-n", "--pidfile=")) -> Gateway:
        """A gateway that gets these signals long before it runs, and again a little later."""
        early = "".join(
            WHEN_IMPORTING.format(module=module, numbers=[int(number) for number in numbers])
            for module in ("wsaas.service.lifecycle", "wsaas.journal.sqlite")
        )
        anywhere = {"WS_ENDPOINT": "tcp:0:interface=127.0.0.1"}
        return self.watched(Gateway(self.directory(), anywhere, program=PATIENT + early + program, twistd=twistd))

    def test_reload(self) -> None:
        """SIGHUP during the start is done after it, as are SIGUSR1 and SIGUSR2; the gateway lives."""
        others = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        for gateway in (
            self.starting(*others),
            self.starting(*others, program=RUN, twistd=()),
        ):
            gateway.wait_ready()
            eventually(lambda gateway=gateway: "reloaded 0 of 0" in gateway.log())  # type: ignore[misc]
            self.assertEqual(gateway.log().count("reloaded"), 1)
            self.assertEqual(gateway.stop(), 0)

    def test_stop(self) -> None:
        """SIGTERM or SIGINT during the start ends it with status 0, in the way of every stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gateway = self.starting(number)
            self.assertEqual(gateway.wait(), 0)
            self.assertIn("draining 0 connections", gateway.log())
            self.assertNotIn("Traceback", gateway.log())


class HangingStartTests(SynchronousTestCase):
    def test_a_start_that_hangs(self) -> None:
        """A start that hangs is ended by a second SIGTERM three seconds after the first."""
        code = (
            "import os, signal; from wsaas.internals.signals import Signals\n"
            "moments = [0, 2.9, 3]\n"
            "Signals(lambda: moments.pop(0)).hold()\n"
            "for _ in range(3): print(len(moments), flush=True); os.kill(os.getpid(), signal.SIGTERM)\n"
            "print('alive')"
        )
        ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
        self.assertEqual((ended.returncode, ended.stdout), (-signal.SIGTERM, "3\n2\n1\n"))
