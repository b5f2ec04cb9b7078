"""A session's life in sentences. What each input does in each state is in `test_session_table`."""

from __future__ import annotations

import itertools

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, TIMED_OUT, VETOED, Calls, FakeOwner, Stage, hello, spell, text
from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause, Closed, EventKind, Opened, Received
from wsaas.core.facts import facts_of
from wsaas.core.gateway import record_of
from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame, Limits, Messages
from wsaas.core.outcomes import Accepted, Acknowledged, CloseRequested, Delivered, Undelivered
from wsaas.core.pushes import Pushed
from wsaas.core.records import Facts, Record
from wsaas.core.refusal import RefusalReason
from wsaas.core.session import Session
from wsaas.core.states import LIVE, State


def farewell(stage: Stage) -> str:
    """What the DELETE says; the lane must be empty."""
    stage.next_event()
    return spell_in_flight(stage)


def spell_in_flight(stage: Stage) -> str:
    """What the DELETE in flight says."""
    assert isinstance(stage.in_flight, Closed), stage.in_flight
    return spell(stage.in_flight)


def deliver_all(stage: Stage) -> list[str]:
    """Deliver what waits; the messages in the order of delivery."""
    delivered = []
    while isinstance(event := stage.next_event(), Received):
        delivered.append(event.frame.payload.decode())
        stage.resolve(Delivered())
    return delivered


