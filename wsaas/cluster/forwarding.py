"""Answers to requests about connections of other processes.

    the owner answered                              its answer
    it is over: its name is gone                    404
    it certainly did not get the request            503 OWNER_UNREACHABLE
    it may have got it, and did not answer          504 OWNER_SILENT; 404 to a GET or DELETE if it is over by now

docs/protocol_api.rst has these among the errors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest

from wsaas.api.elsewhere import Asked, asked_again
from wsaas.api.errors import INTERNAL_ERROR, answer_to
from wsaas.api.merging import Gathered
from wsaas.api.responses import ApiResponse
from wsaas.cluster.interest import Interest
from wsaas.cluster.push_line import LONGEST_MESSAGE
from wsaas.cluster.shared_fan_out import SharedFanOut
from wsaas.cluster.siblings import Caller, Missing, SiblingRequest, SiblingResult
from wsaas.core.errors import GatewayError, NoSuchConnection, OwnerSilent, OwnerUnreachable
from wsaas.core.fanout import FanOut
from wsaas.core.ids import PREFIX_LENGTH
from wsaas.core.session import Session
from wsaas.http_client.exchange import HttpResponse

_PASSED_ON = (b"retry-after", b"allow")
"""Headers of an owner's answer that are passed on, beside those that every answer has."""
_IDEMPOTENT = (b"GET", b"HEAD", b"DELETE")


class Others(Protocol):
    """The other processes: those on this machine (`Siblings`), or in a cluster (`Nodes`)."""

    def prefixes(self) -> list[str]:
        """Return the prefixes of the ids of all others, in order."""

    def ask(self, prefix: str, request: SiblingRequest, done: Callable[[SiblingResult], object]) -> None:
        """Send a request to one; `done` is called once, perhaps before this returns."""

    def there(self, prefix: str) -> bool:
        """Say if the process of this prefix may be alive."""


class Lines(Protocol):
    """The connections that take many pushes in one write: `PushLines` on this machine, `NodeLines` in a cluster."""

    def push(self, prefix: str, id: str, payload: bytes, binary: bool, done: Callable[[bytes], object], /) -> None:
        """Send a push to the process of this prefix; `done` gets its whole answer."""


