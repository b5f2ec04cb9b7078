"""The demo as a service: where it listens, what it says, how it ends."""

from __future__ import annotations

from typing import Any

from treq.testing import StubTreq
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsaas.demo.backend import DemoBackend, Pusher
from wsaas.demo.service import demo_service, demo_site
from wsaas.settings.load import SettingsError, load


def settings(**environment: str) -> Any:
    return load({}, environment)


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
    def start(self, **environment: str) -> tuple[MemoryReactorClock, Any, list[str]]:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        reactor = MemoryReactorClock()
        service = demo_service(reactor, settings(**environment))
        service.privilegedStartService()
        service.startService()
        hints = [event["hint"] for event in events if "hint" in event]
        return reactor, service, hints

    def test_listens(self) -> None:
        """It listens on the port of TARGET_ADDRESS, on loopback only."""
        for environment, port in (({}, 3000), ({"TARGET_ADDRESS": "http://127.0.0.1:4000"}, 4000)):
            reactor, _, _ = self.start(**environment)
            [(listening, _, _, interface)] = reactor.tcpServers
            self.assertEqual((listening, interface), (port, "127.0.0.1"))

    def test_hints(self) -> None:
        """Three commands to copy: they fit the settings, and never show the token."""
        _, _, hints = self.start()
        self.assertEqual(
            [hint.partition(":")[2].strip() for hint in hints],
            [
                "wsaas connect ws://localhost:8080/",
                "curl -X PUT -d hello http://localhost:8081/{id}",
                "curl -X DELETE http://localhost:8081/{id}",
            ],
        )
        _, _, hints = self.start(WS_PORT="9000", LOCAL_ADDRESS="http://gateway.example", API_TOKEN="0123456789abcdef")
        self.assertIn("ws://localhost:9000/", hints[0])
        self.assertIn("http://gateway.example/{id}", hints[1])
        self.assertIn('-H "Authorization: Bearer $API_TOKEN"', hints[2])
        self.assertNotIn("0123456789abcdef", "".join(hints))

    def test_elsewhere(self) -> None:
        """A TARGET_ADDRESS that is not ours to serve is a mistake in the settings."""
        for address in ("https://localhost:3000/websocket", "http://backend.example:3000/", "http://10.0.0.1/"):
            error = self.assertRaises(ValueError, demo_service, MemoryReactorClock(), settings(TARGET_ADDRESS=address))
            self.assertIn(address.rstrip("/"), str(error))

    def test_taken(self) -> None:
        """A port that is taken ends the start with one line."""
        service = demo_service(Taken(), settings())
        error = self.assertRaises(SettingsError, service.privilegedStartService)
        self.assertIn("Address already in use", str(error))

    def test_stop(self) -> None:
        """It still listens when it is told to stop: the gateway's last disconnects come then."""
        reactor = Counting()
        service: Any = demo_service(reactor, settings())
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
        """There is no access log: it would name connections."""
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
