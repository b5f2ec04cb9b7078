"""Request headers that stay in the form in which they are sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from twisted.web.http_headers import Headers


class RequestHeaders(Headers):
    """Headers given as ready lines, `Name: value` and CRLF each. The pool sends `lines` as they are.

    The layers of treq and twisted.web copy a request's headers, ask whether one is there, and add one. Those three
    calls leave the lines alone; any other call first moves them into the table of Headers, and after that this is
    a Headers like any other. Lines cost less (docs/performance.rst) and keep their spelling: Headers capitalizes names.
    """

    __slots__ = ("lines",)

    def __init__(self, lines: bytes = b"") -> None:
        super().__init__()
        self.lines = lines

    def added(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """Iterate over the headers that are not in `lines`: those that were added."""
        return super().getAllRawHeaders()

    def copy(self) -> RequestHeaders:
        copied = RequestHeaders(self.lines)
        for name, values in self.added():
            copied.set_added(name, values)
        return copied

    def set_added(self, name: bytes, values: Sequence[bytes]) -> None:
        """Set a header beside the lines, which must not have it."""
        super().setRawHeaders(name, values)

    def hasHeader(self, name: Any) -> bool:
        raw = name.encode("latin-1") if isinstance(name, str) else name
        return super().hasHeader(name) or b"\n%b:" % raw.lower() in b"\n" + self.lines.lower()

    def removeHeader(self, name: Any) -> None:
        self._move_lines()
        super().removeHeader(name)

    def setRawHeaders(self, name: Any, values: Sequence[Any]) -> None:
        self._move_lines()
        super().setRawHeaders(name, values)

    def getRawHeaders(self, name: Any, default: Any = None) -> Any:
        self._move_lines()
        return super().getRawHeaders(name, default)

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        self._move_lines()
        return super().getAllRawHeaders()

    def _move_lines(self) -> None:
        lines, self.lines = self.lines, b""
        for line in lines.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            self.addRawHeader(name, value)
