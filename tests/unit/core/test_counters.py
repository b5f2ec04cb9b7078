"""What a process counts, and what it tells an observer, as everything happens that can."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import VETOED, Calls, FakeBackend, FakeJournal, FakeObserver, FakePeer, hello, text
from wsaas.core.counters import MessageCounters
from wsaas.core.errors import ClientTooSlow, MessageTooLong, NoSuchConnection, NotUtf8
from wsaas.core.events import Cause, CloseCode, Closed
from wsaas.core.gateway import Gateway
from wsaas.core.ids import ALPHABET
from wsaas.core.model import Frame, Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted, Acknowledged, Delivered
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.records import Record
from wsaas.core.refusal import RefusalReason
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session

CONNECTION, GROUP, BROADCAST, AWS = PushKind
BYTES = 16
TRACE = "ab" * 16


class MonitorTestCase(SynchronousTestCase):
    """A gateway whose ids end in a, b, c and so on."""

    def setUp(self) -> None:
        self.monitor = Monitor()
        self.counters = self.monitor.counters
        self.observer = self.monitor.observer = FakeObserver()
        self.calls = Calls()
        self.now = 0.0
        self.journal = FakeJournal(self.calls)
        self.registry = Registry()
        self.router = Router(self.registry, BYTES, self.monitor)
        drawn = (bytes([ALPHABET.index(each)]) for each in "0abcdefg")
        self.gateway = Gateway(
            self.registry,
            self.journal,
            FakeBackend(self.calls),
            Limits(BYTES, 1000, 1000),
            lambda: self.now,
            lambda length: next(drawn) * length,
            self.monitor,
            Clock().callLater,
        )
        self.gateway.accepting = True

    def connecting(self) -> tuple[FakePeer, Session]:
        peer = FakePeer(self.calls)
        self.gateway.connect(peer, hello(trace_id=TRACE))
        self.journal.stored[-1](True)
        session = self.registry.find(list(self.registry)[-1].id)
        assert session is not None
        session.next_event()
        return peer, session

    def open(self, *groups: str) -> tuple[FakePeer, Session]:
        peer, session = self.connecting()
        session.resolve(Accepted(groups=groups))
        return peer, session


class HandshakeTests(MonitorTestCase):
    def test_opened(self) -> None:
        """A client is counted, and told of, when it has its 101: not while the journal keeps it waiting."""
        _, session = self.connecting()
        session.resolve(Accepted(headers=((b"X-User", b"42"),)))
        self.assertEqual((self.counters.opened, self.observer.heard), (0, []))
        self.journal.stored[-1](True)
        self.assertEqual((self.counters.opened, self.observer.heard), (1, ["connected a /room/7"]))

    def test_refused(self) -> None:
        """Each refusal is counted with its reason, be it the gateway's, the backend's, the API's or the journal's."""
        self.connecting()[1].resolve(VETOED)
        self.router.close(self.connecting()[1].id, 1000, "")
        self.gateway.connect(FakePeer(self.calls), hello(trace_id=TRACE))
        self.journal.stored[-1](False)
        self.gateway.accepting = False
        self.gateway.connect(FakePeer(self.calls), hello(trace_id=TRACE))
        expected = (
            RefusalReason.VETOED,
            RefusalReason.CLOSED_BY_API,
            RefusalReason.JOURNAL_UNAVAILABLE,
            RefusalReason.NOT_READY,
        )
        self.assertEqual((self.counters.refused, self.counters.opened), (dict.fromkeys(expected, 1), 0))
        self.assertEqual(
            [call.split()[1] for call in self.calls if call.startswith("refuse")], [each.name for each in expected]
        )


class EndTests(MonitorTestCase):
    def test_closed(self) -> None:
        """An end is counted by its cause, once, when the backend has all that the client said, and is told of then."""
        _, session = self.open()
        session.received(text("hi"))
        session.disconnected(Cause.CLIENT, 1001, "", True)
        self.assertEqual(self.counters.closed, {})
        session.next_event()
        session.resolve(Delivered())
        session.next_event()
        session.resolve(Acknowledged())
        self.assertEqual(self.counters.closed, {Cause.CLIENT: 1})
        self.assertEqual(
            self.observer.heard[1:], ["ending a client 1001 clean in [] gone", "disconnected a client 1001 clean"]
        )

    def test_groups_at_the_end(self) -> None:
        """An observer hears of an end that the API brings about twice: while groups have the connection, and after."""
        _, session = self.open("g")
        self.router.close(session.id, 4001, "")
        session.disconnected(Cause.CLIENT, 1005, "", True)
        self.assertRaises(NoSuchConnection, self.router.close, session.id, 4001, "")
        self.assertEqual(
            self.observer.heard[1:],
            [
                "close asked a 4001 NoneType",
                "ending a api 4001 unclean in [g]",
                "ending a api 4001 clean in [] gone",
                "disconnected a api 4001 clean",
                "close asked a 4001 NoSuchConnection",
            ],
        )

    def test_close_forwarded(self) -> None:
        """A close for another process's connection is told of by that one."""
        router = Router(self.registry, BYTES, self.monitor, elsewhere=lambda id: id[0] == "y")
        self.assertRaises(NoSuchConnection, router.close, "y" * 32, 1000, "")
        self.assertEqual(self.observer.heard, [])

    def test_replies(self) -> None:
        """A reply is told of when it is sent, not while it waits for room."""
        peer, session = self.open()
        session.received(text("hi"))
        peer.full = True
        session.resolve(Delivered(text("pong")))
        self.assertEqual(self.observer.heard[1:], [])
        peer.full = False
        session.writable()
        self.assertEqual(self.observer.heard[1:], ["replied a pong"])

    def test_of_an_earlier_life(self) -> None:
        """A connection whose process died is counted now; one whose end was known then was counted then."""
        known = Closed(Cause.API, 1000, "", clean=True)
        self.gateway.revive([Record("x" * 32, 0.0, (), ""), Record("y" * 32, 0.0, (), "", known)])
        self.assertEqual(self.counters.closed, {Cause.RESTART: 1})

    def test_told_to_go(self) -> None:
        """A drain hears which clients it told that the gateway stops: those that were still there."""
        _, there = self.open()
        _, gone = self.open()
        gone.disconnected(Cause.CLIENT, 1001, "", True)
        self.assertEqual([self.gateway.close_for_drain(each) for each in (there, gone, there)], [True, False, False])
        self.assertEqual(self.calls.count(f"close {CloseCode.SERVICE_RESTART}"), 1)