class ConnectTests(SynchronousTestCase):
    def test_post_first(self) -> None:
        """The first event is the handshake as it came."""
        stage = Stage()
        self.assertEqual(stage.next_event(), Opened(stage.session.handshake))
        self.assertEqual(stage.session.handshake, hello())

    def test_queued_pushes_follow_the_101(self) -> None:
        """What was pushed while the POST was out goes to the client behind the 101, in order, and counts as sent."""
        stage = Stage.connecting()
        for word in ("one", "two", "three"):
            self.assertIs(stage.session.push(text(word)), Pushed.QUEUED)
        stage.resolve(Accepted())
        self.assertEqual(stage.calls, ["accepted", "accept None", "send one", "send two", "send three"])
        self.assertEqual((stage.session.messages_out, stage.session.bytes_out), (3, 11))
        self.assertEqual(facts_of(stage.session).bytes_waiting_out, 0)

    def test_early_pushes_are_bounded(self) -> None:
        """Before the 101 at most SEND_BUFFER waits, each push with its overhead; over it the pusher is told to wait."""
        stage = Stage.connecting(send_buffer=2 * (OVERHEAD + 10))
        for word in ("0123456789", "abcdefghij"):
            stage.session.push(text(word))
        self.assertRaises(ClientTooSlow, stage.session.push, text(""))
        self.assertEqual(facts_of(stage.session).bytes_waiting_out, 20)
        stage.resolve(Accepted())
        self.assertEqual(stage.calls[2:], ["send 0123456789", "send abcdefghij"])
        self.assertIs(stage.session.push(text("")), Pushed.SENT)

    def test_one_early_push_always_waits(self) -> None:
        """A single message of any size that the size limit allows may wait for the 101."""
        stage = Stage.connecting(send_buffer=10)
        self.assertIs(stage.session.push(text("longer than the buffer")), Pushed.QUEUED)
        self.assertRaises(ClientTooSlow, stage.session.push, text("x"))

    def test_no_room_for_a_queued_push(self) -> None:
        """A queued push that finds no room is not dropped in silence: the client is closed, no later one overtakes."""
        stage = Stage.connecting()
        for word in ("one", "two", "three"):
            stage.session.push(text(word))
        stage.calls.then["send one"] = lambda: setattr(stage.peer, "full", True)
        stage.resolve(Accepted())
        self.assertEqual(
            stage.calls, ["accepted", "accept None", "send one", "no room for two", "closing", "wake", "close 1008"]
        )
        stage.session.disconnected(Cause.CLIENT, 1008, "", True)
        self.assertEqual(farewell(stage), "too_slow 1008 clean")

    def test_client_leaves_amid_queued_pushes(self) -> None:
        """When the client goes while queued pushes are written, the rest is not written."""
        stage = Stage.connecting()
        stage.session.push(text("one"))
        stage.session.push(text("two"))
        stage.calls.then["send one"] = lambda: stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stage.resolve(Accepted())
        self.assertEqual(
            stage.calls, ["accepted", "accept None", "send one", "closing", "ended network 1006 unclean", "wake"]
        )
        self.assertEqual(farewell(stage), "network 1006 unclean")

    def test_early_messages(self) -> None:
        """What the client's end hands over within its 101 is delivered, in order."""
        stage = Stage.connecting()
        stage.calls.then["accept"] = lambda: stage.receive("one", "two")
        stage.resolve(Accepted())
        self.assertEqual(stage.calls, ["accepted", "accept None", "wake", "wake"])
        self.assertEqual(deliver_all(stage), ["one", "two"])

    def test_client_leaves_within_the_101(self) -> None:
        """A client found gone as its 101 is written leaves like any other: its early messages, then the DELETE."""
        stage = Stage.connecting()
        stage.session.push(text("queued"))

        def hand_over_and_go() -> None:
            stage.receive("one")
            stage.session.disconnected(Cause.NETWORK, 1006, "", False)

        stage.calls.then["accept"] = hand_over_and_go
        stage.resolve(Accepted())
        self.assertEqual(stage.calls, ["accepted", "accept None", "wake", "closing", "wake"])
        self.assertEqual(deliver_all(stage), ["one"])
        self.assertEqual(farewell(stage), "network 1006 unclean")

    def test_subprotocol(self) -> None:
        """The subprotocol that the backend chose is in the 101, and known from then on."""
        stage = Stage.connecting()
        stage.resolve(Accepted("v2.chat"))
        self.assertIn("accept v2.chat", stage.calls)
        self.assertEqual(facts_of(stage.session).subprotocol, "v2.chat")

    def test_headers_to_repeat(self) -> None:
        """The headers that the connect answer asked for come after the handshake's, and are in the record."""
        stage = Stage.connecting()
        stage.resolve(Accepted(headers=((b"X-User", b"42"),)))
        expected = ((b"Authorization", b"Basic eA=="), (b"X-User", b"42"))
        self.assertEqual(stage.session.repeated, expected)
        self.assertEqual(record_of(stage.session).repeated, expected)

    def test_headers_replaced(self) -> None:
        """A header that the connect answer asked for replaces the handshake's of the same name, in any case."""
        forwarded = ((b"Authorization", b"a"), (b"Cookie", b"b"), (b"x-user", b"7"))
        session = Stage.open().session
        session.repeated = forwarded
        session.repeat(())
        self.assertIs(session.repeated, forwarded)
        session.repeat(((b"COOKIE", b"c"), (b"X-User", b"42")))
        self.assertEqual(session.repeated, ((b"Authorization", b"a"), (b"COOKIE", b"c"), (b"X-User", b"42")))

    def test_record_of_the_end(self) -> None:
        """The record says how it ended once nothing but the DELETE is left: not while messages wait, or may come."""
        stage = Stage.open("one")
        stage.session.close(Cause.API, 4001, "bye")
        self.assertIsNone(record_of(stage.session).closed)
        stage.session.disconnected(Cause.CLIENT, 4001, "bye", True)
        self.assertIsNone(record_of(stage.session).closed)
        deliver_all(stage)
        self.assertEqual(record_of(stage.session).closed, Closed(Cause.API, 4001, "bye", clean=True))

    def test_client_leaves_before_the_post(self) -> None:
        """A client that leaves before its POST is out leaves without a word to the backend."""
        stage = Stage()
        stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertEqual(stage.calls, ["forget"])
        self.assertIsNone(stage.next_event())

    def test_client_leaves_during_the_post(self) -> None:
        """The client left while its POST was out: if the backend may have accepted it hears of the end, and why."""
        for outcome, last in [
            (Accepted(), "network 1006 unclean"),
            (TIMED_OUT, "network 1006 unclean"),
            (VETOED, None),
        ]:
            stage = Stage.connecting()
            stage.session.disconnected(Cause.NETWORK, 1006, "", False)
            stage.resolve(outcome)
            if last is None:
                self.assertEqual((stage.next_event(), stage.session.state), (None, State.CLOSED))
            else:
                self.assertEqual(farewell(stage), last)

    def test_headers_of_an_abandoned_connect(self) -> None:
        """The DELETE of a client that left during the POST carries the headers that the answer asked for."""
        stage = Stage.connecting()
        stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stage.resolve(Accepted(headers=((b"X-User", b"42"),)))
        self.assertIn((b"X-User", b"42"), stage.session.repeated)

    def test_closed_during_the_post(self) -> None:
        """The API closes during the POST: the client is refused, later pushes find nobody, the DELETE says why."""
        stage = Stage.connecting()
        stage.session.push(text("queued"))
        stage.session.close(Cause.API, 4001, "bye")
        self.assertRaises(NoSuchConnection, stage.session.push, text("late"))
        stage.resolve(Accepted())
        self.assertEqual(
            stage.calls,
            ["closing", "wake", "refuse CLOSED_BY_API", "accepted", "closing", "ended api 4001 'bye' unclean", "wake"],
        )
        self.assertEqual(farewell(stage), "api 4001 'bye' unclean")

    def test_refused(self) -> None:
        """Of a connection that was refused nothing more is said; queued pushes go nowhere."""
        stage = Stage.connecting()
        stage.session.push(text("queued"))
        stage.resolve(VETOED)
        self.assertEqual(stage.calls, ["forget", "refuse VETOED"])
        self.assertIsNone(stage.next_event())

    def test_unclear(self) -> None:
        """The POST's answer never came: the client is refused, and the backend told that it is over."""
        stage = Stage.connecting()
        stage.session.push(text("queued"))
        stage.resolve(TIMED_OUT)
        self.assertEqual(stage.calls, ["closing", "ended unknown_connect 1006 unclean", "wake", "refuse TIMEOUT"])
        self.assertEqual(farewell(stage), "unknown_connect 1006 unclean")

    def test_stored_too_late(self) -> None:
        """A journal that fails after the client has left changes nothing."""
        stage = Stage()
        stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stage.session.turn_away(RefusalReason.BACKEND_AWAY)
        self.assertEqual(stage.calls, ["forget"])


