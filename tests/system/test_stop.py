"""SIGTERM: every client is told, every connection is accounted for, and the process ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping

from tests.support.api_client import Api
from tests.support.backend_answers import Gate, gated, hang, reply
from tests.support.certificates import authority, issue, trusting, write
from tests.support.event_reader import EventReader
from tests.support.gateway_process import Gateway
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import closing, connect, refused


class StopTests(SystemTestCase):
    def test_clients(self) -> None:
        """Each of 20 clients is closed with 1012, each DELETE arrives with cause drain, and the exit code is 0."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        clients = [self.connect(gateway.ws + "/") for _ in range(20)]
        gateway.terminate()
        self.assertEqual([closing(client, 30)[0] for client in clients], [1012] * 20)
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual(len(stage.disconnects), 20)
        self.assertEqual({w.id for w in stage.disconnects}, {w.id for w in stage.connects})
        for webhook in stage.disconnects:
            end = webhook.json()
            self.assertEqual((end["cause"], end["close_code"], end["lost_messages"]), ("drain", 1012, 0))
        self.assertRegex(gateway.log(), r"clients told that the gateway stops: 20; disconnect webhooks left: [0-9]+\n")
        self.assertNotIn("stopped before", gateway.log())

    def test_nobody(self) -> None:
        """Without clients it ends at once, with 0; so it does at SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gateway = self.gateway(self.backend())
            gateway.process.send_signal(number)
            self.assertEqual(gateway.wait(10), 0)

    def test_queued_messages(self) -> None:
        """Messages that were read before are delivered, then the DELETE; meanwhile it is alive but not ready."""
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_message(gated(gate, reply()), reply())
        gateway = self.gateway(backend)
        connection = self.connect(gateway.ws + "/")
        for text in ("one", "two", "three"):
            connection.send(text)
        id = self.only(lambda: stage.messages).id
        eventually(lambda: gateway.api.get(f"/{id}").json()["messages_in"] == 3)
        gateway.terminate()
        eventually(lambda: gateway.api.get("/-/ready").status == 503)
        self.assertEqual(gateway.api.get("/-/healthy").status, 200)
        self.assertEqual(stage.disconnects, [])
        gate.open()
        self.assertEqual(closing(connection, 30)[0], 1012)
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual(stage.bodies, [b"one", b"two", b"three"])
        self.assertEqual([w.method for w in stage.requests], ["POST", "PUT", "PUT", "PUT", "DELETE"])
        self.assertEqual(stage.disconnects[0].json()["lost_messages"], 0)

    def test_no_new_clients(self) -> None:
        """While it drains nobody new is let in."""
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_disconnect(gated(gate, reply()))
        gateway = self.gateway(backend)
        self.connect(gateway.ws + "/")
        gateway.terminate()
        self.only(lambda: stage.disconnects)
        try:
            status = refused(gateway.ws + "/", open_timeout=5).status
        except OSError:
            status = 503
        self.assertEqual(status, 503)
        gate.open()
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual(len(stage.connects), 1)

    def test_pending_connect(self) -> None:
        """A client whose connect is pending is let go; if the backend may have accepted, it hears of the end."""
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(gated(gate, reply(200, b'{"code": "OK"}')))
        gateway = self.gateway(backend)
        raw_client = self.raw(gateway.ws_port)
        raw_client.ask("/")
        id = self.only(lambda: stage.connects).id
        gateway.terminate()
        eventually(lambda: gateway.api.get("/-/ready").status == 503)
        gate.open()
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual(self.only(lambda: stage.disconnects).id, id)

    def test_watched(self) -> None:
        """A gateway that drains answers those who watch it, though it listens for clients no more."""
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_message(gated(gate, reply()), reply())
        root, files = authority(), self.directory()
        issued = issue(root, ["localhost"])
        key, certificate = write(files, "key.pem", issued.key), write(files, "certificate.pem", issued.certificate)

        def make(ws_port: int, http_port: int) -> tuple[Mapping[str, str], Api]:
            tls = f"wsaas-tls:{ws_port}:interface=127.0.0.1:key={key}:certificate={certificate}"
            return {"WS_ENDPOINT": tls}, Api(http_port)

        settings = {"TARGET_ADDRESS": backend.address}
        gateway = self.watched(Gateway.start(self.directory(), settings, make=make))
        connection = connect(f"wss://localhost:{gateway.ws_port}/", ssl=trusting(root))
        self.addCleanup(connection.close)
        connection.send("one")
        self.only(lambda: stage.messages)
        clients = gateway.api.get("/-/stats").json()["clients"]
        gateway.terminate()
        eventually(lambda: "draining 1 connections" in gateway.log())
        for path in ("/-/stats", "/-/metrics", "/-/cluster", "/-/console"):
            self.assertEqual((path, gateway.api.get(path).status), (path, 200))
        self.assertEqual(gateway.api.get("/-/stats").json()["clients"], clients)
        self.assertIn(b"certificate", gateway.api.get("/-/metrics").body)
        reader = EventReader(gateway.api)
        self.addCleanup(reader.close)
        self.assertEqual(reader.hello["clients"], clients)
        gate.open()
        reader.until(lambda event: event["event"] == "disconnect")
        self.assertEqual(closing(connection, 30)[0], 1012)
        self.assertEqual(gateway.wait(), 0)

    def test_drain_timeout(self) -> None:
        """A backend that hangs does not keep it: it ends within DRAIN_TIMEOUT."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_message(hang())
        stage.on_disconnect(hang())
        gateway = self.gateway(backend, DRAIN_TIMEOUT="1500", WEBHOOK_TIMEOUT="60000")
        connection = self.connect(gateway.ws + "/")
        connection.send("one")
        self.only(lambda: stage.messages)
        began = time.monotonic()
        gateway.terminate()
        self.assertEqual(gateway.wait(15), 0)
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn("clients told that the gateway stops: 1; disconnect webhooks left: 1\n", gateway.log())
        line = "stopped before the backend heard of the end of 1 connections: the next start tells it"
        self.assertIn(line, gateway.log())

    def test_client_that_never_reads(self) -> None:
        """A client that ignores the Close does not delay the stop, and its DELETE is sent all the same."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        self.raw(gateway.ws_port, receive_buffer=4096).open("/")
        id = self.only(lambda: stage.connects).id
        while gateway.api.push(id, b"x" * 100000).status == 200:
            pass
        self.assertEqual(gateway.stop(40), 0)
        self.assertEqual(self.only(lambda: stage.disconnects).json()["cause"], "drain")
