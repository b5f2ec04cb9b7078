"""kill -9, and what the next life of the gateway tells the backend: every connection is accounted for (G2).

For the full size (1,000 connections, a backend that is away for a minute, 40 deaths in a row) see `faults`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

from tests.support import gateway_process as gateway_module
from tests.support.backend_answers import Answer, Exchange, Request, accept, hang, reply
from tests.support.backend_server import Stage
from tests.support.faults import PATIENCE, FaultsTestCase, by_id, heard, note, size, want_files
from tests.support.gateway_process import Gateway
from tests.support.system_case import eventually
from tests.support.websocket_client import TEXT, closing, frame, refused

CONNECTIONS = size(150, 1000)
DEATHS = size(2, 40)
DEATHS_AT_THE_101 = size(4, 60)
SLOW_DISK = f"""
import time
from wsaas.journal.file import Store

write = Store.write

def slowly(self, *arguments):
    time.sleep(0.3)
    write(self, *arguments)

Store.write = slowly
{gateway_module.TWISTD}"""


def ended(stage: Stage) -> set[str]:
    return {request.id for request in stage.disconnects}


def killing(pid: int, then: Answer) -> Answer:
    """Kill a process as soon as a request is here."""

    async def answer(exchange: Exchange) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return await then(exchange)

    return answer


class PhaseTests(FaultsTestCase):
    """Killed in each phase of a connection's life."""

    def die_and_tell(self, gateway: Gateway, stage: Stage, count: int = 1) -> list[Request]:
        """Kill it, start it again, and see the DELETEs that come of it."""
        gateway.kill()
        stage.on_connect(accept())
        stage.on_message(reply())
        stage.on_disconnect(reply())
        backend = f"http://127.0.0.1:{self.port}/websocket"
        self.next_life(gateway, TARGET_ADDRESS=backend, LOCAL_ADDRESS="http://gateway")
        eventually(lambda: len(ended(stage)) == count, PATIENCE)
        self.assert_accounted(stage.requests)
        return stage.disconnects

    def begin(self) -> tuple[Gateway, Stage]:
        backend = self.backend()
        self.port = backend.port
        return self.gateway(backend, LOCAL_ADDRESS="http://gateway"), backend.stage("/")

    def test_post_pending(self) -> None:
        """While a connect webhook waits for its answer: the backend may have accepted, so it hears a DELETE."""
        gateway, stage = self.begin()
        stage.on_connect(hang())
        crowd = self.crowd(gateway)
        crowd.ask(5)
        crowd.until(lambda: len(stage.connects) == 5)
        ends = self.die_and_tell(gateway, stage, 5)
        self.assertEqual({end.json()["cause"] for end in ends}, {"restart"})

    def test_post_just_arrived(self) -> None:
        """In the moment in which the first POST is at the backend, and with a slow disk: what the backend hears of is
        already in the journal."""
        self.patch(gateway_module, "TWISTD", SLOW_DISK)
        gateway, stage = self.begin()
        stage.on_connect(killing(gateway.pid, accept()))
        crowd = self.crowd(gateway)
        crowd.ask(10)
        crowd.until(lambda: stage.connects and gateway.process.poll() is not None)
        time.sleep(0.1)  # what else it sent in its last moment is read by the backend
        self.die_and_tell(gateway, stage, len(by_id(stage.connects)))

    def test_open(self) -> None:
        """While the connection is open: cause restart, 1006, not clean, and what the OK asked to be repeated is."""
        gateway, stage = self.begin()
        stage.on_connect(accept(headers={"X-User": "42"}))
        self.crowd(gateway).enter(5)
        for end in self.die_and_tell(gateway, stage, 5):
            body = end.json()
            self.assertEqual((body["cause"], body["close_code"], body["clean"]), ("restart", 1006, False))
            self.assertEqual(end.header("X-User"), "42")

    def test_first_moment(self) -> None:
        """In the moment in which the first client has its 101: what the OK asked to be repeated is in the DELETE of
        each that was let in."""
        gateway, stage = self.begin()
        backend = f"http://127.0.0.1:{self.port}/websocket"
        stage.on_connect(accept(headers={"X-User": "42"}))
        let_in = 0
        for _ in range(DEATHS_AT_THE_101):
            crowd = self.crowd(gateway)
            members = crowd.ask(8)
            crowd.until(lambda members=members: any(member.status for member in members))  # type: ignore[misc]
            gateway.kill()
            crowd.until(lambda members=members: all(member.code for member in members))  # type: ignore[misc]
            entered = {f"Bearer {member.name}" for member in members if member.status == 101}
            let_in += len(entered)
            asked = len(by_id(stage.connects))
            gateway = self.next_life(gateway, TARGET_ADDRESS=backend, LOCAL_ADDRESS="http://gateway")
            eventually(lambda asked=asked: len(ended(stage)) == asked, PATIENCE)  # type: ignore[misc]
            told = [end for end in stage.disconnects if end.header("Authorization") in entered]
            self.assertEqual([end.header("X-User") for end in told], ["42"] * len(entered))
            stage.requests.clear()
        self.assertGreaterEqual(let_in, DEATHS_AT_THE_101)

    def test_message_in_flight(self) -> None:
        """While a message waits for its answer, and others behind it: the DELETE comes, and nothing after it."""
        gateway, stage = self.begin()
        stage.on_message(hang())
        client = self.raw(gateway.ws_port).open("/")
        client.send(b"".join(frame(TEXT, b"%d" % number) for number in range(10)))
        eventually(lambda: stage.messages)
        (end,) = self.die_and_tell(gateway, stage)
        self.assertEqual([request.method for request in stage.requests], ["POST", "PUT", "DELETE"])
        self.assertEqual(end.json()["cause"], "restart")

    def test_delete_pending(self) -> None:
        """While the DELETE waits for its answer: it is said again, with the same words and webhook-id."""
        gateway, stage = self.begin()
        stage.on_disconnect(hang())
        self.connect(gateway.ws + "/").close(4321, "bye")
        eventually(lambda: stage.disconnects)
        self.settle(gateway)  # how it ended is written a moment after it is known
        first, *_ = self.die_and_tell(gateway, stage)
        eventually(lambda: len(stage.disconnects) > 1, PATIENCE)
        for again in stage.disconnects[1:]:
            self.assertEqual((again.body, again.header("webhook-id")), (first.body, first.header("webhook-id")))
        self.assertEqual(first.json()["close_code"], 4321)

    def test_delete_not_sent_yet(self) -> None:
        """While the backend is away and DELETEs wait for their turn: when they come, they say how it really ended."""
        away = self.lasting_backend()
        gateway = self.gateway(away, WEBHOOK_CONCURRENCY="4")
        crowd = self.crowd(gateway)
        members = crowd.enter(30)
        away.stop()
        for member in members:
            crowd.close(member)
        crowd.until(lambda: all(member.code for member in members))
        self.assertEqual(refused(gateway.ws).status, 503)  # by then the journal has what was said before
        gateway.kill()
        stage = self.back(away).strays
        self.next_life(gateway, TARGET_ADDRESS=away.address)
        eventually(lambda: len(ended(stage)) >= 30, PATIENCE)
        known = {f"Bearer {member.name}" for member in members}
        ends = [end.json() for end in stage.disconnects if end.header("Authorization") in known]
        self.assertEqual({(end["cause"], end["close_code"]) for end in ends}, {("client", 1000)})

    def test_delete_answered(self) -> None:
        """After the DELETE was answered it is not said again."""
        gateway, stage = self.begin()
        self.connect(gateway.ws + "/").close()
        eventually(lambda: stage.disconnects)
        self.settle(gateway)  # that it is over is written a moment after the answer
        self.connect(gateway.ws + "/")
        self.die_and_tell(gateway, stage, 2)
        self.assertEqual(len(stage.disconnects), 2)

    def test_again_and_again(self) -> None:
        """Several times in a row, in all phases at once, the DELETEs of earlier lives among them."""
        backend = self.backend()
        stages = {path: backend.stage(path) for path in ("/post", "/open", "/message", "/delete")}
        stages["/post"].on_connect(hang())
        stages["/message"].on_message(hang())
        for stage in stages.values():
            stage.on_disconnect(hang())
        gateway = self.gateway(backend, WEBHOOK_TIMEOUT="1000")
        for life in (1, 2):
            askers, speakers, leavers = [self.crowd(gateway, path) for path in ("/post", "/message", "/delete")]
            askers.ask(3)
            self.crowd(gateway, "/open").enter(3)
            for member in speakers.enter(3):
                speakers.say(member, b"hello")
            leavers.reset(leavers.enter(3))
            askers.until(lambda: len(by_id(stages["/post"].connects)) == 3 * life)  # noqa: B023
            speakers.until(lambda: len(by_id(stages["/message"].messages)) == 3 * life)  # noqa: B023
            gateway.kill()
            gateway = self.next_life(gateway, TARGET_ADDRESS=backend.address, WEBHOOK_TIMEOUT="1000")
        for stage in stages.values():
            stage.on_disconnect(reply())
        for stage in stages.values():
            eventually(lambda: len(ended(stage)) == 6, PATIENCE)  # noqa: B023
        self.assert_accounted(heard(*stages.values()))
        gateway.stop()
        total = len(heard(*stages.values()))
        self.next_life(gateway, TARGET_ADDRESS=backend.address).stop()
        self.assertEqual(len(heard(*stages.values())), total, "what was answered is not said again")

    def test_any_moment(self) -> None:
        """At random moments of a busy life, several times: the backend hears the end of all clients that it knew."""
        chance = random.Random(3)
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        for life in range(DEATHS):
            crowd, until = self.crowd(gateway), time.monotonic() + chance.uniform(0.1, 0.6)
            while time.monotonic() < until or len(stage.connects) < 11 * (life + 1):
                crowd.ask(2)
                for member in crowd.living[-20:]:
                    crowd.say(member, b"hello")
                crowd.reset(crowd.living[:1])
                crowd.wait(0.01)
            gateway.kill()
            gateway = self.next_life(gateway, TARGET_ADDRESS=backend.address)
        eventually(lambda: ended(stage) == {request.id for request in stage.connects}, PATIENCE)
        self.assert_accounted(stage.requests)
        self.assertGreaterEqual(len(ended(stage)), 11 * DEATHS)


