"""Parses answers with llhttp, within limits, whatever the backend sends and however it is cut into segments.

A backend can make the gateway hold so much: a head of HEAD_LIMIT, a body of the request's limit, and OVERHEAD_LIMIT of
what is around the body (chunk sizes, chunk extensions, trailers). Of a body that is read while it comes, what came with
one read. Nothing is ever decompressed.
"""

from __future__ import annotations

from enum import Enum

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from wsaas.http_client.body_stream import BodyStream, StreamedResponse
from wsaas.http_client.exchange import Fault, HttpResponse, Lost, Terms

# Status line and headers of one answer, informational answers before it included.
HEAD_LIMIT = 65536
# Bytes by which an answer may be longer on the wire than its body's limit.
OVERHEAD_LIMIT = 131072
# Bytes of the longest answer that LastResponse remembers.
LONGEST_REMEMBERED = 1024
# Terms of exchanges that LastResponse remembers: a gateway has a few.
MOST_TERMS = 16


class Part(Enum):
    """The part of an answer that comes next."""

    HEAD = "head"
    BODY = "body"
    NONE = "none"


class LastResponse:
    """The last answer that came in one piece, as bytes and parsed. A backend often sends the same bytes again, and
    these are not parsed again. One for all connections of a pool; of LONGEST_REMEMBERED bytes at most.
    """

    __slots__ = ("answer", "data", "no_stream", "terms")

    answer: HttpResponse
    """Set with `data`."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        """The bytes; None if there is none yet, which no read is alike, not even an empty one."""
        self.no_stream = False
        """True if a `streams` has said that this is none to be read while it comes; else nobody was asked."""
        self.terms: set[Terms] = set()
        """Terms under which the bytes are this answer. Bound: MOST_TERMS."""

    def keep(self, data: bytes, answer: HttpResponse, terms: Terms) -> None:
        """Remember an answer that came under these terms."""
        self.data, self.answer, self.no_stream, self.terms = data, answer, terms[1] is not None, {terms}

    def is_known(self, data: bytes, terms: Terms) -> bool:
        """Return whether these bytes are this answer, under other terms perhaps."""
        if data != self.data or len(self.answer.body) > terms[0] or not (self.no_stream or terms[1] is None):
            return False
        if len(self.terms) < MOST_TERMS:
            self.terms.add(terms)
        return True


class ResponseParser:
    """Parses one answer after another from one connection.

    `received` counts the answer's bytes so far. `whole` says that the answer is complete, or as much of it as its limit
    allows; `reusable`, once it is whole, that the connection may be used again.

    An answer in the bytes of the `last` one is not parsed; without it each answer is.
    """

    def __init__(self, last: LastResponse | None = None) -> None:
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._last = last
        self._piece = b""
        self._known: HttpResponse | None = None
        self.expect((0, None))
        self._begin()

    def expect(self, terms: Terms) -> None:
        """Begin with the next answer, which is read on these terms: of its body the limit is kept.

        If the body is to be read while it comes, `streaming` is set, and it is taken by `take_body` instead.
        """
        self.received = 0
        self.reusable = self.whole = self.streaming = False
        self.terms = terms
        self.limit, self.streams = terms

    def feed(self, data: bytes) -> Fault | None:
        """Parse the next bytes; return a Fault if they make no answer."""
        if self.received == 0:
            last = self._last
            if last is not None and last.is_known(data, self.terms):
                self.received = len(data)
                self._known = last.answer
                self.whole = self.reusable = True
                return None
            self._begin()
            self._piece = data if len(data) <= LONGEST_REMEMBERED else b""
        else:
            self._piece = b""
        self.received += len(data)
        if self.streaming:
            return self._feed_stream(data)
        return self._feed(data) if self.received <= HEAD_LIMIT else self._feed_measured(data)

    def _begin(self) -> None:
        """Set up for an answer that must be parsed."""
        self._room = self.limit
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._part = Part.HEAD
        self._known = None

    @property
    def ends_with_connection(self) -> bool:
        """True while a body comes that only the end of the connection ends (RFC 9112, 6.3, the last rule)."""
        if self._part is not Part.BODY:
            return False
        framing = dict(self._headers)
        if b"content-length" in framing:
            return False
        return not framing.get(b"transfer-encoding", b"").lower().endswith(b"chunked")

    def answer(self) -> HttpResponse:
        """Return the answer; of one that is not whole, the part so far."""
        if self._known is not None:
            return self._known
        answer = HttpResponse(self._status, tuple(self._headers), b"".join(self._body), self._room < 0)
        if self._last is not None and self._piece and self.reusable:
            self._last.keep(self._piece, answer, self.terms)
        return answer

    def streamed(self, stream: BodyStream) -> StreamedResponse:
        """Return the answer whose body follows in this stream."""
        return StreamedResponse(self._status, tuple(self._headers), b"", False, stream)

    def take_body(self) -> bytes:
        """Return the part of a streaming body that has come since the last call."""
        body = b"".join(self._body)
        self._body.clear()
        return body

    def stop(self) -> None:
        """Parse no more, and let go of llhttp's parser, which refers back to this object."""
        self._parser = None

    # Callbacks of llhttp, under the names that httptools looks for. None may call the parser again.

    def on_message_begin(self) -> None:
        """Note that a message begins."""
        if self._part is Part.NONE:
            self.reusable = False  # more than one answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head; ignore a trailer."""
        if self._part is Part.HEAD:
            self._headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Check the complete head. No request asks for a 101."""
        parser = self._parser
        if self._part is Part.HEAD and parser is not None:
            self._status = status = parser.get_status_code()
            if not 100 <= status <= 599 or status == 101 or parser.get_http_version() not in ("1.1", "1.0"):
                raise Lost("the answer's first line has an impossible status or version")
            self._part = Part.BODY
            if self.streams is not None and status >= 200 and self.streams(status, self._headers):
                self.streaming = True
                self._piece = b""
                self._around = 0

    def on_body(self, data: bytes) -> None:
        """Take a part of the body, up to the limit."""
        if self.streaming:
            self._body.append(data)
        elif self._part is Part.BODY:
            self._room -= len(data)
            if self._room < 0:
                data = data[: self._room]
                self._end()
            self._body.append(data)

    def on_message_complete(self) -> None:
        """End an answer."""
        parser = self._parser
        if self._part is Part.BODY and parser is not None:
            if self._status < 200:  # 100 Continue, 103 Early Hints: the final answer is still to come
                self._headers = []
                self._part = Part.HEAD
            else:
                self._end()
                self.reusable = parser.should_keep_alive()

    # Steps

    def _end(self) -> None:
        self._part = Part.NONE
        self.whole = True

    def _feed(self, data: bytes) -> Fault | None:
        if self._parser is not None:
            try:
                self._parser.feed_data(data)
            except (HttpParserError, HttpParserUpgrade) as error:
                if not self.whole:
                    noted = error.__context__
                    return noted if isinstance(noted, Fault) else Lost(f"the answer is no HTTP: {error}")
                self.reusable = False  # the answer is whole, and no HTTP follows it
        return None

    def _feed_stream(self, data: bytes) -> Fault | None:
        """Parse the next bytes of a streaming body, of any length. Between two parts of it there may be OVERHEAD_LIMIT
        bytes of what is around it.
        """
        self._around += len(data)
        fault = self._feed(data)
        if self._body:
            self._around = 0
        elif self._around > OVERHEAD_LIMIT and not self.whole:
            return Lost("the answer has too much around its body")
        return fault

    def _feed_measured(self, data: bytes) -> Fault | None:
        """Parse the next bytes, but none beyond the limits: where segments end makes no difference."""
        before = self.received - len(data)
        if self._part is Part.HEAD:
            allowed = HEAD_LIMIT - before
            fault = self._feed(data[:allowed])
            if fault is not None or self.whole:
                self.reusable = False
                return fault
            if self._part is Part.HEAD:
                return Lost("the answer's head is too long")
            data = data[allowed:]
            if self.streaming:
                return self._feed_stream(data)
            before = HEAD_LIMIT
        allowed = self.limit + OVERHEAD_LIMIT - before
        fault = self._feed(data[:allowed])
        if len(data) > allowed:
            self.reusable = False
            if fault is None and not self.whole:
                return Lost("the answer is much longer than its body")
        return fault