class MessageTests(SynchronousTestCase):
    def test_order(self) -> None:
        """Messages are delivered in the order they came, numbered from 1, text and binary alike."""
        stage = Stage.open()
        frames = [text("one"), Frame(b"\xff\x00", binary=True), text("")]
        for frame in frames:
            stage.session.received(frame)
        for sequence, frame in enumerate(frames, 1):
            self.assertEqual(stage.next_event(), Received(sequence, frame))
            stage.resolve(Delivered())
        self.assertIsNone(stage.next_event())
        self.assertEqual((stage.session.lane.received, stage.session.lane.bytes), (3, 5))

    def test_several(self) -> None:
        """Several messages at once are as many that come one after the other, in each state, but that the session wakes
        once for all.
        """
        frames = [text("one"), Frame(b"\xff\x00", binary=True), text("")]

        def wait(stage: Stage) -> None:
            stage.receive("waits")
            stage.calls.flush()

        for change in (
            lambda stage: None,
            wait,
            lambda stage: stage.session.close(Cause.API, 4001, "bye"),
            lambda stage: stage.session.fail(Cause.PROTOCOL_ERROR, 1002, ""),
            lambda stage: (wait(stage), stage.next_event(), stage.resolve(CloseRequested(1008))),
            lambda stage: stage.session.disconnected(Cause.CLIENT, 1000, "", True),
        ):
            slow, fast = Stage.open(), Stage.open()
            change(slow)
            change(fast)
            for frame in frames:
                slow.session.received(frame)
            fast.session.received_all(Messages(frames, 5, 1))
            others = [[call for call in each.calls if call != "wake"] for each in (slow, fast)]
            self.assertEqual(*others)
            one, other = slow.session, fast.session
            self.assertEqual(
                (one.state, one.pending, list(one.lane.messages)),
                (other.state, other.pending, list(other.lane.messages)),
            )
            for name in ("size", "received", "binary", "bytes", "lost"):
                self.assertEqual(getattr(one.lane, name), getattr(other.lane, name), name)
        stage = Stage.open()
        stage.session.received_all(Messages(frames, 5, 1))
        self.assertEqual(stage.calls, ["wake"])

    def test_unresolved(self) -> None:
        """A message stays the next one until it is resolved."""
        stage = Stage.open("one", "two")
        self.assertEqual(stage.next_event(), stage.next_event())

    def test_reply(self) -> None:
        """A reply goes to the client before the next message can be taken."""
        stage = Stage.open("one", "two")
        stage.next_event()
        stage.resolve(Delivered(text("reply")))
        self.assertEqual(stage.calls, ["send reply"])
        self.assertEqual(stage.session.messages_out, 1)
        self.assertEqual(stage.next_event(), Received(2, text("two")))

    def test_held_reply(self) -> None:
        """A reply that finds no room waits, and no message is taken until the client has read enough for it."""
        stage = Stage.open("one", "two")
        stage.next_event()
        stage.peer.full = True
        stage.resolve(Delivered(text("reply")))
        self.assertEqual((stage.next_event(), stage.session.pending), (None, None))
        stage.session.writable()
        self.assertEqual(stage.calls, ["no room for reply", "no room for reply"])
        self.assertEqual((stage.next_event(), stage.session.messages_out), (None, 0))
        stage.peer.full = False
        stage.session.writable()
        self.assertEqual(stage.calls[2:], ["send reply", "wake"])
        self.assertEqual((stage.session.messages_out, stage.session.bytes_out), (1, 5))
        self.assertEqual(deliver_all(stage), ["two"])
        stage.session.writable()
        self.assertEqual(stage.calls[4:], [])

    def test_held_reply_without_the_right(self) -> None:
        """A reply for which there was no room is not sent while no reply may be, although there is room now."""
        stage = Stage.open("one", "two")
        stage.next_event()
        stage.peer.full = True
        stage.resolve(Delivered(text("reply")))
        stage.calls.flush()
        stage.peer.full, stage.owner.speaks = False, False
        stage.session.writable()
        self.assertEqual((stage.calls, stage.next_event()), ([], None))
        stage.owner.speaks = True
        stage.session.writable()
        self.assertEqual(stage.calls, ["send reply", "wake"])
        self.assertEqual(deliver_all(stage), ["two"])

    def test_held_reply_of_a_client_that_goes(self) -> None:
        """A held reply holds nothing up once the client is let go: what it sent is delivered, then the DELETE."""
        for leave, readable in itertools.product(("close", "fail", "disconnected"), (True, False)):
            stage = Stage.open("one", "two")
            stage.next_event()
            stage.peer.full = True
            stage.resolve(Delivered(text("reply")))
            stage.peer.full = False
            if leave == "close":
                stage.session.close(Cause.API, 1000, "")
            elif leave == "fail":
                stage.session.fail(Cause.TOO_BIG, 1009, "")
            else:
                stage.session.disconnected(Cause.CLIENT, 1000, "", True)
            stage.calls.flush()
            if readable:
                stage.session.writable()
            stage.session.disconnected(Cause.CLIENT, 1000, "", True)
            self.assertNotIn("send reply", stage.calls)
            self.assertEqual(deliver_all(stage), ["two"])
            stage.next_event()

    def test_client_goes_as_a_reply_is_refused(self) -> None:
        """A client found gone by the very reply that it had no room for is not waited for."""
        stage = Stage.open("one", "two")
        stage.next_event()
        stage.peer.full = True
        stage.calls.then["no"] = lambda: stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stage.resolve(Delivered(text("reply")))
        self.assertEqual(deliver_all(stage), ["two"])
        self.assertEqual(farewell(stage), "network 1006 unclean")

    def test_client_goes_as_a_held_reply_is_refused(self) -> None:
        """The same when the reply has waited before."""
        stage = Stage.open("one", "two")
        stage.next_event()
        stage.peer.full = True
        stage.resolve(Delivered(text("reply")))
        stage.calls.then["no"] = lambda: stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stage.session.writable()
        self.assertEqual(deliver_all(stage), ["two"])
        self.assertEqual(farewell(stage), "network 1006 unclean")

    def test_push_without_room(self) -> None:
        """A push that finds no room is not written, not counted, and the pusher is told."""
        stage = Stage.open()
        stage.peer.full = True
        self.assertRaises(ClientTooSlow, stage.session.push, text("x"))
        self.assertEqual((stage.session.messages_out, stage.session.bytes_out), (0, 0))
        stage.peer.full = False
        stage.session.push(text("four"))
        self.assertEqual((stage.session.messages_out, stage.session.bytes_out), (1, 4))


