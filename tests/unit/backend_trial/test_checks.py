"""Each check of `wsaas try` finds the fault that it is for, in a backend that has this fault and no other."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.made_up_backend import KEY, RIGHT, Answer, MadeUpBackend, answer, say
from wsaas.backend.requests import Webhook
from wsaas.backend_trial.checks import CHECKS, run
from wsaas.backend_trial.findings import Finding, Verdict
from wsaas.backend_trial.made_up_gateway import MadeUpGateway
from wsaas.backend_trial.trial import PREFIX, Terms, Trial
from wsaas.core.model import Handshake
from wsaas.http_client.body_stream import BodyStream, StreamedResponse
from wsaas.http_client.exchange import HttpResponse, Lost, NotSent, TimedOut

Headers = dict[bytes, bytes]
HANDSHAKE = Handshake(
    "/room/7", "a=1", None, "127.0.0.1", ("v2.chat",), {"user-agent": "x"}, ((b"Authorization", RIGHT),)
)
LOST = Lost("no answer: closed by the backend")
SLOW = TimedOut("no whole answer in time")


class NotOk(MadeUpBackend):
    def let_in(self, fields: Any) -> Answer:
        return say({"code": "ok"})


class BadDetails(MadeUpBackend):
    def let_in(self, fields: Any) -> Answer:
        return say({"code": "OK", "groups": [7], "expires_in": 600})


class NoVeto(MadeUpBackend):
    def is_right(self, headers: Headers) -> bool:
        return True


class FailsWithoutToken(MadeUpBackend):
    def connect(self, webhook: Webhook, headers: Headers) -> Answer:
        return super().connect(webhook, headers) if self.is_right(headers) else answer(500)


class RefusesRepeatedConnects(MadeUpBackend):
    def repeated(self, webhook: Webhook, headers: Headers, before: HttpResponse) -> Answer:
        return answer(409) if webhook.method == b"POST" else before


class FailsForOddPaths(MadeUpBackend):
    def let_in(self, fields: Any) -> Answer:
        return super().let_in(fields) if fields["path"].startswith("/room/") else answer(500)


class FailsOnRefresh(MadeUpBackend):
    def refresh(self) -> Answer:
        return say({"no": "code"})


class TakesNoMessage(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return answer(405)


class ClosesOnMessages(MadeUpBackend):
    def message(self, webhook: Webhook, headers: Headers) -> Answer:
        return answer(403)


class UnknownReply(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said, b"json" if kind == b"text" else kind)


class ParsesJson(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        try:
            said and kind == b"text" and json.loads(said)
        except ValueError:
            return answer(400)
        return super().reply(said, kind)


class Latin1(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said.decode("latin-1").encode() if kind == b"text" else said, kind)


class DecodesBinary(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said.decode("utf-8", "replace").encode(), kind)


class BinaryAsText(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said, b"text")


class TakesNoBinary(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said, kind) if kind == b"text" else answer(415)


class FailsOnEmpty(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said, kind) if said else answer(500)


class RefusesEmpty(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said, kind) if said else answer(422)


class RefusesLarge(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said, kind) if len(said) < 100_000 else answer(413)


class CutsLarge(MadeUpBackend):
    def reply(self, said: bytes, kind: bytes) -> Answer:
        return super().reply(said[:65536], kind)


class FailsOnRepeats(MadeUpBackend):
    def repeated(self, webhook: Webhook, headers: Headers, before: HttpResponse) -> Answer:
        return LOST if webhook.method == b"PUT" else before


class RefusesRepeats(MadeUpBackend):
    def repeated(self, webhook: Webhook, headers: Headers, before: HttpResponse) -> Answer:
        return answer(409) if webhook.method == b"PUT" else before


class CountsRepeats(MadeUpBackend):
    def message(self, webhook: Webhook, headers: Headers) -> Answer:
        got = super().message(webhook, headers)
        return self.reply(b"%d" % self.counts[webhook.id], b"text") if self.json(webhook) else got

    def repeated(self, webhook: Webhook, headers: Headers, before: HttpResponse) -> Answer:
        return self.message(webhook, headers) if webhook.method == b"PUT" else before

    def json(self, webhook: Webhook) -> bool:
        return webhook.id in self.counts and webhook.body.startswith(b"{") and len(webhook.body) < 100


class FailsOnUnknown(MadeUpBackend):
    def unknown_message(self) -> Answer:
        return answer(500)


class Slow(MadeUpBackend):
    delay = 0.6


class Slower(MadeUpBackend):
    delay = 6.0


class OneAtATime(MadeUpBackend):
    delay = 0.05


class NoKeepAlive(MadeUpBackend):
    per_connection = 1


class Breaks(MadeUpBackend):
    """Has no answer for clients who came while others did."""

    def message(self, webhook: Webhook, headers: Headers) -> Answer:
        got = super().message(webhook, headers)
        return SLOW if len(self.known) > 3 and isinstance(got, HttpResponse) else got


class Endless(MadeUpBackend):
    def answer(self, webhook: Webhook, headers: Headers) -> Answer:
        got = super().answer(webhook, headers)
        return HttpResponse(got.status, got.headers[1:], got.body, False) if isinstance(got, HttpResponse) else got


class Compresses(MadeUpBackend):
    """Compresses what is long enough, but not what is read: as nginx does."""

    def answer(self, webhook: Webhook, headers: Headers) -> Answer:
        got = super().answer(webhook, headers)
        if not isinstance(got, HttpResponse) or webhook.method != b"DELETE":
            return got
        return HttpResponse(got.status, (*got.headers, (b"content-encoding", b"gzip")), b"\x1f\x8b", False)


class Credulous(MadeUpBackend):
    """Takes whatever has a signature."""

    def is_genuine(self, webhook: Webhook, headers: Headers) -> bool:
        return b"webhook-signature" in headers and self.is_fresh(headers)


class TakesUnsigned(MadeUpBackend):
    def is_genuine(self, webhook: Webhook, headers: Headers) -> bool:
        return b"webhook-signature" not in headers or super().is_genuine(webhook, headers)


class FailsUnsigned(MadeUpBackend):
    def answer(self, webhook: Webhook, headers: Headers) -> Answer:
        return super().answer(webhook, headers) if b"webhook-signature" in headers else answer(500)


class ChecksNoDelete(MadeUpBackend):
    def is_genuine(self, webhook: Webhook, headers: Headers) -> bool:
        wrong = b"webhook-signature" in headers and self.is_fresh(headers)
        return (webhook.method == b"DELETE" and wrong) or super().is_genuine(webhook, headers)


class TakesOld(MadeUpBackend):
    def is_fresh(self, headers: Headers) -> bool:
        return True


class ReadsOneSignature(MadeUpBackend):
    def is_genuine(self, webhook: Webhook, headers: Headers) -> bool:
        return headers.get(b"webhook-signature") == self.right_signature(webhook, headers) and self.is_fresh(headers)


class FailsOnEnds(MadeUpBackend):
    """Fails on the ends of those whose emoji it cannot read."""

    def disconnect(self, webhook: Webhook, headers: Headers) -> Answer:
        return answer(503) if json.loads(webhook.body)["close_reason"] else super().disconnect(webhook, headers)


class RefusesEnds(MadeUpBackend):
    def disconnect(self, webhook: Webhook, headers: Headers) -> Answer:
        return answer(400) if json.loads(webhook.body)["close_reason"] else super().disconnect(webhook, headers)


class FailsOnRepeatedEnds(MadeUpBackend):
    def repeated(self, webhook: Webhook, headers: Headers, before: HttpResponse) -> Answer:
        return answer(500) if webhook.method == b"DELETE" else before


class FailsOnUnknownEnds(MadeUpBackend):
    def unknown_disconnect(self) -> Answer:
        return answer(500)


class PushesWithoutToken(MadeUpBackend):
    def let_in(self, fields: Any) -> Answer:
        self.calls.answered(b"GET", b"/gone", 404, 20, 0.1, "127.0.0.1")
        self.calls.answered(b"PUT", b"/id", 401, 20, 0.1, "127.0.0.1")
        return super().let_in(fields)


FAULTS: dict[type[MadeUpBackend], tuple[str, Verdict, str, str]] = {
    NotOk: ("connect", Verdict.FAILED, 'which is not "OK": the client gets 403', 'say {"code": "OK"}'),
    BadDetails: ("connect", Verdict.WARNING, 'left 1 of "groups" out', "mend that"),
    NoVeto: ("wrong-token", Verdict.FAILED, "a client with a wrong token is let in", "look at Authorization"),
    FailsWithoutToken: ("wrong-token", Verdict.FAILED, "was answered 500", "answer 401 or 403"),
    RefusesRepeatedConnects: ("repeated-connect", Verdict.FAILED, "was answered 409", "the same webhook-id"),
    FailsForOddPaths: ("odd-client", Verdict.FAILED, "was answered 500", "any stranger can send that"),
    FailsOnRefresh: ("refresh", Verdict.FAILED, "a refresh, after expires_in, was answered 200", "answer OK, or"),
    TakesNoMessage: ("message", Verdict.FAILED, "was answered 405", "must take PUT"),
    ClosesOnMessages: ("message", Verdict.FAILED, "closed with 1008", "CSRF guard"),
    UnknownReply: ("message", Verdict.FAILED, "WSAAS-Reply is none of", "mend that"),
    ParsesJson: ("plain-text", Verdict.WARNING, "a text that is no JSON was answered 400", "MESSAGE_CONTENT_TYPE"),
    Latin1: ("plain-text", Verdict.FAILED, "a text comes back changed", "as bytes"),
    DecodesBinary: ("binary", Verdict.FAILED, "a binary message comes back changed", "as bytes"),
    BinaryAsText: ("binary", Verdict.FAILED, "byte 128 is not UTF-8", "mend that"),
    TakesNoBinary: ("binary", Verdict.WARNING, "a binary message was answered 415", "application/octet-stream"),
    FailsOnEmpty: ("empty", Verdict.FAILED, "an empty message was answered 500", "log says why"),
    RefusesEmpty: ("empty", Verdict.WARNING, "an empty message was answered 422", "empty body"),
    RefusesLarge: ("large", Verdict.FAILED, "900 KB was answered 413", "MAX_MESSAGE_SIZE"),
    CutsLarge: ("large", Verdict.FAILED, "900 KB came back with 65536 bytes", "whole body"),
    FailsOnRepeats: ("repeated-message", Verdict.FAILED, "the same message again got no", "webhook-id"),
    RefusesRepeats: ("repeated-message", Verdict.WARNING, "was answered 409", "answer 2xx"),
    CountsRepeats: ("repeated-message", Verdict.WARNING, "Did it count twice?", "webhook-id"),
    FailsOnUnknown: ("unknown-message", Verdict.FAILED, "was answered 500", "answer 410"),
    Slow: ("speed", Verdict.WARNING, "takes 600 ms (the slowest of 9 took 600 ms)", "answer first"),
    Slower: ("speed", Verdict.FAILED, "near to WEBHOOK_TIMEOUT, 10 s", "raise WEBHOOK_TIMEOUT"),
    OneAtATime: ("at-once", Verdict.WARNING, "16 messages at once took 800 ms, one alone 50 ms", "more threads"),
    Breaks: ("at-once", Verdict.FAILED, "of 16 messages at once, 16 failed", "several at once"),
    NoKeepAlive: ("keep-alive", Verdict.WARNING, "each of 10 messages needed a new connection", "keeps connections"),
    Endless: ("answer-length", Verdict.WARNING, "answers end with the connection", "Content-Length"),
    Compresses: ("uncompressed", Verdict.FAILED, "Content-Encoding: gzip", "Accept-Encoding: identity"),
    Credulous: ("wrong-signature", Verdict.FAILED, "not refused on POST, PUT and DELETE", "verify"),
    ChecksNoDelete: ("wrong-signature", Verdict.FAILED, "not refused on DELETE", "verify"),
    TakesUnsigned: ("no-signature", Verdict.FAILED, "no signature is not refused on POST, PUT and DELETE", "verify"),
    FailsUnsigned: ("no-signature", Verdict.WARNING, "was answered 500", "answer 401"),
    TakesOld: ("old-signature", Verdict.WARNING, "of an hour ago is not refused", "five minutes"),
    ReadsOneSignature: ("rotated-secret", Verdict.FAILED, "was answered 401", "a list with spaces"),
    FailsOnEnds: ("disconnect", Verdict.FAILED, "was answered 503", "answer 2xx"),
    RefusesEnds: ("disconnect", Verdict.WARNING, "was answered 400", "answer 2xx"),
    FailsOnRepeatedEnds: ("repeated-disconnect", Verdict.FAILED, "the same end again was answered 500", "answer 2xx"),
    FailsOnUnknownEnds: ("unknown-disconnect", Verdict.FAILED, "an unknown connection was answered 500", "404 and 410"),
    PushesWithoutToken: ("api", Verdict.WARNING, "requests to the gateway's API (PUT) got 401", "the API_TOKEN"),
}
"""Backends with one fault each: the check that finds it, the verdict, words of the sentence, words of the remedy."""
ALSO = {
    Slower: {"at-once": Verdict.WARNING},
    Slow: {"at-once": Verdict.WARNING},
    # What sends messages needs one that is taken.
    **{each: {} for each in (NotOk, TakesNoMessage, ClosesOnMessages, UnknownReply)},
}
"""Backends whose fault shows in other checks, too, or keeps them from running."""


class Tried:
    """A trial of a backend, run to its end."""

    def __init__(
        self,
        kind: type[MadeUpBackend],
        left_out: Collection[str] = (),
        seconds: float = 1000.0,
        **terms: Any,
    ) -> None:
        clock = Clock()
        self.backend = kind(clock)
        self.findings: dict[str, Finding] = {}
        defaults: dict[str, Any] = {
            "address": "http://localhost:3000/websocket",
            "local_address": "http://localhost:8081",
            "handshake": HANDSHAKE,
            "message": b'{"action": "try"}',
            "credentials": True,
            "keys": (KEY,),
        }
        drawn = iter(range(1 << 30))
        self.trial = Trial(
            Terms(**{**defaults, **terms}),
            self.backend,
            clock,
            lambda: self.backend.now,
            lambda count: b"".join(next(drawn).to_bytes(4, "big") for _ in range(count))[-count:],
            lambda bits: 1,
            self.backend.opened,
            MadeUpGateway(clock, 1 << 20),
        )
        self.trial.gateway.calls = self.backend.calls
        self.trial.gateway.listening = True
        self.reached: list[bool] = []
        checks = run(self.trial, seconds, left_out, lambda name, finding, seconds: self.add(name, finding))
        Deferred.fromCoroutine(checks).addCallback(self.reached.append)

    def add(self, name: str, finding: Finding) -> None:
        self.findings[name] = finding

    def of(self, verdict: Verdict) -> list[str]:
        return [name for name, finding in self.findings.items() if finding.verdict is verdict]


class CheckTests(SynchronousTestCase):
    def test_good(self) -> None:
        """A good backend passes every check, and hears of the end of every client that it let in."""
        tried = Tried(MadeUpBackend)
        self.assertEqual(list(tried.findings), list(CHECKS))
        self.assertEqual(tried.of(Verdict.PASSED), list(CHECKS), tried.findings)
        self.assertEqual((tried.reached, tried.backend.known, tried.trial.present), ([True], set(), {}))
        for webhook in tried.backend.requests:
            self.assertTrue(webhook.id.startswith(PREFIX.encode()) and len(webhook.id) == 32, webhook.id)

    def test_each_fault(self) -> None:
        """A backend with one fault fails the check that is for it, with its remedy, and no other one."""
        for kind, (name, verdict, sentence, remedy) in FAULTS.items():
            tried = Tried(kind)
            finding = tried.findings[name]
            self.assertEqual(finding.verdict, verdict, (kind, finding))
            self.assertIn(sentence, finding.sentence, kind)
            self.assertIn(remedy, str(finding.remedy), kind)
            others = {
                other: found.verdict
                for other, found in tried.findings.items()
                if other != name and found.verdict is not Verdict.PASSED
            }
            if kind in ALSO:
                others = {other: found for other, found in others.items() if found is not Verdict.SKIPPED}
            self.assertEqual(others, ALSO.get(kind, {}), (kind, tried.findings))
            if kind is not FailsOnEnds:
                self.assertEqual(tried.trial.present, {}, kind)

    def test_each_check(self) -> None:
        """There is a backend with a fault for each check."""
        self.assertEqual({name for name, *_ in FAULTS.values()}, set(CHECKS))


class OtherTests(SynchronousTestCase):
    def test_no_secret(self) -> None:
        """Without a secret the checks of signatures are left out, each with the same words."""

        class Trusting(MadeUpBackend):
            def is_genuine(self, webhook: Webhook, headers: Headers) -> bool:
                return b"webhook-signature" not in headers

        tried = Tried(Trusting, keys=())
        left_out = ["wrong-signature", "no-signature", "old-signature", "rotated-secret"]
        self.assertEqual(tried.of(Verdict.SKIPPED), left_out)
        self.assertEqual(len({tried.findings[name] for name in left_out}), 1)
        self.assertEqual(len(tried.of(Verdict.PASSED)), len(CHECKS) - len(left_out))

    def test_everyone(self) -> None:
        """A backend that lets everyone in has no veto to try, unless the trial has a token."""
        open_handshake = Handshake("/", "", None, "127.0.0.1")
        tried = Tried(NoVeto, credentials=False, handshake=open_handshake)
        self.assertEqual(tried.of(Verdict.SKIPPED), ["wrong-token"])
        self.assertIn("--token", str(tried.findings["wrong-token"].remedy))
        self.assertEqual(tried.of(Verdict.FAILED), [])

    def test_missing_credentials(self) -> None:
        """A refused connect is told with what the trial may lack; all that needs it is left out."""
        tried = Tried(MadeUpBackend, keys=(), credentials=False, handshake=Handshake("/", "", None, "127.0.0.1"))
        finding = tried.findings["connect"]
        self.assertIn("a connect was answered 401", finding.sentence)
        self.assertIn("Give --token or -H, if clients need credentials; WEBHOOK_SECRET, if", str(finding.remedy))
        self.assertEqual(tried.of(Verdict.SKIPPED), list(CHECKS)[1:])
        self.assertEqual((tried.reached, len(tried.backend.requests)), ([True], 1))
        tried = Tried(MadeUpBackend, keys=(b"another",))
        self.assertIn("Give another WEBHOOK_SECRET, if that of the backend", str(tried.findings["connect"].remedy))

        class Elsewhere(MadeUpBackend):
            def answer(self, webhook: Webhook, headers: Headers) -> Answer:
                return answer(404)

        tried = Tried(Elsewhere, keys=(), credentials=False)
        self.assertNotIn("--token", str(tried.findings["connect"].remedy))

    def test_basic(self) -> None:
        """Where clients have Basic credentials, the wrong ones are Basic, too."""

        class Basic(MadeUpBackend):
            def is_right(self, headers: Headers) -> bool:
                self.test.assertTrue(headers[b"Authorization"].startswith(b"Basic "))
                return headers[b"Authorization"] == b"Basic cmlnaHQ6"

            test = self

        handshake = Handshake("/", "", None, "127.0.0.1", repeated=((b"Authorization", b"Basic cmlnaHQ6"),))
        self.assertEqual(Tried(Basic, handshake=handshake).of(Verdict.PASSED), list(CHECKS))

    def test_headers(self) -> None:
        """Headers that the answer to the connect asks for come with each later webhook."""

        class Stateless(MadeUpBackend):
            def let_in(self, fields: Any) -> Answer:
                return say({"code": "OK", "headers": {"X-User": 42}, "groups": ["a", "b"], "subprotocol": "v2.chat"})

            def message(self, webhook: Webhook, headers: Headers) -> Answer:
                return super().message(webhook, headers) if self.known_user(webhook, headers) else answer(500)

            def known_user(self, webhook: Webhook, headers: Headers) -> bool:
                return headers.get(b"X-User") == b"42"

        tried = Tried(Stateless)
        self.assertEqual(tried.of(Verdict.SKIPPED), ["refresh"])
        self.assertEqual(len(tried.of(Verdict.PASSED)), len(CHECKS) - 1, tried.findings)
        self.assertIn("OK, subprotocol v2.chat, 2 groups, 1 header", tried.findings["connect"].sentence)

    def test_calls(self) -> None:
        """Calls of the API that are answered well pass, and so does 404 for a client that is gone."""

        class Pushes(MadeUpBackend):
            def let_in(self, fields: Any) -> Answer:
                for status in (200, 404):
                    self.calls.answered(b"PUT", b"/id", status, 20, 0.1, "127.0.0.1")
                return super().let_in(fields)

        finding = Tried(Pushes).findings["api"]
        self.assertEqual(finding.verdict, Verdict.PASSED)
        self.assertIn("requests are answered, and 0 messages pushed", finding.sentence)
        tried = Tried(Pushes)
        tried.trial.gateway.listening = False
        checked = Deferred.fromCoroutine(CHECKS["api"].run(tried.trial))
        self.assertEqual(self.successResultOf(checked).verdict, Verdict.SKIPPED)
        self.assertIn("asked nothing", Tried(MadeUpBackend).findings["api"].sentence)

    def test_expiry(self) -> None:
        """Asked again, a backend may keep the client for a time or for good, or close it with a code of its own."""

        class Decides(MadeUpBackend):
            def refresh(self) -> Answer:
                return self.decision

            decision: Answer

        for decision, words in (
            (say({"code": "OK", "expires_in": 300}), "the client stays, for 300 s"),
            (say({"code": "OK"}), "the client stays, for good"),
            (say({"code": "NO", "close_code": 4401}), "closed with 4401"),
            (answer(401), "closed with 1008"),
        ):
            Decides.decision = decision
            tried = Tried(Decides)
            self.assertEqual(tried.of(Verdict.PASSED), list(CHECKS), tried.findings)
            self.assertIn(words, tried.findings["refresh"].sentence)
            causes = {json.loads(each.body)["cause"] for each in tried.backend.requests if each.method == b"DELETE"}
            self.assertEqual("expired" in causes, "closed" in words)

    def test_skip(self) -> None:
        """A check that is left out sends nothing."""
        tried = Tried(FailsOnUnknownEnds, ["unknown-disconnect", "large"])
        self.assertEqual(tried.of(Verdict.SKIPPED), ["large", "unknown-disconnect"])
        self.assertEqual(tried.of(Verdict.FAILED), [])
        self.assertLess(max(len(webhook.body) for webhook in tried.backend.requests), 10_000)

    def test_small_messages(self) -> None:
        """No message is over MAX_MESSAGE_SIZE."""
        tried = Tried(MadeUpBackend, max_message_size=2048)
        self.assertIn("a message of 2 KB is taken", tried.findings["large"].sentence)
        self.assertEqual(max(len(each.body) for each in tried.backend.requests if each.method == b"PUT"), 2048)

    def test_unreachable(self) -> None:
        """A backend that cannot be reached fails the first check, and nothing else is tried."""

        class Absent(MadeUpBackend):
            def answer(self, webhook: Webhook, headers: Headers) -> Answer:
                return NotSent("connection refused")

        tried = Tried(Absent)
        self.assertEqual((tried.of(Verdict.FAILED), tried.reached), (["connect"], [False]))
        self.assertIn("nothing listens there", str(tried.findings["connect"].remedy))
        self.assertEqual(len(tried.backend.requests), 1)

    def test_unclear(self) -> None:
        """A connect whose answer makes no sense is followed by a disconnect."""

        class Page(MadeUpBackend):
            def let_in(self, fields: Any) -> Answer:
                return answer(200, b"<html>")

        tried = Tried(Page)
        self.assertIn("the client gets 502, and a DELETE follows", tried.findings["connect"].sentence)
        self.assertEqual([webhook.method for webhook in tried.backend.requests], [b"POST", b"DELETE"])

    def test_time(self) -> None:
        """A trial whose time is over says so of the check that waits, tries no other, and ends its clients."""

        class Hangs(MadeUpBackend):
            def send(self, webhook: Webhook, done: Any) -> None:
                if webhook.method != b"PUT":
                    super().send(webhook, done)

        tried = Tried(Hangs, seconds=30.0)
        self.assertEqual((list(tried.findings)[-1], tried.reached), ("refresh", []))
        tried.backend.clock.advance(30)
        self.assertIn("the time of the trial is over", tried.findings["message"].sentence)
        self.assertEqual(tried.findings["plain-text"].sentence, "needs the check message to pass")
        self.assertEqual(tried.findings["disconnect"].sentence, "no time is left")
        self.assertEqual((tried.reached, tried.backend.known), ([True], set()))

    def test_silent_at_the_end(self) -> None:
        """The disconnects at the end are waited for two seconds."""

        class Hangs(MadeUpBackend):
            def send(self, webhook: Webhook, done: Any) -> None:
                if webhook.method == b"POST":
                    super().send(webhook, done)

        tried = Tried(Hangs, ["wrong-token", "repeated-connect", "odd-client", "refresh"], seconds=30.0)
        tried.backend.clock.advance(30)
        self.assertEqual(tried.reached, [])
        tried.backend.clock.advance(2)
        self.assertEqual(tried.reached, [True])


class Streamed(SynchronousTestCase):
    """Streamed replies."""

    def tried(self, *parts: bytes, kind: bytes = b"lines", end: Any = None) -> Tried:
        """Try a backend that answers messages by a stream of these parts, and then by `end`: a Fault, or `forever`."""

        class Streams(MadeUpBackend):
            def reply(self, said: bytes, _: bytes) -> Answer:
                stream = BodyStream(mock.Mock())
                for part in parts:
                    stream.received(part)
                if end != "forever":
                    stream.ended(end)
                head = ((b"transfer-encoding", b"chunked"), (b"wsaas-reply", kind))
                return StreamedResponse(200, head, b"", False, stream)

        return Tried(Streams, ["repeated-message", "large", "speed", "keep-alive", "at-once"])

    def test_whole(self) -> None:
        """A stream is read to its end: each line is a reply, or each event's data."""
        for tried in (self.tried(b"a\nb", b"c\nd"), self.tried(b"data: a\n\ndata: b\n\ndata: c\n\n", kind=b"events")):
            self.assertEqual(tried.of(Verdict.FAILED), [])
            self.assertEqual(tried.findings["message"].sentence, "a message is taken: 200, 3 replies")

    def test_endless(self) -> None:
        """Of a stream that goes on, two seconds are read, or a hundred messages."""
        tried = self.tried(b"a\nb\n", end="forever")
        self.assertNotIn("message", tried.findings)
        tried.backend.clock.advance(2)
        self.assertIn("200, 2 replies", tried.findings["message"].sentence)
        tried = self.tried(b"a\n" * 1000, end="forever")
        self.assertIn("200, 100 replies", tried.findings["message"].sentence)

    def test_flaws(self) -> None:
        """A stream that is cut short, or has a line that is no text, is told with the reason."""
        for tried, words in (
            (self.tried(b"a\n", end=LOST), "the early end of the backend's answer (no answer: closed"),
            (self.tried(b"\xff\n"), "not UTF-8"),
            (self.tried(b"\xff"), "not UTF-8"),
        ):
            self.assertEqual(tried.findings["message"].verdict, Verdict.FAILED)
            self.assertIn("a streamed reply was cut short by ", tried.findings["message"].sentence)
            self.assertIn(words, tried.findings["message"].sentence)
