"""The gateway of one process: who hears of what, in which order."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection

from twisted.internet.task import Clock

from tests.support.core_fakes import VETOED, FakePeer, hello, text
from tests.support.gateway_case import NOW, GatewayTestCase
from wsaas.core.events import Cause, Closed, Opened, Received
from wsaas.core.gateway import Gateway, record_of
from wsaas.core.groups import MAX_GROUPS
from wsaas.core.ids import PREFIX_LENGTH, is_id
from wsaas.core.model import Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted, Acknowledged, Delivered
from wsaas.core.records import Record
from wsaas.core.states import State

TRACE = "0af7651916cd43dd8448eb211c80319c"


class ConnectTests(GatewayTestCase):
    def test_journal_before_post(self) -> None:
        """The backend is not told of a connection before the journal has it."""
        session = self.connect(repeated=((b"Authorization", b"Basic eA=="),))
        self.assertEqual(self.calls, ["journal opened"])
        (record,) = self.journal.records
        self.assertEqual(record, record_of(session))
        self.assertEqual(
            (record.id, record.connected_at, record.repeated, record.closed),
            (session.id, NOW, ((b"Authorization", b"Basic eA=="),), None),
        )
        self.journal.stored[0](True)
        self.assertEqual((self.calls[1:], self.backend.woken), (["wake"], [session]))
        self.assertEqual(session.next_event(), Opened(session.handshake))

    def test_found_at_once(self) -> None:
        """A connection has an id and is known to the API from its handshake on."""
        session = self.connect()
        self.assertTrue(is_id(session.id))
        self.assertIs(self.registry.find(session.id), session)
        self.assertNotEqual(self.connect().id, session.id)

    def test_not_accepting(self) -> None:
        """While starting or draining nobody new is let in, and nobody is told of it."""
        self.gateway.accepting = False
        peer = FakePeer(self.calls)
        self.gateway.connect(peer, hello())
        self.assertEqual(self.calls, ["refuse NOT_READY"])
        self.assertEqual((peer.session, len(self.registry)), (None, 0))

    def test_accepts_nobody_by_itself(self) -> None:
        """A new gateway is not ready until its owner says so."""
        gateway = Gateway(
            self.registry,
            self.journal,
            self.backend,
            Limits(1, 1, 1),
            lambda: 0.0,
            secrets.token_bytes,
            Monitor(),
            Clock().callLater,
        )
        self.assertFalse(gateway.accepting)

    def test_journal_refuses(self) -> None:
        """A connection that the journal cannot keep is refused: its end could not be promised."""
        session = self.connect()
        self.journal.stored[0](False)
        self.assertEqual(self.calls[1:], [f"journal forget {session.id}", "refuse JOURNAL_UNAVAILABLE"])
        self.assertEqual((len(self.registry), self.backend.woken), (0, []))

    def test_client_leaves_before_the_journal_has_it(self) -> None:
        """Who left before the journal answered is forgotten, whatever it answers."""
        for safe in (True, False):
            session = self.connect()
            self.calls.flush()
            session.disconnected(Cause.NETWORK, 1006, "", False)
            self.journal.stored.pop()(safe)
            self.assertEqual([call for call in self.calls if call != "wake"], [f"journal forget {session.id}"])
            self.assertEqual((session.next_event(), session.state, len(self.registry)), (None, State.CLOSED, 0))

    def test_a_journal_that_answers_at_once(self) -> None:
        """The journal may answer before `opened` returns."""
        self.calls.then["journal opened"] = lambda: self.journal.stored[0](True)
        session = self.connect()
        self.assertEqual((self.calls, self.backend.woken), (["journal opened", "wake"], [session]))


class TraceTests(GatewayTestCase):
    def test_continued(self) -> None:
        """A client's trace goes on."""
        self.assertEqual(self.connect(trace_id=TRACE).trace_id, TRACE)

    def test_new(self) -> None:
        """Where the client began no trace, each connection begins one of its own."""
        made = {self.connect().trace_id for _ in range(10)}
        self.assertEqual(len(made), 10)
        for trace in made:
            self.assertRegex(trace, r"\A[0-9a-f]{32}\Z")