class BackpressureTests(SynchronousTestCase):
    def test_stop_and_go(self) -> None:
        """Reading stops before a message without room, and goes on once half of the lane is free."""
        stage = Stage.open(receive_buffer=4 * (OVERHEAD + 10))
        for word in ("1234567890", "abcdefghij", "ABCDEFGHIJ", "0987654321"):
            stage.session.announce(10)
            stage.receive(word)
        self.assertNotIn("pause", stage.calls)
        stage.session.announce(0)
        self.assertEqual(stage.calls.flush()[4:], ["pause"])
        stage.next_event()
        stage.resolve(Delivered())
        self.assertEqual(stage.calls, [])
        stage.next_event()
        stage.resolve(Delivered())
        self.assertEqual(stage.calls, ["resume"])
        stage.next_event()
        stage.resolve(Delivered())
        self.assertEqual(stage.calls, ["resume"])

    def test_room_for_the_very_message(self) -> None:
        """Half a free lane is not enough for a message that needs more: reading goes on when that one has room."""
        stage = Stage.open("one", "two", receive_buffer=4 * OVERHEAD)
        stage.session.announce(3 * OVERHEAD)
        stage.next_event()
        stage.resolve(Delivered())
        self.assertEqual(stage.calls, ["pause"])
        stage.next_event()
        stage.resolve(Delivered())
        self.assertEqual(stage.calls, ["pause", "resume"])

    def test_the_largest_message(self) -> None:
        """A message larger than the whole lane has room in an empty one."""
        stage = Stage.open(receive_buffer=10)
        stage.session.announce(1_000_000)
        self.assertEqual(stage.calls, [])

    def test_messages_within_resume(self) -> None:
        """What the client's end hands over while it is told to go on is in order, and may stop it again."""
        stage = Stage.open("one", receive_buffer=2 * (OVERHEAD + 3))
        stage.next_event()
        stage.session.announce(1000)
        self.assertEqual(stage.calls.flush(), ["pause"])

        def hand_over() -> None:
            stage.receive("two")
            stage.session.announce(1000)

        stage.calls.then["resume"] = hand_over
        stage.resolve(Delivered())
        self.assertEqual(stage.calls, ["resume", "wake", "pause"])
        self.assertEqual(deliver_all(stage), ["two"])
        self.assertEqual(stage.calls[3:], ["resume"])

    def test_reply_before_reading(self) -> None:
        """A reply is written before more is read from the client that it is for."""
        stage = Stage.open("one", receive_buffer=2 * OVERHEAD)
        stage.session.announce(1000)
        stage.next_event()
        stage.resolve(Delivered(text("reply")))
        self.assertEqual(stage.calls, ["pause", "send reply", "resume"])

    def test_dismissed_while_paused(self) -> None:
        """A client that is closed while it is not read from is read again, so that its own Close can be heard."""
        for outcome in (CloseRequested(1008), Undelivered()):
            stage = Stage.open("one", "two")
            stage.next_event()
            stage.session.announce(1_000_000)
            stage.resolve(outcome)
            self.assertEqual(stage.calls[-1], "resume")

    def test_lost_while_paused(self) -> None:
        """A client that is gone is not told to go on, while its messages are still delivered."""
        stage = Stage.open("one", "two")
        stage.session.announce(1_000_000)
        stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stage.calls.flush()
        self.assertEqual(deliver_all(stage), ["one", "two"])
        self.assertEqual(stage.calls, ["ended network 1006 unclean"])


