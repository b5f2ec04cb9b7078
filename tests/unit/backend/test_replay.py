"""A recorded webhook, sent again for a person who looks at the answer."""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure

from tests.support.courier_case import OK, CourierTestCase
from wsaas.backend.replay import MAX_REPLAYS, Replayer
from wsaas.backend.signing import sign
from wsaas.core.counters import Counters
from wsaas.core.events import Cause
from wsaas.core.session import Session
from wsaas.http_client.exchange import HttpResponse, Lost
from wsaas.telemetry.recorder import Recorder

KEY = b"k" * 24


class ReplayTests(CourierTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.recorder = Recorder()
        self.monitor.watch(self.recorder)
        self.now = 5000.0
        self.replayer = Replayer(self.recorder, self.sender, [KEY], self.clock, lambda: self.now)

    def said(self, body: bytes = b"hello") -> tuple[Session, str]:
        """A connection whose message was delivered; its webhook-id."""
        _, session = self.open()
        self.say(session, body)
        self.sender.answer(OK)
        return session, f"{session.id}_1_message"

    def replay(self, name: str, body: bytes | None = None) -> list[Any]:
        got: list[Any] = []
        self.replayer.replay(name, body).addBoth(got.append)
        return got

    def test_same_webhook(self) -> None:
        """The bytes, the webhook-id and all headers are those of the webhook; timestamp and signature are new."""
        _, name = self.said()
        got = self.replay(name)
        first, again = self.sender.sent[-2:]
        self.assertEqual((again.method, again.id, again.body), (b"PUT", first.id, b"hello"))
        before, after = dict(first.headers), dict(again.headers)
        self.assertEqual(len(again.headers), len(after), "no header is there twice")
        self.assertEqual(after.pop(b"WSAAS-Replay"), b"1")
        signature = after.pop(b"webhook-signature")
        self.assertEqual((before.pop(b"webhook-timestamp"), after.pop(b"webhook-timestamp")), (b"0", b"5000"))
        self.assertEqual(before, after)
        self.assertEqual(signature, sign([KEY], name.encode(), 5000, b"hello"))
        self.clock.advance(2)
        self.sender.answer(HttpResponse(418, (), b"no", False))
        [(answer, times)] = got
        self.assertEqual((answer.status, times.total, times.queue), (418, 2, 0))

    def test_edited(self) -> None:
        """With another body, that one is sent and signed."""
        _, name = self.said()
        self.replay(name, b"")
        self.assertEqual(self.sender.sent[-1].body, b"")
        signature = dict(self.sender.sent[-1].headers)[b"webhook-signature"]
        self.assertEqual(signature, sign([KEY], name.encode(), 5000, b""))

    def test_never_acted_on(self) -> None:
        """Whatever the answer, the connection goes on as if nothing was, and nothing of it is counted."""
        for answer in (HttpResponse(410, (), b"", False), HttpResponse(503, (), b"", False), Lost("reset")):
            session, name = self.said()
            peer, counted = session.peer, counts(self.monitor.counters)
            got = self.replay(name)
            self.sender.answer(answer)
            self.assertEqual(len(got), 1)
            self.assertEqual(counts(self.monitor.counters), counted)
            self.assertIs(session.peer, peer)
            self.assertEqual(self.sender.waiting, [])

    def test_dead_connection(self) -> None:
        """A webhook of a connection that is over can be replayed, its connect and its disconnect too."""
        session, name = self.said()
        session.disconnected(Cause.CLIENT, 1000, "", True)
        self.sender.answer(OK)
        self.assertEqual(len(self.registry), 0)
        connect, disconnect = f"{session.id}_0_connect", f"{session.id}_0_disconnect"
        for each, method in ((name, b"PUT"), (connect, b"POST"), (disconnect, b"DELETE")):
            self.replay(each)
            self.assertEqual(self.sender.sent[-1].method, method)
            self.sender.answer(OK)

    def test_one_at_a_time(self) -> None:
        """One replay of a connection is under way at a time, and a bounded number in all."""
        session, name = self.said()
        connect = f"{session.id}_0_connect"
        self.assertTrue(self.replayer.may_begin(name))
        self.replay(name)
        self.assertFalse(self.replayer.may_begin(name) or self.replayer.may_begin(connect))
        self.sender.answer(OK)
        self.assertTrue(self.replayer.may_begin(connect))
        names = [self.said()[1] for _ in range(MAX_REPLAYS + 1)]
        for each in names[:-1]:
            self.replay(each)
        self.assertFalse(self.replayer.may_begin(names[-1]))

    def test_not_recorded(self) -> None:
        """An id that is not recorded is none that could be replayed."""
        self.assertFalse(self.replayer.recorded("x") or self.replayer.may_begin("x"))
        self.assertIsInstance(self.replay("x")[0], Failure)

    def test_a_bug(self) -> None:
        """A bug of ours ends the replay with a failure, and the next one may begin."""
        _, name = self.said()
        got = self.replay(name)
        self.sender.answer(Failure(ValueError("a bug")))
        self.assertIsInstance(got[0], Failure)
        self.assertTrue(self.replayer.may_begin(name))

        def broken(*_: object) -> None:
            raise ValueError("a bug")

        self.patch(self.sender, "send", broken)
        self.assertIsInstance(self.replay(name)[0], Failure)
        self.assertTrue(self.replayer.may_begin(name))


def counts(counters: Counters) -> object:
    """All that is counted of webhooks, and of ends."""
    webhooks = {
        kind: (list(each.answers), each.timeouts, each.failures, each.refused, each.abandoned)
        for kind, each in counters.webhooks.items()
    }
    return webhooks, dict(counters.closed), dict(counters.refused)
