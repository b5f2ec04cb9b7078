"""Answers to pushes that were sent one behind the other: cut apart, and not parsed if they are the usual ones."""

from __future__ import annotations

import re

MAX_ANSWER = 65536
"""Bytes of an answer to a push, at most."""

_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]{1,5})\r\n", re.IGNORECASE)
_OK = b"HTTP/1.1 200 "


class AnswerReader:
    """Reads the answers of one connection. It holds a part of one answer, and the last one that said 200: most others
    have the same bytes. Bound: MAX_ANSWER bytes of each, and one read (64 KiB).
    """

    def __init__(self) -> None:
        self._partial = b""
        self._usual = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the answers that are whole now, each with all its bytes. ValueError if something else comes."""
        if self._partial:
            data, self._partial = self._partial + data, b""
        at, size, usual = 0, len(data), self._usual
        answers: list[bytes] = []
        while at < size:
            if usual and data.startswith(usual, at):
                answer = usual
            else:
                whole = whole_answer(data, at)
                if whole is None:
                    self._partial = data[at:]
                    break
                answer = whole
                if answer.startswith(_OK):
                    usual = self._usual = answer
            answers.append(answer)
            at += len(answer)
        return answers


def whole_answer(data: bytes, at: int) -> bytes | None:
    """Return the answer that begins at this place of `data`; None if it is not whole yet. ValueError if it is no answer
    to a push, or too long.
    """
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        if len(data) - at > MAX_ANSWER:
            raise ValueError("the head of the answer is too long")
        return None
    length = _LENGTH.search(data, at, end + 2)
    if length is None or not data.startswith(b"HTTP/1.1 ", at) or data[at + 9 : at + 10] < b"2":
        raise ValueError("this is no answer to a push")
    stop = end + 4 + int(length[1])
    if stop - at > MAX_ANSWER:
        raise ValueError("the answer is too long")
    return data[at:stop] if stop <= len(data) else None
