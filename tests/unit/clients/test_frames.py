"""Frames as bytes; the fast path against Autobahn, and against an independent codec."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage

from tests.support.client_harness import Harness
from tests.support.properties import examples
from wsaas.clients.frames import (
    REGISTERED,
    Encoder,
    encode,
    is_control,
    measure,
    measure_header,
    read_close,
    read_short_close,
    take,
    take_control,
    take_only,
    take_several,
)
from wsaas.clients.read_control import FRAMES_PER_TURN
from wsaas.core.lane import OVERHEAD
from wsaas.core.model import Frame, Messages

SIZES = (0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 252, 255, 256, 1023, 1024, 1025, 65535)
EDGES = [edge + more for edge in (2, 124, 128, 252, 256, 1024) for more in range(-2, 3)]
"""Sizes beside those at which a header, or a step of a fast path, changes: random sizes are hardly ever among them."""


def spelled(message: Message | Ping | Pong | CloseConnection) -> bytes:
    return Connection(ConnectionType.CLIENT).send(message)


class ReadTests(SynchronousTestCase):
    def test_usual(self) -> None:
        """A whole message is read as it was sent, wherever it stands, and only when all of it is there."""
        for size in SIZES:
            payload = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
            data = b"before" + spelled(BytesMessage(data=payload)) + b"after"
            found = measure(data, 6)
            assert found is not None
            self.assertEqual(take(data, 6, *found), Frame(payload, True))
            self.assertEqual(found[0] + 4 + found[1], len(data) - 5)
            for cut in {0, 1, 2, 5, 6, 7, len(data) - 12}:
                self.assertIsNone(measure(data[: 6 + min(cut, len(data) - 12)], 6), (size, cut))

    def test_text(self) -> None:
        """A text is UTF-8, or Autobahn's affair."""
        for payload, good in ((b"", True), ("h\u20ac".encode(), True), (b"\xff", False), (b"\xe2\x82", False)):
            data = b"\x81" + bytes([0x80 | len(payload)]) + b"\0\0\0\0" + payload
            found = measure(data, 0)
            assert found is not None
            self.assertEqual(take(data, 0, *found), Frame(payload, False) if good else None)

    def test_unusual(self) -> None:
        """Everything else is Autobahn's affair."""
        for data in (
            spelled(Ping(payload=b"x")),
            spelled(CloseConnection(code=1000)),
            spelled(TextMessage(data="x", message_finished=False)),
            b"\x80\x81maskx",  # the end of a fragmented message
            b"\xc1\x81maskx",  # compressed
            b"\x81\x01x....",  # not masked
            b"\x83\x81maskx",
            b"\x81\xfe\x00\x05mask12345",  # not the shortest length
            b"\x81\xff" + (5).to_bytes(8, "big") + b"mask12345",
            spelled(BytesMessage(data=bytes(65536))),
        ):
            self.assertIsNone(measure(data + b"........", 0), data[:10])


class ControlTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """The payload of a control frame is read when all of it is there."""
        for event, payload in (
            (Ping(payload=b"ping"), b"ping"),
            (Pong(payload=b""), b""),
            (CloseConnection(code=1000, reason="r" * 123), b"\x03\xe8" + b"r" * 123),
        ):
            data = spelled(event)
            self.assertTrue(is_control(data))
            self.assertEqual(take_control(data + b"more"), payload)
            for cut in range(2, len(data)):
                self.assertTrue(is_control(data[:cut]))
                self.assertIsNone(take_control(data[:cut]))

    def test_unsound(self) -> None:
        """One that is fragmented, not masked, too long or reserved, is Autobahn's to judge."""
        for data in (b"\x09\x80", b"\x89\x00", b"\x89\xfe", b"\xc9\x80", b"\x8b\x80", b"\x81\x80"):
            self.assertFalse(is_control(data + bytes(200)), data)

    def test_close(self) -> None:
        """A Close has a registered code or one of an application's, and a reason in UTF-8, or nothing."""
        self.assertEqual(read_close(b""), (None, ""))
        for code in (*REGISTERED, 3000, 4999):
            self.assertEqual(read_close(code.to_bytes(2, "big") + b"\xe2\x82\xac"), (code, "\u20ac"))
        for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000):
            self.assertIsNone(read_close(code.to_bytes(2, "big")))
        self.assertIsNone(read_close(b"\x03\xe8\xff"))
        self.assertIsNone(read_close(b"\x03"))

    def test_short_close(self) -> None:
        """A Close with a code alone is read in one step as in several, whatever its mask; any other one is not."""
        for code in (*range(990, 1020), 2999, 3000, 4999, 5000, 0, 0xFFFF):
            for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x80\x7f\xfe"):
                masked = bytes(byte ^ key for byte, key in zip(code.to_bytes(2, "big"), mask, strict=False))
                data = b"\x88\x82" + mask + masked
                payload = take_control(data)
                assert payload is not None
                self.assertEqual(read_short_close(data), read_close(payload), (code, mask))
                for other in (data[:-1], data + b"\0", b"\x88\x02" + data[2:], b"\x88\x83" + data[2:]):
                    self.assertIsNone(read_short_close(other))
        self.assertIsNone(read_short_close(b""))

    def test_headers(self) -> None:
        """A header is measured when it is all there."""
        for header, length in (
            (b"\x82\x05", 5),
            (b"\x82\x85mask", 5),
            (b"\x02\xfe\x01\x00mask", 256),
            (b"\x82\xff" + (2**40).to_bytes(8, "big") + b"mask", 2**40),
        ):
            self.assertEqual(measure_header(header + b"payload"), (len(header), length))
            for cut in range(len(header)):
                self.assertIsNone(measure_header(header[:cut]))