class EndTests(SynchronousTestCase):
    def test_delete_is_last(self) -> None:
        """What the client sent before it left is delivered before its DELETE, and after that nothing."""
        stage = Stage.open("one", "two")
        stage.session.disconnected(Cause.CLIENT, 1001, "going", True)
        self.assertEqual(deliver_all(stage), ["one", "two"])
        self.assertEqual(spell_in_flight(stage), "client 1001 'going' clean")
        stage.resolve(Acknowledged())
        self.assertEqual((stage.next_event(), stage.session.state), (None, State.CLOSED))
        self.assertEqual(stage.calls[-1], "forget")

    def test_delete_again(self) -> None:
        """A DELETE that is sent again says the same."""
        stage = Stage.open("one", "two")
        stage.next_event()
        stage.resolve(Undelivered())
        stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertEqual(stage.next_event(), stage.next_event())
        self.assertEqual(farewell(stage), "undelivered 1013 unclean lost 2")

    def test_undelivered(self) -> None:
        """When patience ends the client is closed with 1013, and the message in flight is lost with those behind it."""
        stage = Stage.open("one", "two", "three")
        stage.next_event()
        stage.resolve(Undelivered())
        self.assertEqual(stage.calls, ["closing", "wake", "close 1013"])
        stage.session.disconnected(Cause.CLIENT, 1013, "", True)
        self.assertEqual(farewell(stage), "undelivered 1013 clean lost 3")

    def test_dismissed(self) -> None:
        """The message that the backend answered by closing is not lost; those behind it and those to come are."""
        stage = Stage.open("one", "two", "three")
        stage.next_event()
        stage.resolve(CloseRequested(1008))
        self.assertEqual(stage.calls, ["closing", "wake", "close 1008"])
        stage.receive("four")
        stage.session.disconnected(Cause.CLIENT, 1008, "", True)
        self.assertEqual(farewell(stage), "backend 1008 clean lost 3")

    def test_messages_after_our_close(self) -> None:
        """What comes from the client after the API closed it is still delivered, and not lost."""
        stage = Stage.open("one")
        stage.session.close(Cause.API, 4001, "bye")
        stage.receive("two")
        stage.session.disconnected(Cause.CLIENT, 4001, "bye", True)
        self.assertEqual(deliver_all(stage), ["one", "two"])
        self.assertEqual(spell_in_flight(stage), "api 4001 'bye' clean")

    def test_first_cause(self) -> None:
        """Who ended it first is the cause, whatever comes after; whether it was clean is known at the end."""
        ends = {
            "fail": (lambda stage: stage.session.fail(Cause.TOO_BIG, 1009, "long"), "too_big 1009 'long'"),
            "api": (lambda stage: stage.session.close(Cause.API, 4001, "bye"), "api 4001 'bye'"),
            "drain": (lambda stage: stage.session.close(Cause.DRAIN, 1012, ""), "drain 1012"),
            "backend": (lambda stage: stage.resolve(CloseRequested(1000)), "backend 1000"),
            "undelivered": (lambda stage: stage.resolve(Undelivered()), "undelivered 1013"),
        }
        for first, (end_first, expected) in ends.items():
            for then, (end_then, _) in ends.items():
                if then == first or (then in ("backend", "undelivered") and first in ("backend", "undelivered")):
                    continue
                stage = Stage.open("one")
                stage.next_event()
                end_first(stage)
                end_then(stage)
                stage.session.disconnected(Cause.NETWORK, 1006, "", False)
                if stage.in_flight is not None:
                    stage.resolve(Delivered())
                lost = " lost 1" if "undelivered" in (first, then) else ""
                self.assertEqual(farewell(stage), f"{expected} unclean{lost}", (first, then))

    def test_clean(self) -> None:
        """A closing handshake that the gateway began and the client finished was clean."""
        for clean, word in [(True, "clean"), (False, "unclean")]:
            stage = Stage.open()
            stage.session.close(Cause.API, 1000, "")
            stage.session.disconnected(Cause.CLIENT, 1000, "", clean)
            self.assertEqual(farewell(stage), f"api 1000 {word}")

    def test_one_close_frame(self) -> None:
        """However many close it, the client is closed once."""
        stage = Stage.open("one")
        stage.next_event()
        stage.session.close(Cause.API, 4001, "")
        stage.session.close(Cause.API, 4002, "")
        stage.session.close(Cause.DRAIN, 1012, "")
        stage.resolve(CloseRequested(1000))
        self.assertEqual([call for call in stage.calls if call.startswith("close")], ["close 4001"])

    def test_violation(self) -> None:
        """A client that broke a rule is let go by its own end: the session sends no Close of its own."""
        stage = Stage.open("one")
        stage.session.fail(Cause.PROTOCOL_ERROR, 1002, "mask")
        stage.session.close(Cause.API, 1000, "")
        stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertEqual(stage.calls, ["closing", "wake", "closing", "wake"])
        self.assertEqual(deliver_all(stage), ["one"])
        self.assertEqual(spell_in_flight(stage), "protocol_error 1002 'mask' unclean")

    def test_lost_within_close(self) -> None:
        """The client's end may find within `close` that nobody is there."""
        for outcome, expected in [
            (None, "api 4001 'bye' unclean"),
            (CloseRequested(1008), "backend 1008 unclean lost 1"),
            (Undelivered(), "undelivered 1013 unclean lost 2"),
        ]:
            stage = Stage.open("one", "two")
            stage.next_event()
            stage.calls.then["close"] = lambda stage=stage: stage.session.disconnected(Cause.NETWORK, 1006, "", False)
            if outcome is None:
                stage.session.close(Cause.API, 4001, "bye")
                deliver_all(stage)
            else:
                stage.resolve(outcome)
            self.assertIs(stage.session.state, State.LEAVING)
            self.assertEqual(farewell(stage), expected)

    def test_client_goes_as_a_push_is_written(self) -> None:
        """A client found gone by a push leaves like any other."""
        stage = Stage.open()
        stage.calls.then["send"] = lambda: stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        stage.session.push(text("x"))
        self.assertRaises(NoSuchConnection, stage.session.push, text("y"))
        self.assertEqual(farewell(stage), "network 1006 unclean")

    def test_undelivered_after_the_client_left(self) -> None:
        """Messages that cannot be delivered after their client left are counted; the cause is why it left."""
        stage = Stage.open("one", "two")
        stage.next_event()
        stage.session.disconnected(Cause.CLIENT, 1000, "", True)
        stage.resolve(Undelivered())
        self.assertEqual(farewell(stage), "client 1000 clean lost 2")

    def test_resolved_within_wake(self) -> None:
        """A courier that resolves an event at once, within the call that wakes it, finds everything in order."""
        stage = Stage.open()
        seen = []

        def carry() -> None:
            stage.calls.then["wake"] = carry
            while (event := stage.next_event()) is not None:
                seen.append(event)
                stage.resolve(Acknowledged() if isinstance(event, Closed) else Delivered(text(f"to {event.sequence}")))

        stage.calls.then["wake"] = carry
        stage.receive("one", "two")
        stage.session.close(Cause.API, 1000, "")
        stage.session.disconnected(Cause.CLIENT, 1000, "", True)
        self.assertEqual(seen[:2], [Received(1, text("one")), Received(2, text("two"))])
        self.assertEqual([spell(event) for event in seen[2:]], ["api 1000 clean"])
        self.assertEqual([call for call in stage.calls if call.startswith("send")], ["send to 1", "send to 2"])
        self.assertIs(stage.session.state, State.CLOSED)


