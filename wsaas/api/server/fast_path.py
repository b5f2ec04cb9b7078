"""The fast path of the most frequent requests, pushes whose head arrives in one read, past twisted.web and Klein.

    PUT /{id}    PUT /broadcast    PUT /groups/{group}        the group without percent-encoding, none with a query
    POST /@connections/{id}    POST /{stage}/@connections/{id}    where no signature has to be checked

A request that is not exactly of this shape, or needs more than a push, is left to the slow path, bytes and all: the one
source of truth. A differential test holds that both answer alike.

Where there are other processes, a push to a connection of one of them goes on to it, and a push to many goes on to
those that may have receivers. A push of the AWS dialect that is for another process takes the slow path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from twisted.logger import Logger

from wsaas.api.access import Access
from wsaas.api.aws_dialect import Dialect, translated
from wsaas.api.errors import INTERNAL_ERROR, answer_to
from wsaas.api.responses import OK, ApiResponse
from wsaas.api.server.limits import MAX_FIELDS, MAX_NAME_LENGTH
from wsaas.api.server.lone_push import LonePush
from wsaas.core.errors import GatewayError
from wsaas.core.fanout import FanOut
from wsaas.core.groups import MAX_GROUP_NAME
from wsaas.core.ids import ID_LENGTH
from wsaas.core.model import is_text
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.router import Router
from wsaas.core.session import Session
from wsaas.net.http_grammar import HOP_BY_HOP, TOKEN, encoded, octets

if TYPE_CHECKING:
    from wsaas.api.elsewhere import Elsewhere

_REQUEST_LINE = octets(
    rf"PUT /(?:([A-Za-z0-9]{{{ID_LENGTH}}})|broadcast|groups/([A-Za-z0-9_.:~-]{{1,{MAX_GROUP_NAME}}})) HTTP/1\.1\r\n"
)
_AWS_LINE = re.compile(
    rb"POST (/(?:(?!groups/)[A-Za-z0-9_$-]{1,128}/)?(?:@|%%40)connections/([A-Za-z0-9]{%d})) HTTP/1\.1\r\n" % ID_LENGTH
)
_END = b"\r\n\r\n"
_FIELD = octets(rf"({TOKEN}):([\x20-\x7e]*)")  # a tab, or a byte over 0x7F, is for the slow path
_LENGTH = re.compile(rb"[0-9]{1,9}")
# A request with one of these needs the slow path.
_SLOW_PATH_FIELDS = encoded(HOP_BY_HOP | {"content-encoding", "expect"})
_SINGLE_FIELDS = frozenset((b"authorization", b"content-length", b"content-type", b"host"))
_MAX_HEAD_LENGTH = 4096
_MAX_REMEMBERED = 256
_SENT = Pushed.SENT  # Enum looks its members up anew each time
FRAMES_PER_TURN = 500
"""Frames that one turn of the reactor writes for one connection of the API; an answer without any counts as one."""
SESSIONS_PER_FRAME = 50
"""Sessions that can be looked at in the time in which a frame is written."""


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a request's headers that the fast path needs. `authorization` and `host` hold one value, or none."""

    length: int
    binary: bool
    authorization: tuple[bytes, ...]
    host: tuple[bytes, ...]


_UNKNOWN = Head(0, False, (), ())


def read_head(fields: bytes) -> Head | None:
    """Read the header lines of a request, without the last CRLF. Return None if it must take the slow path."""
    found: dict[bytes, bytes] = {}
    lines = fields.split(b"\r\n")
    if len(lines) > MAX_FIELDS:
        return None
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None or len(field[1]) > MAX_NAME_LENGTH:
            return None
        name = field[1].lower()
        if name in _SLOW_PATH_FIELDS or (name in _SINGLE_FIELDS and name in found):
            return None
        found[name] = field[2].strip(b" ")
    length = found.get(b"content-length", b"")
    host = found.get(b"host")
    if not host or not _LENGTH.fullmatch(length):
        return None
    media_type = found.get(b"content-type", b"").partition(b";")[0].strip(b" ").lower()
    authorization = tuple(found[name] for name in (b"authorization",) if name in found)
    return Head(int(length), media_type == b"application/octet-stream", authorization, (host,))