class WriteTests(SynchronousTestCase):
    def test_encode(self) -> None:
        """A client reads what was encoded."""
        for size in (*SIZES, 65536, 70000):
            for frame in (Frame(b"x" * size, False), Frame(b"\xff" * size, True)):
                client = Connection(ConnectionType.CLIENT)
                client.receive_data(encode(frame))
                pieces = [event.data for event in client.events()]  # type: ignore[attr-defined]
                joined: Any = (b"" if frame.binary else "").join(pieces)
                self.assertEqual(joined if frame.binary else joined.encode(), frame.payload)

    def test_once(self) -> None:
        """The same frame is encoded once; another that is equal is not mistaken for it once it changed."""
        encoder = Encoder()
        frame = Frame(b"a", False)
        self.assertIs(encoder.encode(frame), encoder.encode(frame))
        self.assertEqual(encoder.encode(Frame(b"b", True)), b"\x82\x01b")
        self.assertEqual(encoder.encode(frame), b"\x81\x01a")


at_edges = st.one_of(
    st.builds(BytesMessage, data=st.builds(bytes, st.sampled_from(EDGES))),
    st.builds(TextMessage, data=st.builds("x".ljust, st.sampled_from(EDGES))),
)
messages = st.one_of(
    at_edges,
    st.builds(BytesMessage, data=st.binary(max_size=2000)),
    st.builds(TextMessage, data=st.text(max_size=600)),
    st.builds(TextMessage, data=st.text(max_size=5), message_finished=st.just(False)),
    st.builds(Ping, payload=st.binary(max_size=125)),
    st.builds(Pong, payload=st.binary(max_size=125)),
).map(spelled)
short = st.one_of(
    at_edges,
    st.builds(BytesMessage, data=st.binary(max_size=9)),
    st.builds(TextMessage, data=st.text(max_size=9)),
    st.builds(TextMessage, data=st.text("x", min_size=120, max_size=130)),
).map(spelled)
odd = st.sampled_from(
    [
        b"\x81\x81\0\0\0\0\xff",
        b"\x80\x81maskx",
        b"\x81\x01x",
        b"\xc1\x81maskx",
        b"\x81\xfe\0\5mask12345",
        b"\x82\xff" + (2**40).to_bytes(8, "big") + b"mask",
        spelled(CloseConnection(code=1000)),
        spelled(BytesMessage(data=bytes(3000))),
    ]
)