class CensusTests(MonitorTestCase):
    def test_messages(self) -> None:
        """Messages are counted with their bytes, both ways, over all sessions, those that are forgotten included."""
        _, one = self.open()
        _, two = self.open()
        one.received(text("hello"))
        two.received(Frame(b"\xff\0", binary=True))
        for session in (one, two):
            session.next_event()
            session.resolve(Delivered(text("pong")))
        self.router.push(two.id, b"abc", False)
        expected = MessageCounters(received=2, received_binary=1, received_bytes=7, sent=3, sent_bytes=11, replies=2)
        self.assertEqual(self.gateway.census().messages, expected)
        one.disconnected(Cause.CLIENT, 1000, "", True)
        one.next_event()
        one.resolve(Acknowledged())
        self.assertEqual((len(self.registry), self.gateway.census().messages), (1, expected))
        self.assertEqual(self.counters.messages.received, 1)

    def test_states(self) -> None:
        """Connections are connecting or open; those that end are neither."""
        self.connecting()
        self.open()
        self.open()[1].close(Cause.API, 1000, "")
        census = self.gateway.census()
        self.assertEqual((census.connecting, census.open, len(self.registry)), (1, 1, 3))

    def test_waiting(self) -> None:
        """What waits in the sessions: messages for the backend, pushes for the 101, replies for room."""
        _, connecting = self.connecting()
        self.router.push(connecting.id, b"abc", False)
        peer, session = self.open()
        for content in ("one", "three"):
            session.received(text(content))
        census = self.gateway.census()
        self.assertEqual((census.waiting_in, census.bytes_waiting_in, census.bytes_waiting_out), (2, 8, 3))
        session.next_event()
        peer.full = True
        session.resolve(Delivered(text("pong")))
        census = self.gateway.census()
        self.assertEqual((census.waiting_in, census.bytes_waiting_in, census.bytes_waiting_out), (1, 5, 7))


