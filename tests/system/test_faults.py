"""A backend that fails: for some, for all, for a while, for good."""

from __future__ import annotations

import threading
import time

from tests.support.backend_answers import accept, after, hang, reply
from tests.support.backend_process import BackendProcess
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import RawClient, closing, refused


class FaultTests(SystemTestCase):
    def test_poison(self) -> None:
        """A few clients whose every message the backend chokes on keep nobody else out, and delay nobody for long."""
        backend = self.backend()
        poisoned, good = backend.stage("/poisoned"), backend.stage("/good")
        poisoned.on_message(reply(500))
        gateway = self.gateway(backend)
        for _ in range(4):
            self.connect(gateway.ws + "/poisoned").send("poison")
        eventually(lambda: len(poisoned.messages) >= 15, 30)
        for number in range(5):
            self.connect(gateway.ws + "/good").send(str(number))
        eventually(lambda: len(good.messages) == 5)

    def test_one_address_whose_connects_fail(self) -> None:
        """While one address makes 50 connects a second to a path at which the backend fails, others are let in at once;
        and it is asked for few of those connects."""
        backend = self.backend()
        broken, good = backend.stage("/broken"), backend.stage("/good")
        broken.on_connect(reply(500))
        gateway = self.gateway(backend)
        ended, statuses = threading.Event(), list[int]()

        def be_loud() -> None:
            while not ended.wait(0.02):
                client = RawClient(gateway.ws_port)
                client.ask("/broken")
                statuses.append(client.refusal())
                client.leave()

        loud = threading.Thread(target=be_loud)
        loud.start()
        try:
            for round in range(5):
                eventually(lambda round=round: len(statuses) >= 30 * (round + 1), 60)
                for _ in range(3):
                    self.connect(gateway.ws + "/good", source_address=("127.0.0.2", 0)).close()
        finally:
            ended.set()
            loud.join()
        self.assertEqual((len(good.connects), set(statuses)), (15, {503}))
        self.assertLess(len(broken.connects), len(statuses) / 2)

    def test_one_address_whose_connects_hang(self) -> None:
        """However many connects of one address hang at the backend, others are let in meanwhile."""
        backend = self.backend()
        stuck, good = backend.stage("/stuck"), backend.stage("/good")
        stuck.on_connect(hang())
        gateway = self.gateway(backend, WEBHOOK_CONCURRENCY="16", WEBHOOK_TIMEOUT="600000")
        for _ in range(100):
            self.raw(gateway.ws_port).ask("/stuck")
        eventually(lambda: len(stuck.connects) >= 5)
        for _ in range(10):
            self.connect(gateway.ws + "/good", source_address=("127.0.0.2", 0)).close()
        eventually(lambda: len(good.disconnects) == 10)
        self.assertEqual(stuck.disconnects, [])

    def test_slow_for_some(self) -> None:
        """Clients whose webhooks take long do not delay those whose webhooks are quick."""
        backend = self.backend()
        slow, quick = backend.stage("/slow"), backend.stage("/quick")
        slow.on_message(after(2, reply()))
        gateway = self.gateway(backend)
        for _ in range(20):
            self.connect(gateway.ws + "/slow").send("slow")
        eventually(lambda: len(slow.messages) == 20)
        began = time.monotonic()
        self.connect(gateway.ws + "/quick").send("quick")
        eventually(lambda: quick.messages)
        self.assertLess(time.monotonic() - began, 1.5)

    def test_down_and_up(self) -> None:
        """Messages outlast a backend that dies and comes back: none is lost, none overtakes; so does the DELETE."""
        backend = BackendProcess()
        self.addCleanup(backend.stop)
        gateway = self.gateway(TARGET_ADDRESS=backend.address)
        connection = self.connect(gateway.ws + "/")
        connection.send("1")
        eventually(lambda: [request for request in backend.requests if request.method == "PUT"])
        backend.stop()
        for number in range(2, 10):
            connection.send(str(number))
        refusal = refused(gateway.ws + "/")
        self.assertEqual(refusal.status, 503)
        connection.close()
        revived = BackendProcess(backend.port)
        self.addCleanup(revived.stop)
        eventually(lambda: revived.requests and revived.requests[-1].method == "DELETE", 30)
        requests = revived.requests
        self.assertEqual([request.body for request in requests[:-1]], [str(n).encode() for n in range(2, 10)])
        self.assertEqual(requests[-1].json()["lost_messages"], 0)

    def test_frozen(self) -> None:
        """A backend that is paused with its sockets open, and continues, loses no message."""
        backend = BackendProcess()
        self.addCleanup(backend.stop)
        gateway = self.gateway(TARGET_ADDRESS=backend.address, WEBHOOK_TIMEOUT="700")
        connection = self.connect(gateway.ws + "/")
        backend.freeze()
        connection.send("1")
        connection.send("2")
        self.assertEqual(refused(gateway.ws + "/").status, 504)
        backend.thaw()
        eventually(lambda: [request for request in backend.requests if request.body == b"2"], 30)
        heard = [
            (request.header("webhook-id"), request.body) for request in backend.requests if request.method == "PUT"
        ]
        self.assertEqual([body for _, body in dict.fromkeys(heard)], [b"1", b"2"])

    def test_all_fail(self) -> None:
        """A backend that fails everything: newcomers get 503 with Retry-After, and are let in soon after it is well."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(reply(500))
        gateway = self.gateway(backend)
        for _ in range(30):
            refusal = refused(gateway.ws + "/")
            self.assertEqual(refusal.status, 503)
            self.assertGreaterEqual(int(refusal.headers["retry-after"]), 1)
        stage.on_connect(accept())

        def let_in() -> bool:
            try:
                refused(gateway.ws + "/")
            except AssertionError:
                return True
            return False

        eventually(let_in, 15)

    def test_gone_for_good(self) -> None:
        """When it does not come back within MESSAGE_PATIENCE, clients with something to say are closed with 1013."""
        backend = self.backend()
        gateway = self.gateway(backend, MESSAGE_PATIENCE="1000")
        connections = [self.connect(gateway.ws + "/") for _ in range(20)]
        backend.stop()
        for connection in connections:
            connection.send("anybody?")
        self.assertEqual({closing(connection, 30)[0] for connection in connections}, {1013})
        self.assertEqual(gateway.api.get("/-/ready").status, 200)
