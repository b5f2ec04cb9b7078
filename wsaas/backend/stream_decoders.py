"""Cuts the body of a streamed reply into messages for the client: into lines, or into the data of server-sent events.

Both are given bytes however the network cut them, and asked for one message after the other. Time is proportional to
what comes: no byte is looked at twice for the end of a line. Bound: a line, and the data of an event, of `limit` bytes,
and what one read gave (64 KiB).
"""

from __future__ import annotations

import re
from typing import Protocol

_LINE_END = re.compile(rb"[\r\n]")
_BOM = b"\xef\xbb\xbf"
_FIELD_NAME = 64
"""Bytes by which a line of an event may be longer than its data: the name of the field."""


class Unsendable(Exception):
    """The stream cannot go on: a message is too long, or no text. `str()` of it is for the log."""


class Decoder(Protocol):
    """Takes bytes, and gives messages."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""

    def next(self) -> bytes | None:
        """Return the next whole message, None if more bytes must come. Raises Unsendable."""

    def last(self) -> bytes | None:
        """Return the message that the end of the body completes, None for none. Raises Unsendable."""


class Lines:
    """Each line, without its line end (LF or CRLF), is a message. The last one needs no line end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        self._data += data

    def next(self) -> bytes | None:
        end = self._data.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._data)
            if self._searched > self._limit + 1:  # with a CR that may belong to the line end
                raise _too_long("a line")
            return None
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        self._searched = 0
        return _checked(line.removesuffix(b"\r"), self._limit, "a line")

    def last(self) -> bytes | None:
        line = bytes(self._data)
        self._data.clear()
        return _checked(line, self._limit, "a line") if line else None


class Events:
    """The data of each server-sent event is a message, by the rules of WHATWG HTML, 9.2.6: lines end with CR, LF or
    CRLF; a byte order mark in front is ignored; several data lines are joined by LF; an event without data is none, nor
    is one that no empty line ends. Names, ids and retry times of events are ignored.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._searched = 0
        self._begun = False
        self._skip_lf = False
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._data += data

    def next(self) -> bytes | None:
        while (line := self._line()) is not None:
            if not line:
                parts, self._parts, self._size = self._parts, [], 0
                if parts:
                    return _checked(b"\n".join(parts), self._limit, "an event")
                continue
            name, _, value = line.partition(b":")
            if name == b"data":
                value = value.removeprefix(b" ")
                self._size += len(value) + 1
                if self._size - 1 > self._limit:
                    raise _too_long("an event")
                self._parts.append(value)
        return None

    def last(self) -> bytes | None:
        return None

    def _line(self) -> bytes | None:
        """Take the next line; None if its end has not come."""
        data = self._data
        if not self._begun:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                return None
            self._begun = True
            if data.startswith(_BOM):
                del data[: len(_BOM)]
        if self._skip_lf and data:
            self._skip_lf = False
            if data[0] == 0x0A:
                del data[:1]
        end = _LINE_END.search(data, self._searched)
        if end is None:
            self._searched = len(data)
            if self._searched > self._limit + _FIELD_NAME:
                raise _too_long("a line")
            return None
        at = end.start()
        line = bytes(data[:at])
        self._skip_lf = data[at] == 0x0D
        self._searched = 0
        # The match holds on to the bytearray, which could not shrink meanwhile.
        del end
        del data[: at + 1]
        return line


def _checked(message: bytes, limit: int, what: str) -> bytes:
    if len(message) > limit:
        raise _too_long(what)
    try:
        message.decode()
    except UnicodeDecodeError as error:
        raise Unsendable(f"{what} whose byte {error.start} is not UTF-8") from None
    return message


def _too_long(what: str) -> Unsendable:
    return Unsendable(f"{what} of over MAX_MESSAGE_SIZE")
