"""Refreshes on their way: in order with messages, sent again, given up, within their share."""

from __future__ import annotations

import json
from typing import Any

from tests.support.core_fakes import FakePeer
from tests.support.courier_case import OK, CourierTestCase
from wsaas.backend.delivery import Load
from wsaas.backend.requests import Webhook
from wsaas.core.events import Cause, EventKind
from wsaas.core.session import Session
from wsaas.core.states import State
from wsaas.http_client.exchange import Fault, HttpResponse, Lost


def says(status: int = 200, **members: Any) -> HttpResponse:
    return HttpResponse(status, (), json.dumps(members).encode(), False)


def name(webhook: Webhook) -> str:
    """Sequence and event of the webhook-id."""
    return dict(webhook.headers)[b"webhook-id"].decode().partition("_")[2]


class RefreshTests(CourierTestCase):
    def for_a_time(self, seconds: float = 60, address: str = "192.0.2.1") -> tuple[FakePeer, Session]:
        peer = self.connect(address)
        self.sender.answer(says(code="OK", expires_in=seconds), -1)
        session = peer.session
        assert session is not None and session.state is State.OPEN
        return peer, session

    def fail_all(self, failure: HttpResponse | Fault, seconds: int) -> int:
        """Answer all that is sent within these seconds in this way; how many it was."""
        count = 0
        for _ in range(seconds * 10):
            while self.sender.waiting:
                self.sender.answer(failure)
                count += 1
            self.clock.advance(0.1)
        return count

    def names(self) -> list[str]:
        return [name(webhook) for webhook in self.sender.sent]

    def test_asked(self) -> None:
        """After its seconds, not before, the backend is asked about a connection, and after each OK with a new time."""
        peer, session = self.for_a_time(60)
        self.clock.advance(59.9)
        self.assertEqual(self.names(), ["0_connect"])
        self.clock.advance(0.1)
        self.assertEqual(self.names(), ["0_connect", "1_refresh"])
        self.sender.answer(says(code="OK", expires_in=10))
        self.clock.advance(9.9)
        self.assertEqual(self.sender.waiting, [])
        self.clock.advance(0.1)
        self.assertEqual(self.names()[2:], ["2_refresh"])
        self.sender.answer(says(code="OK"))
        self.clock.advance(1e6)
        self.assertEqual((len(self.names()), peer.calls.flush()), (3, ["accept None"]))
        self.assertEqual((session.state, self.clock.getDelayedCalls()), (State.OPEN, []))

    def test_order(self) -> None:
        """A refresh goes out behind the message under way, and before those that wait."""
        _, session = self.for_a_time()
        self.say(session, b"1", b"2")
        self.clock.advance(60)
        self.say(session, b"3")
        for _ in range(4):
            self.assertEqual(len(self.sender.waiting), 1)
            self.sender.answer(OK)
        self.assertEqual(self.names()[1:], ["1_message", "1_refresh", "2_message", "3_message"])

    def test_behind_a_retry(self) -> None:
        """A message that waits for its next try is not overtaken."""
        _, session = self.for_a_time()
        self.clock.advance(59.9)
        self.say(session, b"1", b"2")
        self.sender.answer(Lost("reset"))
        self.clock.advance(0.1)
        self.assertEqual(self.sender.waiting, [])
        self.clock.advance(0.15)
        self.assertEqual(self.names()[1:], ["1_message", "1_message"])
        self.sender.answer(OK)
        self.assertEqual(self.names()[3:], ["1_refresh"])

    def test_overtakes_what_waits(self) -> None:
        """A message that waits for a place in flight while the time ends goes behind the refresh."""
        self.build(concurrency=1)
        _, first = self.for_a_time()
        _, other = self.open("192.0.2.2")
        self.say(other, b"other")
        self.clock.advance(59)
        self.say(first, b"1")
        self.clock.advance(1)
        for _ in range(3):
            self.sender.answer(OK)
        self.assertEqual(self.names()[2:], ["1_message", "1_refresh", "1_message"])

    def test_not_kept(self) -> None:
        """Another code closes the connection, as the answer says; what waits behind is lost, and its DELETE says so."""
        peer, session = self.for_a_time()
        self.clock.advance(60)
        self.say(session, b"1", b"2")
        self.sender.answer(says(code="REVOKED", close_code=4001, close_reason="over"))
        self.assertEqual(peer.calls[-1], "close 4001 over")
        session.disconnected(Cause.CLIENT, 4001, "over", True)
        self.assertEqual(self.names()[1:], ["1_refresh", "0_disconnect"])
        told = json.loads(self.sender.sent[-1].body)
        self.assertEqual(
            (told["cause"], told["close_code"], told["close_reason"], told["clean"], told["lost_messages"]),
            ("expired", 4001, "over", True, 2),
        )
        self.sender.answer(OK)
        self.assertEqual((len(self.registry), self.monitor.counters.closed), (0, {Cause.EXPIRED: 1}))

    def test_patience(self) -> None:
        """A refresh that fails is sent again with the same webhook-id and body; after MESSAGE_PATIENCE, 1008."""
        peer, session = self.for_a_time()
        self.clock.advance(60)
        tries = self.fail_all(HttpResponse(503, (), b"", False), 40)
        self.assertGreater(tries, 5)
        self.assertEqual(self.names()[1:], ["1_refresh"] * tries)
        self.assertEqual(len({webhook.body for webhook in self.sender.sent[1:]}), 1)
        self.assertEqual(peer.calls[-1], "close 1008")
        self.assertEqual(self.monitor.counters.webhooks[EventKind.REFRESH].abandoned, 1)
        assert session.ending is not None
        self.assertIs(session.ending.cause, Cause.EXPIRED)

    def test_headers(self) -> None:
        """Headers of the answer are on every later webhook, in the place of those of their name."""
        peer = self.connect()
        self.sender.answer(says(code="OK", expires_in=60, headers={"X-Token": "old", "X-User": "42"}))
        session = peer.session
        assert session is not None
        self.clock.advance(60)
        self.assertEqual(dict(self.sender.sent[-1].headers)[b"X-Token"], b"old")
        self.sender.answer(says(code="OK", headers={"x-token": "new"}))
        self.say(session, b"1")
        headers = dict(self.sender.sent[-1].headers)
        self.assertEqual((headers[b"x-token"], headers[b"X-User"], b"X-Token" in headers), (b"new", b"42", False))

    def test_end(self) -> None:
        """A connection that has ended is not asked about, and leaves no timer behind."""
        _, session = self.for_a_time()
        session.disconnected(Cause.CLIENT, 1000, "", True)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.sender.answer(OK)
        _, session = self.for_a_time()
        session.close(Cause.API, 1000, "")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end_meanwhile(self) -> None:
        """The DELETE of a connection that ends while it is asked about comes after the answer."""
        for answer in (says(code="OK", expires_in=5), says(code="NO"), Lost("reset")):
            self.build()
            _, session = self.for_a_time()
            self.clock.advance(60)
            session.disconnected(Cause.CLIENT, 1000, "", True)
            self.assertEqual(self.names()[1:], ["1_refresh"])
            self.sender.answer(answer)
            if isinstance(answer, Lost):
                self.clock.advance(0.2)
                self.sender.answer(OK)
            self.assertEqual(self.names()[-1], "0_disconnect")
            self.assertEqual(json.loads(self.sender.sent[-1].body)["cause"], "client")
            self.sender.answer(OK)
            self.assertEqual((len(self.registry), self.clock.getDelayedCalls()), (0, []))

    def test_refused_and_gone(self) -> None:
        """Messages of a client that is gone wait for the answer too: if it is no, they are lost."""
        _, session = self.for_a_time()
        self.clock.advance(60)
        self.say(session, b"1")
        session.disconnected(Cause.CLIENT, 1000, "", True)
        self.sender.answer(says(401))
        self.assertEqual(self.names()[1:], ["1_refresh", "0_disconnect"])
        told = json.loads(self.sender.sent[-1].body)
        self.assertEqual((told["cause"], told["lost_messages"]), ("client", 1))

    def test_share(self) -> None:
        """Connections that expire together have an eighth of the places, and messages go out beside them."""
        sessions = [self.for_a_time(60, f"192.0.2.{number}")[1] for number in range(100)]
        _, other = self.open("198.51.100.1")
        self.clock.advance(60)
        self.assertEqual(len(self.sender.waiting), 8)
        self.say(other, b"1")
        self.assertEqual((len(self.sender.waiting), self.bodies()), (9, [b"1"]))
        load = self.courier.load()
        self.assertEqual(load[EventKind.REFRESH], Load(8, 92, False))
        self.assertEqual(load[EventKind.MESSAGE], Load(1, 0, False))
        while self.sender.waiting:
            self.sender.answer(OK)
        self.assertEqual(self.names().count("1_refresh"), len(sessions))
        self.assertEqual(self.courier.load()[EventKind.REFRESH], Load(0, 0, False))

    def test_breaker(self) -> None:
        """A backend that cannot be reached by refreshes is probed by them, while messages go on."""
        for number in range(20):
            self.for_a_time(60, f"192.0.2.{number}")
        _, other = self.open("198.51.100.1")
        self.clock.advance(60)
        for _ in range(10):
            self.sender.answer(Lost("reset"))
        self.assertTrue(self.courier.load()[EventKind.REFRESH].breaker_open)
        self.say(other, b"1")
        self.assertEqual(self.bodies(), [b"1"])
        self.sender.answer(OK, -1)
        self.assertFalse(self.courier.load()[EventKind.MESSAGE].breaker_open)
        self.fail_all(Lost("reset"), 40)
        self.assertEqual({session.state for session in self.registry if session is not other}, {State.DISMISSED})

    def test_our_bug(self) -> None:
        """A bug of ours in a refresh closes the connection: it is not kept unasked."""
        peer, session = self.for_a_time()
        self.clock.advance(60)
        self.sender.answer(None)  # type: ignore[arg-type]
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertEqual((peer.calls[-1], session.state), ("close 1011", State.CLOSING))