Forward = Callable[[Callable[[bytes], object]], object]
"""Sends a push on to another process, or to all of them. Its argument is called with the whole answer."""


class FastPath:
    """Serves pushes. It remembers header blocks, and whether they pass, because a pusher repeats its own. Bound:
    `_MAX_REMEMBERED` blocks for requests whose Host matters, and as many for others.

    A block is looked up as a whole, so that the time of a look-up tells nothing of a token to a caller without it.
    `elsewhere` are the other processes, None if there are none. While `may_answer()` is false, everything is left to
    the slow path, which refuses it. Answers to pushes of the AWS dialect are written as `dialect` returns them.
    """

    takes_lone = True
    """False if `serve` must see each request (`LonePush`)."""
    _log = Logger()

    def __init__(
        self,
        router: Router,
        access: Access,
        max_message_size: int,
        elsewhere: Elsewhere | None = None,
        may_answer: Callable[[], bool] | None = None,
        dialect: Dialect = translated,
    ) -> None:
        self._router = router
        self._elsewhere = elsewhere
        self._may_answer = may_answer
        self._access = access
        self._dialect = dialect
        self._max_message_size = max_message_size
        self._heads: tuple[dict[bytes, Head | None], ...] = {}, {}
        """Header blocks by whether any Host will do. None is for a block that must take the slow path."""
        self._fresh_until = 0.0
        self._sent = self._queued = b""
        count = len(self._heads) if self.takes_lone else 0
        self.lone = tuple(LonePush(router.push_plainly, may_answer, self._failed) for _ in range(count))
        """The fast path before this one, by whether any Host will do; empty if there is none."""

    def serve(self, data: bytes, any_host: bool, now: float) -> tuple[bytes, bytes, FanOut[Session] | Forward | None]:
        """Serve the requests at the beginning of `data` that are for the fast path.

        Return their answers, the rest of `data`, and a FanOut if the next request pushes to more connections than this
        turn may: the caller takes its remaining steps, and `answered` gives the answer then. A Forward, once it is
        called, gets the answer to the next request. `any_host` is for a connection whose Host headers are not looked
        at; `now` is the clock's time. One call writes FRAMES_PER_TURN frames at most, so that others have their turn; a
        Forward to many writes as many once more.
        """
        if now >= self._fresh_until:
            self._renew_answers(now)
        if self._may_answer is not None and not self._may_answer():
            return b"", data, None
        push, heads, size, elsewhere = self._router.push, self._heads[any_host], len(data), self._elsewhere
        answers, at, left = b"", 0, FRAMES_PER_TURN
        while at < size and left > 0:
            request_line = _REQUEST_LINE.match(data, at)
            if request_line is None:
                request_line = aws = _AWS_LINE.match(data, at)
                if request_line is None or self._access.by_signature_only:
                    break
            else:
                aws = None
            end, first = data.find(_END, at, at + _MAX_HEAD_LENGTH), request_line.end()
            if end < first:
                break
            fields = data[first:end]
            head = heads.get(fields, _UNKNOWN)
            if head is _UNKNOWN:
                head = self.remember(fields, any_host)
            start = end + 4
            if head is None or start + head.length > size:
                break
            id, group = request_line.groups() if aws is None else (aws[2], None)
            if elsewhere is not None:
                if id is None:
                    at, payload = start + head.length, data[start : start + head.length]
                    try:
                        fan_out = self._fan_out(group, payload, head.binary)
                    except Exception as error:
                        answers, left = answers + self._failed(error), left - 1
                        continue
                    forward = partial(elsewhere.push_to_many, group, payload, head.binary, fan_out)
                    return answers, data[at:], forward
                if not id.startswith(elsewhere.own_prefix):
                    if aws is not None:
                        break
                    at, address = start + head.length, id.decode("ascii")
                    self._router.hand_on(address, head.length)
                    return answers, data[at:], partial(elsewhere.push, address, data[start:at], head.binary)
            at = start + head.length
            if id is not None:
                left -= 1
                if aws is not None:
                    answers += self._push_for_aws(aws, data[start:at])
                    continue
                try:
                    pushed = push(id.decode("ascii"), data[start:at], head.binary)
                    answers += self._sent if pushed is _SENT else self._queued
                except Exception as error:
                    answers += self._failed(error)
            else:
                answer, remaining, cost = self._push_to_many(group, data[start:at], head.binary, left)
                if remaining is not None:
                    return answers, data[at:], remaining
                answers += answer
                left -= cost
        return answers, data[at:], None

    def lacking(self, data: bytes, any_host: bool) -> int:
        """Return how many bytes the body of a request lacks that `serve` has left at the beginning of `data`; 0 if the
        request is for the slow path.
        """
        request_line = _REQUEST_LINE.match(data)
        if request_line is None:
            return 0
        first, end = request_line.end(), data.find(_END, 0, _MAX_HEAD_LENGTH)
        head = self._heads[any_host].get(data[first:end]) if end >= first else None
        return 0 if head is None else max(0, end + 4 + head.length - len(data))

    @staticmethod
    def answered(fan_out: FanOut[Session]) -> bytes:
        """Return the answer to a request whose fan-out has come to its end."""
        return ApiResponse(200, OK | {"sent": fan_out.sent, "skipped": fan_out.skipped}).serialize()

    def remember(self, fields: bytes, any_host: bool) -> Head | None:
        """Read and remember a header block. Return None if its requests must take the slow path."""
        heads = self._heads[any_host]
        if len(heads) >= _MAX_REMEMBERED:
            self.forget()
        head = read_head(fields)
        if head is not None:
            if head.length > self._max_message_size or self._access.refusal(head.authorization, head.host, any_host):
                head = None
        heads[fields] = head
        if head is not None and self.lone:
            self.lone[any_host].learn(fields, head.length, head.binary)
        return head

    def forget(self) -> None:
        """Forget all header blocks."""
        for heads in self._heads:
            heads.clear()
        for lone in self.lone:
            lone.clear()

    def _renew_answers(self, now: float) -> None:
        """Serialize the usual answers, whose Date is good for a second."""
        self._fresh_until = now + 1
        self._sent = ApiResponse(200, OK).serialize()
        self._queued = ApiResponse(202, OK).serialize()
        for lone in self.lone:
            lone.renew_answer(self._sent, self._fresh_until)

    def _push_for_aws(self, line: re.Match[bytes], payload: bytes) -> bytes:
        """Return the answer to a push of the AWS dialect."""
        try:
            pushed = self._router.push(line[2].decode("ascii"), payload, not is_text(payload), kind=PushKind.AWS)
            answer = ApiResponse(200 if pushed is _SENT else 202, OK)
        except Exception as error:
            answer = self._failure(error)
        return self._dialect(b"POST", line[1], answer).serialize()

    def _push_to_many(
        self, group: bytes | None, payload: bytes, binary: bool, most: int
    ) -> tuple[bytes, FanOut[Session] | None, int]:
        """Return the answer, or a fan-out that has served `most` connections and has more; and what it cost, in frames.

        A broadcast looks at every session there is, which costs something even if none of them is open.
        """
        try:
            fan_out = self._fan_out(group, payload, binary)
            looked_at = len(self._router.registry) if group is None else 0
            if fan_out.step(most):
                return b"", fan_out, most
            return self.answered(fan_out), None, max(1, fan_out.sent + fan_out.skipped, looked_at // SESSIONS_PER_FRAME)
        except Exception as error:
            return self._failed(error), None, 1

    def _fan_out(self, group: bytes | None, payload: bytes, binary: bool) -> FanOut[Session]:
        if group is None:
            return self._router.broadcast(payload, binary)
        return self._router.push_to_group(group.decode("ascii"), payload, binary)

    def _failed(self, error: Exception) -> bytes:
        return self._failure(error).serialize()

    def _failure(self, error: Exception) -> ApiResponse:
        if isinstance(error, GatewayError):
            return answer_to(error) or INTERNAL_ERROR
        self._log.failure("the API failed at a push")
        return INTERNAL_ERROR
