"""Two ways for a webhook, which the backend cannot tell apart."""

from __future__ import annotations

from typing import Any

from treq.client import HTTPClient
from twisted.python.failure import Failure

from tests.support.backend_wires import OK, PoolTestCase
from wsaas.backend.requests import MAX_DECISION, Webhook
from wsaas.backend.sender import PoolSender
from wsaas.http_client.exchange import Fault, HttpResponse, NotSent, TimedOut, Timing
from wsaas.http_client.target import Target

HEAD = b"WSAAS-Event: x\r\nwebhook-id: id_0_x\r\n"


class PoolSenderTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.results: list[HttpResponse | Fault | Failure] = []
        self.sender = self.sender_to(b"/base")
        self.by_treq: list[str] = []
        original = HTTPClient.request

        def request(client: HTTPClient, method: str, *args: Any, **options: Any) -> Any:
            self.by_treq.append(method)
            return original(client, method, *args, **options)

        self.patch(HTTPClient, "request", request)

    def sender_to(self, base_path: bytes) -> PoolSender:
        target = Target(self.backend, "https://backend.example/base", b"backend.example", base_path)
        return PoolSender(self.pool, target, 10.0)

    def send(self, method: bytes, sender: PoolSender | None = None) -> None:
        webhook = Webhook(method, b"id", HEAD, b"body", 4)
        (sender or self.sender).send(webhook, self.results.append)

    def test_ways(self) -> None:
        """Connects and disconnects go through treq, messages do not; on the wire only the method differs."""
        wire: list[bytes] = []
        for method in (b"POST", b"PUT", b"DELETE"):
            self.send(method)
            wire.append(self.backend.wires[0].requests())
            self.backend.wires[0].answer(OK)
        self.assertEqual(self.by_treq, ["POST", "DELETE"])
        self.assertEqual(wire, [wire[1].replace(b"PUT", method) for method in (b"POST", b"PUT", b"DELETE")])
        self.assertTrue(wire[1].startswith(b"PUT /base/id HTTP/1.1\r\n"))
        self.assertEqual([type(each) for each in self.results], [HttpResponse] * 3)

    def test_bounds(self) -> None:
        """A connect's answer has its own limit, a message's answer that of the webhook; the deadline is the same."""
        for method, length in ((b"POST", MAX_DECISION), (b"PUT", 4)):
            self.send(method)
            self.backend.wires[-1].answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + bytes(99999))
            answer = self.results.pop()
            assert isinstance(answer, HttpResponse)
            self.assertEqual((len(answer.body), answer.truncated), (length, True))
        for method in (b"POST", b"PUT"):
            self.send(method)
            self.clock.advance(10.0)
            self.assertIsInstance(self.results.pop(), TimedOut)

    def test_faults(self) -> None:
        """A fault of the pool comes as it is, by either way."""
        self.backend.refusal = OSError()
        self.send(b"POST")
        self.send(b"PUT")
        self.assertEqual([type(each) for each in self.results], [NotSent] * 2)

    def test_bug(self) -> None:
        """Any other error comes as a Failure: it is the gateway's own."""
        self.send(b"POST", self.sender_to(b"no path"))
        self.assertIsInstance(self.results[0], Failure)
        self.assertEqual(self.backend.wires, [])

    def test_timing(self) -> None:
        """Both ways fill in when there was a connection and when the answer began; again if it is sent again."""
        for method in (b"PUT", b"POST"):
            self.setUp()
            webhook = Webhook(method, b"id", HEAD, b"body", 4, timing := Timing())
            self.clock.advance(1)
            self.sender.send(webhook, self.results.append)
            self.assertEqual((timing.begun, timing.first_byte), (1, None))
            self.clock.advance(1)
            self.backend.wires[0].answer(OK[:9])
            self.clock.advance(1)
            self.backend.wires[0].answer(OK[9:])
            self.assertEqual((timing.begun, timing.first_byte), (1, 2))
            webhook.timing = again = Timing()
            self.sender.send(webhook, self.results.append)
            self.clock.advance(1)
            self.backend.wires[0].end()  # as a backend does that closes a kept-alive connection just then
            self.assertEqual((len(self.backend.wires), again.begun, again.first_byte), (2, 4, None))