class FactsTests(SynchronousTestCase):
    def test_before_the_answer(self) -> None:
        """Of a client that waits for its 101 it is known who it is, and what waits for it."""
        stage = Stage.connecting()
        stage.session.push(text("four"))
        self.assertEqual(
            facts_of(stage.session),
            Facts(
                id=ID,
                connecting=True,
                connected_at=1700000000.0,
                last_active_at=1700000042.0,
                remote_address="203.0.113.9",
                path="/room/7",
                user_agent="",
                subprotocol=None,
                groups=(),
                messages_in=0,
                bytes_in=0,
                messages_out=0,
                bytes_out=0,
                bytes_waiting_in=0,
                bytes_waiting_out=4,
            ),
        )

    def test_open(self) -> None:
        """Of an open connection it is known what went both ways and what waits; bytes are those of messages alone."""
        stage = Stage.connecting()
        session = Session(
            record_of(stage.session), hello(headers={"user-agent": "curl/8"}), stage.peer, stage.limits, stage.owner
        )
        session.next_event()
        session.resolve(Accepted("v1"))
        session.groups |= {"user:42", "room:7"}
        for word in ("one", "three", "fifteen"):
            session.received(text(word))
        session.next_event()
        session.resolve(Delivered(text("reply")))
        session.push(text("push"))
        stage.peer.waiting = 9
        self.assertEqual(
            facts_of(session),
            Facts(
                id=ID,
                connecting=False,
                connected_at=1700000000.0,
                last_active_at=1700000042.0,
                remote_address="203.0.113.9",
                path="/room/7",
                user_agent="curl/8",
                subprotocol="v1",
                groups=("room:7", "user:42"),
                messages_in=3,
                bytes_in=15,
                messages_out=2,
                bytes_out=9,
                bytes_waiting_in=12,
                bytes_waiting_out=9,
            ),
        )


