"""The AWS dialect: every row of its table, on the fast path and the slow, at the gate, and between processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest

from tests.support.api_fakes import GONE, HERE, MAX_MESSAGE_SIZE, FakeSession, router_of
from tests.support.aws_signer import KEY_ID, SECRET, signed
from tests.support.http_wire import Wire
from wsaas.api.aws_dialect import rest_of, translated
from wsaas.api.elsewhere import Asked, asked_again
from wsaas.api.errors import HostNotAllowed, RequestTimeout, Unauthorized, UnsupportedCoding
from wsaas.api.responses import OK, ApiResponse
from wsaas.api.server.fast_path import FastPath
from wsaas.api.server.site import ApiSite, api_site
from wsaas.api.sigv4 import Signatures
from wsaas.cluster.sibling_site import sibling_site
from wsaas.core.errors import BadRequest, ClientTooSlow, MessageTooLong, NoSuchConnection
from wsaas.core.events import Cause
from wsaas.core.model import Frame
from wsaas.core.pushes import Pushed, PushKind

TOKEN = "right-token-0123456789"
NOW = 1795428000.0
SLOW = "X-Slow: \t\r\n"
THEIRS = "Z9y8X7w6" + "x" * 24


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class AwsCase(SynchronousTestCase):
    tokens: tuple[str, ...] = ()
    pair = False

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.session = FakeSession()
        self.router = router_of(self.session, elsewhere=lambda id: id == THEIRS)
        self.site = self.new_site()

    def new_site(self, **options: Any) -> ApiSite:
        signatures = Signatures(KEY_ID, SECRET, lambda: NOW) if self.pair else None
        return api_site(
            self.clock,
            self.router,
            tokens=self.tokens,
            local_address="http://gateway.example:8081/api",
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            signatures=signatures,
            **options,
        )

    def ask(
        self, method: str, target: str, body: bytes | None = None, headers: str = "", host: str = "localhost"
    ) -> Answer:
        wire = Wire(self.site)
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        wire.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n".encode() + (body or b""))
        return self.read(wire)

    def read(self, wire: Wire) -> Answer:
        head, separator, body = wire.transport.value().partition(b"\r\n\r\n")
        self.assertTrue(separator)
        lines = head.decode().split("\r\n")
        found = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        answer = Answer(int(lines[0].split()[1]), found, body)
        self.assertRegex(found["x-amzn-requestid"], "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        return answer

    def assert_error(self, answer: Answer, status: int, kind: str) -> None:
        self.assertEqual((answer.status, answer.headers.get("x-amzn-errortype")), (status, kind))
        self.assertEqual(list(answer.json), ["message"])
        self.assertGreater(len(answer.json["message"]), 10)
        self.assertEqual(answer.headers["content-type"], "application/json")

    def both(self, check: Callable[[str], object]) -> None:
        """Check on the fast path and on the slow one."""
        for slow in ("", SLOW):
            check(slow)


class TableTests(AwsCase):
    def test_post(self) -> None:
        """A POST is 200 with an empty body, behind a stage or none, with "@" encoded or not; it counts as aws."""

        def check(slow: str) -> None:
            for target in (f"/@connections/{HERE}", f"/prod/%40connections/{HERE}", f"/$default/@connections/{HERE}"):
                got = self.ask("POST", target, b"hi", slow)
                self.assertEqual((got.status, got.body, got.headers["content-length"]), (200, b"", "0"))

        self.both(check)
        self.assertEqual(self.session.pushed, [Frame(b"hi", False)] * 6)
        self.assertEqual(self.router.counters.pushes, {(PushKind.AWS, Pushed.SENT): 6})
        self.assertEqual(self.router.counters.pushes_sent, 0)

    def test_text(self) -> None:
        """UTF-8 is a text message whatever the Content-Type, and anything else a binary one."""

        def check(slow: str) -> None:
            self.session.pushed.clear()
            for body, binary in (("grüße".encode(), False), (b"", False), (b"\xff\x00", True)):
                for media_type in ("application/octet-stream", "text/plain", "application/json"):
                    headers = f"Content-Type: {media_type}\r\n{slow}"
                    self.assertEqual(self.ask("POST", f"/@connections/{HERE}", body, headers).status, 200)
                    self.assertEqual(self.session.pushed.pop(), Frame(body, binary))

        self.both(check)

    def test_get(self) -> None:
        """A GET tells connectedAt and lastActiveAt in ISO 8601, and identity."""
        got = self.ask("GET", f"/prod/@connections/{HERE}")
        self.assertEqual(got.status, 200)
        self.assertEqual(got.headers["content-type"], "application/json")
        self.assertEqual(
            got.json,
            {
                "connectedAt": "2026-11-23T10:00:00.000Z",
                "lastActiveAt": "2026-11-23T10:01:01.500Z",
                "identity": {"sourceIp": "203.0.113.9", "userAgent": "Mozilla/5.0 \N{SNOWMAN}"},
            },
        )
        head = self.ask("HEAD", f"/@connections/{HERE}")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_delete(self) -> None:
        """A DELETE is 204 without a body, and closes with 1000."""
        got = self.ask("DELETE", f"/@connections/{HERE}")
        self.assertEqual((got.status, got.body), (204, b""))
        self.assertNotIn("content-length", got.headers)
        self.assertEqual(self.session.closed, [(Cause.API, 1000, "")])

    def test_gone(self) -> None:
        """An id that is over, and one of any other shape, is 410 GoneException for every method."""
        for id in (GONE, "L0SM9cOFvHcCIhw=", "L0SM9cOFvHcCIhw%3D", "x", "%FF", "a%2Fb", "..", HERE + "x", "x" * 3000):
            for method in ("POST", "GET", "DELETE"):
                body = b"hi" if method == "POST" else None
                for target in (f"/@connections/{id}", f"/prod/@connections/{id}"):
                    self.assert_error(self.ask(method, target, body), 410, "GoneException")
        self.assertEqual(self.session.closed, [])

    def test_encoded(self) -> None:
        """The id is decoded once."""
        self.assertEqual(self.ask("POST", f"/@connections/%41{HERE[1:]}", b"hi").status, 200)
        self.assert_error(self.ask("POST", f"/@connections/%2541{HERE[1:]}", b"hi"), 410, "GoneException")

    def test_connecting(self) -> None:
        """While the connect webhook has no answer, a POST is queued, and is 200 as well; so is GET."""
        self.session.outcome = Pushed.QUEUED

        def check(slow: str) -> None:
            self.assertEqual(self.ask("POST", f"/@connections/{HERE}", b"hi", slow).status, 200)

        self.both(check)
        self.assertEqual(self.ask("GET", f"/@connections/{HERE}").status, 200)
        self.assertEqual(self.router.counters.pushes, {(PushKind.AWS, Pushed.QUEUED): 2})

    def test_too_large(self) -> None:
        """A message over MAX_MESSAGE_SIZE is 413 PayloadTooLargeException, announced or not."""
        body = b"x" * (MAX_MESSAGE_SIZE + 1)
        self.assert_error(self.ask("POST", f"/@connections/{HERE}", body), 413, "PayloadTooLargeException")
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        wire = Wire(self.site)
        head = f"POST /@connections/{HERE} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.send(head.encode() + chunked)
        self.assert_error(self.read(wire), 413, "PayloadTooLargeException")
        self.assertEqual(self.router.counters.pushes, {(PushKind.AWS, MessageTooLong): 2})
        self.assertEqual(self.ask("POST", f"/@connections/{HERE}", body[1:]).status, 200)

    def test_too_slow(self) -> None:
        """A client that takes nothing is 429 LimitExceededException with Retry-After."""
        self.session.outcome = ClientTooSlow("the client does not read")

        def check(slow: str) -> None:
            got = self.ask("POST", f"/@connections/{HERE}", b"hi", slow)
            self.assert_error(got, 429, "LimitExceededException")
            self.assertEqual(got.headers["retry-after"], "1")

        self.both(check)
        self.assertEqual(self.router.counters.pushes, {(PushKind.AWS, ClientTooSlow): 2})

    def test_no_id(self) -> None:
        """Without an id, or with more behind it, it is 404; another method is 405 with Allow."""
        for target in ("/@connections", "/@connections/", "/prod/@connections/", f"/@connections/{HERE}/x"):
            self.assert_error(self.ask("POST", target, b"hi"), 404, "NotFoundException")
        for method in ("PUT", "PATCH", "post"):
            got = self.ask(method, f"/@connections/{HERE}", b"hi")
            self.assert_error(got, 405, "MethodNotAllowedException")
            self.assertEqual(got.headers["allow"], "DELETE, GET, HEAD, POST")
        self.assertEqual(self.session.pushed, [])

    def test_wrong(self) -> None:
        """A parameter is 400, a coding 415, a request that does not come 408: each with header and body."""
        self.assert_error(self.ask("POST", f"/@connections/{HERE}?a=b", b"hi"), 400, "BadRequestException")
        got = self.ask("POST", f"/@connections/{HERE}", b"hi", "Content-Encoding: gzip\r\n")
        self.assert_error(got, 415, "UnsupportedMediaTypeException")
        wire = Wire(self.site)
        wire.send(f"POST /@connections/{HERE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhi".encode())
        self.clock.advance(11)
        self.assert_error(self.read(wire), 408, "RequestTimeoutException")
        counted = {(PushKind.AWS, error): 1 for error in (BadRequest, UnsupportedCoding, RequestTimeout)}
        self.assertEqual(self.router.counters.pushes, counted)

    def test_mistake_of_ours(self) -> None:
        """An unexpected error is 500 InternalServerErrorException, without detail."""
        self.session.outcome = ZeroDivisionError("secret")

        def check(slow: str) -> None:
            got = self.ask("POST", f"/@connections/{HERE}", b"hi", slow)
            self.assert_error(got, 500, "InternalServerErrorException")
            self.assertNotIn(b"secret", got.body)

        self.both(check)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class PathTests(AwsCase):
    def test_paths(self) -> None:
        """A path of the dialect is told by its decoded segments, one stage or none before; `groups` is no stage."""
        for path, rest in (
            (b"/@connections/a", [b"a"]),
            (b"/%40connections/a%3D", [b"a="]),
            (b"/%40%63onnections/a", [b"a"]),
            (b"/prod/@connections/a/b", [b"a", b"b"]),
            (b"/prod/@connections", []),
            (b"/@connections/", [b""]),
            (b"/connections/@connections/a", [b"a"]),
            (b"/groups/@connections/a", None),
            (b"/%67roups/@connections/a", None),
            (b"//@connections/a", None),
            (b"/a/b/@connections/c", None),
            (b"/%2540connections/a", None),
            (b"/@connectionsx/a", None),
            (b"/@Connections/a", None),
            (b"/", None),
            (b"", None),
        ):
            self.assertEqual(rest_of(path), rest, path)

    def test_groups(self) -> None:
        """A group called @connections is joined, left and pushed to as any other, and its answers are the API's."""
        group = "/groups/@connections"
        for method, target in (("PUT", f"{group}/{HERE}"), ("PUT", group), ("DELETE", f"{group}/{HERE}")):
            wire = Wire(self.site)
            body = "hi" if target == group else ""
            wire.send(
                f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            (got,) = wire.answers()
            self.assertEqual((got.status, got.json["code"]), (200, "OK"))
        wire = Wire(self.site)
        wire.send(f"POST {group}/{HERE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        (got,) = wire.answers()
        self.assertEqual((got.status, got.json["code"]), (405, "METHOD_NOT_ALLOWED"))

    def test_others(self) -> None:
        """The answer to any other request stays as it is."""
        for target in (f"/{HERE}".encode(), b"/groups/g", b"/-/healthy", b"/groups/@connections/x?a=b"):
            answer = ApiResponse(200, OK)
            self.assertIs(translated(b"POST", target, answer), answer)


class OpenTests(AwsCase):
    def test_host(self) -> None:
        """With neither token nor pair the Host decides, as everywhere, and a signature is not looked at."""
        nonsense = "Authorization: AWS4-HMAC-SHA256 Credential=nonsense\r\n"

        def check(slow: str) -> None:
            self.assertEqual(self.ask("POST", f"/@connections/{HERE}", b"hi", nonsense + slow).status, 200)
            got = self.ask("POST", f"/@connections/{HERE}", b"hi", nonsense + slow, host="evil.example")
            self.assert_error(got, 403, "ForbiddenException")

        self.both(check)
        self.assertEqual(self.router.counters.pushes[PushKind.AWS, HostNotAllowed], 2)
        wire = Wire(self.site, UNIXAddress("/run/wsaas.socket"))
        wire.send(f"POST /@connections/{HERE} HTTP/1.1\r\nHost: evil\r\nContent-Length: 0\r\n\r\n".encode())
        self.assertEqual(self.read(wire).status, 200)


class Credentials(AwsCase):
    def with_signature(
        self, method: str = "POST", slow: str = "", *, host: str = "localhost", **options: Any
    ) -> Answer:
        target = f"/prod/@connections/{HERE}"
        body = b"hi" if method == "POST" else b""
        headers = signed(method, f"http://{host}{target}", body, **{"at": NOW, **options})
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name != "Host")
        return self.ask(method, target, body if method == "POST" else None, lines + slow, host)

    def with_token(self, method: str = "POST", slow: str = "", token: str = TOKEN) -> Answer:
        body = b"hi" if method == "POST" else None
        return self.ask(
            method, f"/@connections/{HERE}", body, f"Authorization: Bearer {token}\r\n{slow}", "any.example"
        )

    def assert_forbidden(self, got: Answer) -> None:
        self.assert_error(got, 403, "ForbiddenException")
        self.assertNotIn("www-authenticate", got.headers)


class TokenTests(Credentials):
    tokens = (TOKEN,)

    def test_token(self) -> None:
        """With a token alone, nothing else opens the dialect; a signature is told what is missing."""

        def check(slow: str) -> None:
            for method in ("POST", "GET", "DELETE"):
                self.assertLess(self.with_token(method, slow).status, 300)
                self.assert_forbidden(self.with_token(method, slow, "wrong"))
                self.assert_forbidden(self.ask(method, f"/@connections/{HERE}", b"hi", slow))
            got = self.with_signature("POST", slow)
            self.assert_forbidden(got)
            self.assertIn("API_AWS_SECRET_ACCESS_KEY", got.json["message"])

        self.both(check)
        self.assertEqual(len(self.session.pushed), 2)
        self.assertEqual(self.router.counters.pushes[PushKind.AWS, Unauthorized], 6)

    def test_encoded(self) -> None:
        """No spelling of the path goes past the gate."""
        for path in ("%40connections", "%40%63onnections", "x/@%63onnections", "@connections"):
            self.assert_forbidden(self.ask("DELETE", f"/{path}/{HERE}"))
        self.assertEqual(self.session.closed, [])


class PairTests(Credentials):
    pair = True

    def test_signature(self) -> None:
        """With a pair alone, a signature opens the dialect under any Host, and nothing else does."""

        def check(slow: str) -> None:
            for method in ("POST", "GET", "DELETE"):
                for host in ("localhost", "any.example"):
                    self.assertLess(self.with_signature(method, slow, host=host).status, 300)
                self.assert_forbidden(self.with_signature(method, slow, secret=SECRET[1:]))
                self.assert_forbidden(self.ask(method, f"/@connections/{HERE}", b"hi", slow))
                self.assert_forbidden(self.with_token(method, slow))

        self.both(check)
        self.assertEqual(len(self.session.pushed), 4)
        self.assertEqual(self.router.counters.pushes[PushKind.AWS, Unauthorized], 6)

    def test_encoded(self) -> None:
        """No spelling of the path goes past the gate."""
        for path in ("%40connections", "%40%63onnections", "x/@%63onnections", "@connections", "%78/%40connections"):
            self.assert_forbidden(self.ask("DELETE", f"/{path}/{HERE}"))
            self.assert_forbidden(self.ask("POST", f"/{path}/{HERE}", b"hi"))
        self.assertEqual((self.session.closed, self.session.pushed), ([], []))

    def test_the_rest(self) -> None:
        """The rest of the API is opened by Host, as without a pair; a signature does not open it."""
        for host, status in (("localhost", 200), ("evil.example", 403)):
            wire = Wire(self.site)
            wire.send(f"PUT /{HERE} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
            self.assertEqual(wire.statuses(), [status])

    def test_before_the_body(self) -> None:
        """A wrong key id, service or moment is refused before the body is read."""
        for options in ({"key_id": "AKIAANOTHER"}, {"service": "s3"}, {"at": NOW - 301}):
            target = f"/@connections/{HERE}"
            headers = signed("POST", f"http://localhost{target}", b"hi", **{"at": NOW, **options})
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            wire = Wire(self.site)
            wire.send(f"POST {target} HTTP/1.1\r\n{lines}Content-Length: 2\r\n\r\n".encode())
            self.assert_forbidden(self.read(wire))

    def test_temporary(self) -> None:
        """A signed session token changes nothing."""
        self.assertEqual(self.with_signature(token="session").status, 200)


class BothTests(Credentials):
    tokens = (TOKEN,)
    pair = True

    def test_either(self) -> None:
        """With both, either opens the dialect; a wrong one is refused, and only the token opens the rest."""

        def check(slow: str) -> None:
            self.assertEqual(self.with_token("POST", slow).status, 200)
            self.assertEqual(self.with_signature("POST", slow).status, 200)
            self.assert_forbidden(self.with_token("POST", slow, "wrong"))
            self.assert_forbidden(self.with_signature("POST", slow, region="x", secret=SECRET + "x"))
            self.assert_forbidden(self.ask("POST", f"/@connections/{HERE}", b"hi", slow))

        self.both(check)
        target = f"/{HERE}"
        headers = signed("PUT", f"http://localhost{target}", b"", at=NOW)
        wire = Wire(self.site)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        wire.send(f"PUT {target} HTTP/1.1\r\n{lines}Content-Length: 0\r\n\r\n".encode())
        self.assertEqual(wire.statuses(), [401])


class FakeElsewhere:
    own_prefix = HERE[:8].encode()

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer = ApiResponse(200, OK)

    def may_have(self, id: str) -> bool:
        return id[:8] != HERE[:8]

    def forward(self, id: str, request: IRequest, patience: float = 0.0) -> Deferred[ApiResponse]:
        self.asked.append(asked_again(request))
        return succeed(self.answer)


class ElsewhereTests(AwsCase):
    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = FakeElsewhere()
        self.site = self.new_site(elsewhere=self.elsewhere)

    def test_forwarded(self) -> None:
        """A request for another process's connection goes to it as it came, and its answer gets the dialect's form."""
        for method, status in (("POST", 200), ("GET", 200), ("DELETE", 204)):
            for slow in ("", SLOW):
                body = b"\xff" if method == "POST" else None
                self.assertEqual(self.ask(method, f"/prod/@connections/{THEIRS}", body, slow).status, status)
                asked = Asked(method.encode(), f"/prod/@connections/{THEIRS}".encode(), None, body or b"")
                self.assertEqual(self.elsewhere.asked.pop(), asked)
        self.assertEqual((self.router.counters.pushes_forwarded, self.router.counters.pushes), (2, {}))

    def test_errors(self) -> None:
        """The owner's refusal, or its silence, is told in the dialect; what may be sent is never 5xx."""
        for code, status, post, others in (
            ("NOT_FOUND", 404, (410, "GoneException"), (410, "GoneException")),
            ("CLIENT_TOO_SLOW", 429, (429, "LimitExceededException"), (429, "LimitExceededException")),
            ("MESSAGE_TOO_LONG", 413, (413, "PayloadTooLargeException"), (413, "PayloadTooLargeException")),
            ("OWNER_UNREACHABLE", 503, (503, "ServiceUnavailableException"), (503, "ServiceUnavailableException")),
            ("OWNER_SILENT", 504, (409, "OwnerSilentException"), (504, "OwnerSilentException")),
            ("UNHEARD_OF", 418, (418, "UnheardOfException"), (418, "UnheardOfException")),
        ):
            content = {"code": code, "message": "the owner said so"}
            self.elsewhere.answer = ApiResponse(status, content, (("Retry-After", "1"),))
            for slow in ("", SLOW):
                got = self.ask("POST", f"/@connections/{THEIRS}", b"hi", slow)
                self.assert_error(got, *post)
                self.assertEqual((got.json["message"], got.headers["retry-after"]), ("the owner said so", "1"))
            for method in ("GET", "DELETE"):
                self.assert_error(self.ask(method, f"/@connections/{THEIRS}"), *others)

    def test_no_id(self) -> None:
        """Text that is no id of ours is nobody's: it is never made the name of another process."""
        for id in ("L0SM9cOFvHcCIhw=", "..%2F..%2Fetc%2F", "x", THEIRS + "x"):
            for method in ("POST", "GET", "DELETE"):
                body = b"hi" if method == "POST" else None
                self.assert_error(self.ask(method, f"/@connections/{id}", body), 410, "GoneException")
        self.assertEqual(self.elsewhere.asked, [])


class OwnerTests(AwsCase):
    def test_plain(self) -> None:
        """The owner answers another process in the API's own form, and counts the push as aws."""
        site = sibling_site(
            self.clock, self.router, max_message_size=MAX_MESSAGE_SIZE, about=lambda: {}, wall_clock=lambda: NOW
        )
        for method, id, status, code in (
            ("POST", HERE, 200, "OK"),
            ("GET", HERE, 200, None),
            ("DELETE", HERE, 200, "OK"),
            ("POST", GONE, 404, "NOT_FOUND"),
        ):
            for slow in ("", SLOW):
                wire = Wire(site, UNIXAddress("s"))
                length = "Content-Length: 2\r\n\r\nhi" if method == "POST" else "\r\n"
                wire.send(f"{method} /prod/@connections/{id} HTTP/1.1\r\nHost: x\r\n{slow}{length}".encode())
                (got,) = wire.answers()
                self.assertEqual((got.status, got.json.get("code")), (status, code))
        self.assertEqual(
            self.router.counters.pushes, {(PushKind.AWS, Pushed.SENT): 2, (PushKind.AWS, NoSuchConnection): 2}
        )


class SlowOnlyTests(AwsCase):
    def test_switched_off(self) -> None:
        """Without a fast path the slow one serves, and a signature that must be checked always takes it."""
        self.site = self.new_site(fast_path=None)
        self.assertEqual(self.ask("POST", f"/@connections/{HERE}", b"hi").status, 200)
        self.pair = True
        self.site = self.new_site(fast_path=FastPath)
        wire = Wire(self.site)
        wire.send(f"POST /@connections/{HERE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi".encode())
        self.assertEqual(self.read(wire).status, 403)
