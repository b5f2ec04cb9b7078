"""SIGTERM: every client is told, every connection is accounted for, and the process ends."""

from __future__ import annotations

import signal
import time

from tests.support.backend_answers import Gate, gated, hang, reply
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import closing, refused


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