class FakeInterest:
    """Other processes; `groups` are those of which they have heard."""

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.waiting: list[tuple[Collection[str], Callable[[], object]]] = []

    def begun(self, group: str) -> None:
        self.groups.add(group)

    def ended(self, group: str) -> None:
        self.groups.remove(group)

    def when_known(self, groups: Collection[str], done: Callable[[], object]) -> None:
        self.waiting.append((groups, done))


class LifeTests(GatewayTestCase):
    def test_groups(self) -> None:
        """An accepted connection is in the groups that the backend said, before its 101, and leaves them as it ends."""
        seen = []
        self.calls.then["accept"] = lambda: seen.append(set(self.registry._groups))
        session = self.open(Accepted(groups=("room:7", "user:42")))
        self.assertEqual((session.groups, seen), ({"room:7", "user:42"}, [{"room:7", "user:42"}]))
        session.close(Cause.API, 1000, "")
        self.assertEqual((session.groups, self.registry._groups), (set(), {}))

    def test_groups_that_others_must_know(self) -> None:
        """Where other processes push to groups, the 101 waits until they know of all, and of the stored headers."""
        interest = self.registry.interest = FakeInterest()
        for headers in ((), ((b"X-User", b"42"),)):
            session = self.open(Accepted(groups=("room:7", "user:42"), headers=headers))
            self.assertEqual((interest.groups, session.state), ({"room:7", "user:42"}, State.ACCEPTED))
            if headers:
                self.assertEqual(interest.waiting, [])
                self.journal.stored.pop()(True)
            (known,) = interest.waiting
            self.assertEqual((known[0], session.state), (("room:7", "user:42"), State.ACCEPTED))
            interest.waiting.pop()[1]()
            self.assertIs(session.state, State.OPEN)
            session.close(Cause.API, 1000, "")
            self.assertEqual(interest.groups, set())

    def test_no_groups_for_a_client_that_has_left(self) -> None:
        """A client that left while its POST was out joins no group."""
        session = self.connect()
        self.journal.stored.pop()(True)
        session.next_event()
        session.disconnected(Cause.NETWORK, 1006, "", False)
        session.resolve(Accepted(groups=("room:7",)))
        self.assertEqual((session.groups, self.router.member_page("room:7", 10, "").items), (set(), []))

    def test_too_many_groups(self) -> None:
        """Groups joined while the POST was out never keep the 101 from being sent, however many they are."""
        session = self.connect()
        self.journal.stored.pop()(True)
        session.next_event()
        for number in range(MAX_GROUPS):
            self.router.join(session.id, str(number))
        session.resolve(Accepted(groups=("room:7",)))
        self.assertEqual((session.state, self.calls[-1]), (State.OPEN, "accept None"))

    def test_headers_are_kept(self) -> None:
        """Headers that the connect answer asked for are kept in the journal, for a DELETE after a crash."""
        session = self.open(Accepted(headers=((b"X-User", b"42"),)))
        self.assertEqual(self.journal.records[-1].repeated, ((b"X-User", b"42"),))
        self.assertEqual(self.journal.records[-1], record_of(session))

    def test_the_101_waits_for_the_headers(self) -> None:
        """The client gets its 101, and the first push behind it, only when the journal has the headers."""
        session = self.open(Accepted("v2", ("room:7",), ((b"X-User", b"42"),)))
        self.assertEqual(self.calls[-1], "journal accepted")
        self.assertEqual((session.state, session.pending, session.next_event()), (State.ACCEPTED, None, None))
        self.router.push(session.id, b"first", False)
        cast = self.router.push_to_group("room:7", b"second", False, None)
        self.assertFalse(cast.step())
        self.assertEqual((cast.sent, self.calls[-1]), (1, "journal accepted"))
        self.journal.stored.pop()(True)
        self.assertEqual(self.calls[-3:], ["accept v2", "send first", "send second"])
        self.assertEqual((session.state, session.subprotocol), (State.OPEN, "v2"))

    def test_headers_that_cannot_be_kept(self) -> None:
        """If the journal fails, the client is refused, its pushes go nowhere, and the backend hears a DELETE with the
        headers."""
        session = self.open(Accepted(groups=("room:7",), headers=((b"X-User", b"42"),)))
        self.router.push(session.id, b"first", False)
        self.calls.flush()
        self.journal.stored.pop()(False)
        self.assertEqual(self.calls, [f"journal closed {session.id}", "wake", "refuse JOURNAL_UNAVAILABLE"])
        self.assertEqual(session.next_event(), Closed(Cause.UNKNOWN_CONNECT, 1006, "", clean=False, at=NOW))
        self.assertEqual(session.repeated, ((b"X-User", b"42"),))
        self.assertEqual(self.router.member_page("room:7", 10, "").items, [])

    def test_client_leaves_before_the_journal_has_the_headers(self) -> None:
        """Who leaves meanwhile is told to the backend, whatever the journal says then."""
        for safe in (True, False):
            session = self.open(Accepted(headers=((b"X-User", b"42"),)))
            self.calls.flush()
            session.disconnected(Cause.NETWORK, 1006, "", False)
            self.journal.stored.pop()(safe)
            self.assertEqual(self.calls.flush(), [f"journal closed {session.id}", "wake"])
            self.assertEqual(session.next_event(), Closed(Cause.NETWORK, 1006, "", clean=False, at=NOW))

    def test_a_journal_that_keeps_headers_at_once(self) -> None:
        """The journal may answer before `accepted` returns."""
        self.calls.then["journal accepted"] = lambda: self.journal.stored.pop()(True)
        session = self.open(Accepted(headers=((b"X-User", b"42"),)))
        self.assertEqual((session.state, self.calls[-2:]), (State.OPEN, ["journal accepted", "accept None"]))

    def test_headers_are_kept_when_the_client_has_left(self) -> None:
        """They are kept, too, when the client left while its POST was out: a crash may come before its DELETE."""
        session = self.connect()
        self.journal.stored.pop()(True)
        session.next_event()
        session.disconnected(Cause.NETWORK, 1006, "", False)
        session.resolve(Accepted(headers=((b"X-User", b"42"),)))
        self.assertEqual(self.journal.records[-1].repeated, ((b"X-User", b"42"),))

    def test_nothing_new_to_keep(self) -> None:
        """An accept without headers is not worth a row."""
        self.open(Accepted(groups=("room:7",)))
        self.assertNotIn("journal accepted", self.calls)

    def test_end(self) -> None:
        """How it ended goes into the journal once only the DELETE is left; when that is answered all forget it."""
        session = self.open(Accepted())
        session.received(text("one"))
        self.calls.flush()
        session.disconnected(Cause.CLIENT, 1000, "", True)
        self.assertIsNone(self.registry.find(session.id))
        self.assertIsInstance(session.next_event(), Received)
        self.assertEqual(self.calls.flush(), ["wake"])
        session.resolve(Delivered())
        self.assertEqual(self.calls, [f"journal closed {session.id}"])
        closed = session.next_event()
        self.assertEqual(len(self.calls), 1)
        self.assertEqual((self.journal.closings, len(self.registry)), ([closed], 1))
        session.resolve(Acknowledged())
        self.assertEqual(self.calls[1:], [f"journal forget {session.id}"])
        self.assertEqual(len(self.registry), 0)

    def test_refused(self) -> None:
        """A refused connection is forgotten."""
        session = self.connect()
        self.journal.stored.pop()(True)
        session.next_event()
        session.resolve(VETOED)
        self.assertEqual(self.calls[2:], [f"journal forget {session.id}", "refuse VETOED"])
        self.assertEqual(len(self.registry), 0)

    def test_restart(self) -> None:
        """A client that goes because the gateway stops is closed with 1012, one that waits is asked to come again."""
        self.gateway.close_for_drain(self.open(Accepted()))
        self.assertEqual(self.calls[-1], "close 1012")
        waiting = self.connect()
        self.gateway.close_for_drain(waiting)
        self.assertEqual(self.calls[-1], "refuse NOT_READY")


