"""Streamed replies on a session: one runs, the next wait, and the messages of the client go on."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Stage, text
from wsaas.core.events import Cause, Received
from wsaas.core.model import Frame
from wsaas.core.outcomes import Delivered
from wsaas.core.streams import MOST_WAITING


class FakeStream:
    """A streamed reply that the test writes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.did: list[str] = []
        self.send: Callable[[Frame], bool]
        self.ended: Callable[[], None]

    def start(self, send: Callable[[Frame], bool], ended: Callable[[], None]) -> None:
        self.send, self.ended = send, ended
        self.did.append("start")

    def resume(self) -> None:
        self.did.append("resume")

    def cancel(self) -> None:
        self.did.append("cancel")


class StreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage.open(*"abcdefghij")

    def answer(self, name: str) -> FakeStream:
        """The next message is answered with a stream."""
        assert isinstance(self.stage.next_event(), Received)
        stream = FakeStream(name)
        self.stage.resolve(Delivered(stream=stream))
        return stream

    def test_sent_on(self) -> None:
        """Each message of the stream goes to the client, counted as a reply, while the client's own are delivered."""
        stream = self.answer("a")
        self.assertTrue(stream.send(text("one")))
        event = self.stage.next_event()
        assert isinstance(event, Received)
        self.assertEqual(event.frame, text("b"))
        self.stage.resolve(Delivered(text("stopped")))
        self.assertTrue(stream.send(text("two")))
        self.assertEqual(self.stage.calls, ["send one", "send stopped", "send two"])
        self.assertEqual(self.stage.session.messages_out, 3)

    def test_no_right(self) -> None:
        """A message of a stream is not sent while no reply may be; the stream hears when it may, in its place."""
        stream = self.answer("a")
        self.stage.owner.speaks = False
        self.assertFalse(stream.send(text("one")))
        self.stage.session.writable()  # there is room, and no right
        self.assertEqual((stream.did, self.stage.calls), (["start"], []))
        self.stage.owner.speaks = True
        self.stage.session.writable()
        self.assertTrue(stream.send(text("one")))
        self.assertEqual((stream.did, self.stage.calls), (["start", "resume"], ["send one"]))

    def test_no_room(self) -> None:
        """A message for which there is no room is left to the stream, which hears when there may be some; nobody else's
        message waits for it.
        """
        self.stage.session.writable()
        stream = self.answer("a")
        self.stage.peer.full = True
        self.assertFalse(stream.send(text("one")))
        self.stage.peer.full = False
        self.stage.session.writable()
        self.assertEqual(stream.did, ["start", "resume"])
        self.assertIsNotNone(self.stage.next_event())

    def test_one_at_a_time(self) -> None:
        """The next streams wait unread; each begins when the one before it ends. With MOST_WAITING the lane waits."""
        streams = [self.answer(str(number)) for number in range(1 + MOST_WAITING)]
        self.assertEqual([stream.did for stream in streams], [["start"], [], [], []])
        self.assertIsNone(self.stage.next_event())
        self.stage.calls.flush()
        streams[0].ended()
        self.assertEqual([stream.did for stream in streams], [["start"], ["start"], [], []])
        self.assertEqual(self.stage.calls, ["wake"])
        self.assertIsNotNone(self.stage.next_event())
        self.stage.calls.flush()
        for stream in streams[1:]:
            stream.ended()
        self.assertEqual([stream.did for stream in streams], [["start"]] * 4)
        self.assertEqual(self.stage.calls, [])
        self.stage.session.writable()
        self.stage.resolve(Delivered())
        self.assertEqual(self.answer("again").did, ["start"])

    def test_the_end(self) -> None:
        """When the connection ends, or begins to, all its streams are cancelled, and none of them sends any more."""
        for end in (
            lambda stage: stage.session.disconnected(Cause.CLIENT, 1000, "", True),
            lambda stage: stage.session.close(Cause.API, 1000, ""),
            lambda stage: stage.session.fail(Cause.PROTOCOL_ERROR, 1002, ""),
        ):
            self.setUp()
            first, second = self.answer("a"), self.answer("b")
            end(self.stage)
            self.assertEqual((first.did, second.did), (["start", "cancel"], ["cancel"]))
            self.assertFalse(first.send(text("late")))
            self.assertEqual(self.answer("c").did, ["cancel"])
            self.stage.session.disconnected(Cause.CLIENT, 1000, "", True)

    def test_gone_while_sending(self) -> None:
        """A client that is found gone while a message is written has its stream cancelled, once."""
        stream = self.answer("a")
        self.stage.calls.then["send"] = lambda: self.stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stream.send(text("one"))
        self.assertEqual(stream.did, ["start", "cancel"])
