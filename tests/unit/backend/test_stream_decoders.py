"""The messages in the body of a streamed reply: lines, and the data of server-sent events."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.stream_decoders import Decoder, Events, Lines, Unsendable


def decoded(decoder: Decoder, *parts: bytes) -> list[bytes]:
    """All messages of a body that comes in these parts."""
    found = []
    for part in parts:
        decoder.feed(part)
        while (message := decoder.next()) is not None:
            found.append(message)
    if (last := decoder.last()) is not None:
        found.append(last)
    return found


class DecoderTestCase(SynchronousTestCase):
    def cut_anywhere(self, decoder: type[Lines] | type[Events], body: bytes, expected: list[bytes]) -> None:
        """The messages are these, wherever the network cuts the body, and byte by byte, too."""
        for at in range(len(body) + 1):
            self.assertEqual(decoded(decoder(100), body[:at], body[at:]), expected, (body, at))
        self.assertEqual(decoded(decoder(100), *(bytes([byte]) for byte in body)), expected, body)

    def refused(self, decoder: Decoder, *parts: bytes) -> tuple[list[bytes], str]:
        """The messages before the one that cannot be sent, and the reason."""
        found = []
        try:
            for part in parts:
                decoder.feed(part)
                while (message := decoder.next()) is not None:
                    found.append(message)
            decoder.last()
        except Unsendable as problem:
            return found, str(problem)
        raise AssertionError(found)


class LineTests(DecoderTestCase):
    def test_lines(self) -> None:
        """Each line is a message without its LF or CRLF, an empty one too; the last one needs no line end."""
        for body, expected in (
            (b"", []),
            (b"one", [b"one"]),
            (b"one\n", [b"one"]),
            (b"one\r\ntwo\nthree", [b"one", b"two", b"three"]),
            (b"\n\r\n", [b"", b""]),
            (b"a\rb\r\r\n", [b"a\rb\r"]),
            ("\u20ac\n\U0001f600\n".encode(), ["\u20ac".encode(), "\U0001f600".encode()]),
        ):
            self.cut_anywhere(Lines, body, expected)

    def test_too_long(self) -> None:
        """A line of `limit` bytes passes, with any line end; a longer one does not, nor is its end waited for."""
        for end in (b"\n", b"\r\n", b""):
            self.assertEqual(decoded(Lines(5), b"12345" + end), [b"12345"])
            self.assertEqual(self.refused(Lines(5), b"ok\n123456" + end), ([b"ok"], "a line of over MAX_MESSAGE_SIZE"))
        decoder = Lines(5)
        decoder.feed(b"123456")
        self.assertIsNone(decoder.next())  # the sixth byte may be a CR
        decoder.feed(b"7")
        self.assertRaises(Unsendable, decoder.next)

    def test_not_utf8(self) -> None:
        """A line that is not UTF-8 ends the stream; what was before it is sent."""
        self.assertEqual(self.refused(Lines(9), b"ok\nab\xff\n"), ([b"ok"], "a line whose byte 2 is not UTF-8"))
        self.assertEqual(self.refused(Lines(9), b"\xe2\x82"), ([], "a line whose byte 0 is not UTF-8"))

    def test_linear(self) -> None:
        """A long line that comes in many parts is searched once, and a body of many short lines is not moved about."""
        for decoder in (Lines(1 << 24), Events(1 << 24)):
            begun = time.process_time()
            for _ in range(20_000):
                decoder.feed(b"x" * 100)
                self.assertIsNone(decoder.next())
            self.assertEqual(len(decoded(Lines(10), b"x\n" * 200_000)), 200_000)
            self.assertLess(time.process_time() - begun, 20)


class EventTests(DecoderTestCase):
    def test_events(self) -> None:
        """The data of each event is a message, by WHATWG HTML, 9.2.6."""
        for body, expected in (
            (b"data: one\n\n", [b"one"]),
            (b"data:one\r\rdata:two\r\n\r\n", [b"one", b"two"]),
            (b"data: a\ndata: b\ndata\n\n", [b"a\nb\n"]),
            (b"data: a\r\ndata: b\r\n\r\ndata: c\rdata: d\r\r", [b"a\nb", b"c\nd"]),
            (b"data:  two spaces\n\n", [b" two spaces"]),
            (b"\xef\xbb\xbfdata: x\n\n", [b"x"]),
            (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
            (b": comment\nevent: token\nid: 7\nretry: 10\ndata: x\n\n", [b"x"]),
            (b"event: ping\n\n\n\ndata\n\n", [b""]),
            (b"data\n\ndata\ndata\n\n", [b"", b"\n"]),
            (b"dataset: no\n data: no\nDATA: no\n\ndata: [DONE]\n\n", [b"[DONE]"]),
            (b"data: cut off\n", []),
            (b"data: cut off", []),
            (b'data: {"a": "b:c"}\n\n', [b'{"a": "b:c"}']),
            ("data: \u20ac\n\n".encode(), ["\u20ac".encode()]),
        ):
            self.cut_anywhere(Events, body, expected)

    def test_too_long(self) -> None:
        """Data of `limit` bytes passes, line feeds counted; more does not; nor does a line without an end."""
        self.assertEqual(decoded(Events(5), b"data: 12\ndata: 34\n\n"), [b"12\n34"])
        too_long = "an event of over MAX_MESSAGE_SIZE"
        self.assertEqual(self.refused(Events(5), b"data: 12\ndata: 345\n\n"), ([], too_long))
        self.assertEqual(self.refused(Events(5), b"data\n" * 7), ([], too_long))
        self.assertEqual(self.refused(Events(5), b"data: ok\n\n: " + b"x" * 100)[0], [b"ok"])

    def test_not_utf8(self) -> None:
        """Data that is not UTF-8 ends the stream; a comment may be anything."""
        self.assertEqual(self.refused(Events(9), b": \xff\n\ndata: ok\n\ndata: \xff\n\n")[0], [b"ok"])