class EndOfConnectionTests(MonitorTestCase):
    """How long connections lived, and how long the backend did not know of their end."""

    def test_duration(self) -> None:
        """A connection's duration is from its request to the loss of its client, not to the end of its messages."""
        _, session = self.open()
        session.received(text("hi"))
        self.now = 61.0
        session.disconnected(Cause.CLIENT, 1001, "", True)
        self.assertEqual(sum(self.counters.connection_duration.counts), 0)
        self.now = 400.0
        session.next_event()
        session.resolve(Delivered())
        duration = self.counters.connection_duration
        self.assertEqual((duration.sum, duration.counts[3], sum(duration.counts)), (61.0, 1, 1))

    def test_owed(self) -> None:
        """An end is owed from the loss of the client, not from our Close, until nothing is left to say of it."""
        _, closed = self.open()
        _, gone = self.open()
        closed.close(Cause.API, 1000, "")
        self.assertEqual(len(self.monitor.owed), 0)
        for self.now, session in ((5.0, gone), (7.0, closed)):
            session.disconnected(Cause.CLIENT, 1000, "", True)
        self.assertEqual((len(self.monitor.owed), self.monitor.owed.oldest()), (2, 5.0))
        gone.next_event()
        gone.resolve(Acknowledged())
        self.assertEqual((len(self.monitor.owed), self.monitor.owed.oldest()), (1, 7.0))
        closed.next_event()
        closed.resolve(Acknowledged())
        self.assertEqual((len(self.monitor.owed), self.monitor.owed.oldest()), (0, None))

    def test_log(self) -> None:
        """A log that is set hears of each end, once, with the moment of the loss; an observer need not be there."""
        heard: list[tuple[str, Closed]] = []
        self.monitor.observer = None
        self.monitor.log_end = lambda session, closed: heard.append((session.id, closed))
        _, session = self.open()
        self.now = 3.0
        session.disconnected(Cause.CLIENT, 1001, "", True)
        session.next_event()
        session.resolve(Acknowledged())
        self.assertEqual(heard, [(session.id, Closed(Cause.CLIENT, 1001, "", clean=True, at=3.0))])
        self.assertIsNone(self.gateway.observer)

    def test_refused(self) -> None:
        """Of a client that left, and that the backend then refuses, no end is owed."""
        _, session = self.connecting()
        session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertEqual(len(self.monitor.owed), 1)
        session.resolve(VETOED)
        self.assertEqual((len(self.monitor.owed), sum(self.counters.disconnect_delay.counts)), (0, 0))

    def test_earlier_life(self) -> None:
        """The moment of a loss outlives the process; of a connection that was open when it died, it is the start."""
        self.now = 900.0
        known = Closed(Cause.API, 1000, "", clean=True, at=300.0)
        self.gateway.revive([Record("x" * 32, 0.0, (), "", known), Record("y" * 32, 0.0, (), "")])
        owed = self.monitor.owed
        self.assertEqual((owed.lost("x" * 32, 0.0), owed.lost("y" * 32, 0.0)), (300.0, 900.0))

    def test_kept_in_the_journal(self) -> None:
        """The journal is given the moment of the loss, and so is one that is written anew."""
        _, session = self.open()
        self.now = 12.0
        session.disconnected(Cause.CLIENT, 1001, "", True)
        self.assertEqual([closed.at for closed in self.journal.closings], [12.0])
        (record,) = self.gateway.records()
        assert record.closed is not None
        self.assertEqual(record.closed.at, 12.0)