class JournalAnewTests(GatewayTestCase):
    """For a journal that has to be written anew."""

    def test_records(self) -> None:
        """The records are those of all connections, as they are now, those of an earlier life among them."""
        live, over = self.open(Accepted()), self.open(Accepted())
        over.disconnected(Cause.CLIENT, 1000, "", True)
        old = Record("a" * 32, 1.0, (), "1" * 32, Closed(Cause.CLIENT, 1000, "", clean=True))
        self.gateway.revive([old])
        self.assertEqual(self.gateway.records(), [record_of(live), record_of(over), old])
        self.assertEqual(record_of(over).closed, Closed(Cause.CLIENT, 1000, "", clean=True, at=NOW))

    def test_handshaking(self) -> None:
        """A client waits for its 101 until it is open, or gone."""
        self.assertFalse(self.gateway.handshaking)
        session = self.connect()
        self.assertTrue(self.gateway.handshaking)
        self.journal.stored.pop()(True)
        session.next_event()
        self.assertTrue(self.gateway.handshaking)
        session.resolve(Accepted())
        self.assertFalse(self.gateway.handshaking)
        self.assertIs(session.state, State.OPEN)
        self.connect().disconnected(Cause.NETWORK, 1006, "", clean=False)
        self.assertFalse(self.gateway.handshaking)

    def test_prefix(self) -> None:
        """Each id begins with the prefix of the process."""
        self.assertTrue(self.connect().id.startswith(self.gateway.prefix))
        self.assertEqual(len(self.gateway.prefix), PREFIX_LENGTH)

    def test_minted(self) -> None:
        """Its own connections are told from those of others by their ids."""
        self.assertTrue(self.gateway.minted(self.connect().id))
        self.assertFalse(self.gateway.minted("a" * 32))


