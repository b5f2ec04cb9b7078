"""A gateway in memory, without a courier: the test takes events, resolves them, and is the journal and the clock."""

from __future__ import annotations

import secrets

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Calls, FakeBackend, FakeJournal, FakePeer, hello
from wsaas.core.gateway import Gateway
from wsaas.core.model import Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session

NOW = 1700000000.5


class GatewayTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.calls = Calls()
        self.journal = FakeJournal(self.calls)
        self.backend = FakeBackend(self.calls)
        self.registry = Registry()
        self.monitor = Monitor()
        self.clock = Clock()
        self.router = Router(self.registry, 1000, self.monitor)
        self.gateway = Gateway(
            self.registry,
            self.journal,
            self.backend,
            Limits(1000, 1000, 1000),
            lambda: NOW,
            secrets.token_bytes,
            self.monitor,
            self.clock.callLater,
        )
        self.gateway.accepting = True

    def connect(self, **handshake: object) -> Session:
        """A client whose record is on its way into the journal."""
        peer = FakePeer(self.calls)
        self.gateway.connect(peer, hello(**handshake))
        assert peer.session is not None
        return peer.session

    def open(self, accepted: Accepted) -> Session:
        session = self.connect()
        self.journal.stored.pop()(True)
        session.next_event()
        session.resolve(accepted)
        return session
