"""A backend that is away or fails in every way it can: messages keep their order, and none is lost (G1, G3)."""

from __future__ import annotations

import time

from tests.support.backend_answers import after, drop, hang, raw, reply, reset
from tests.support.faults import PATIENCE, FaultsTestCase, by_id, fickle, first_of_each, heard, note, size
from tests.support.system_case import eventually
from tests.support.websocket_client import refused

AWAY = size(5, 60)


def let_in(uri: str) -> bool:
    """Return whether a client is accepted; a refusal must say when to try again."""
    try:
        refusal = refused(uri)
    except AssertionError:
        return True
    assert refusal.status == 503 and int(refusal.headers["retry-after"]) >= 1, refusal
    return False


class AwayTests(FaultsTestCase):
    def test_down_at_start(self) -> None:
        """The gateway starts without its backend, refuses clients with 503 and Retry-After, and no DELETE follows; once
        the backend is there they are let in."""
        backend = self.lasting_backend()
        backend.stop()
        gateway = self.gateway(TARGET_ADDRESS=backend.address)
        self.assertEqual([let_in(gateway.ws + "/") for _ in range(20)], [False] * 20)
        revived = self.back(backend)
        stage = revived.stage("/")
        eventually(lambda: let_in(gateway.ws + "/"), 30)
        eventually(lambda: stage.disconnects)
        self.assertEqual(revived.strays.requests, [])
        self.assertEqual([request.method for request in stage.requests], ["POST", "DELETE"])

    def test_down_for_a_while(self) -> None:
        """While the backend is away clients stay, speak and leave, and newcomers get 503; when it is back it hears all,
        in order, within seconds."""
        backend = self.lasting_backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend, MESSAGE_PATIENCE="600000")
        crowd = self.crowd(gateway)
        members = crowd.enter(30)
        backend.stop()
        for count in range(AWAY * 4):
            for member in members:
                crowd.say(member, b"%d" % count)
            crowd.wait(0.25)
        for member in members[:10]:
            crowd.close(member)
        crowd.until(lambda: len(crowd.living) == 20)
        self.assertFalse(let_in(gateway.ws + "/"))
        revived = self.back(backend)
        began = time.monotonic()
        crowd.until(lambda: revived.strays.messages)
        self.assertLess(time.monotonic() - began, 10)
        crowd.until(lambda: len(revived.strays.messages) >= 30 * AWAY * 4 and len(revived.strays.disconnects) == 10)
        note(f"after {AWAY} s away, {30 * AWAY * 4} messages were delivered in {time.monotonic() - began:.1f} s")
        self.assertEqual(len(crowd.living), 20)
        self.assertTrue(let_in(gateway.ws + "/"))
        requests = [request for request in heard(stage, revived.strays) if request.header("Authorization")]
        for story in by_id(requests).values():
            said = [request.body for request in story if request.method == "PUT"]
            self.assertEqual(said, [b"%d" % count for count in range(AWAY * 4)])
        left = {request.id for request in revived.strays.disconnects}
        self.assert_accounted([request for request in requests if request.id in left])
        self.assert_accounted([request for request in requests if request.id not in left], ends=False)
        self.assertEqual({request.json()["lost_messages"] for request in revived.strays.disconnects}, {0})


class FickleTests(FaultsTestCase):
    def test_every_fault_at_random(self) -> None:
        """A backend that at random answers, fails, hangs, hangs up, resets, is slow or talks nonsense hears of each
        connection it may have accepted one POST, all messages in order, and one DELETE; repeats bear the same id."""
        clients, messages = size(30, 300), 10
        half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        bad = [reply(500), reply(503), reply(429), hang(), drop(), reset(), raw(b"nonsense\r\n\r\n"), half]
        good = reply(200, b'{"code": "OK"}')
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(fickle(1, hang(), drop(), reset(), half, *[good] * 12))
        stage.on_message(fickle(2, *bad, *[after(0.01, good), good] * 8))
        stage.on_disconnect(fickle(3, *bad, *[good] * 8))
        gateway = self.gateway(backend, WEBHOOK_TIMEOUT="500", MESSAGE_PATIENCE="600000")
        crowd = self.crowd(gateway)
        came = crowd.ask(clients)
        crowd.until(lambda: all(member.status or member.code for member in came))
        inside = crowd.living
        self.assertGreater(len(inside), clients // 3)
        for count in range(messages):
            for member in inside:
                crowd.say(member, b"%d" % count)
        for member in inside:
            crowd.close(member)
        asked = {request.id for request in stage.connects}
        crowd.until(lambda: {request.id for request in stage.disconnects} == asked)
        stories = self.assert_accounted(stage.requests)
        whole = [[b"%d" % count for count in range(messages)]] * len(inside)
        names = {f"Bearer {member.name}" for member in inside}
        told = [
            [event.body for event in first_of_each(story) if event.method == "PUT"]
            for story in stories.values()
            if story[0].header("Authorization") in names
        ]
        self.assertEqual(told, whole)
        causes = {story[-1].header("Authorization") in names: story[-1].json()["cause"] for story in stories.values()}
        self.assertEqual(causes, {True: "client", False: "unknown_connect"})
        again = len(stage.requests) - len(first_of_each(stage.requests))
        note(f"{len(stage.requests)} webhooks, {again} of them repeats, for {len(stories)} connections")

    def test_hang_for_some(self) -> None:
        """Clients whose webhooks hang delay nobody else, not even while they hold all of their share."""
        backend = self.backend()
        stuck, quick = backend.stage("/stuck"), backend.stage("/quick")
        stuck.on_connect(hang())
        stuck.on_disconnect(hang())
        gateway = self.gateway(backend, WEBHOOK_CONCURRENCY="8", WEBHOOK_TIMEOUT="600000")
        leaving, asking = self.crowd(gateway, "/stuck"), self.crowd(gateway, "/stuck")
        stuck.on_connect(reply(200, b'{"code": "OK"}'))
        leaving.reset(leaving.enter(20))
        eventually(lambda: len(stuck.disconnects) >= 2, PATIENCE)
        client = self.connect(gateway.ws + "/quick")
        stuck.on_connect(hang())
        asking.ask(20)
        asking.wait(0.5)
        for count in range(20):
            client.send(str(count))
        eventually(lambda: len(quick.messages) == 20, PATIENCE)
