"""Order under load, and memory that does not follow the backlog."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

from tests.support.backend_answers import Gate, Request, gated, reply
from tests.support.backend_server import overlapping
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import BINARY, TEXT, RawClient, frame

CLIENTS, MESSAGES = 64, 200


class OrderTests(SystemTestCase):
    def test_order(self) -> None:
        """64 clients that each send 200 messages as fast as they can: each one's complete, in order, one at a time."""
        backend = self.backend()
        stage = backend.stage("/order")
        gateway = self.gateway(backend)
        clients = [self.raw(gateway.ws_port).open("/order") for _ in range(CLIENTS)]
        senders = [threading.Thread(target=speak, args=(client, number)) for number, client in enumerate(clients)]
        for sender in senders:
            sender.start()
        eventually(lambda: len(stage.messages) >= CLIENTS * MESSAGES, 300)
        for sender in senders:
            sender.join(10)
        for client in clients:
            client.leave()
        eventually(lambda: len(stage.disconnects) == CLIENTS, 60)

        by_id: dict[str, list[Request]] = defaultdict(list)
        for webhook in stage.requests:
            by_id[webhook.id].append(webhook)
        self.assertEqual(len(by_id), CLIENTS)
        voices = set()
        for webhooks in by_id.values():
            self.assertEqual([w.method for w in webhooks], ["POST", *["PUT"] * MESSAGES, "DELETE"])
            said = [webhook.body.split(b":") for webhook in webhooks[1:-1]]
            self.assertEqual([int(number) for _, number in said], list(range(MESSAGES)))
            self.assertEqual(len({who for who, _ in said}), 1)
            voices.add(said[0][0])
            self.assertEqual(overlapping(webhooks), [])
            self.assertEqual(webhooks[-1].json()["lost_messages"], 0)
        self.assertEqual(len(voices), CLIENTS)


def speak(client: RawClient, number: int) -> None:
    client.send(b"".join(frame(TEXT, f"{number}:{count}".encode()) for count in range(MESSAGES)))


class BacklogTests(SystemTestCase):
    def test_memory(self) -> None:
        """A backend that does not answer stops its clients by TCP: the gateway's memory does not follow the backlog.

        60 MB wait to be sent; the receive buffers may hold 2.5 MB of them. Once the backend answers, all arrives.
        """
        clients, messages, size = 20, 48, 65536
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/slow")
        stage.on_message(gated(gate, reply()))
        gateway = self.gateway(
            backend, RECEIVE_BUFFER="131072", MAX_MESSAGE_SIZE="65536", WEBHOOK_TIMEOUT="600000", WS_TIMEOUT="600000"
        )
        sent = [0] * clients

        def pour(client: RawClient, number: int) -> None:
            client.socket.settimeout(300)
            for count in range(messages):
                client.send(frame(BINARY, bytes([count]) * size))
                sent[number] += 1

        opened = [self.raw(gateway.ws_port).open("/slow") for _ in range(clients)]
        before = gateway.rss()
        senders = [threading.Thread(target=pour, args=(client, n), daemon=True) for n, client in enumerate(opened)]
        for sender in senders:
            sender.start()
        eventually(lambda: len(stage.messages) >= clients, 60)
        quiet(lambda: (sum(sent), gateway.rss() >> 20))
        self.assertLess(gateway.rss() - before, 20 << 20)
        self.assertEqual(gateway.api.get("/-/ready").status, 200)

        gate.open()
        eventually(lambda: len(stage.messages) >= clients * messages, 200)
        self.assertLess(gateway.rss() - before, 20 << 20)
        by_id: dict[str, list[int]] = defaultdict(list)
        for webhook in stage.messages:
            self.assertTrue(webhook.body == webhook.body[:1] * size)
            by_id[webhook.id].append(webhook.body[0])
        self.assertEqual(list(by_id.values()), [list(range(messages))] * clients)


def quiet(look: object, still: float = 1.0, within: float = 60) -> None:
    """Return once what `look` says has not changed for a while: then nothing more is coming."""
    assert callable(look)
    deadline, seen, since = time.monotonic() + within, look(), time.monotonic()
    while time.monotonic() - since < still and time.monotonic() < deadline:
        time.sleep(0.02)
        if (now := look()) != seen:
            seen, since = now, time.monotonic()
