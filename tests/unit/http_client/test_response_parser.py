"""What is remembered of answers: the same as what is parsed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.http_client.exchange import HttpResponse
from wsaas.http_client.response_parser import LONGEST_REMEMBERED, MOST_TERMS, LastResponse, ResponseParser

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


class RememberTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.last = LastResponse()

    def parse(
        self, *pieces: bytes, limit: int = 100, parser: ResponseParser | None = None
    ) -> tuple[HttpResponse, bool]:
        parser = ResponseParser(self.last) if parser is None else parser
        parser.expect((limit, None))
        for piece in pieces:
            self.assertIsNone(parser.feed(piece))
        self.assertTrue(parser.whole)
        return parser.answer(), parser.reusable

    def test_remembered(self) -> None:
        """The same bytes are the same answer, on any connection, and the connection goes on as if it were parsed."""
        first, reusable = self.parse(OK)
        self.assertTrue(reusable)
        parser = ResponseParser(self.last)
        for _ in range(3):
            again, reusable = self.parse(OK, parser=parser)
            self.assertIs(again, first)
            self.assertTrue(reusable)
        other, _ = self.parse(OK.replace(b"OK", b"NO"), parser=parser)
        self.assertEqual(other.body, b"NO")

    def test_in_pieces(self) -> None:
        """Only what came in one piece is remembered, and only for what comes in one."""
        self.parse(OK[:20], OK[20:])
        self.assertIsNone(self.last.data)
        self.parse(OK)
        again, _ = self.parse(OK[:20], OK[20:])
        self.assertEqual(again, self.last.answer)
        self.assertIsNot(again, self.last.answer)

    def test_not_remembered(self) -> None:
        """An answer that ends its connection, is cut, or is long is parsed each time."""
        closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
        self.assertGreater(len(long), LONGEST_REMEMBERED)
        for data, limit in ((closing, 100), (OK, 1), (long, 5000), (OK + b"HTTP/1.1 200 OK\r\n", 100)):
            self.parse(data, limit=limit)
            self.assertIsNone(self.last.data, data[:40])

    def test_empty_read(self) -> None:
        """A read of no bytes is no answer, before there is one to remember and behind that."""
        for _ in range(2):
            answer, _ = self.parse(b"", OK)
            self.assertEqual(answer.body, b"OK")
            self.parse(OK)

    def test_smaller_limit(self) -> None:
        """Where less of the body is wanted than was remembered, it is cut as ever."""
        self.parse(OK)
        cut, _ = self.parse(OK, limit=1)
        self.assertEqual((cut.body, cut.truncated), (b"O", True))

    def test_terms(self) -> None:
        """The terms under which the same bytes are the same answer are known: those that it came under, and others that
        would make no difference, MOST_TERMS of them.
        """
        self.parse(OK)
        self.parse(OK, limit=2)
        self.assertEqual(self.last.terms, {(100, None), (2, None)})
        self.parse(OK, limit=1)
        self.assertEqual(self.last.terms, {(100, None), (2, None)})
        self.assertFalse(self.last.is_known(OK, (100, lambda status, headers: True)))
        for limit in range(2, 2 + 2 * MOST_TERMS):
            self.parse(OK, limit=limit)
        self.assertEqual(len(self.last.terms), MOST_TERMS)
        self.parse(OK.replace(b"OK", b"NO"), limit=5)
        self.assertEqual(self.last.terms, {(5, None)})
