"""A courier in memory: the test is its backend, its clients and its clock."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Calls, FakePeer
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.courier import Courier
from wsaas.backend.reply_stream import ReplyStreams
from wsaas.backend.requests import Contract, Webhook
from wsaas.core.gateway import Gateway
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.monitor import Monitor
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session
from wsaas.core.states import State
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.journal.memory import MemoryJournal
from wsaas.telemetry.log_limit import LogLimit

MAX_STREAMS = 4
OK = HttpResponse(200, (), b'{"code":"OK"}', False)


class FakeSender:
    """Keeps what is sent, until the test answers it."""

    def __init__(self) -> None:
        self.sent: list[Webhook] = []
        self.waiting: list[tuple[Webhook, Callable[[HttpResponse | Fault | Failure], object]]] = []
        self.at_once: HttpResponse | None = None

    def send(self, webhook: Webhook, done: Callable[[HttpResponse | Fault | Failure], object]) -> None:
        self.sent.append(webhook)
        if self.at_once is not None:
            done(self.at_once)
        else:
            self.waiting.append((webhook, done))

    def answer(self, answer: HttpResponse | Fault | Failure, index: int = 0) -> None:
        _, done = self.waiting.pop(index)
        done(answer)


class CourierTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.build()

    def build(self, concurrency: int = 64) -> None:
        self.clock = Clock()
        self.sender = FakeSender()
        contract = Contract(
            local_address="http://local",
            ws_timeout=30,
            message_content_type="application/json",
            max_message_size=1000,
            secrets=(),
            user_agent="WSAAS",
            wall_clock=lambda: 0.0,
            bits=lambda n: 0,
        )
        self.monitor = Monitor()
        self.courier = Courier(
            self.clock,
            contract,
            self.sender,
            concurrency=concurrency,
            message_patience=30.0,
            disconnect_patience=300.0,
            wall_clock=lambda: 0.0,
            random=lambda: 1.0,
            monitor=self.monitor,
            streams=ReplyStreams(
                self.clock, MAX_STREAMS, 1000, AnswerLog(LogLimit(self.clock), ""), self.monitor.counters.streams
            ),
        )
        limits = Limits(1000, 100_000, 100_000)
        self.registry = Registry()
        self.router = Router(self.registry, 1000, self.monitor)
        self.gateway = Gateway(
            self.registry,
            MemoryJournal(),
            self.courier,
            limits,
            lambda: 0.0,
            Random(0).randbytes,
            self.monitor,
            self.clock.callLater,
        )
        self.gateway.accepting = True

    def connect(self, address: str = "192.0.2.1") -> FakePeer:
        peer = FakePeer(Calls())
        self.gateway.connect(peer, Handshake("/", "", None, address, party=address))
        return peer

    def open(self, address: str = "192.0.2.1") -> tuple[FakePeer, Session]:
        peer = self.connect(address)
        self.sender.answer(OK, -1)
        session = peer.session
        assert session is not None and session.state is State.OPEN
        return peer, session

    def say(self, session: Session, *texts: bytes) -> None:
        for text in texts:
            session.received(Frame(text, binary=False))

    def bodies(self) -> list[bytes]:
        return [webhook.body for webhook in self.sender.sent if webhook.method == b"PUT"]
