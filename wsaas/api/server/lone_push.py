"""Fast path of a push to one connection that is all of a read, and like one before: most pushes are.

It stands before `FastPath.serve`, which does the same for whatever is more or less than that, and whose bytes it leaves
untouched then. A differential test holds that they, and the slow path, answer alike.
"""

from __future__ import annotations

from collections.abc import Callable

_BEGIN, _VERSION, _END = b"PUT /", b" HTTP/1.1\r\n", b"\r\n\r\n"
_ID = slice(5, 37)
_BEHIND_ID = slice(37, None)
"""The places of an id in a request line, behind `PUT /`, and of the rest of the head."""

Push = Callable[[str, bytes, bool], bool]
"""Pushes to the connection of an id, which may be any text: a payload, binary or not. Returns False, and has done
nothing, if the slow path must be taken.
"""


class LonePush:
    """Serves pushes whose header block `FastPath` knows. Bound: it knows no more of them than that.

    While `may_answer()` is false it serves none. `failed(error)` logs an error of ours, and returns the answer to it.
    """

    __slots__ = ("_failed", "_fresh_until", "_heads", "_may_answer", "_push", "_sent")

    def __init__(self, push: Push, may_answer: Callable[[], bool] | None, failed: Callable[[Exception], bytes]) -> None:
        self._push = push
        self._failed = failed
        self._may_answer = may_answer
        self._heads: dict[bytes, tuple[int, bool]] = {}
        self._sent = b""
        self._fresh_until = 0.0

    def learn(self, fields: bytes, length: int, binary: bool) -> None:
        """Know a header block whose requests pass: the length of their message, and whether it is binary.

        Empty messages are left to `FastPath`: without the blank line that is to come they would look whole.
        """
        if length > 0:
            self._heads[_VERSION + fields] = length, binary

    def clear(self) -> None:
        """Forget all header blocks."""
        self._heads.clear()

    def renew_answer(self, sent: bytes, fresh_until: float) -> None:
        """Take the answer to a push that was sent, and the moment until which its Date is good."""
        self._sent, self._fresh_until = sent, fresh_until

    def serve(self, data: bytes, now: float) -> bytes:
        """Return the answer to the push that is all of `data`; or nothing, and have done nothing, if this is for
        `FastPath.serve`. `now` is the clock's time.
        """
        head, _, payload = data.partition(_END)
        known = self._heads.get(head[_BEHIND_ID])
        if known is None or now >= self._fresh_until or not head.startswith(_BEGIN):
            return b""
        length, binary = known
        if len(payload) != length or (self._may_answer is not None and not self._may_answer()):
            return b""
        try:
            return self._sent if self._push(head[_ID].decode("latin-1"), payload, binary) else b""
        except Exception as error:
            return self._failed(error)
