"""How a client is let go: what was written to it is not lost while it reads, and it does not stay for ever (G4)."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase
from wsproto.events import CloseConnection, TextMessage

from tests.support.client_harness import END, REQUEST, Client, Harness
from wsaas.clients.handshake.opening import MAX_EARLY
from wsaas.clients.handshake.pending import EVICTION_AGE
from wsaas.clients.lingering_close import CLOSE_TIMEOUT, LINGER_TIMEOUT, MAX_DISCARDED
from wsaas.core.events import Cause
from wsaas.core.model import Frame
from wsaas.core.refusal import Refusal, RefusalReason

FRAME = Frame(b"x" * 1000, True)


class SlowClientTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(ws_timeout=30.0)

    def slow(self, frames: int = 500) -> Client:
        """A client that has not taken so many frames: some wait in the transport, some in the outbox."""
        client = self.harness.open()
        client.transport.stuck = True
        for _ in range(frames):
            self.assertTrue(client.peer.send(FRAME))
        self.assertTrue(client.peer.send_buffer.paused)
        return client

    def wait(self, seconds: float) -> None:
        self.harness.clock.pump([0.5] * round(seconds * 2))

    def take(self, client: Client, size: int = 1000) -> None:
        """The client takes so much of what the transport holds."""
        transport = client.transport
        transport.written += transport.buffered[:size]
        transport.buffered = transport.buffered[size:]

    def take_slowly(self, client: Client) -> None:
        """It takes all of what the transport holds, for much longer than a client has for an answer."""
        while len(client.transport.buffered) > 4000:
            self.take(client, 4000)
            self.wait(CLOSE_TIMEOUT - 1)
        client.transport.flow()


class LingeringCloseTests(SlowClientTestCase):
    def assert_all_arrived(self, client: Client, frames: int, code: int) -> None:
        events = client.heard()
        self.assertEqual(len(events), frames + 1)
        self.assertEqual(events[-1], CloseConnection(code=code, reason=""))
        self.assertFalse(client.transport.aborted)

    def test_closed_by_us(self) -> None:
        """A client that goes on reading has all that was written, and the Close, however long that takes; then it has
        its time to answer.
        """
        client = self.slow()
        client.peer.close(4000, "")
        self.take_slowly(client)
        self.wait(CLOSE_TIMEOUT - 1)
        self.assert_all_arrived(client, 500, 4000)
        client.send(CloseConnection(code=4000))
        self.assertEqual(client.transport.closed, True)
        self.wait(1)
        self.assertEqual(client.session.calls, [("writable",), ("disconnected", Cause.CLIENT, 4000, "", True)])
        self.assertEqual(self.harness.factory._connections, set())

    def test_closed_by_the_client(self) -> None:
        """So has a client that closes by itself; its session is over at once, and only our half of the connection is
        closed behind the rest.
        """
        client = self.slow()
        client.send(CloseConnection(code=1001))
        self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, 1001, "", True)])
        self.assertTrue(self.harness.factory.owes)
        self.assertFalse(client.peer.send(FRAME))
        self.take_slowly(client)
        self.assert_all_arrived(client, 500, 1001)
        self.assertEqual((client.transport.ended, client.transport.closed), (True, False))
        self.assertFalse(self.harness.factory.owes)
        client.vanish()
        self.assertEqual(len(client.session.calls), 1)
        self.assertEqual(self.harness.factory._connections, set())

    def test_reads_no_more(self) -> None:
        """A client that takes nothing more is dropped CLOSE_TIMEOUT after it last took something, whoever closed."""
        for close in (
            lambda client: client.peer.close(1000, ""),
            lambda client: client.send(CloseConnection(code=1000)),
        ):
            client = self.slow()
            close(client)
            for _ in range(3):
                self.wait(CLOSE_TIMEOUT - 1)
                self.take(client)
            self.wait(CLOSE_TIMEOUT - 1)
            self.assertFalse(client.transport.aborted)
            self.wait(3)
            self.assertTrue(client.transport.aborted)
            self.assertEqual([call[0] for call in client.session.calls], ["disconnected"])
            self.assertEqual(self.harness.factory._connections, set())

    def test_no_answer(self) -> None:
        """A client that has taken all and does not answer our Close may be reading still, from what its own machine
        holds: the session is over after CLOSE_TIMEOUT, but it is given time before the connection is closed, and what
        it says meanwhile does not make the kernel reset it.
        """
        client = self.harness.open()
        client.peer.close(1000, "")
        self.wait(CLOSE_TIMEOUT + 1)
        self.assertEqual(client.session.calls, [("disconnected", Cause.NETWORK, 1006, "", False)])
        self.assertEqual((client.transport.ended, client.transport.closed, client.transport.reading), (1, 0, 1))
        client.send(TextMessage(data="hello?"))
        self.assertEqual((client.peer._reader._data, len(client.session.calls)), (b"", 1))
        self.wait(LINGER_TIMEOUT - 2)
        self.assertFalse(client.transport.closed)
        self.wait(2)
        self.assertEqual((client.transport.closed, client.transport.aborted), (True, False))
        self.assertEqual(self.harness.factory._connections, set())

    def test_not_read_from(self) -> None:
        """The same where nothing was read from the client for want of room: what was read before is handed over."""
        client = self.harness.open()
        client.session.room = 5
        client.send(TextMessage(data="too long"))
        self.assertFalse(client.transport.reading)
        client.peer.close(1000, "")
        self.wait(CLOSE_TIMEOUT + 1)
        self.assertEqual([call[0] for call in client.session.calls], ["received", "disconnected"])
        self.assertTrue(client.transport.reading)
        client.say(b"more" * 1000)
        self.assertEqual(client.peer._reader._data, b"")

    def test_both_at_once(self) -> None:
        """A Close that the client sent before it had ours is no proof that it has read all."""
        client = self.slow()
        client.peer.close(4000, "")
        client.send(CloseConnection(code=1000))
        self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, 1000, "", True)])
        self.take_slowly(client)
        self.assert_all_arrived(client, 500, 4000)
        self.assertEqual((client.transport.ended, client.transport.closed), (True, False))

    def test_violates_again(self) -> None:
        """Nor is a client cut off that breaks the rules, and breaks them again while it is let go."""
        client = self.slow()
        client.say(b"\x83\x80mask" * 3)
        self.take_slowly(client)
        events = client.heard()
        self.assertEqual((len(events), events[-1].code), (501, 1002))  # type: ignore[attr-defined]
        self.assertEqual((client.transport.ended, client.transport.aborted), (True, False))
        self.assertEqual([call[0] for call in client.session.calls], ["fail", "disconnected"])

    def test_half_closed(self) -> None:
        """A client that closes its half has what waits for it; there is no Close, as after any loss of a connection."""
        client = self.slow()
        client.peer.readConnectionLost()
        self.assertEqual(client.session.calls, [("disconnected", Cause.NETWORK, 1006, "", False)])
        self.take_slowly(client)
        self.assertEqual(len(client.heard()), 500)
        self.assertEqual((client.transport.closed, client.transport.aborted), (True, False))
        self.assertEqual(self.harness.factory._connections, set())

    def test_half_closed_late(self) -> None:
        """The same behind its Close."""
        client = self.slow()
        client.send(CloseConnection(code=1001))
        client.peer.readConnectionLost()
        self.take_slowly(client)
        self.assert_all_arrived(client, 500, 1001)
        self.assertTrue(client.transport.closed)

    def test_nothing_owing(self) -> None:
        """A client that has taken all before the Close is let go at once, by a whole close."""
        client = self.harness.open()
        client.peer.send(FRAME)
        client.send(CloseConnection(code=1000))
        self.assertEqual((client.transport.ended, client.transport.closed), (False, True))

    def test_the_transport_breaks(self) -> None:
        """A connection that breaks while the client is let go is over, at any point."""
        for close in (
            lambda client: client.peer.close(1000, ""),
            lambda client: client.send(CloseConnection(code=1000)),
            lambda client: client.peer.readConnectionLost(),
        ):
            client = self.slow()
            close(client)
            client.transport.lose(ConnectionDone())
            self.assertEqual([call[0] for call in client.session.calls], ["disconnected"])
            self.assertEqual(self.harness.factory._connections, set())
        self.harness.factory.keepalive.stop()
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])

    def test_closes_when_it_is_lost(self) -> None:
        """A Close, or a violation, that is read when the connection is lost already begins nothing."""
        self.harness.factory.keepalive.stop()
        for last in (b"\x88\x80mask", b"\x83\x80mask"):
            client = self.harness.open()
            client.peer.pause_reading()
            client.say(b"\x81\x80mask" + last)
            client.vanish()
            self.assertEqual(client.session.calls[0], ("received", b""))
            self.assertEqual([call[0] for call in client.session.calls].count("disconnected"), 1)
            self.assertEqual(self.harness.clock.getDelayedCalls(), [])


class SlowAndSilentTests(SlowClientTestCase):
    """The keepalive."""

    def test_takes(self) -> None:
        """A client that takes what it was sent is not given up, were it silent, and over SEND_BUFFER."""
        for frames in (500, 70):
            client = self.slow(frames)
            while client.peer.send(FRAME) and frames == 500:
                pass
            for _ in range(30):
                self.take(client, 1)
                self.wait(20)
            self.assertEqual([call for call in client.session.calls if call[0] == "disconnected"], [])

    def test_stops_taking(self) -> None:
        """One that stops is given up a WS_TIMEOUT later, and an eighth."""
        client = self.slow()
        for _ in range(10):
            self.take(client, 1)
            self.wait(20)
        self.wait(9)
        self.assertEqual(client.session.calls, [])
        self.wait(7)
        self.assertEqual([call[:2] for call in client.session.calls], [("disconnected", Cause.TIMEOUT)])
        self.assertTrue(client.transport.aborted)


class RefusedTests(SynchronousTestCase):
    """A client whose handshake is refused, and who goes on sending."""

    def setUp(self) -> None:
        self.harness = Harness()
        self.harness.factory.keepalive.stop()

    def refused(self) -> Client:
        client = self.harness.client()
        client.say(REQUEST + b"Content-Length: 5" + END + END)
        self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 400 "))
        self.assertEqual((client.transport.ended, client.transport.closed), (True, False))
        return client

    def test_still_sends(self) -> None:
        """What the client still sends is read and thrown away, so that no reset takes the answer from it; it closes."""
        client = self.refused()
        client.say(b"x" * 60_000)
        self.assertEqual((client.peer._handshake.data, client.transport.reading), (b"", True))
        self.assertFalse(client.transport.closed)
        client.close()
        self.assertIsNone(client.transport.protocol)
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])
        self.assertEqual((self.harness.admission.present, self.harness.factory._connections), (0, set()))

    def test_early(self) -> None:
        """The same with one that is no longer read from, as it sent too much before its 101."""
        client = self.harness.client()
        client.say(REQUEST + END)
        client.say(b"x" * MAX_EARLY)
        self.assertFalse(client.transport.reading)
        client.peer.refuse(Refusal(RefusalReason.NOT_READY))
        self.assertEqual((client.transport.ended, client.transport.reading), (True, True))
        client.close()
        self.assertIsNone(client.transport.protocol)

    def test_too_much(self) -> None:
        """A client that sends too much behind the answer is cut off."""
        client = self.refused()
        for _ in range(MAX_DISCARDED // 65536):
            client.say(b"x" * 65536)
        self.assertFalse(client.transport.aborted)
        client.say(b"x")
        self.assertTrue(client.transport.aborted)
        self.harness.clock.advance(0)
        self.assertEqual((self.harness.admission.present, self.harness.clock.getDelayedCalls()), (0, []))

    def test_stays(self) -> None:
        """A client that does not close is let go after 5 s, though it sends all the time."""
        client = self.refused()
        for _ in range(49):
            client.say(b"x")
            self.harness.clock.advance(0.1)
        self.assertIsNotNone(client.transport.protocol)
        self.harness.clock.advance(0.2)
        self.harness.clock.advance(0)
        self.assertIsNone(client.transport.protocol)
        self.assertEqual((self.harness.admission.present, self.harness.clock.getDelayedCalls()), (0, []))

    def test_makes_room(self) -> None:
        """It makes room for newcomers as one does whose head does not come."""
        self.harness.admission.limit(1, 1)
        client = self.refused()
        self.harness.clock.advance(EVICTION_AGE)
        self.harness.open()
        self.harness.clock.advance(0)
        self.assertTrue(client.transport.aborted)
        self.assertEqual(self.harness.admission.present, 1)
