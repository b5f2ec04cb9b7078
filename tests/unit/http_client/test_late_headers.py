"""Headers whose table is made late: the same Headers to every caller."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from wsaas.http_client.late_headers import RequestHeaders, ResponseHeaders


class RequestHeadersTests(SynchronousTestCase):
    LINES = b"X-A: 1\r\nx-b: caf\xc3\xa9\r\nX-A: 2\r\n"

    def both(self) -> tuple[RequestHeaders, Headers]:
        return RequestHeaders(self.LINES), Headers({b"X-A": [b"1", b"2"], b"x-b": [b"caf\xc3\xa9"]})

    def test_as_headers(self) -> None:
        """Whatever is asked of the lines or changed in them, they answer as Headers would."""
        calls: list[tuple[str, tuple[Any, ...]]] = [
            *(("hasHeader", (name,)) for name in (b"x-a", "X-B", b"a", "x", b"1")),
            *(("getRawHeaders", arguments) for arguments in ((b"x-a",), ("x-b",), (b"x",), ("x", ["y"]))),
            ("addRawHeader", ("x-a", "3")),
            ("addRawHeader", (b"x-c", b"3")),
            ("addRawHeader", (b"Accept-Encoding", b"gzip")),
            ("removeHeader", (b"x-a",)),
            ("setRawHeaders", ("x-b", ["new"])),
            ("copy", ()),
        ]
        for name, arguments in calls:
            for copies in range(2):
                ours, theirs = self.both()
                if copies:
                    ours, theirs = ours.copy(), theirs.copy()
                said = [getattr(headers, name)(*arguments) for headers in (ours, theirs)]
                if name == "copy":
                    said = [sorted(each.getAllRawHeaders()) for each in said]
                self.assertEqual(said[0], said[1], (name, arguments))
                self.assertEqual(
                    sorted((name, sorted(values)) for name, values in ours.getAllRawHeaders()),
                    sorted((name, sorted(values)) for name, values in theirs.getAllRawHeaders()),
                    (name, arguments),
                )

    def test_accept_encoding(self) -> None:
        """The Accept-Encoding that treq adds is there for all who ask, in copies, too, and beside a further one; it is
        only not among the headers that go out.
        """
        for more in ((), (b"br",)):
            ours, theirs = self.both()
            for value in (b"gzip", *more):
                ours.addRawHeader(b"Accept-Encoding", value)
                theirs.addRawHeader(b"Accept-Encoding", value)
            if not more:
                self.assertEqual((list(ours.added()), list(ours.copy().added())), ([], []))
            for headers in (ours.copy(), ours):
                self.assertEqual((headers.hasHeader("accept-encoding"), headers.hasHeader(b"x")), (True, False))
                self.assertEqual(headers.getRawHeaders("accept-encoding"), ["gzip", *(each.decode() for each in more)])
                self.assertEqual(
                    {name.lower(): values for name, values in headers.getAllRawHeaders()},
                    {name.lower(): values for name, values in theirs.getAllRawHeaders()},
                )

    def test_copies_are_apart(self) -> None:
        """A header added to a copy is not in the original."""
        original = RequestHeaders(self.LINES)
        original.addRawHeader(b"X-C", b"1")
        copied = original.copy()
        copied.addRawHeader(b"X-C", b"2")
        self.assertEqual(list(original.added()), [(b"X-C", [b"1"])])
        self.assertEqual(list(copied.added()), [(b"X-C", [b"1", b"2"])])


class ResponseHeadersTests(SynchronousTestCase):
    PAIRS = ((b"x-a", b"1"), (b"content-encoding", b"gzip"), (b"x-b", b"2"), (b"x-a", b"3"))

    def test_as_headers(self) -> None:
        """Whatever is asked or changed, a response's headers answer as Headers without the coding would."""
        calls: list[tuple[str, tuple[Any, ...]]] = [
            *(("hasHeader", (name,)) for name in (b"x-a", "X-B", b"content-encoding", "x")),
            *(("getRawHeaders", (name, [])) for name in (b"X-A", "x-b", b"Content-Encoding", "content-encoding")),
            ("addRawHeader", ("x-a", "4")),
            ("setRawHeaders", (b"Content-Encoding", [b"br"])),
            ("setRawHeaders", (b"Content-Encoding", [b""])),
            *(("removeHeader", (name,)) for name in (b"x-a", b"Content-Encoding", "content-encoding")),
            ("copy", ()),
        ]
        for name, arguments in calls:
            ours, theirs = ResponseHeaders(self.PAIRS), Headers({b"x-a": [b"1", b"3"], b"x-b": [b"2"]})
            said = [getattr(headers, name)(*arguments) for headers in (ours, theirs)]
            if name == "copy":
                said = [sorted(each.getAllRawHeaders()) for each in said]
            self.assertEqual(said[0], said[1], (name, arguments))
            self.assertEqual(sorted(ours.getAllRawHeaders()), sorted(theirs.getAllRawHeaders()), (name, arguments))
            for key in (b"Content-Encoding", "content-encoding"):
                self.assertEqual(ours.getRawHeaders(key), theirs.getRawHeaders(key))

    def test_no_coding(self) -> None:
        """The empty coding that treq puts back is there until it is taken away."""
        for removed in (False, True):
            for key in (b"Content-Encoding", "content-encoding"):
                ours, theirs = ResponseHeaders(self.PAIRS), Headers({b"x-a": [b"1", b"3"], b"x-b": [b"2"]})
                for headers in (ours, theirs):
                    headers.setRawHeaders(b"Content-Encoding", [b""])
                    if removed:
                        headers.removeHeader(b"Content-Encoding")
                self.assertEqual(ours.getRawHeaders(key), theirs.getRawHeaders(key))
                self.assertEqual(sorted(ours.getAllRawHeaders()), sorted(theirs.getAllRawHeaders()))
