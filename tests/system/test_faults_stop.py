"""SIGTERM with many clients, and with a backend that cannot keep up: nobody is forgotten (G2), no thunder (G7)."""

from __future__ import annotations

import subprocess
import time

from tests.support.backend_answers import after, hang, reply
from tests.support.backend_server import Stage
from tests.support.faults import PATIENCE, FaultsTestCase, note, size, want_files
from tests.support.gateway_process import Gateway
from tests.support.system_case import eventually
from wsaas.service.drain import PACE, SMALLEST_BATCH

IDLE = size(500, 10_000)
BUSY = size(300, 1000)


def told_until_it_ends(gateway: Gateway) -> int:
    """Send SIGTERM every half second, as an operator that loses patience; returns the exit code."""
    for _ in range(100):
        try:
            return gateway.wait(0.5)
        except subprocess.TimeoutExpired:
            gateway.terminate()
    raise AssertionError("it does not end")


class ManyTests(FaultsTestCase):
    def stop(self, stage: Stage, count: int, **settings: str) -> None:
        """Stop a gateway with so many clients; all are told, in paced batches, and so is the backend."""
        gateway = self.gateway(self.served, **settings)
        crowd = self.crowd(gateway)
        crowd.enter(count)
        note(f"{count} clients; {gateway.rss() >> 20} MiB")
        began = time.monotonic()
        gateway.terminate()
        crowd.until(lambda: gateway.process.poll() is not None)
        took = time.monotonic() - began
        crowd.until(lambda: not crowd.living)
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual({member.code for member in crowd.members}, {1012})
        closed = sorted(member.ended - began for member in crowd.members)
        note(f"closed between {closed[0]:.1f} and {closed[-1]:.1f} s after SIGTERM; ended after {took:.1f} s")
        self.assertEqual(len(stage.disconnects), count)
        self.assert_accounted(stage.requests)
        ends = [webhook.json() for webhook in stage.disconnects]
        said = {(end["cause"], end["close_code"], end["lost_messages"]) for end in ends}
        self.assertEqual(said, {("drain", 1012, 0)})
        drain = int(settings.get("DRAIN_TIMEOUT", "30000")) / 1000
        self.assertLess(took, drain + 5)
        # In batches with a pause between them (of 0.1 s, over a third of the time at most), not all in one moment.
        pauses = min(count / SMALLEST_BATCH, drain / 3 / PACE) - 1
        self.assertGreater(closed[-1] - closed[0], pauses * PACE * 0.8)

    def test_idle(self) -> None:
        """Many idle clients: all closed with 1012, in paced batches, all DELETEs answered, within DRAIN_TIMEOUT."""
        want_files(IDLE + 500)
        self.served = self.backend()
        self.stop(self.served.stage("/"), IDLE)

    def test_slow_backend(self) -> None:
        """The same with a backend that takes its time for every DELETE."""
        self.served = self.backend()
        stage = self.served.stage("/")
        stage.on_disconnect(after(0.3, reply()))
        self.stop(stage, BUSY)


class LeftOverTests(FaultsTestCase):
    def test_hanging_backend(self) -> None:
        """A backend that answers no DELETE: the gateway ends on time, and the next start says them again."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_disconnect(hang())
        gateway = self.gateway(backend, DRAIN_TIMEOUT="2000", WEBHOOK_TIMEOUT="60000")
        crowd = self.crowd(gateway)
        crowd.enter(50)
        began = time.monotonic()
        gateway.terminate()
        crowd.until(lambda: gateway.process.poll() is not None)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(gateway.wait(), 0)
        crowd.until(lambda: {member.code for member in crowd.members} == {1012})
        stage.on_disconnect(reply())
        self.next_life(gateway, TARGET_ADDRESS=backend.address)
        eventually(lambda: len({end.id for end in stage.disconnects if end.answered}) == 50, PATIENCE)
        self.assert_accounted(stage.requests)
        self.assertEqual({end.json()["cause"] for end in stage.disconnects}, {"drain"})

    def test_told_twice(self) -> None:
        """A SIGTERM that comes later than the first ends it at once; what was left is said at the next start."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_disconnect(hang())
        gateway = self.gateway(backend, DRAIN_TIMEOUT="600000", WEBHOOK_TIMEOUT="600000")
        self.crowd(gateway).enter(10)
        gateway.terminate()
        eventually(lambda: gateway.api.get("/-/ready").status == 503)
        self.assertEqual(told_until_it_ends(gateway), 0)
        stage.on_disconnect(reply())
        self.next_life(gateway, TARGET_ADDRESS=backend.address)
        eventually(lambda: len({end.id for end in stage.disconnects if end.answered}) == 10, PATIENCE)
        self.assert_accounted(stage.requests)

    def test_pushes_meanwhile(self) -> None:
        """While others are let go, a push is answered: 200 to a client that is still here, 404 to one that is not."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        crowd = self.crowd(gateway)
        crowd.enter(300)
        last = stage.connects[-1].id
        gateway.terminate()
        crowd.until(lambda: len(crowd.living) < 300)
        statuses = [gateway.api.push(last, b"hello").status]
        while statuses[-1] == 200:
            crowd.wait(0.05)
            statuses.append(gateway.api.push(last, b"hello").status)
        self.assertEqual(statuses[-1], 404)
        crowd.until(lambda: not crowd.living)
        name = stage.connects[-1].header("Authorization")
        (member,) = (member for member in crowd.members if f"Bearer {member.name}" == name)
        self.assertEqual(len(member.messages), statuses.count(200))
        self.assertEqual(gateway.wait(), 0)