class ReviveTests(SynchronousTestCase):
    def revive(self, closed: Closed | None) -> Session:
        calls = Calls()
        self.calls = calls
        self.record = Record(ID, 1700000000.0, ((b"Authorization", b"Basic eA=="),), "ab" * 16, closed)
        ending = closed or Closed(Cause.RESTART, 1006, "", clean=False)
        return Session(self.record, hello(), None, Limits(1000, 1000, 1000), FakeOwner(calls), ending)

    def test_restart(self) -> None:
        """Of a connection that an earlier life left behind there is one DELETE to send, with cause restart."""
        session = self.revive(None)
        self.assertNotIn(session.state, LIVE)
        self.assertIs(session.pending, EventKind.DISCONNECT)
        self.assertEqual(session.next_event(), Closed(Cause.RESTART, 1006, "", clean=False))
        self.assertEqual(self.calls, [])
        session.resolve(Acknowledged())
        self.assertEqual((session.next_event(), session.pending), (None, None))
        self.assertEqual(self.calls, ["forget"])

    def test_known_end(self) -> None:
        """If the earlier life knew how it ended, that is what the DELETE says, lost messages included."""
        closed = Closed(Cause.UNDELIVERED, 1013, "", clean=True, lost_messages=3)
        session = self.revive(closed)
        self.assertEqual((session.next_event(), session.next_event()), (closed, closed))
        self.assertEqual(record_of(session), self.record)

    def test_what_is_repeated(self) -> None:
        """The DELETE has the headers, trace and moment of the connection that it ends."""
        session = self.revive(None)
        self.assertEqual(
            (session.id, session.repeated, session.trace_id, session.connected_at),
            (ID, ((b"Authorization", b"Basic eA=="),), "ab" * 16, 1700000000.0),
        )

    def test_nobody_there(self) -> None:
        """Nothing that reaches a revived session but its own webhook does anything."""
        session = self.revive(None)
        session.announce(10**6)
        session.received(text("x"))
        session.writable()
        session.close(Cause.DRAIN, 1012, "")
        session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertRaises(NoSuchConnection, session.push, text("x"))
        self.assertEqual((self.calls, session.pending), ([], EventKind.DISCONNECT))
