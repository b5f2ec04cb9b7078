"""What a request about connections of other processes is answered, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from wsaas.api.elsewhere import Asked
from wsaas.api.responses import ApiResponse
from wsaas.cluster.forwarding import Forwarding
from wsaas.cluster.push_line import LONGEST_MESSAGE
from wsaas.cluster.siblings import Missing, SiblingRequest, SiblingResult
from wsaas.core.fanout import BATCH, FanOut
from wsaas.http_client.exchange import HttpResponse

OURS, THEIRS = "aaaaaaaa", "bbbbbbbb"
ID = THEIRS + "x" * 24


def response(status: int, content: object, *headers: tuple[bytes, bytes]) -> HttpResponse:
    return HttpResponse(status, headers, json.dumps(content).encode(), False)


def asked_for(method: bytes, target: bytes, media_type: bytes | None = None, body: bytes = b"") -> Any:
    """A request of the API."""
    headers = Headers({} if media_type is None else {b"content-type": [media_type]})
    return SimpleNamespace(method=method, uri=target, requestHeaders=headers, content=BytesIO(body))


class FakeSiblings:
    """Processes that answer with `results`, by prefix; not at all without `answers`."""

    def __init__(self) -> None:
        self.answers = True
        self.results: dict[str, SiblingResult] = {}
        self.gone: set[str] = set()
        self.asked: list[tuple[str, SiblingRequest]] = []

    def prefixes(self) -> list[str]:
        return sorted(self.results)

    def there(self, prefix: str) -> bool:
        return prefix not in self.gone

    def ask(self, prefix: str, request: SiblingRequest, done: Callable[[SiblingResult], object]) -> None:
        self.asked.append((prefix, request))
        if self.answers:
            done(self.results[prefix])


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.siblings = FakeSiblings()
        siblings: Any = self.siblings
        self.clock = Clock()
        self.forwarding = Forwarding(self.clock, siblings, OURS)


class ForwardTests(Case):
    def answer(self, result: SiblingResult, method: bytes = b"PUT") -> ApiResponse:
        self.siblings.results[THEIRS] = result
        heard: list[ApiResponse] = []
        request = asked_for(method, b"/" + ID.encode(), b"text/plain", b"hello")
        self.forwarding.forward(ID, request, 0.0).addCallback(heard.append)
        (answer,) = heard
        return answer

    def test_owner(self) -> None:
        """An id is another process's if its first eight characters are not those of this one."""
        self.assertTrue(self.forwarding.may_have(ID))
        self.assertFalse(self.forwarding.may_have(OURS + "x" * 24))

    def test_passed_on(self) -> None:
        """The owner's answer is passed on: status, body, and the headers that say something."""
        self.assertEqual(self.answer(response(202, {"code": "OK"})), ApiResponse(202, {"code": "OK"}))
        slow = response(429, {"code": "CLIENT_TOO_SLOW"}, (b"date", b"today"), (b"retry-after", b"1"))
        self.assertEqual(self.answer(slow), ApiResponse(429, {"code": "CLIENT_TOO_SLOW"}, (("Retry-After", "1"),)))
        ((prefix, request), _) = self.siblings.asked
        self.assertEqual(prefix, THEIRS)
        self.assertEqual(request, SiblingRequest(b"PUT", b"/" + ID.encode(), b"Content-Type: text/plain\r\n", b"hello"))

    def test_caller_gone(self) -> None:
        """A caller of a patient request that hangs up gives the request up; any other request goes on to its end."""
        request = asked_for(b"PUT", b"/" + ID.encode() + b"?receipt=9000", None, b"hello")
        for patience in (9.0, 0.0):
            self.siblings.answers = False
            answered = self.forwarding.forward(ID, request, patience)
            answered.cancel()
            self.failureResultOf(answered, CancelledError)
        (_, patient), (_, other) = self.siblings.asked
        assert patient.caller is not None
        self.assertTrue(patient.caller.gone)
        self.assertIsNone(other.caller)

    def test_table(self) -> None:
        """Over: 404. Not reached: 503 with Retry-After. Silent: 504; nonsense likewise."""
        for method in (b"PUT", b"GET", b"DELETE"):
            for result, status, code, headers in (
                (Missing.OVER, 404, "NOT_FOUND", ()),
                (Missing.UNREACHABLE, 503, "OWNER_UNREACHABLE", (("Retry-After", "1"),)),
                (Missing.SILENT, 504, "OWNER_SILENT", ()),
                (HttpResponse(200, (), b"<html>", False), 504, "OWNER_SILENT", ()),
                (HttpResponse(200, (), b"[]", False), 504, "OWNER_SILENT", ()),
            ):
                answer = self.answer(result, method)
                self.assertEqual((answer.status, answer.content["code"], answer.headers), (status, code, headers))

    def test_silent_and_over(self) -> None:
        """A GET or DELETE of a silent process that is over by now is 404; a push may have been written: 504."""
        self.siblings.gone.add(THEIRS)
        self.assertEqual(self.answer(Missing.SILENT, b"GET").status, 404)
        self.assertEqual(self.answer(Missing.SILENT, b"DELETE").status, 404)
        self.assertEqual(self.answer(Missing.SILENT, b"PUT").status, 504)


