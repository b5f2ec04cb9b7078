"""Clients that vanish, come back all at once, or are cut off in silence; and calls that cross each other."""

from __future__ import annotations

import time

from tests.support.backend_answers import Gate, accept, after, gated, reply
from tests.support.faults import PATIENCE, FaultsTestCase, note, size, want_files
from tests.support.system_case import eventually
from tests.support.websocket_client import closing

CLIENTS = size(300, 1000)


class CrowdTests(FaultsTestCase):
    def test_vanish(self) -> None:
        """Many vanish at once while the backend is slow to hear of it: clients that stay, and newcomers, do not wait
        for that; each of the others has its DELETE."""
        want_files(CLIENTS + 500)
        gate = Gate()
        backend = self.backend()
        stage, other = backend.stage("/"), backend.stage("/other")
        stage.on_disconnect(gated(gate, reply()))
        gateway = self.gateway(backend, WEBHOOK_TIMEOUT="600000")
        crowd, stays = self.crowd(gateway), self.connect(gateway.ws + "/other")
        crowd.enter(CLIENTS)
        crowd.reset(crowd.members)
        eventually(lambda: stage.disconnects)
        for client in (stays, self.connect(gateway.ws + "/other")):
            client.send("still here")
            id = eventually(lambda: other.connects[-1].id)
            self.assertEqual(gateway.api.push(id, "so am I").status, 200)
        eventually(lambda: len(other.messages) == 2)
        gate.open()
        eventually(lambda: len(stage.disconnects) == CLIENTS, PATIENCE)
        self.assert_accounted(stage.requests)
        self.assertEqual({end.json()["cause"] for end in stage.disconnects}, {"network"})

    def test_reconnect_storm(self) -> None:
        """All come back at once, to a backend that takes its time: each is let in or told when to come again, and all
        are in soon; nobody is counted twice."""
        want_files(2 * CLIENTS + 500)
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        crowd = self.crowd(gateway)
        crowd.enter(CLIENTS)
        stage.on_connect(after(0.02, accept()))
        began = time.monotonic()
        crowd.reset(crowd.members)
        outside, rounds = CLIENTS, 0
        while outside:
            rounds += 1
            came = crowd.ask(outside)
            crowd.until(lambda came=came: all(member.status or member.code for member in came))  # type: ignore[misc]
            away = [member for member in came if not member.lives]
            self.assertLessEqual({member.status for member in away}, {503})
            self.assertTrue(all(b"\r\nretry-after: " in member.head for member in away))
            outside = len(away)
        note(f"{CLIENTS} clients were back after {time.monotonic() - began:.1f} s, in {rounds} rounds")
        eventually(lambda: len(stage.disconnects) == CLIENTS, PATIENCE)
        left = {end.id for end in stage.disconnects}
        self.assert_accounted([request for request in stage.requests if request.id in left])
        self.assertEqual(len(stage.connects), 2 * CLIENTS)
        self.assertEqual(gateway.api.get("/-/ready").status, 200)


class SilenceTests(FaultsTestCase):
    def test_half_open(self) -> None:
        """A client whose network dies without a FIN is found within WS_TIMEOUT and a third: cause timeout."""
        timeout = 2.0
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend, WS_TIMEOUT=str(int(timeout * 1000)))
        wire = self.wire(gateway.ws_port)
        crowd = self.crowd(wire)
        (member,) = crowd.enter(1)
        crowd.wait(timeout * 1.5)
        self.assertEqual((member.lives, stage.disconnects), (True, []))
        wire.cut()
        began = time.monotonic()
        crowd.until(lambda: stage.disconnects)
        took = time.monotonic() - began
        note(f"found {took:.1f} s after the wire was cut, with WS_TIMEOUT={timeout:g} s")
        # Half of it at the latest after its last pong it was pinged; a second for a machine that has much to do.
        self.assertLess(took, timeout * 4 / 3 + 1)
        self.assertEqual(stage.disconnects[0].json()["cause"], "timeout")


class CrossingTests(FaultsTestCase):
    def test_api_close_during_message(self) -> None:
        """Closed over the API while a message is with the backend: the client goes at once, the message and those
        behind it are delivered, the DELETE comes last."""
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_message(gated(gate, reply()), reply())
        gateway = self.gateway(backend)
        client = self.connect(gateway.ws + "/")
        for text in ("one", "two", "three"):
            client.send(text)
        id = self.only(lambda: stage.messages).id
        eventually(lambda: gateway.api.get(f"/{id}").json()["messages_in"] == 3)
        self.assertEqual(gateway.api.close(id, "?code=4001").status, 200)
        self.assertEqual(closing(client)[0], 4001)
        self.assertEqual(stage.disconnects, [])
        gate.open()
        end = self.only(lambda: stage.disconnects).json()
        self.assertEqual((end["cause"], end["close_code"], end["lost_messages"]), ("api", 4001, 0))
        self.assertEqual(stage.bodies, [b"one", b"two", b"three"])
        self.assert_accounted(stage.requests)

    def test_closed_twice(self) -> None:
        """Closed twice over the API: 200, then 404; one close frame, one DELETE, with what the first call said."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        client = self.raw(gateway.ws_port).open("/")
        id = self.only(lambda: stage.connects).id
        self.assertEqual(gateway.api.close(id, "?code=4001").status, 200)
        self.assertEqual(gateway.api.close(id, "?code=4002").status, 404)
        self.assertEqual(gateway.api.push(id, "too late").status, 404)
        self.assertEqual(client.close_code(), 4001)
        client.leave()
        self.assertEqual(self.only(lambda: stage.disconnects).json()["close_code"], 4001)
        self.connect(gateway.ws + "/").close()
        eventually(lambda: len(stage.disconnects) == 2)
        self.assert_accounted(stage.requests)

    def test_early_push_refused(self) -> None:
        """A push that was queued for a client which is then refused goes nowhere, and the id is nobody's."""
        gate = Gate()
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(gated(gate, reply(403)))
        gateway = self.gateway(backend)
        client = self.raw(gateway.ws_port)
        client.ask("/")
        id = self.only(lambda: stage.connects).id
        self.assertEqual(gateway.api.push(id, "early").status, 202)
        gate.open()
        self.assertEqual(client.refusal(), 403)
        self.assertEqual(gateway.api.push(id, "late").status, 404)
        self.assertEqual(len(stage.requests), 1)