class ManyTests(FaultsTestCase):
    def begin(self) -> None:
        want_files(CONNECTIONS + 500)
        self.first = self.lasting_backend()
        self.stage = self.first.stage("/")
        self.life = self.gateway(self.first)
        self.members = self.crowd(self.life).enter(CONNECTIONS)

    def assert_all_told(self, again: list[Request]) -> None:
        """Each has its DELETE with its Authorization, and repeats have an equal webhook-id."""
        requests = [*self.stage.requests, *again]
        stories = self.assert_accounted(requests)
        self.assertEqual(len(stories), CONNECTIONS)
        said = {story[-1].header("Authorization") for story in stories.values() if story[-1].method == "DELETE"}
        self.assertEqual(said, {f"Bearer {member.name}" for member in self.members})
        self.assertEqual({story[-1].json()["cause"] for story in stories.values()}, {"restart"})

    def test_many(self) -> None:
        """Many connections, kill -9, a new start: as many DELETEs, each with its Authorization, none missing."""
        self.begin()
        self.life.kill()
        began = time.monotonic()
        self.next_life(self.life, TARGET_ADDRESS=self.first.address)
        eventually(lambda: len(ended(self.stage)) == CONNECTIONS, PATIENCE)
        note(f"{CONNECTIONS} DELETEs {time.monotonic() - began:.1f} s after the new start")
        self.assert_all_told([])

    def test_backend_down(self) -> None:
        """The same while the backend is down: it is told when it comes back, and newcomers are served meanwhile."""
        self.begin()
        self.first.stop()
        self.life.kill()
        gateway = self.next_life(self.life, TARGET_ADDRESS=self.first.address)
        time.sleep(size(2, 60))
        self.assertEqual(gateway.api.get("/-/ready").status, 200)
        revived = self.back(self.first)
        began = time.monotonic()
        eventually(lambda: len(ended(revived.strays)) == CONNECTIONS, PATIENCE)
        note(f"{CONNECTIONS} DELETEs {time.monotonic() - began:.1f} s after the backend's return")
        self.assert_all_told(revived.strays.requests)

    def test_death_while_telling(self) -> None:
        """Killed again while it tells them: the next life tells the rest, and repeats only with an equal webhook-id."""
        self.begin()
        self.life.kill()
        quarter = CONNECTIONS // 4
        self.stage.on_disconnect(*[reply()] * quarter, hang())
        gateway = self.next_life(self.life, TARGET_ADDRESS=self.first.address)
        eventually(lambda: len([end for end in self.stage.disconnects if end.answered]) == quarter, PATIENCE)
        self.settle(gateway)
        told = {end.id for end in self.stage.disconnects if end.answered}
        gateway.kill()
        self.stage.on_disconnect(reply())
        gateway = self.next_life(gateway, TARGET_ADDRESS=self.first.address)
        client = self.connect(gateway.ws + "/more")
        eventually(lambda: len(ended(self.stage)) == CONNECTIONS, PATIENCE)
        self.assert_all_told([])
        again = by_id(self.stage.disconnects)
        self.assertEqual({len(again[id]) for id in told}, {1}, "what was answered is not said again")
        gateway.terminate()
        self.assertEqual(closing(client, 30)[0], 1012)