class Forwarding:
    """The other processes of this gateway, as its API asks them: Elsewhere. `prefix` is that of the ids of this one.

    `lines` take pushes of the fast path, but long ones; with None, these go the way of all other requests. While
    `unknown()`, the others were never heard of: they count as one that does not answer.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        siblings: Others,
        prefix: str,
        lines: Lines | None = None,
        unknown: Callable[[], bool] = bool,
    ) -> None:
        self._reactor = reactor
        self._siblings = siblings
        self._prefix = prefix
        self.own_prefix = prefix.encode("ascii")
        self.lines = lines
        self._unknown = unknown
        self.interest: Interest | None = None
        """Knows which processes certainly have no members of a group; None asks all."""

    def may_have(self, id: str) -> bool:
        """Say if the id is of another process."""
        return id[:PREFIX_LENGTH] != self._prefix

    def push(self, id: str, payload: bytes, binary: bool, done: Callable[[bytes], object]) -> None:
        """Send a push to the process of this id."""
        if self.lines is not None and len(payload) <= LONGEST_MESSAGE:
            self.lines.push(id[:PREFIX_LENGTH], id, payload, binary, done)
        else:
            self.push_slowly(id, payload, binary, done)

    def push_slowly(self, id: str, payload: bytes, binary: bool, done: Callable[[bytes], object]) -> None:
        """Send a push to the process of this id the way of all other requests."""
        asked = Asked(b"PUT", b"/" + id.encode("ascii"), b"application/octet-stream" if binary else None, payload)
        self._ask(id, asked, lambda answer: done(answer.serialize()))

    def push_to_many(
        self,
        group: bytes | None,
        payload: bytes,
        binary: bool,
        fan_out: FanOut[Session],
        done: Callable[[bytes], object],
    ) -> None:
        """Send a push to the other processes that may have receivers, and take the steps of the fan-out here."""
        target = b"/broadcast" if group is None else b"/groups/" + group
        asked = Asked(b"PUT", target, b"application/octet-stream" if binary else None, payload)
        others = self._ask_members(asked, None if group is None else group.decode("ascii"))
        SharedFanOut(self._reactor, fan_out, others, done)

    def forward(self, id: str, request: IRequest, patience: float = 0.0) -> Deferred[ApiResponse]:
        """Send a request to the process of this id."""
        caller = Caller() if patience else None
        answered: Deferred[ApiResponse] = Deferred(None if caller is None else lambda _: caller.leave())
        self._ask(id, replace(asked_again(request), patience=patience), answered.callback, caller)
        return answered

    def gather(self, request: IRequest, target: bytes | None = None, group: str | None = None) -> Deferred[Gathered]:
        """Send a request to all other processes, or to those that may have members of a group, at once."""
        return self._ask_members(asked_again(request, target), group)

    def ask_all(self, asked: Asked) -> Deferred[Gathered]:
        """Ask all other processes, at once. One whose answer makes no sense counts as not reached."""
        return self._gather(asked, ())

    def _ask_members(self, asked: Asked, group: str | None) -> Deferred[Gathered]:
        """Ask the other processes that may have members of a group; None asks all."""
        if group is None or self.interest is None:
            return self.ask_all(asked)
        left_out = self.interest.without(group)
        return left_out.addCallback(lambda those: self._gather(asked, those))

    def _gather(self, asked: Asked, left_out: Collection[str]) -> Deferred[Gathered]:
        return Gathering(self._siblings, _request(asked), left_out, int(self._unknown())).gathered

    def _ask(self, id: str, asked: Asked, done: Callable[[ApiResponse], object], caller: Caller | None = None) -> None:
        prefix, request = id[:PREFIX_LENGTH], _request(asked, caller)
        self._siblings.ask(prefix, request, lambda result: done(self._answer(prefix, asked.method, result)))

    def _answer(self, prefix: str, method: bytes, result: SiblingResult) -> ApiResponse:
        if isinstance(result, HttpResponse):
            content = _json(result)
            if content is not None:
                headers = (
                    (name.decode("latin-1").title(), value.decode("latin-1"))
                    for name, value in result.headers
                    if name in _PASSED_ON
                )
                return ApiResponse(result.status, content, tuple(headers))
            result = Missing.SILENT
        if result is Missing.SILENT and method in _IDEMPOTENT and not self._siblings.there(prefix):
            result = Missing.OVER
        return missing_answer(result)


class Gathering:
    """One request to all other processes but those `left_out`. `gathered` fires when each has answered, or is known not
    to. `unreached` of them are known not to from the first.

    Bound: one answer of each, of MAX_ANSWER bytes.
    """

    def __init__(
        self, siblings: Others, request: SiblingRequest, left_out: Collection[str] = (), unreached: int = 0
    ) -> None:
        self.gathered: Deferred[Gathered] = Deferred()
        self._answers: list[Mapping[str, object]] = []
        self._unreached = unreached
        self._open = 1
        for prefix in siblings.prefixes():
            if prefix in left_out:
                continue
            self._open += 1
            siblings.ask(prefix, request, self._heard)
        self._closed()

    def _heard(self, result: SiblingResult) -> None:
        content = _json(result) if isinstance(result, HttpResponse) and result.status == 200 else None
        if content is not None:
            self._answers.append(content)
        elif result is not Missing.OVER:  # of one that is over, nobody is missing
            self._unreached += 1
        self._closed()

    def _closed(self) -> None:
        self._open -= 1
        if not self._open:
            self.gathered.callback(Gathered(self._answers, self._unreached))


def missing_answer(reason: Missing) -> ApiResponse:
    """Return the answer to a request that a process has not answered."""
    return answer_to(_ERRORS[reason]()) or INTERNAL_ERROR


def _request(asked: Asked, caller: Caller | None = None) -> SiblingRequest:
    head = b"" if asked.media_type is None else b"Content-Type: %b\r\n" % asked.media_type
    return SiblingRequest(asked.method, asked.target, head, asked.body, asked.patience, caller=caller)


def _json(response: HttpResponse) -> Mapping[str, object] | None:
    """Return the JSON object of an answer; None if it is none."""
    try:
        content = json.loads(response.body)
    except ValueError:
        return None
    return content if isinstance(content, dict) and not response.truncated else None


_ERRORS: Mapping[Missing, Callable[[], GatewayError]] = {
    Missing.OVER: lambda: NoSuchConnection("the process that had the connection is over"),
    Missing.UNREACHABLE: lambda: OwnerUnreachable(
        "the process that has the connection cannot be reached, and nothing was delivered: try again"
    ),
    Missing.SILENT: lambda: OwnerSilent(
        "the process that has the connection did not answer: the request may have been carried out, or not"
    ),
}
