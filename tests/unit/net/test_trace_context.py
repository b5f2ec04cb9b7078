"""traceparent, as clients send it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.net.trace_context import trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class TraceTests(SynchronousTestCase):
    def test_named(self) -> None:
        """The trace of a value is found, also of one of a later version of the standard."""
        for value in (PARENT, PARENT.replace(b"00-0a", b"01-0a"), PARENT.replace(b"00-0a", b"cc-0a") + b"-what-comes"):
            self.assertEqual(trace_id([value]), TRACE, value)

    def test_none(self) -> None:
        """A value that is no traceparent names no trace (section 3.2), and several values name none."""
        for values in (
            [],
            [PARENT, PARENT],
            [b""],
            [PARENT.upper()],
            [PARENT[:-1]],
            [PARENT + b"0"],
            [PARENT + b"\n"],
            [b" " + PARENT],
            [PARENT.replace(b"00-0a", b"ff-0a")],
            [PARENT.replace(TRACE.encode(), b"0" * 32)],
            [PARENT.replace(b"b7ad6b7169203331", b"0" * 16)],
            [PARENT.replace(b"-", b"_")],
            [PARENT.replace(b"0a", "\u0660a".encode())],
        ):
            self.assertIsNone(trace_id(values), values)

    def test_version_0_has_four_fields(self) -> None:
        """A value of version 00 with more than its four fields is no traceparent (section 3.2.2)."""
        self.assertIsNone(trace_id([PARENT + b"-more"]))
