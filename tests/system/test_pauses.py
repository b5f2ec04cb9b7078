"""The process stands still (SIGSTOP, as a frozen container or a starved machine): held against nobody (G3).

Every deadline here is shorter than the time for which the process stands still, and what it waits for comes meanwhile.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import datetime

from tests.support.backend_answers import Gate, accept, gated, reply
from tests.support.faults import PATIENCE, FaultsTestCase, by_id, first_of_each
from tests.support.gateway_process import Gateway
from tests.support.system_case import eventually
from tests.support.websocket_client import TEXT, RawClient, close_frame, frame, handshake

CLIENTS = 10
BEFORE, MEANWHILE = range(5), range(5, 10)


class PauseTests(FaultsTestCase):
    def assert_forgiven(self, deadline: float, stand_still: Callable[[Gateway, Callable[[], None]], None]) -> None:
        """Nothing is lost, late or out of order for whatever is under way when the process stands still; `stand_still`
        has it so, and calls what it is given in the middle of that."""
        gate, backend = Gate(), self.backend()
        busy, pending, retried, closed = (backend.stage(path) for path in ("/busy", "/pending", "/retried", "/closed"))
        busy.on_message(*[gated(gate, reply())] * CLIENTS, reply())
        pending.on_connect(gated(gate, accept()))
        retried.on_message(gated(gate, reply(503)), reply())
        short = str(int(deadline * 1000))
        gateway = self.gateway(backend, WEBHOOK_TIMEOUT=short, MESSAGE_PATIENCE=short, WS_TIMEOUT=short)
        crowd, newcomers, patient = (self.crowd(gateway, path) for path in ("/busy", "/pending", "/retried"))
        members, (one,) = crowd.enter(CLIENTS), patient.enter(1)
        for member in members:
            for number in BEFORE:
                crowd.say(member, b"%d" % number)
        patient.say(one, b"once more")
        newcomers.ask(CLIENTS)
        newcomers.until(lambda: len(pending.connects) == CLIENTS)
        leaving = self.raw(gateway.ws_port).open("/closed")
        gateway.api.close(closed.connects[0].id, "?code=4000")
        self.assertEqual(leaving.close_code(), 4000)
        opening = self.raw(gateway.ws_port)
        head = handshake("/closed")
        opening.send(head[:50])
        pusher = gateway.api.dial()
        self.addCleanup(pusher.close)
        target = busy.connects[0].id.encode()
        pusher.sendall(b"PUT /" + target + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello")
        eventually(lambda: len(busy.messages) == CLIENTS and len(retried.messages) == 1)

        def meanwhile() -> None:
            gate.open()
            for member in members:
                for number in MEANWHILE:
                    crowd.say(member, b"%d" % number)
            leaving.send(close_frame(4000))
            opening.send(head[50:])
            pusher.sendall(b"world")

        stand_still(gateway, meanwhile)
        everyone = [crowd, newcomers, patient]

        def all_done() -> bool:
            for each in everyone:
                each.turn()
            texts = [request.body for request in first_of_each(busy.messages)]
            return len(texts) == CLIENTS * len([*BEFORE, *MEANWHILE]) and len(retried.messages) == 2

        eventually(all_done, PATIENCE)
        newcomers.until(lambda: all(member.status for member in newcomers.members))
        self.assertEqual({member.status for member in newcomers.members}, {101})
        for story in by_id(first_of_each(busy.messages)).values():
            self.assertEqual([request.body for request in story], [b"%d" % n for n in (*BEFORE, *MEANWHILE)])
        self.assertEqual(opening.read()[:12], b"HTTP/1.1 101")
        self.assertEqual(pusher.recv(100)[:15], b"HTTP/1.1 200 OK")
        crowd.until(lambda: any(member.messages == [b"helloworld"] for member in members))
        self.assertEqual(self.only(lambda: closed.disconnects).json()["clean"], True)
        for stage in (busy, pending, retried):
            self.assertEqual(stage.disconnects, [])
            self.assert_accounted(stage.requests, ends=False)
        self.assertEqual([len(each.living) for each in everyone], [CLIENTS, CLIENTS, 1])

    def test_long(self) -> None:
        """One stop that is longer than every deadline; the log says how long the process stood still."""

        def stand_still(gateway: Gateway, meanwhile: Callable[[], None]) -> None:
            gateway.process.send_signal(signal.SIGSTOP)
            time.sleep(1)
            meanwhile()
            time.sleep(6)
            gateway.process.send_signal(signal.SIGCONT)
            eventually(lambda: "stood still for 7." in gateway.log())

        self.assert_forgiven(3, stand_still)

    def test_starved(self) -> None:
        """A process that runs for a tenth of the time only."""

        def stand_still(gateway: Gateway, meanwhile: Callable[[], None]) -> None:
            for number in range(10):
                gateway.process.send_signal(signal.SIGSTOP)
                time.sleep(0.9)
                if number == 9:
                    meanwhile()
                gateway.process.send_signal(signal.SIGCONT)
                time.sleep(0.1)

        self.assert_forgiven(6, stand_still)

    def test_drain(self) -> None:
        """A drain has its whole DRAIN_TIMEOUT beside the time in which the process stood still; the client, who was
        silent meanwhile, was last active before that.
        """
        gate, backend = Gate(), self.backend()
        stage = backend.stage("/")
        stage.on_message(gated(gate, reply()), reply())
        gateway = self.gateway(backend, DRAIN_TIMEOUT="3000")
        client: RawClient = self.raw(gateway.ws_port).open("/")
        client.send(frame(TEXT, b"one") + frame(TEXT, b"two"))
        id = self.only(lambda: stage.messages).id
        before = gateway.api.get(f"/{id}").json()["last_active_at"]
        gateway.process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        gateway.process.send_signal(signal.SIGCONT)
        after = gateway.api.get(f"/{id}").json()["last_active_at"]
        late = (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
        self.assertLess(abs(late), 0.5)
        gateway.terminate()
        self.assertEqual(client.close_code(), 1012)
        gateway.process.send_signal(signal.SIGSTOP)
        client.send(close_frame(1012))
        gate.open()
        time.sleep(5)
        gateway.process.send_signal(signal.SIGCONT)
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual(stage.bodies, [b"one", b"two"])
        self.assertEqual(self.only(lambda: stage.disconnects).json()["cause"], "drain")
        self.assertNotIn("stopped before the backend heard", gateway.log())
