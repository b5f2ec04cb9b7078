"""Connections that the backend has accepted for a time: the timer, and the journal."""

from __future__ import annotations

from tests.support.core_fakes import FakePeer, text
from tests.support.gateway_case import NOW, GatewayTestCase
from wsaas.core.events import Cause, Refresh
from wsaas.core.gateway import record_of
from wsaas.core.outcomes import Accepted, Delivered, Expired, Kept
from wsaas.core.session import Session
from wsaas.core.states import State


class ExpiryTests(GatewayTestCase):
    def over(self, session: Session) -> Refresh:
        """The time ends; the question."""
        self.clock.advance(60)
        event = session.next_event()
        assert isinstance(event, Refresh)
        return event

    def test_from_the_101(self) -> None:
        """The time begins with the 101, not while the journal keeps the client waiting."""
        session = self.open(Accepted(headers=((b"X-User", b"42"),), expires_in=60.0))
        self.assertEqual((session.state, self.clock.getDelayedCalls()), (State.ACCEPTED, []))
        self.clock.advance(100)
        self.journal.stored.pop()(True)
        self.clock.advance(59)
        self.assertIsNone(session.next_event())
        self.calls.flush()
        self.clock.advance(1)
        self.assertEqual((self.calls, session.next_event()), (["wake"], Refresh(1, NOW)))

    def test_same_question(self) -> None:
        """The question is the same until it is answered, and has the moment at which the time was over."""
        session = self.open(Accepted(expires_in=60.0))
        first = self.over(session)
        self.clock.advance(30)
        self.assertIs(session.next_event(), first)
        session.resolve(Kept(expires_in=60.0))
        self.assertIsNone(session.next_event())
        self.assertEqual(self.over(session).sequence, 2)

    def test_client_that_left(self) -> None:
        """A client that left before its 101 has no timer."""
        session = self.connect()
        self.journal.stored.pop()(True)
        session.next_event()
        session.disconnected(Cause.NETWORK, 1006, "", False)
        session.resolve(Accepted(expires_in=60.0))
        self.assertEqual((session.state, self.clock.getDelayedCalls()), (State.LEAVING, []))

    def test_gone_at_the_101(self) -> None:
        """A client that the 101 finds gone has no timer."""
        self.calls.then["accept"] = lambda: session.disconnected(Cause.NETWORK, 1006, "", False)
        session = self.connect()
        self.journal.stored.pop()(True)
        session.next_event()
        session.resolve(Accepted(expires_in=60.0))
        self.assertEqual((session.state, self.clock.getDelayedCalls()), (State.LEAVING, []))

    def test_one_timer(self) -> None:
        """A connection has one timer at most, and none once it ends in whatever way."""
        for end in (
            lambda session: session.close(Cause.API, 1000, ""),
            lambda session: session.disconnected(Cause.NETWORK, 1006, "", False),
            lambda session: session.fail(Cause.TOO_BIG, 1009, ""),
            self.gateway.close_for_drain,
        ):
            session = self.open(Accepted(expires_in=60.0))
            self.over(session)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            session.resolve(Kept(expires_in=5.0))
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            end(session)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_headers(self) -> None:
        """New headers are in the journal, whose DELETE after a crash has them; an answer without any is not written."""
        session = self.open(Accepted(expires_in=60.0))
        self.over(session)
        self.calls.flush()
        session.resolve(Kept((), 60.0))
        self.assertNotIn("journal accepted", self.calls)
        self.over(session)
        session.resolve(Kept(((b"X-User", b"43"),)))
        self.assertEqual(self.journal.records[-1], record_of(session))
        self.assertEqual(self.journal.records[-1].repeated, ((b"X-User", b"43"),))
        self.journal.stored.pop()(False)
        self.assertIs(session.state, State.OPEN)

    def test_closing(self) -> None:
        """A connection that is kept while it closes is not asked about again."""
        session = self.open(Accepted(expires_in=60.0))
        self.over(session)
        session.close(Cause.API, 4001, "")
        session.resolve(Kept(expires_in=60.0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_reply_waits(self) -> None:
        """A reply for which the client has no room does not hold the question back."""
        session = self.open(Accepted(expires_in=60.0))
        peer = session.peer
        assert isinstance(peer, FakePeer)
        peer.full = True
        session.received(text("hello"))
        session.next_event()
        session.resolve(Delivered(text("reply")))
        self.assertIsNone(session.pending)
        self.over(session)
        session.resolve(Expired())
        self.assertIs(session.state, State.DISMISSED)
