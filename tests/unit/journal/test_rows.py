"""The texts in the journal's file."""

from __future__ import annotations

import json
from binascii import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.journal_fakes import BYE, connection
from wsaas.core.events import Cause, Closed
from wsaas.core.records import Record
from wsaas.journal.rows import Unreadable, decode_closed, decode_record, encode_closed, encode_record

HEADER = st.tuples(st.binary(max_size=20), st.binary(max_size=60))
RECORD = st.builds(
    Record,
    st.text(max_size=40),
    st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    st.lists(HEADER, max_size=4).map(tuple),
    st.text(max_size=40),
)
CLOSED = st.builds(
    Closed,
    st.sampled_from(Cause),
    st.integers(1000, 4999),
    st.text(max_size=123),
    st.booleans(),
    st.integers(0, 10**9),
    st.none() | st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)


class RowsTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(RECORD)
    def test_record(self, record: Record) -> None:
        """Any connection comes back as it was, header bytes included, from plain ASCII."""
        text = encode_record(record, keep_authorization=True).encode("ascii")
        self.assertEqual(decode_record(text), record)

    @settings(deadline=None)
    @given(RECORD)
    def test_as_json(self, record: Record) -> None:
        """A record is written as the JSON of its parts."""
        headers = [part.decode("latin-1") for header in record.repeated for part in header]
        expected = json.dumps((record.id, record.connected_at, record.trace_id, headers))
        self.assertEqual(encode_record(record, keep_authorization=True)[8:], expected)

    @settings(deadline=None)
    @given(CLOSED)
    def test_closed(self, closed: Closed) -> None:
        """However a connection ended comes back as it was."""
        self.assertEqual(decode_closed(encode_closed(closed).encode("ascii")), closed)

    @settings(deadline=None)
    @given(CLOSED)
    def test_end_as_json(self, closed: Closed) -> None:
        """An end is written as the JSON of its parts."""
        parts = closed.cause.value, closed.code, closed.reason, closed.clean, closed.lost_messages, closed.at
        self.assertEqual(encode_closed(closed)[8:], json.dumps(parts))

    def test_closed_without_a_moment(self) -> None:
        """The end that an earlier release wrote, without the moment of the loss, is read all the same."""
        text = b'["client", 1001, "going away", true, 2]'
        self.assertEqual(decode_closed(b"%08x%b" % (crc32(text), text)), BYE)

    def test_without_authorization(self) -> None:
        """With keep_authorization off, an Authorization header in any case stays out, and only that."""
        record = connection(1, (b"AUTHORIZATION", b"secret-1"), (b"authorization", b"secret-2"), (b"X-Auth", b"kept"))
        text = encode_record(record, keep_authorization=False)
        self.assertNotIn("secret", text)
        self.assertEqual(decode_record(text.encode("ascii")).repeated, ((b"X-Auth", b"kept"),))

    def test_flipped_bits(self) -> None:
        """A text with any one bit flipped, or cut anywhere, is unreadable: it never becomes another connection."""
        for text, decode in (
            (encode_record(connection(), True).encode("ascii"), decode_record),
            (encode_closed(BYE).encode("ascii"), decode_closed),
        ):
            for position in range(len(text)):
                self.assertRaises(Unreadable, decode, text[:position])
                for bit in range(8):
                    flipped = bytearray(text)
                    flipped[position] ^= 1 << bit
                    self.assertRaises(Unreadable, decode, bytes(flipped))

    def test_other_types(self) -> None:
        """A value that is no text, or a text of another form, is unreadable."""
        for column in (None, 7, 1.5, "text", b"", b"00000000"):
            self.assertRaises(Unreadable, decode_record, column)
            self.assertRaises(Unreadable, decode_closed, column)
        self.assertRaises(Unreadable, decode_record, encode_closed(BYE).encode("ascii"))
        self.assertRaises(Unreadable, decode_closed, encode_record(connection(), True).encode("ascii"))
