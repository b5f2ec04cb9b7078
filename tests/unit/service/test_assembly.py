"""wsaas.service.assembly: what the parts are given, seen where they listen."""

from __future__ import annotations

import ast
import random
import resource
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.source import ROOT, module_of
from wsaas.api.errors import Unauthorized
from wsaas.api.server.site import ApiSite
from wsaas.clients.factory import ClientFactory
from wsaas.cluster.right import Right
from wsaas.http_client.pool import Pool
from wsaas.internals.reactor_tuning import Turns
from wsaas.internals.signals import Signals
from wsaas.service.assembly import assemble
from wsaas.service.file_limits import room_for, stream_files
from wsaas.settings.load import load

FILES = 1024


class AssemblyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(resource, "getrlimit", lambda which: (FILES, FILES))
        self.turns = Turns()

    def listening(self, **environ: str) -> tuple[ApiSite, ClientFactory]:
        """The factories of a new gateway, once it listens."""
        reactor: Any = MemoryReactorClock()
        settings = load({}, {"STATE_DIR": "none", **environ})
        assemble(reactor, settings, False, Signals(), self.turns).privilegedStartService()
        factories = [factory for _, factory, _, _ in reactor.tcpServers]
        return factories[0], factories[-1]

    def test_ids(self) -> None:
        """Who knows all about Python's own random numbers knows nothing about the ids."""
        self.addCleanup(random.setstate, random.getstate())
        ids = []
        for _ in range(2):
            random.seed(1)
            _, clients = self.listening()
            random.seed(1)
            ids.append(clients.context.gateway._ids.mint())
        self.assertNotEqual(ids[0][:8], ids[1][:8])
        self.assertNotEqual(ids[0][8:], ids[1][8:])

    def test_turns(self) -> None:
        """The webhooks of a turn of the reactor are written together, by the pool that sends them."""
        self.listening()
        pool = self.turns.gathering
        assert isinstance(pool, Pool)
        self.assertIsNone(pool._may_write)

    def test_right(self) -> None:
        """A node of a cluster asks for its right to speak again when it writes a webhook."""
        may_speak = lambda: True  # noqa: E731
        self.patch(Right, "by", lambda right, clock: may_speak)
        self.listening(
            CLUSTER="redis://:p@engine",
            API_TOKEN="the-token-of-the-cluster",
            CLUSTER_ENDPOINT="tcp:9000",
            CLUSTER_ADDRESS="http://10.0.0.1:9000",
        )
        assert isinstance(self.turns.gathering, Pool)
        self.assertIs(self.turns.gathering._may_write, may_speak)

    def test_room(self) -> None:
        """Clients and API have as many places as there are files for them."""
        api, clients = self.listening()
        room = room_for(0, 64, FILES, stream_files(256, FILES))
        self.assertEqual(api.max_connections, room.api)
        self.assertEqual((clients.admission.most, clients.admission.most_surplus), (room.clients, room.surplus))

    def test_token(self) -> None:
        """The API asks for its token."""
        api, _ = self.listening(API_TOKEN="t" * 16)
        access = api.context.access
        self.assertIsInstance(access.refusal([], [b"localhost"], False), Unauthorized)
        self.assertIsNone(access.refusal([b"Bearer " + b"t" * 16], [b"localhost"], False))

    def test_connect_rate(self) -> None:
        """CONNECT_RATE and HANDSHAKE_TIMEOUT are the clients'."""
        _, clients = self.listening(CONNECT_RATE="7", HANDSHAKE_TIMEOUT="3s")
        rates: Any = clients.admission.rates
        self.assertEqual((rates._rate, rates._burst, clients.context.handshake_timeout), (7, 70, 3.0))
        _, clients = self.listening(CONNECT_RATE="0")
        self.assertIsNone(clients.admission.rates)

    def test_local_address(self) -> None:
        """Without a token the API answers by the name of LOCAL_ADDRESS, beside those of loopback."""
        api, _ = self.listening(LOCAL_ADDRESS="https://gateway.example/api")
        for host, expected in ((b"gateway.example:8081", True), (b"localhost", True), (b"other.example", False)):
            self.assertEqual(api.context.access.refusal([], [host], False) is None, expected)

    def test_journal(self) -> None:
        """The journal knows whether it may keep credentials."""
        for word, kept in (("yes", True), ("no", False)):
            _, clients = self.listening(STATE_DIR=self.mktemp(), JOURNAL_AUTHORIZATION=word)
            journal: Any = clients.context.gateway._journal
            self.assertIs(journal._disk._keep_authorization, kept)

    def test_one_sender(self) -> None:
        """All webhooks, and replays too, leave by one sender: none is made behind the gate of a cluster's node."""
        made = [
            node
            for node in module_of(ROOT / "wsaas/service/assembly.py", ROOT).nodes
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "PoolSender"
        ]
        self.assertEqual(len(made), 1)
