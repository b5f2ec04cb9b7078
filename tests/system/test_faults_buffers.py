"""Bounded memory, honestly (G4, G5): a slow backend slows its clients by TCP, a slow client costs its pusher a 429.

Memory is measured as the growth of the resident set from an idle gateway with the same connections. `SLACK` is what
is not a buffer: the interpreter's arenas and malloc's free lists that are not given back, the log, and copies that live
for a moment. For the full size (400 MB from clients, 100 MB to one) see `faults`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time

from tests.support.backend_answers import hang, reply
from tests.support.faults import PATIENCE, FaultsTestCase, by_id, first_of_each, note, size, skimming
from tests.support.system_case import eventually
from tests.support.websocket_client import BINARY, TEXT, frame

MIB = 1 << 20
SLACK = 8 * MIB


class SlowBackendTests(FaultsTestCase):
    def test_blast(self) -> None:
        """20 clients blast messages of 100 KB at a backend that hangs: the gateway grows by no more than its receive
        buffers, the clients feel it by TCP; when the backend is back every message arrives, in order."""
        clients, messages, length, buffer = 20, size(50, 200), 100_000, MIB
        # Beside its lane: one message half read, and the copy of one in the request that is under way.
        most = clients * (buffer + 2 * length) + SLACK
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_message(skimming(hang()))
        gateway = self.gateway(backend, WEBHOOK_TIMEOUT="1500", MESSAGE_PATIENCE="3600000", RECEIVE_BUFFER=str(buffer))
        opened = [self.raw(gateway.ws_port).open("/") for _ in range(clients)]
        for raw in opened:
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        before = gateway.rss()
        left = {
            raw.socket: memoryview(b"".join(frame(BINARY, bytes([n % 251]) * length) for n in range(messages)))
            for raw in opened
        }
        whole = len(left[opened[0].socket])
        for sock in left:
            sock.setblocking(False)

        def pour(still: float) -> int:
            """Send what the sockets take, until they have taken nothing for so long; returns the most memory seen."""
            since, peak = time.monotonic(), 0
            while time.monotonic() - since < still and any(left.values()):
                _, ready, _ = select.select([], [sock for sock in left if left[sock]], [], 0.05)
                for sock in ready:
                    left[sock] = left[sock][sock.send(left[sock][:262144]) :]
                    since = time.monotonic()
                peak = max(peak, gateway.rss())
            return peak

        peak = pour(3.0) - before
        taken = [whole - len(rest) for rest in left.values()]
        note(
            f"taken from each: {min(taken) >> 10} to {max(taken) >> 10} KiB of {whole >> 10}; grown by {peak >> 10} KiB"
        )
        self.assertLess(peak, most)
        self.assertTrue(all(left.values()), "a client could send everything")
        stage.on_message(skimming(reply()))
        peak = pour(60.0) - before
        eventually(lambda: len({w.header("webhook-id") for w in stage.messages}) == clients * messages, PATIENCE)
        note(f"all delivered; grown by {peak >> 10} KiB at most, {(gateway.rss() - before) >> 10} KiB now")
        self.assertLess(peak, most)
        for story in self.assert_accounted(stage.requests, ends=False).values():
            said = [event.body for event in first_of_each(story) if event.method == "PUT"]
            self.assertEqual(said, [bytes([n % 251]) * 16 for n in range(messages)])
        self.assertEqual(len(by_id(stage.requests)), clients)
        self.assertEqual(stage.disconnects, [])


class SlowClientTests(FaultsTestCase):
    def test_never_reads(self) -> None:
        """A client that never reads, though it speaks: what is pushed to it is bounded by SEND_BUFFER, the pusher is
        told 429, other clients notice nothing, and after WS_TIMEOUT it is closed as too_slow."""
        timeout, length, pushes = size(3, 20), 100_000, size(200, 1000)
        backend = self.backend()
        stage, other = backend.stage("/"), backend.stage("/other")
        gateway = self.gateway(backend, WS_TIMEOUT=str(timeout * 1000), SEND_BUFFER=str(MIB))
        crowd = self.crowd(gateway, "/other")
        (healthy,) = crowd.enter(1)
        client = self.raw(gateway.ws_port, receive_buffer=4096).open("/")
        id, others = self.only(lambda: stage.connects).id, self.only(lambda: other.connects).id
        before, began, peak = gateway.rss(), time.monotonic(), 0
        answers = []

        def speak() -> None:
            with contextlib.suppress(ConnectionError):
                client.send(frame(TEXT, b"I am here"))

        def gone() -> bool:
            speak()
            return bool(stage.disconnects)

        for number in range(pushes):
            answers.append(gateway.api.push(id, bytes([number % 251]) * length))
            crowd.turn()  # the healthy one answers its pings, however long this takes
            if number % 50 == 0:
                self.assertEqual(gateway.api.push(others, "hello").status, 200)
                peak = max(peak, gateway.rss())
                speak()
        growth = max(peak, gateway.rss()) - before
        sent = sum(answer.status == 200 for answer in answers)
        note(
            f"pushed {pushes * length // 10**6} MB in {time.monotonic() - began:.1f} s: {sent} got 200; grown by "
            f"{growth >> 10} KiB"
        )
        refused = [answer for answer in answers if answer.status == 429]
        self.assertGreater(len(refused), pushes // 4)
        self.assertEqual({(answer.code, answer.status) for answer in refused}, {("CLIENT_TOO_SLOW", 429)})
        self.assertGreaterEqual(min(int(answer.headers["retry-after"]) for answer in refused), 1)
        self.assertLessEqual({answer.status for answer in answers}, {200, 429, 404})
        # SEND_BUFFER, the message that is being pushed, and its frame.
        self.assertLess(growth, MIB + 2 * length + SLACK)
        crowd.until(gone)
        self.assertEqual(self.only(lambda: stage.disconnects).json()["cause"], "too_slow")
        self.assertGreaterEqual(time.monotonic() - began, timeout)
        self.assertEqual(gateway.api.push(id, "anybody?").status, 404)
        crowd.until(lambda: len(healthy.messages) == -(-pushes // 50))
        self.assertTrue(healthy.lives)

    def test_reads_late(self) -> None:
        """Messages that were answered with 200 arrive, in order and without a gap, however late the client reads;
        messages that were answered with 429 do not.
        """
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend, SEND_BUFFER="300000", MAX_MESSAGE_SIZE="20000")
        client = self.raw(gateway.ws_port, receive_buffer=4096).open("/")
        id = self.only(lambda: stage.connects).id
        sent, refusals, number = [], 0, 0
        while refusals < 50:
            payload = number.to_bytes(4) * (1 + number * 7919 % 4000)
            status = gateway.api.push(id, payload).status
            self.assertIn(status, (200, 429))
            refusals += status == 429
            sent += [frame(BINARY, payload, masked=False)] if status == 200 else []
            number += 1
        client.socket.settimeout(PATIENCE)
        wanted, received = b"".join(sent), bytearray()
        while len(received) < len(wanted):
            received += client.socket.recv(1 << 20)
        self.assertTrue(received == wanted)
        self.assertEqual(gateway.api.push(id, b"more").status, 200)
        self.assertEqual(client.socket.recv(100), frame(BINARY, b"more", masked=False))