class ReviveTests(GatewayTestCase):
    def test_revive(self) -> None:
        """Everyone an earlier life left behind gets a DELETE that says why, and is then forgotten."""
        known = Closed(Cause.CLIENT, 1000, "", clean=True, lost_messages=2)
        records = [Record("a" * 32, 1.0, (), "1" * 32), Record("b" * 32, 2.0, (), "2" * 32, known)]
        self.gateway.accepting = False
        self.gateway.revive(iter(records))
        self.assertEqual(self.calls.flush(), ["wake", "wake"])
        one, two = self.backend.woken
        self.assertEqual((len(self.registry), [record_of(one).id, record_of(two)]), (2, ["a" * 32, records[1]]))
        self.assertIsNone(self.registry.find(one.id))
        self.assertEqual(one.next_event(), Closed(Cause.RESTART, 1006, "", clean=False))
        self.assertEqual(two.next_event(), known)
        one.resolve(Acknowledged())
        two.resolve(Acknowledged())
        self.assertEqual(self.calls, [f"journal forget {id * 32}" for id in "ab"])
        self.assertEqual(len(self.registry), 0)


class RightTests(GatewayTestCase):
    def test_replies(self) -> None:
        """Replies that were held while the process might not speak are sent when it may, and once."""
        session, calls = self.open(Accepted()), self.calls
        for frame in ("one", "two"):
            session.received(text(frame))
        session.next_event()
        assert isinstance(session.peer, FakePeer)
        session.peer.full = True
        session.resolve(Delivered(text("reply")))
        self.gateway.replies.release()  # nothing is held
        session.peer.full = False
        may = False
        self.gateway.replies.may_speak = lambda: may
        calls.flush()
        session.writable()
        self.gateway.replies.release()
        self.assertEqual(calls, [])
        may = True
        self.gateway.replies.release()
        self.assertEqual(calls, ["send reply", "wake"])
        self.gateway.replies.release()
        self.assertEqual(len(calls), 2)