class PushTests(MonitorTestCase):
    def test_results(self) -> None:
        """Each push to one connection is counted by what became of it, and told of."""
        peer, session = self.open()
        _, waiting = self.connecting()
        self.observer.heard.clear()
        self.router.push(session.id, b"one", False)
        self.router.push(session.id, b"two", False)
        self.router.push(waiting.id, b"three", False)
        peer.full = True
        for id, payload, error in (
            (session.id, b"four", ClientTooSlow),
            ("z" * 32, b"", NoSuchConnection),
            (session.id, b"\xff", NotUtf8),
            (session.id, b"x" * (BYTES + 1), MessageTooLong),
        ):
            self.assertRaises(error, self.router.push, id, payload, False)
        self.assertEqual(self.counters.pushes_sent, 2)
        self.assertEqual(
            self.counters.pushes,
            {
                (CONNECTION, each): 1
                for each in (Pushed.QUEUED, ClientTooSlow, NoSuchConnection, NotUtf8, MessageTooLong)
            },
        )
        self.assertEqual(
            [line.removeprefix("pushed connection ") for line in self.observer.heard],
            [
                "a 3 sent a",
                "a 3 sent a",
                "b 5 queued b",
                "a 4 ClientTooSlow a",
                "z 0 NoSuchConnection",
                "a 1 NotUtf8 a",
                "a 17 MessageTooLong a",
            ],
        )

    def test_kind(self) -> None:
        """A push to one connection counts as the kind that the caller names, whatever comes of it."""
        _, session = self.open()
        self.observer.heard.clear()
        self.router.push(session.id, b"one", False, kind=AWS)
        self.assertRaises(NoSuchConnection, self.router.push, "z" * 32, b"", False, kind=AWS)
        self.assertEqual(self.counters.pushes, {(AWS, Pushed.SENT): 1, (AWS, NoSuchConnection): 1})
        self.assertEqual(self.counters.pushes_sent, 0)
        self.assertEqual(self.observer.heard, ["pushed aws a 3 sent a 0+0", "pushed aws z 0 NoSuchConnection 0+0"])

    def test_forwarded(self) -> None:
        """A push to another process's connection is handed on: its owner counts it and tells of it, this one does not.

        An id that is nobody else's is an error here.
        """
        router = Router(self.registry, BYTES, self.monitor, elsewhere=lambda id: id[0] == "y")
        for id in ("y" * 32, "z" * 32):
            self.assertRaises(NoSuchConnection, router.push, id, b"", False)
        self.assertEqual(self.counters.pushes_forwarded, 1)
        self.assertEqual(self.counters.pushes, {(CONNECTION, NoSuchConnection): 1})
        self.assertEqual(self.observer.heard, ["pushed connection z 0 NoSuchConnection"])

    def test_fan_out(self) -> None:
        """A push to many is one push, and as many messages as were sent: not those that wait, or found no room."""
        self.open("g")
        self.open("g")[0].full = True
        _, accepted = self.connecting()
        accepted.resolve(Accepted(groups=("g",), headers=((b"X", b"1"),)))
        self.observer.heard.clear()
        for fan_out in (self.router.push_to_group("g", b"hi", False), self.router.broadcast(b"hi", False)):
            fan_out.step()
        self.assertRaises(NotUtf8, self.router.broadcast, b"\xff", False)
        self.assertEqual(self.counters.fanned_out, {GROUP: 1, BROADCAST: 1})
        sent = {(GROUP, Pushed.SENT): 1, (BROADCAST, Pushed.SENT): 1, (BROADCAST, NotUtf8): 1}
        self.assertEqual((self.counters.pushes, self.counters.pushes_sent), (sent, 0))
        self.assertEqual(
            self.observer.heard,
            ["pushed group g 2 sent 2+1", "pushed broadcast  2 sent 1+1", "pushed broadcast  1 NotUtf8 0+0"],
        )


class WithoutObserverTests(MonitorTestCase):
    def test_nobody_watches(self) -> None:
        """All of it is counted alike while nobody watches."""
        self.monitor.observer = None
        _, session = self.open("g")
        self.router.push(session.id, b"one", False)
        session.received(text("hi"))
        session.resolve(Delivered(text("pong")))
        self.router.close(session.id, 1000, "")
        self.assertRaises(NoSuchConnection, self.router.push, session.id, b"late", False)
        self.router.broadcast(b"hi", False).step()
        session.disconnected(Cause.NETWORK, 1006, "", False)
        counters = self.counters
        self.assertEqual((counters.opened, counters.pushes_sent, counters.closed), (1, 1, {Cause.API: 1}))
        self.assertEqual(set(counters.pushes), {(CONNECTION, NoSuchConnection), (BROADCAST, Pushed.SENT)})
