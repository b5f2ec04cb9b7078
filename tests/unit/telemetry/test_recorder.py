"""The webhooks that are kept to be sent again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, Stage, text
from wsaas.backend.requests import Webhook
from wsaas.core.events import Cause, Closed, Received
from wsaas.core.observer import Attempt, Push, RefusedHandshake
from wsaas.core.outcomes import Delivered
from wsaas.core.pushes import Pushed, PushKind
from wsaas.telemetry.recorder import MAX_BYTES, MAX_SIZE, Recorder


class RecorderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recorder = Recorder()
        self.session = Stage.open().session

    def record(self, number: int, body: bytes = b"hello", extra: bytes = b"") -> str:
        name = f"{ID}_{number}_message"
        head = b"WSAAS-Event: message\r\nwebhook-id: " + name.encode() + b"\r\n" + extra
        request = Webhook(b"PUT", ID.encode(), head, body, 0)
        self.recorder.tried(self.session, Attempt(Received(number, text("")), 1, request, None, None, Delivered()))
        return name

    def test_last_try(self) -> None:
        """Of each webhook the last try is kept."""
        name = self.record(1, extra=b"X: 1\r\n")
        self.record(1, extra=b"X: 2\r\n")
        recorded = self.recorder.find(name)
        assert recorded is not None
        self.assertTrue(recorded.head.endswith(b"X: 2\r\n"))
        self.assertEqual((recorded.method, recorded.id, recorded.body), (b"PUT", ID.encode(), b"hello"))
        self.assertIsNone(self.recorder.find("nothing"))

    def test_bound(self) -> None:
        """Old webhooks make room for new ones; one that is very large is not kept, and takes the place of none."""
        body = bytes(MAX_SIZE - 2000)
        names = [self.record(number, body) for number in range(40)]
        kept = [name for name in names if self.recorder.find(name)]
        self.assertEqual(kept, names[-len(kept) :])
        self.assertLessEqual(len(kept) * len(body), MAX_BYTES)
        self.assertGreaterEqual(len(kept), MAX_BYTES // MAX_SIZE)
        self.assertIsNone(self.recorder.find(self.record(99, bytes(MAX_SIZE))))
        self.assertTrue(self.recorder.find(kept[0]))
        for _ in range(40):  # the same one again and again
            self.record(39, body)
        self.assertTrue(self.recorder.find(kept[0]))

    def test_nothing_else(self) -> None:
        """Nothing else is kept, nor a try that nobody saw begin."""
        closed = Closed(Cause.CLIENT, 1000, "", True)
        self.recorder.tried(self.session, Attempt(Received(1, text("")), 1, None, None, None, Delivered()))
        self.recorder.connected(self.session)
        self.recorder.refused(RefusedHandshake("", None, None, ""))
        self.recorder.replied(self.session, text(""))
        self.recorder.pushed(Push(PushKind.BROADCAST, "", b"", False, Pushed.SENT))
        self.recorder.close_asked(ID, 1000, None)
        self.recorder.ending(self.session, closed, True)
        self.recorder.disconnected(self.session, closed)
        self.assertIsNone(self.recorder.find(f"{ID}_1_message"))
