"""The short way for the most frequent requests, pushes of one read, past twisted.web and Klein.

    PUT /{id}    PUT /broadcast    PUT /groups/{group}        the group without percent-encoding, none with a query

What is not exactly of this shape, or needs more than a push, is left to the long way, bytes and all: the one source of
truth. A differential test holds that both answer alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from wsaas.api.access import Access
from wsaas.api.errors import INTERNAL_ERROR, answer_to
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.errors import GatewayError
from wsaas.core.fanout import FanOut
from wsaas.core.outcomes import Pushed
from wsaas.core.router import Router
from wsaas.core.session import Session
from wsaas.net.http_grammar import HOP_BY_HOP, TOKEN, encoded, octets

_REQUEST_LINE = re.compile(rb"PUT /(?:([A-Za-z0-9]{32})|broadcast|groups/([A-Za-z0-9_.:~-]{1,256})) HTTP/1\.1\r\n")
_END = b"\r\n\r\n"
_FIELD = octets(rf"({TOKEN}):([\x20-\x7e]*)")  # a tab, or a byte over 0x7F, is for the long way
_LENGTH = re.compile(rb"[0-9]{1,9}")
# With one of these a request needs more than is done here.
_NOT_HERE = encoded(HOP_BY_HOP | {"content-encoding", "expect"})
_ONCE = frozenset((b"authorization", b"content-length", b"content-type", b"host"))
_LONGEST_HEAD = 4096
_REMEMBERED = 256
TURN = 500
"""Frames that one turn of the reactor writes for one connection of the API; an answer without any counts as one."""
LOOKS = 50
"""Sessions that can be looked at in the time in which a frame is written."""


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a request's headers that matters here."""

    length: int
    binary: bool
    authorization: bytes | None
    host: bytes


def read_head(fields: bytes) -> Head | None:
    """The header lines of a request, without the last CRLF; None if it must go the long way."""
    found: dict[bytes, bytes] = {}
    for line in fields.split(b"\r\n"):
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name = field[1].lower()
        if name in _NOT_HERE or (name in _ONCE and name in found):
            return None
        found[name] = field[2].strip(b" ")
    length = found.get(b"content-length", b"")
    host = found.get(b"host")
    if not host or not _LENGTH.fullmatch(length):
        return None
    media_type = found.get(b"content-type", b"").partition(b";")[0].strip(b" ").lower()
    return Head(int(length), media_type == b"application/octet-stream", found.get(b"authorization"), host)


class FastPath:
    """Serves pushes. It remembers what `_REMEMBERED` different header blocks said, for a pusher repeats its own."""

    _log = Logger()

    def __init__(self, router: Router, access: Access, max_message_size: int, clock: IReactorTime) -> None:
        self._router = router
        self._access = access
        self._max_message_size = max_message_size
        self._clock = clock
        self._heads: dict[bytes, Head | None] = {}
        self._answers: dict[Pushed, bytes] = {}
        self._second = -1

    def serve(self, data: bytes, any_host: bool) -> tuple[bytes, bytes, FanOut[Session] | None]:
        """Serve the requests that `data` begins with, as far as they are for here: the answers, and what is left.

        `any_host` is for a connection of which the Host header need not be looked at. One call writes TURN frames at
        most, so that others have their turn. If there is a FanOut as well, it answers the next request: it wants to be
        advanced, and then told by `answered`.
        """
        answers, at, left = b"", 0, TURN
        while left > 0:
            request_line = _REQUEST_LINE.match(data, at)
            end = data.find(_END, at, at + _LONGEST_HEAD)
            if request_line is None or end < request_line.end():
                break
            head = self._head(data[request_line.end() : end])
            if head is None or head.length > self._max_message_size:
                break
            if not self._access.admits(head.authorization, None if any_host else head.host):
                break
            start = end + len(_END)
            stop = start + head.length
            if stop > len(data):
                break
            id, group = request_line.groups()
            payload, at = data[start:stop], stop
            if id is not None:
                answers += self._push(id.decode("ascii"), payload, head.binary)
                left -= 1
            else:
                answer, fan_out, cost = self._push_to_many(group, payload, head.binary, left)
                if fan_out is not None:
                    return answers, data[at:], fan_out
                answers += answer
                left -= cost
        return answers, data[at:], None

    @staticmethod
    def answered(fan_out: FanOut[Session]) -> bytes:
        """The answer to a request whose fan_out has come to its end."""
        return _spell(ApiResponse(200, OK | {"sent": fan_out.sent, "skipped": fan_out.skipped}))

    def _head(self, fields: bytes) -> Head | None:
        try:
            return self._heads[fields]
        except KeyError:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            head = self._heads[fields] = read_head(fields)
            return head

    def _push_to_many(
        self, group: bytes | None, payload: bytes, binary: bool, most: int
    ) -> tuple[bytes, FanOut[Session] | None, int]:
        """The answer, or a fan_out that has served `most` connections and has more; and what it cost, in frames.

        A broadcast looks at every session there is, which costs something even if none of them is open.
        """
        try:
            if group is None:
                fan_out, looked_at = self._router.broadcast(payload, binary), len(self._router.registry)
            else:
                fan_out, looked_at = self._router.push_to_group(group.decode("ascii"), payload, binary), 0
            if fan_out.step(most):
                return b"", fan_out, most
            return self.answered(fan_out), None, max(1, fan_out.sent + fan_out.skipped, looked_at // LOOKS)
        except Exception as error:
            return self._failed(error), None, 1

    def _push(self, id: str, payload: bytes, binary: bool) -> bytes:
        try:
            pushed = self._router.push(id, payload, binary)
        except Exception as error:
            return self._failed(error)
        second = int(self._clock.seconds())
        if second != self._second:
            self._second = second
            self._answers = {
                Pushed.SENT: _spell(ApiResponse(200, OK)),
                Pushed.QUEUED: _spell(ApiResponse(202, OK)),
            }
        return self._answers[pushed]

    def _failed(self, error: Exception) -> bytes:
        if isinstance(error, GatewayError):
            return _spell(answer_to(error) or INTERNAL_ERROR)
        self._log.failure("the API failed at a PUT request")
        return _spell(INTERNAL_ERROR)


def _spell(answer: ApiResponse) -> bytes:
    """An answer as twisted.web writes it."""
    return answer.spell(b"", answer.body())
