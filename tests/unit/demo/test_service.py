"""The demo as a service: where it listens, what it says, how it ends."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from treq.testing import StubTreq
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsaas.demo.backend import DemoBackend, Pusher
from wsaas.demo.service import command, demo_service, demo_site
from wsaas.settings.load import SettingsError, load


def settings(**environment: str) -> Any:
    return load({}, environment)


def nowhere() -> None:
    """The clients have no URL."""


class Taken(MemoryReactorClock):
    """A reactor on which every port is taken."""

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> Any:
        raise CannotListenError(interface, port, OSError(98, "Address already in use"))


class Counting(MemoryReactorClock):
    """A reactor that counts the ports that listen."""

    listening = 0

    def listenTCP(self, *args: Any, **kwargs: Any) -> Any:
        port = super().listenTCP(*args, **kwargs)
        self.listening += 1

        def stop() -> None:
            self.listening -= 1

        port.stopListening = stop
        return port


class ServiceTests(SynchronousTestCase):
    clients: str | None = "ws://localhost:8080"

    def start(self, **environment: str) -> tuple[MemoryReactorClock, Any, list[str]]:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        reactor = MemoryReactorClock()
        service = demo_service(reactor, settings(**environment), lambda: self.clients)
        service.privilegedStartService()
        service.startService()
        hints = [event["hint"] for event in events if "hint" in event]
        return reactor, service, hints

    def test_listens(self) -> None:
        """The demo listens on the port of TARGET_ADDRESS, on loopback only."""
        for environment, port in (({}, 3000), ({"TARGET_ADDRESS": "http://127.0.0.1:4000"}, 4000)):
            reactor, _, _ = self.start(**environment)
            [(listening, _, _, interface)] = reactor.tcpServers
            self.assertEqual((listening, interface), (port, "127.0.0.1"))

    def test_hints(self) -> None:
        """Three commands to copy, and the console's address where the start does not say it: they fit the settings, and
        never show the token.
        """
        self.patch(sys, "argv", ["/nowhere/twistd"])
        self.patch(sys, "executable", "/nowhere/python")
        _, _, hints = self.start()
        self.assertEqual(
            [hint.partition(":")[2].strip() for hint in hints],
            [
                "wsaas connect ws://localhost:8080/",
                "curl http://localhost:8081/connections",
                "curl -X PUT -d hello http://localhost:8081/broadcast",
            ],
        )
        self.clients = "wss://localhost:9000"
        _, _, hints = self.start(LOCAL_ADDRESS="http://gateway.example", API_TOKEN="0123456789abcdef")
        self.assertIn("http://gateway.example/-/console", hints[0])
        self.assertIn("wss://localhost:9000/", hints[1])
        self.assertIn("http://gateway.example/connections", hints[2])
        self.assertIn('-H "Authorization: Bearer $API_TOKEN"', hints[3])
        self.assertNotIn("0123456789abcdef", "".join(hints))

    def test_no_place_to_connect(self) -> None:
        """Without a URL for clients, none is shown; with CONSOLE=off, no console."""
        self.clients = None
        hints = self.start(CONSOLE="off")[2]
        self.assertEqual([hint.partition(":")[0] for hint in hints], ["list the clients", "push to all of them"])

    def test_elsewhere(self) -> None:
        """A TARGET_ADDRESS that is not ours to serve is a mistake in the settings."""
        for address in ("https://localhost:3000/websocket", "http://backend.example:3000/", "http://10.0.0.1/"):
            given = settings(TARGET_ADDRESS=address)
            error = self.assertRaises(ValueError, demo_service, MemoryReactorClock(), given, nowhere)
            self.assertIn(address.rstrip("/"), str(error))

    def test_taken(self) -> None:
        """A port that is taken ends the start with one line."""
        service = demo_service(Taken(), settings(), nowhere)
        error = self.assertRaises(SettingsError, service.privilegedStartService)
        self.assertEqual(
            str(error),
            "TARGET_ADDRESS=http://localhost:3000/websocket: the demo cannot listen there: Address already in use",
        )

    def test_stop(self) -> None:
        """The demo goes on listening during a stop: the gateway's last disconnects come then."""
        reactor = Counting()
        service: Any = demo_service(reactor, settings(), nowhere)
        service.privilegedStartService()
        service.startService()
        self.assertEqual(reactor.listening, 1)
        self.assertIsNone(service.stopService())
        self.assertEqual(reactor.listening, 1)
        self.assertFalse(service.running)

    def test_prefix(self) -> None:
        """The webhooks are found below the path of TARGET_ADDRESS and nowhere else, at any depth."""
        backend = DemoBackend(Pusher(StubTreq(None), Clock(), "http://localhost:8081", None))
        for prefix in ("", "/websocket", "/a/b/c"):
            client = StubTreq(demo_site(backend, prefix).resource)
            for path, status in ((f"{prefix}/id", 200), (f"{prefix}/id/more", 404), (f"/elsewhere{prefix}/id", 404)):
                response = self.successResultOf(client.delete(f"http://localhost{path}"))
                self.assertEqual(response.code, status, (prefix, path))

    def test_quiet(self) -> None:
        """The demo has no access log: it would name connections."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        backend = DemoBackend(Pusher(StubTreq(None), Clock(), "http://localhost:8081", None))
        site = demo_site(backend, "")
        site.doStart()
        self.addCleanup(site.doStop)
        protocol = site.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        self.addCleanup(protocol.connectionLost, Failure(ConnectionDone()))  # or its timer outlives the test
        protocol.dataReceived(b"DELETE /an-id HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b" 200 ", transport.value())
        self.assertNotIn("an-id", str(events))


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp()).resolve()
        self.program("venv/bin", "wsaas")
        self.patch(os, "environ", {"PATH": ""})
        self.patch(sys, "executable", "/nowhere/python")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.place)

    def program(self, directory: str, name: str) -> None:
        (self.place / directory).mkdir(parents=True, exist_ok=True)
        path = self.place / directory / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)

    def test_beside(self) -> None:
        """The command is shown as it lies beside the program that was started, in the same way relative or not."""
        self.assertEqual(command("venv/bin/twistd"), "venv/bin/wsaas")
        self.assertEqual(command(f"{self.place}/venv/bin/twistd"), f"{self.place}/venv/bin/wsaas")
        self.program("with space/bin", "wsaas")
        self.assertEqual(command("with space/bin/wsaas"), "'with space/bin/wsaas'")

    def test_on_the_path(self) -> None:
        """If a shell finds the same command by its name, the name is shown alone."""
        os.environ["PATH"] = f"{self.place}/venv/bin"
        self.assertEqual(command(f"{self.place}/venv/bin/twistd"), "wsaas")
        self.program("other/bin", "wsaas")
        self.assertEqual(command("other/bin/twistd"), "other/bin/wsaas")

    def test_beside_python(self) -> None:
        """A program that lies elsewhere, such as python -m twisted, has the command beside its Python."""
        self.patch(sys, "executable", f"{self.place}/venv/bin/python")
        for started in ("/usr/lib/twisted/__main__.py", "-c", ""):
            self.assertEqual(command(started), f"{self.place}/venv/bin/wsaas")

    def test_nowhere(self) -> None:
        """If it is nowhere to be seen, it is called by its name."""
        shutil.rmtree(self.place / "venv")
        self.assertEqual(command("venv/bin/twistd"), "wsaas")