class DifferentialTests(SynchronousTestCase):
    def outcome(self, steps: list[bytes | int], **options: Any) -> tuple[Any, ...]:
        """All that comes of these bytes, and of so much room in the lane from then on, with or without fast paths."""
        harness = Harness(max_message_size=2500, **options)
        client = harness.open()
        seen: list[Any] = []
        for step in steps:
            if isinstance(step, bytes):
                if client.transport.reading:
                    client.say(step)
            else:
                client.session.room = step
                client.peer.resume_reading()
                harness.clock.advance(0.01)
            seen.append((client.transport.reading, client.peer.phase, client.peer.liveness.heard_at))
        client.session.room = 10**9
        client.peer.resume_reading()
        harness.clock.pump([0.1] * 20)
        return seen, client.session.calls, client.session.received_frames, client.transport.written

    @examples(60)
    @given(st.lists(messages | messages | messages | odd, max_size=8), st.lists(st.integers(0, 10000), max_size=5))
    def test_alike(self, sent: list[bytes], cuts: list[int]) -> None:
        """With and without the fast path the same is received, answered and closed, however the bytes are cut."""
        stream = b"".join(sent)
        marks = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
        pieces: list[bytes | int] = [stream[start:stop] for start, stop in pairwise(marks)]
        slow = self.outcome(pieces, frame_fast_path=None, message_fast_path=None, messages_fast_path=None)
        self.assertEqual(self.outcome(pieces), slow)
        self.assertEqual(self.outcome(pieces, message_fast_path=None, messages_fast_path=None), slow)
        self.assertEqual(self.outcome(pieces, frame_fast_path=None), slow)

    @examples(100)
    @given(st.lists(messages | messages | messages | odd | st.sampled_from([0, 10, 600, 10**9]), max_size=25))
    def test_one_by_one(self, steps: list[bytes | int]) -> None:
        """A read that is one whole frame, and nothing else, is heard as without that fast path, while the lane has room
        and while it has none, and at a rate that a client exceeds.
        """
        for options in ({}, {"message_rate": 4}):
            off = {"frame_fast_path": None, "message_fast_path": None, "messages_fast_path": None}
            slow = self.outcome(steps, **off, **options)
            self.assertEqual(self.outcome(steps, **options), slow)

    @examples(100)
    @given(
        st.lists(
            st.lists(messages | messages | short | short | odd, max_size=12).map(b"".join)
            | st.sampled_from([0, 300, 1000, 10**9]),
            max_size=8,
        )
    )
    def test_several(self, steps: list[bytes | int]) -> None:
        """A read that is several frames is heard as without that fast path, while the lane has room and while it has
        room for some of them only, and at a rate that a client exceeds.
        """
        for options in ({}, {"message_rate": 4}, {"message_rate": 0}):
            slow = self.outcome(steps, messages_fast_path=None, **options)
            self.assertEqual(self.outcome(steps, **options), slow)

    def test_behind_another(self) -> None:
        """A message that is too long, or finds no room in the lane, is refused alike by itself and behind others."""
        few, many, too_many = (spelled(BytesMessage(data=bytes(size))) for size in (9, 1500, 3000))
        for before in (b"", few, few * 2, many, few + many):
            for steps in (
                [before + too_many],
                [300, before + few, 10**9],
                [600, before + many + few, 10**9],
                [0, before],
            ):
                slow = self.outcome(steps, frame_fast_path=None, message_fast_path=None, messages_fast_path=None)
                for off in ({}, {"messages_fast_path": None}, {"message_fast_path": None}, {"frame_fast_path": None}):
                    self.assertEqual(self.outcome(steps, **off), slow)

    @examples(300)
    @given(
        st.lists(messages | short | short | odd, min_size=1, max_size=9).map(b"".join),
        st.integers(0, 5),
        st.integers(0, 3000) | st.just(10**6),
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), max_size=2),
    )
    def test_takes_several(self, data: bytes, most: int, room: int, changes: list[tuple[int, int]]) -> None:
        """The messages that are taken together are those that are measured and taken one after the other, as long as
        they are whole, short, few enough, and find room.
        """
        changed = bytearray(data)
        for at, byte in changes:
            if at < len(changed):
                changed[at] = byte
        data, end, left, frames = bytes(changed), 0, room, list[Frame]()
        while len(frames) < most and (found := measure(data, end)) and found[1] <= 1024:
            frame = take(data, end, *found)
            left -= found[1] + OVERHEAD
            if frame is None or left < 0:
                break
            frames.append(frame)
            end = sum(found) + 4
        length, binary = sum(len(frame.payload) for frame in frames), sum(frame.binary for frame in frames)
        expected = (Messages(frames, length, binary), end) if frames else None
        self.assertEqual(take_several(data, most, room), expected)

    def test_several_are_taken(self) -> None:
        """All messages of a read are taken together, of any length up to 1,024 bytes, text and binary alike."""
        events: list[Message] = [BytesMessage(data=b"\xff" * size) for size in SIZES if size <= 1024]
        events += [TextMessage(data="x" * size) for size in SIZES if size <= 1024]
        data = b"".join(map(spelled, [*events, TextMessage(data="\u20ac")]))
        taken = take_several(data, 100, 10**6)
        assert taken is not None
        expected = [event.data if isinstance(event.data, bytes) else event.data.encode() for event in events]
        self.assertEqual([frame.payload for frame in taken[0].frames], [*expected, b"\xe2\x82\xac"])
        self.assertEqual(taken[1], len(data))

    def test_a_turn(self) -> None:
        """Of the messages of one read, no more are taken together than may be read in a turn of the reactor, or at the
        rate of the client; all of them are handed over in the end.
        """
        frame = spelled(BytesMessage(data=b"x"))
        for rate, at_once in ((0, FRAMES_PER_TURN), (10, 20)):
            harness = Harness(message_rate=rate)
            client = harness.open()
            client.say(frame * (2 * FRAMES_PER_TURN))
            self.assertEqual((len(client.session.received_frames), client.transport.reading), (at_once, False))
            harness.clock.pump([1.0] * 100)
            self.assertEqual(
                (len(client.session.received_frames), client.transport.reading), (2 * FRAMES_PER_TURN, True)
            )

    @examples(200)
    @given(messages | odd, st.lists(st.tuples(st.integers(0, 12), st.integers(0, 255)), max_size=2), st.integers(-2, 2))
    def test_takes_the_same(self, data: bytes, changes: list[tuple[int, int]], more: int) -> None:
        """What is taken in one step is what is measured and taken in two, and is all of the data."""
        changed = bytearray(data[:more] if more < 0 else data + bytes(more))
        for at, byte in changes:
            if at < len(changed):
                changed[at] = byte
        data = bytes(changed)
        found, expected = measure(data, 0), None
        if found is not None and sum(found) + 4 == len(data) and found[1] <= 1024:
            expected = take(data, 0, *found)
        self.assertEqual(take_only(data), expected)

    def test_every_length_byte(self) -> None:
        """A read of any size whose second byte is any is taken in one step only if it is one whole message.

        Of 252 bytes, of 122 behind another message, and of a part of a longer message the header differs from that of a
        short message by one bit.
        """
        for size in range(6, 270):
            for second in range(256):
                data = bytes((0x82, second)) + bytes(divmod(size - 8, 256) if size >= 8 else 4) + b"k" * (size - 4)
                data = data[:size]
                found = measure(data, 0)
                expected = take(data, 0, *found) if found is not None and sum(found) + 4 == size else None
                self.assertEqual(take_only(data), expected, f"{size} bytes, second byte {second}")

    def test_every_first_byte(self) -> None:
        """A read is taken in one step only if its first byte is that of a whole message, and if a text is UTF-8."""
        self.assertIsNone(take_only(b"\x81\x81\0\0\0\0\xff"))
        for first, (start, size) in product(range(256), ((b"\x83", 3), (b"\xfe\0\x82", 130))):
            data = bytes((first,)) + start + b"mask" + b"mask" * size
            data = data[: 1 + len(start) + 4 + size]
            taken = take_only(data)
            self.assertEqual(None if taken is None else len(taken.payload), size if first in (0x81, 0x82) else None)
            if taken is not None:
                self.assertEqual(taken, take(data, 0, 1 + len(start), size))

    def test_every_size(self) -> None:
        """A message of any size up to 1,030 bytes is taken as it is measured, also where a byte of it is to come, or
        one of the next is there, by itself and together with the one behind it.
        """
        small = spelled(TextMessage(data="x"))
        for size in range(1031):
            whole = spelled(BytesMessage(data=b"k" * size))
            for data in (whole, whole[:-1], whole + small[:1], whole + small, small + whole):
                found = measure(data, 0)
                first = None if found is None or found[1] > 1024 else take(data, 0, *found)
                end = 0 if found is None else sum(found) + 4
                self.assertEqual(take_only(data), first if end == len(data) else None, size)
                taken = take_several(data, 9, 10**6)
                self.assertEqual(None if taken is None else taken[0].frames[0], first, size)
            both = (2 if size <= 1024 else 1), len(data if size <= 1024 else small)
            self.assertEqual(taken and (len(taken[0].frames), taken[1]), both, size)

    def test_usual_is_taken(self) -> None:
        """A message by itself, of up to 1,024 bytes, is taken in one step."""
        for size in (size for size in SIZES if size <= 1024):
            for event, binary in ((BytesMessage(data=b"x" * size), True), (TextMessage(data="x" * size), False)):
                self.assertEqual(take_only(spelled(event)), Frame(b"x" * size, binary))
        self.assertEqual(take_only(spelled(TextMessage(data="\u20ac"))), Frame(b"\xe2\x82\xac", False))
