"""Headers of requests and responses whose table is made only when it is needed.

The layers of treq and twisted.web make a few calls for each request: copy its headers, ask whether it has a Cookie, add
an Accept-Encoding, ask the response for its Content-Encoding and take that out or put it back. Here these calls need no
table. Any other call first fills the table, and after that this is a Headers like any other. What it saves is in
docs/performance_history.rst.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from twisted.web.http_headers import Headers

from wsaas.http_client.exchange import Timing

_CODING = b"Content-Encoding"
_NO_CODING = [b""]
"""The value that is put back where there is none."""
_ACCEPTED = b"Accept-Encoding"


class LateHeaders(Headers):
    """Headers whose table `fill` makes. A subclass says how, and which calls need none."""

    __slots__ = ()

    def fill(self) -> None:
        """Fill the table, unless that is done."""
        raise NotImplementedError

    def copy(self) -> Headers:
        self.fill()
        return Headers(dict(super().getAllRawHeaders()))

    def hasHeader(self, name: Any) -> bool:
        self.fill()
        return super().hasHeader(name)

    def removeHeader(self, name: Any) -> None:
        self.fill()
        super().removeHeader(name)

    def addRawHeader(self, name: Any, value: Any) -> None:
        self.fill()
        super().addRawHeader(name, value)

    def setRawHeaders(self, name: Any, values: Sequence[Any]) -> None:
        self.fill()
        super().setRawHeaders(name, values)

    def getRawHeaders(self, name: Any, default: Any = None) -> Any:
        self.fill()
        return super().getRawHeaders(name, default)

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        self.fill()
        return super().getAllRawHeaders()


class RequestHeaders(LateHeaders):
    """Headers given as ready lines, `Name: value` and CRLF each, and headers added to them.

    Lines keep the spelling of their names, which the table would capitalize. `timing` goes along to the pool.
    """

    __slots__ = ("_accepted", "lines", "only_lines", "timing")

    def __init__(self, lines: bytes = b"", timing: Timing | None = None) -> None:
        super().__init__()
        self.lines = lines
        self.timing = timing
        self.only_lines = True
        """True while the table is empty."""
        self._accepted: bytes | None = None
        """The Accept-Encoding that treq adds, while it need not be in the table."""

    def fill(self) -> None:
        self.only_lines = False
        lines, self.lines = self.lines, b""
        for line in lines.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            Headers.addRawHeader(self, name, value)
        if self._accepted is not None:
            Headers.addRawHeader(self, _ACCEPTED, self._accepted)
            self._accepted = None

    def added(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """Iterate over the headers that were added to `lines`, less the Accept-Encoding, which is the pool's own."""
        return Headers.getAllRawHeaders(self)

    def copy(self) -> RequestHeaders:
        copied = RequestHeaders(self.lines, self.timing)
        copied._accepted = self._accepted
        if not self.only_lines:
            for name, values in self.added():
                for value in values:
                    copied.addRawHeader(name, value)
        return copied

    def hasHeader(self, name: Any) -> bool:
        raw = (name.encode("latin-1") if isinstance(name, str) else name).lower()
        if self._accepted is not None and raw == b"accept-encoding":
            return True
        if b"\n%b:" % raw in b"\n" + self.lines.lower():
            return True
        return not self.only_lines and Headers.hasHeader(self, name)

    def addRawHeader(self, name: Any, value: Any) -> None:
        if name == _ACCEPTED and self.lines and self._accepted is None and type(value) is bytes:
            self._accepted = value
        else:
            if self._accepted is not None and name.lower() in (b"accept-encoding", "accept-encoding"):
                self.fill()
            self.only_lines = False
            Headers.addRawHeader(self, name, value)


class ResponseHeaders(LateHeaders):
    """Headers given as names and values, less each Content-Encoding: calls about that one need no table."""

    __slots__ = ("_none", "_pairs")

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        super().__init__()
        self._pairs = pairs
        self._none = False
        """Set while the table would have an empty Content-Encoding, which treq puts there where there was none."""

    def fill(self) -> None:
        pairs, self._pairs = self._pairs, ()
        for name, value in pairs:
            if name != b"content-encoding":
                Headers.addRawHeader(self, name, value)
        if self._none:
            self._none = False
            Headers.setRawHeaders(self, _CODING, _NO_CODING)

    def getRawHeaders(self, name: Any, default: Any = None) -> Any:
        if self._pairs and name == _CODING:
            return list(_NO_CODING) if self._none else default
        self.fill()
        return Headers.getRawHeaders(self, name, default)

    def setRawHeaders(self, name: Any, values: Sequence[Any]) -> None:
        if self._pairs and name == _CODING and values == _NO_CODING:
            self._none = True
        else:
            self.fill()
            Headers.setRawHeaders(self, name, values)

    def removeHeader(self, name: Any) -> None:
        if self._pairs and name == _CODING:
            self._none = False
        else:
            self.fill()
            Headers.removeHeader(self, name)
