"""One client that sends too much, too small or too fast, in memory: it waits, and nobody else does."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from wsproto.events import BytesMessage, Message, Pong, TextMessage

from tests.support.client_harness import Client, Harness
from wsaas.clients.read_control import FRAMES_PER_TURN
from wsaas.clients.slow_frames import MAX_FRAGMENTS
from wsaas.core.events import Cause
from wsaas.core.model import Frame

EMPTY_TEXT = b"\x81\x80mask"
PING = b"\x89\x80mask"
PONG = b"\x8a\x80mask"
EMPTY_FIRST, EMPTY_MORE, EMPTY_LAST = b"\x02\x80mask", b"\x00\x80mask", b"\x80\x80mask"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness()

    def turns(self, client: Client) -> list[int]:
        """How many messages were received in each turn, run one by one until there are none left at this moment."""
        counts, before = [], len(client.session.received_frames)
        clock = self.harness.clock
        while due := [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()]:
            clock.calls.remove(due[0])
            due[0].called = 1
            due[0].func(*due[0].args, **due[0].kw)
            now = len(client.session.received_frames)
            counts.append(now - before)
            before = now
        return counts


class RateTests(Case):
    def test_flood(self) -> None:
        """A burst is read at once, then MESSAGE_RATE; the socket is not read meanwhile, and nothing is lost."""
        client = self.harness.open()
        client.say(EMPTY_TEXT * 10_000)
        self.harness.clock.advance(0)
        start = len(client.session.received_frames)
        self.assertTrue(1900 <= start <= 2000, start)
        self.assertFalse(client.transport.reading)
        for second in range(1, 6):
            for _ in range(10):
                self.harness.clock.advance(0.1)
            received = len(client.session.received_frames)
            self.assertTrue(abs(received - start - 1000 * second) <= 130 * second, (second, received))
        for _ in range(50):
            self.harness.clock.advance(0.1)
        self.assertEqual(client.session.received_frames, [Frame(b"", False)] * 10_000)
        self.assertTrue(client.transport.reading)

    def test_one_by_one(self) -> None:
        """So is a burst of messages each of which is all of a read."""
        client = Harness(message_rate=4).open()
        for _ in range(20):
            if client.transport.reading:
                client.say(EMPTY_TEXT)
        self.assertEqual(client.session.received_frames, [Frame(b"", False)] * 8)

    def test_every_kind_counts(self) -> None:
        """Pings, pongs and fragments are frames, too."""
        for frame in (PING, PONG, EMPTY_FIRST + EMPTY_LAST):
            client = self.harness.open()
            client.say(frame * 3000)
            self.harness.clock.advance(0)
            self.assertFalse(client.transport.reading, frame)
            self.assertTrue(client.peer._reader._data)
            pongs = [event for event in client.heard() if isinstance(event, Pong)]
            self.assertLessEqual(len(pongs), 2000)

    def test_normal_use(self) -> None:
        """A client that sends less than that is never stopped, nor one that sends a burst now and then."""
        client = self.harness.open()
        for _ in range(300):
            self.harness.clock.advance(0.1)
            client.say(EMPTY_TEXT * 90)
            self.assertTrue(client.transport.reading)
        client = self.harness.open()
        for _ in range(5):
            self.harness.clock.advance(2)
            for _ in range(20):
                client.say(EMPTY_TEXT * 90)
                self.assertTrue(client.transport.reading)

    def test_no_limit(self) -> None:
        """MESSAGE_RATE=0 turns it off."""
        self.harness = Harness(message_rate=0)
        client = self.harness.open()
        client.say(EMPTY_TEXT * 10_000)
        self.harness.clock.advance(0)
        self.assertEqual(len(client.session.received_frames), 10_000)

    def test_no_room(self) -> None:
        """One that has no room either waits for both; the order of their ends does not matter."""
        for room_first in (True, False):
            client = self.harness.open()
            client.say(EMPTY_TEXT * 2500)
            self.harness.clock.advance(0)
            received = len(client.session.received_frames)
            client.peer.pause_reading()
            if room_first:
                client.peer.resume_reading()
                self.assertEqual(len(client.session.received_frames), received)
                self.assertFalse(client.transport.reading)
                self.harness.clock.advance(1)
            else:
                self.harness.clock.advance(1)
                self.assertEqual(len(client.session.received_frames), received)
                self.assertFalse(client.transport.reading)
                client.peer.resume_reading()
                self.harness.clock.advance(0)
            self.assertEqual(len(client.session.received_frames), 2500)
            self.assertTrue(client.transport.reading)

    def test_keepalive(self) -> None:
        """A client that is slowed down for a long time is not taken for dead."""
        self.harness = Harness(message_rate=1)
        client = self.harness.open()
        client.say(EMPTY_TEXT * 200)
        for _ in range(1000):
            self.harness.clock.advance(0.1)
        self.assertFalse(client.transport.reading)
        self.assertNotIn("disconnected", [call[0] for call in client.session.calls])


class TurnTests(Case):
    def test_turns(self) -> None:
        """However much has come, others have their turn after 128 frames."""
        client = self.harness.open()
        client.say(EMPTY_TEXT * 1500)
        self.assertLessEqual(len(client.session.received_frames), FRAMES_PER_TURN)
        counts = self.turns(client)
        self.assertLessEqual(max(counts), FRAMES_PER_TURN)
        self.assertEqual(len(client.session.received_frames), 1500)

    def test_large_messages_are_not_slowed_down(self) -> None:
        """A turn is counted in frames: a message of many reads is not held up."""
        client = self.harness.open()
        data = client.codec.send(BytesMessage(data=b"x" * 1_000_000))
        for start in range(0, len(data), 1000):
            client.say(data[start : start + 1000])
        self.assertEqual(len(client.session.received_frames), 1)
        self.assertEqual(self.turns(client), [])

    def test_close_in_a_flood(self) -> None:
        """A Close behind a flood is answered in its turn."""
        client = self.harness.open()
        client.say(EMPTY_TEXT * 300 + b"\x88\x82\0\0\0\0\x03\xe8")
        self.harness.clock.advance(0)
        self.harness.clock.advance(0)
        self.assertEqual([call[0] for call in client.session.calls], ["received"] * 300 + ["disconnected"])
        self.assertEqual(client.session.calls[-1], ("disconnected", Cause.CLIENT, 1000, "", True))

    def test_lost_in_a_flood(self) -> None:
        """What was read before the connection broke is handed over, in turns, and then the loss is told; meanwhile no
        push seems to have been sent."""
        client = self.harness.open()
        client.say(EMPTY_TEXT * 5000)
        client.vanish()
        self.assertFalse(client.peer.send(Frame(b"x", False)))
        self.assertLessEqual(max(self.turns(client)), FRAMES_PER_TURN)
        self.assertEqual([call[0] for call in client.session.calls], ["received"] * 5000 + ["disconnected"])

    def test_lost_without_room(self) -> None:
        """The same where there is no room: that which was read must not vanish without a word."""
        client = self.harness.open()
        client.session.room = -1
        client.say(EMPTY_TEXT * 300)
        self.assertEqual(client.session.calls, [])
        client.vanish()
        self.assertLessEqual(max(self.turns(client)), FRAMES_PER_TURN)
        self.assertEqual([call[0] for call in client.session.calls], ["received"] * 300 + ["disconnected"])

    def test_nothing_left(self) -> None:
        """A flooder that is dropped leaves no timer."""
        self.harness.factory.keepalive.stop()
        clients = [self.harness.open() for _ in range(3)]
        for client in clients:
            client.say(EMPTY_TEXT * 5000)
        clients[0].vanish()
        clients[1].peer.close(1000, "")
        clients[2].transport.abortConnection()
        for _ in range(100):
            self.harness.clock.advance(0.5)
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])
        self.assertEqual(self.harness.factory._connections, set())
        self.harness = Harness(message_rate=1, ws_timeout=0.0)
        client = self.harness.open()
        client.say(EMPTY_TEXT * 10)
        client.vanish()
        self.assertEqual(len(client.session.received_frames), 10)
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])


class FragmentTests(Case):
    def send(self, sizes: list[int]) -> Client:
        """One message in fragments of these sizes, at a leisurely pace."""
        client = self.harness.open()
        for number, size in enumerate(sizes):
            event: Message[Any] = BytesMessage(data=b"x" * size, message_finished=number == len(sizes) - 1)
            client.send(event)
            if number % 100 == 99:
                self.harness.clock.advance(1)
        return client

    def test_allowed(self) -> None:
        """1,024 fragments of any size are fine; so are more that are worth their while."""
        for sizes in ([0] * MAX_FRAGMENTS, [1] * MAX_FRAGMENTS, [32] * 5000, [100] * 2000 + [0] * 1000):
            client = self.send(sizes)
            self.assertEqual([frame.payload for frame in client.session.received_frames], [b"x" * sum(sizes)])

    def test_too_many(self) -> None:
        """More small or empty ones are closed with 1008, and the session hears that a rule was broken."""
        for sizes in ([0] * (MAX_FRAGMENTS + 1), [31] * (MAX_FRAGMENTS + 1), [100] * 1000 + [0] * 3000):
            client = self.send(sizes)
            self.assertEqual(client.session.calls[0], ("fail", Cause.PROTOCOL_ERROR, 1008))
            self.assertEqual(client.session.received_frames, [])
            self.assertEqual([event.code for event in client.heard()], [1008])  # type: ignore[attr-defined]

    def test_each_message(self) -> None:
        """They are counted for each message."""
        client = self.harness.open()
        for _ in range(5):
            for _ in range(1000):
                client.send(TextMessage(data="", message_finished=False))
            client.send(TextMessage(data=""))
            self.harness.clock.advance(5)
        self.assertEqual(len(client.session.received_frames), 5)
