"""What makes a process one of several: its number, its part of the limits, and the pipes to its parent."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.file_limits import room_for
from wsaas.service.lifeline import Lifeline
from wsaas.service.roster import BEAT, Lines, Roster, WorkerNews, WorkerState
from wsaas.service.worker import requests_at_once, settings_of, sibling_files
from wsaas.service.worker_identity import VARIABLE, Inheritance, WorkerIdentity, worker_count
from wsaas.settings.load import load

ROSTER = Roster(True, (WorkerNews(1, 17, WorkerState.READY), WorkerNews(2, None, WorkerState.DOWN)))


class IdentityTests(SynchronousTestCase):
    def test_share(self) -> None:
        """The parts of all workers together are the limit."""
        for total in (0, 1, 7, 64, 1000):
            for count in (1, 2, 3, 64):
                parts = [WorkerIdentity(number, count).share(total) for number in range(1, count + 1)]
                self.assertEqual(sum(parts), total)
                self.assertLessEqual(max(parts) - min(parts), 1)

    def test_settings(self) -> None:
        """A worker has a directory of its own and its part of the limits, 1 at least; counts by address are shared."""
        environ = {"WORKERS": "4", "WEBHOOK_CONCURRENCY": "10", "CONNECT_RATE": "2", "MAX_CONNECTIONS": "1001"}
        settings = load({}, {**environ, "STATE_DIR": "/state", "MAX_CONNECTIONS_PER_ADDRESS": "5"})
        found = [settings_of(settings, WorkerIdentity(number, 4)) for number in (1, 2, 3, 4)]
        self.assertEqual([each.state_dir for each in found], [f"/state/worker-{number}" for number in (1, 2, 3, 4)])
        self.assertEqual([each.webhook_concurrency for each in found], [3, 3, 2, 2])
        self.assertEqual([each.connect_rate for each in found], [1, 1, 1, 1])
        self.assertEqual([each.max_connections for each in found], [251, 250, 250, 250])
        self.assertEqual({each.max_connections_per_address for each in found}, {5})

    def test_cluster(self) -> None:
        """A worker of a node has a port of its own in the cluster, and an address with that port, if one is given."""
        environ = {"WORKERS": "2", "CLUSTER": "redis://:p@e", "API_TOKEN": "the-token-of-the-cluster"}
        for address, expected in (("https://[::1]:9000", "https://[::1]:9002"), ("", None)):
            settings = load({}, {**environ, "CLUSTER_ENDPOINT": "tcp:9000", "CLUSTER_ADDRESS": address})
            found = settings_of(settings, WorkerIdentity(2, 2))
            self.assertEqual((found.cluster_endpoint, found.cluster_address), (("tcp:9002",), expected))

    def test_files(self) -> None:
        """Files are kept free for the others: enough for some requests with each, and not most of them."""
        self.assertEqual([requests_at_once(count) for count in (1, 2, 3, 5, 9, 64)], [64, 64, 64, 64, 32, 8])
        self.assertEqual([sibling_files(count) for count in (1, 2, 5, 64)], [0, 162, 648, 1386])
        self.assertEqual(room_for(0, 64, 5512, 512).clients, room_for(0, 64, 5000).clients)

    def test_inheritance(self) -> None:
        """Parent and worker agree on what is handed over; the variable is gone then."""
        pipes = os.pipe()
        for each in pipes:
            self.addCleanup(os.close, each)
            os.set_inheritable(each, True)
        inheritance = Inheritance(*pipes, "/peers", {"/s": 5}, prioritized=True, log="/log")
        environ = {VARIABLE: inheritance.encode(), "OTHER": "1"}
        self.assertEqual(Inheritance.take(environ), inheritance)
        self.assertEqual(environ, {"OTHER": "1"})
        self.assertEqual([os.get_inheritable(each) for each in pipes], [False, False])
        self.assertIsNone(Inheritance.take(environ))

    def test_count(self) -> None:
        """WORKERS=0 is one for each core that the process may use."""
        self.assertEqual(worker_count(3), 3)
        self.assertEqual(worker_count(0), len(os.sched_getaffinity(0)))


class FakeReactor(Clock):
    """A clock that notes what is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)


class LifelineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        hears, self.parent_tells = os.pipe()
        self.parent_hears, tells = os.pipe()
        for each in (hears, tells, self.parent_hears):
            self.addCleanup(os.close, each)
        self.ready, self.orphaned = False, 0
        self.lifeline = Lifeline(self.reactor, Inheritance(hears, tells, "/peers"), lambda: self.ready, self.orphan)
        self.lifeline.start()

    def orphan(self) -> None:
        self.orphaned += 1

    def told(self) -> list[object]:
        """What the parent has been told since the last look."""
        return [json.loads(line) for line in os.read(self.parent_hears, 1 << 16).splitlines()]

    def test_beats(self) -> None:
        """The parent hears once a second whether the worker is ready, at once when asked to, and of its end."""
        self.assertEqual(self.told(), [{"ready": False}])
        self.ready = True
        self.lifeline.beat()
        self.reactor.advance(BEAT)
        self.assertEqual(self.told(), [{"ready": True}] * 2)
        self.lifeline.stopping()
        self.lifeline.stop()
        self.reactor.advance(BEAT)
        self.assertEqual(self.told(), [{"stopping": True}])
        self.assertEqual(self.reactor.readers, set())

    def test_roster(self) -> None:
        """The parent's last word counts, however it is cut."""
        self.assertFalse(self.lifeline.roster.ready)
        line = ROSTER.encode()
        os.write(self.parent_tells, Roster(False, ()).encode() + line[:10])
        self.lifeline.doRead()
        self.assertFalse(self.lifeline.roster.ready)
        os.write(self.parent_tells, line[10:])
        self.lifeline.doRead()
        self.assertEqual(self.lifeline.roster, ROSTER)
        os.close(self.parent_tells)

    def test_orphan(self) -> None:
        """With the parent's end nothing that it said counts any more."""
        os.write(self.parent_tells, ROSTER.encode())
        self.lifeline.doRead()
        os.close(self.parent_tells)
        reason = self.lifeline.doRead()
        assert reason is not None
        self.lifeline.connectionLost(reason)
        self.assertEqual((self.orphaned, self.lifeline.roster.ready, self.reactor.readers), (1, False, set()))

    def test_deaf_parent(self) -> None:
        """A parent that reads nothing holds nobody up."""
        for _ in range(20_000):
            self.lifeline.beat()
        os.close(self.parent_tells)


class LinesTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """Lines are cut at their ends; one that grows too long is thrown away."""
        lines = Lines(longest=5)
        self.assertEqual(lines.feed(b"one\ntwo\nth"), [b"one", b"two"])
        self.assertEqual(lines.feed(b"ree\n"), [b"three"])
        self.assertEqual(lines.feed(b"too long"), [])
        self.assertEqual(lines.feed(b"\nfour\n"), [b"", b"four"])