class FakeLines:
    """Lines that note what is pushed, and answer it."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, str, bytes, bool]] = []

    def push(self, prefix: str, id: str, payload: bytes, binary: bool, done: Callable[[bytes], object]) -> None:
        self.pushed.append((prefix, id, payload, binary))
        done(b"the answer")


class PushTests(Case):
    def test_lines(self) -> None:
        """Pushes go over the line to their process, but for long ones, which go as other requests do. With no lines all
        of them do.
        """
        long, heard = b"x" * (LONGEST_MESSAGE + 1), []
        lines: Any = FakeLines()
        self.siblings.results[THEIRS] = response(200, {"code": "OK"})
        for forwarding in (Forwarding(self.clock, self.forwarding._siblings, OURS, lines), self.forwarding):
            for payload, binary in ((b"hello", False), (long[1:], True), (long, True)):
                forwarding.push(ID, payload, binary, heard.append)
        self.assertEqual(lines.pushed, [(THEIRS, ID, b"hello", False), (THEIRS, ID, long[1:], True)])
        self.assertEqual([request.body for _, request in self.siblings.asked], [long, b"hello", long[1:], long])
        self.assertEqual(self.siblings.asked[0][1].head, b"Content-Type: application/octet-stream\r\n")
        self.assertEqual(self.siblings.asked[1][1].head, b"")
        self.assertEqual(heard[:2], [b"the answer"] * 2)
        self.assertEqual({answer.partition(b"\r\n")[0] for answer in heard[2:]}, {b"HTTP/1.1 200 OK"})


class ManyTests(Case):
    def push(self, fan_out: FanOut[Any]) -> list[bytes]:
        heard: list[bytes] = []
        self.forwarding.push_to_many(b"g", b"hello", True, fan_out, heard.append)
        return heard

    def test_counts(self) -> None:
        """A push to many is asked of all others and made here, in steps; the answer has the counts of all."""
        self.siblings.results = {"b": response(200, {"sent": 3, "skipped": 0}), "c": Missing.SILENT}
        heard = self.push(FanOut(range(BATCH * 2 + 1), lambda batch: len(batch) - 1))
        self.assertEqual([request.body for _, request in self.siblings.asked], [b"hello"] * 2)
        self.assertEqual(self.siblings.asked[0][1].head, b"Content-Type: application/octet-stream\r\n")
        self.assertEqual(heard, [])
        self.clock.advance(0)
        (answer,) = heard
        counts = {"code": "PARTIAL", "sent": BATCH * 2 - 2 + 3, "skipped": 3, "unreached": 1}
        self.assertEqual(json.loads(answer.partition(b"\r\n\r\n")[2]), counts)

    def test_without_members(self) -> None:
        """A push to a group, and its close, leave out who certainly has no member; nothing else does."""
        ok = response(200, {"sent": 1, "skipped": 0, "closed": 1})
        self.siblings.results = {"b": ok, "c": ok}
        interest: Any = SimpleNamespace(without=lambda group: succeed({"c"} if group == "g" else set()))
        self.forwarding.interest = interest
        self.push(FanOut((), len))
        for method in (b"PUT", b"DELETE"):
            self.forwarding.gather(asked_for(method, b"/groups/%67", None, b"hello"), group="g")
        self.assertEqual([prefix for prefix, _ in self.siblings.asked], ["b"] * 3)
        self.siblings.asked.clear()
        self.forwarding.gather(asked_for(b"PUT", b"/groups/h", None, b"hello"), group="h")
        self.forwarding.gather(asked_for(b"GET", b"/groups/g"))
        self.forwarding.push_to_many(None, b"hello", True, FanOut((), len), bool)
        self.assertEqual([prefix for prefix, _ in self.siblings.asked], ["b", "c"] * 3)

    def test_mistake(self) -> None:
        """A mistake of the gateway is logged, and answered as one."""
        self.siblings.results = {"b": response(200, {"sent": 1})}
        (answer,) = self.push(FanOut(range(3), lambda batch: 1 // 0))
        self.assertTrue(answer.startswith(b"HTTP/1.1 500 "), answer)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class GatherTests(Case):
    def test_counts(self) -> None:
        """All others are asked. One that is over is not missed; one that does not answer, or with an error, is."""
        self.siblings.results = {
            "b": response(200, {"sent": 1}),
            "c": response(200, {"sent": 2}),
            "d": Missing.OVER,
            "e": Missing.SILENT,
            "f": Missing.UNREACHABLE,
            "g": response(500, {"code": "INTERNAL_ERROR"}),
            "h": HttpResponse(200, (), b'{"sent": 3}', True),
        }
        gathered = self.successResultOf(self.forwarding.gather(asked_for(b"PUT", b"/broadcast", None, b"hello")))
        self.assertEqual((gathered.answers, gathered.unreached), ([{"sent": 1}, {"sent": 2}], 4))
        self.assertEqual([prefix for prefix, _ in self.siblings.asked], list("bcdefgh"))

    def test_unknown(self) -> None:
        """Others that were never heard of, as the engine is away since the start, count as one that does not answer."""
        siblings: Any = self.siblings
        for unknown, missing in ((True, 1), (False, 0)):
            forwarding = Forwarding(self.clock, siblings, "a", unknown=lambda unknown=unknown: unknown)
            interest: Any = SimpleNamespace(without=lambda group: succeed(set()))
            for forwarding.interest in (None, interest):
                asked = asked_for(b"PUT", b"/groups/g", None, b"x")
                gathered = self.successResultOf(forwarding.gather(asked, group="g"))
                self.assertEqual((gathered.answers, gathered.unreached), ([], missing))

    def test_nobody(self) -> None:
        """Without others the answer is there at once."""
        gathered = self.successResultOf(self.forwarding.ask_all(Asked(b"PUT", b"/broadcast")))
        self.assertEqual((gathered.answers, gathered.unreached), ([], 0))
