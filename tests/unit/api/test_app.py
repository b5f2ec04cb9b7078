"""What the API means: every row of its table, good and bad, through treq against the resource."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.support.api_case import ApiCase
from tests.support.api_fakes import FACTS, GONE, HERE, MAX_MESSAGE_SIZE
from wsaas.api.access import Access
from wsaas.api.errors import TABLE
from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause
from wsaas.core.model import Frame
from wsaas.core.outcomes import Pushed
from wsaas.core.timestamps import iso8601

NO_IDS = [
    "",
    "x",
    HERE[:-1],
    HERE + "x",
    HERE[:-1] + "-",
    HERE[:-1] + "%C3%A9",
    HERE[:-1] + "%FF",
    HERE[:-1] + "%00",
    HERE + "%0A",
    HERE + "/",
    HERE + "/x",
    HERE + "%2F",
    "/" + HERE,
    "%2F" + HERE,
    "x/../" + HERE,
    "-",
    "-/",
    "-/nothing",
    "-/ready/",
    "connections",
    "groups/room",
    "broadcast",
]


class PushTests(ApiCase):
    def test_text(self) -> None:
        """A PUT sends its body as one text message and is answered 200 with the code OK and nothing else."""
        got = self.ask("PUT", HERE, '{"say": "\N{SNOWMAN}"}'.encode(), content_type="application/json")
        self.assertEqual((got.status, got.json), (200, {"code": "OK"}))
        self.assertEqual(self.session.pushed, [Frame('{"say": "\N{SNOWMAN}"}'.encode(), binary=False)])

    def test_content_types(self) -> None:
        """A message is binary if the media type is application/octet-stream, whatever its case and parameters."""
        for content_type, binary in {
            "application/octet-stream": True,
            "Application/Octet-Stream": True,
            "application/octet-stream; charset=x": True,
            "application/octet-stream ;a=b": True,
            "application/octet-streams": False,
            "text/plain; x=application/octet-stream": False,
            "text/plain": False,
            "": False,
            "nonsense": False,
        }.items():
            with self.subTest(content_type):
                self.session.pushed.clear()
                self.assertEqual(self.ask("PUT", HERE, b"x", content_type=content_type).status, 200)
                self.assertEqual(self.session.pushed, [Frame(b"x", binary)])

    def test_no_content_type(self) -> None:
        """A message without a Content-Type is text."""
        self.ask("PUT", HERE, b"x")
        self.assertEqual(self.session.pushed, [Frame(b"x", binary=False)])

    def test_two_content_types(self) -> None:
        """Two Content-Type headers leave open what the message is: 400, and nothing is sent."""
        got = self.ask("PUT", HERE, b"x", content_type=["text/plain", "application/octet-stream"])
        self.assert_error(got, 400, "BAD_REQUEST")
        self.assertEqual(self.session.pushed, [])

    def test_coded(self) -> None:
        """A message in a content coding is answered 415, for it would reach the client so; identity is none."""
        for coding in ["gzip", "br", "identity, gzip", "GZIP", "x", ["identity", "deflate"], "gzip;q=0", "\xe9"]:
            with self.subTest(coding):
                got = self.ask("PUT", HERE, b"x", content_encoding=coding)
                self.assert_error(got, 415, "UNSUPPORTED_CODING")
                self.assertEqual(got.header("accept-encoding"), ["identity"])
        self.assertEqual(self.session.pushed, [])
        for coding in ["identity", " Identity ", "", "identity, identity"]:
            self.assertEqual(self.ask("PUT", HERE, b"x", content_encoding=coding).status, 200)

    def test_empty(self) -> None:
        """An empty body is an empty message, with Content-Length 0 or with no body at all."""
        self.assertEqual(self.ask("PUT", HERE, b"").status, 200)
        self.assertEqual(self.ask("PUT", HERE).status, 200)
        self.assertEqual(self.session.pushed, [Frame(b"", binary=False)] * 2)

    def test_every_byte(self) -> None:
        """A binary message reaches the client byte for byte."""
        self.ask("PUT", HERE, bytes(range(256)), content_type="application/octet-stream")
        self.assertEqual(self.session.pushed, [Frame(bytes(range(256)), binary=True)])

    def test_queued(self) -> None:
        """A push before the 101 is answered 202."""
        self.session.outcome = Pushed.QUEUED
        got = self.ask("PUT", HERE, b"x")
        self.assertEqual((got.status, got.json), (202, {"code": "OK"}))

    def test_unknown(self) -> None:
        """A push to an id that is unknown is answered 404."""
        self.assert_error(self.ask("PUT", GONE, b"x"), 404, "NOT_FOUND")

    def test_over(self) -> None:
        """A push that finds the connection already closing is answered as if it had never been."""
        unknown = self.ask("PUT", GONE, b"x")
        self.session.outcome = NoSuchConnection("the connection is over")
        self.assertEqual(self.ask("PUT", HERE, b"x").json, unknown.json)

    def test_not_utf8(self) -> None:
        """Text that is not UTF-8 is answered 400, and nothing is sent."""
        self.assert_error(self.ask("PUT", HERE, b"caf\xe9"), 400, "NOT_UTF8")
        self.assertEqual(self.session.pushed, [])

    def test_longest(self) -> None:
        """MAX_MESSAGE_SIZE bytes pass, one more is answered 413."""
        self.assertEqual(self.ask("PUT", HERE, b"x" * MAX_MESSAGE_SIZE).status, 200)
        self.assert_error(self.ask("PUT", HERE, b"x" * (MAX_MESSAGE_SIZE + 1)), 413, "MESSAGE_TOO_LONG")
        self.assertEqual(len(self.session.pushed), 1)

    def test_too_slow(self) -> None:
        """A client whose buffer is full is answered 429, with Retry-After in whole seconds."""
        self.session.outcome = ClientTooSlow("try again later")
        got = self.ask("PUT", HERE, b"x")
        self.assert_error(got, 429, "CLIENT_TOO_SLOW")
        self.assertEqual(got.header("retry-after"), ["1"])


class CloseTests(ApiCase):
    def test_plain(self) -> None:
        """A DELETE closes the connection with 1000 and no reason."""
        got = self.ask("DELETE", HERE)
        self.assertEqual((got.status, got.json), (200, {"code": "OK"}))
        self.assertEqual(self.session.closed, [(Cause.API, 1000, "")])

    def test_code_and_reason(self) -> None:
        """Code and reason of the query are those of the Close frame."""
        for query, expected in {
            "code=4001&reason=bye": (4001, "bye"),
            "reason=bye": (1000, "bye"),
            "code=1000": (1000, ""),
            "code=3000&reason=": (3000, ""),
            "code=4999": (4999, ""),
            "reason=a+b%20c;d%3B%26": (1000, "a b c;d;&"),
            "reason=%E2%98%83": (1000, "\N{SNOWMAN}"),
            "reason=" + "x" * 123: (1000, "x" * 123),
            "reason=" + "%E2%98%83" * 41: (1000, "\N{SNOWMAN}" * 41),
            "": (1000, ""),
            "&&&": (1000, ""),
        }.items():
            with self.subTest(query):
                self.session.closed.clear()
                self.assertEqual(self.ask("DELETE", f"{HERE}?{query}").status, 200)
                self.assertEqual(self.session.closed, [(Cause.API, *expected)])

    def test_bad_parameters(self) -> None:
        """A code that the API may not send, a reason that fits into no Close frame, and either given twice: 400."""
        codes = ["", *"0 999 1001 1005 1006 2999 5000 -4001 +4001 4e3 4001.0 04001 x".split()]
        queries = [f"code={code}" for code in codes]
        queries += ["code=%D9%A4001", "code=4001%0A", "code=" + "9" * 5000, "code"]
        queries += ["reason=" + "x" * 124, "reason=" + "%E2%98%83" * 42, "reason=%FF", "reason=%ED%A0%80", "code=%FF"]
        queries += ["code=4001&code=4001", "reason=a&reason=b"]
        for query in queries:
            with self.subTest(query[:40]):
                self.assert_error(self.ask("DELETE", f"{HERE}?{query}"), 400, "BAD_REQUEST")
        self.assertEqual(self.session.closed, [])

    def test_other_parameters(self) -> None:
        """A parameter that is not known, if only by its spelling, is answered 400, which lists those that are."""
        for query in ["x=1", "x", "Code=4001", "cod=4001", "code=4001&except=" + HERE, "=", "code[]=1", "limit=1"]:
            with self.subTest(query):
                got = self.ask("DELETE", f"{HERE}?{query}")
                self.assert_error(got, 400, "BAD_REQUEST")
                self.assertIn("code, reason", got.json["message"])
        self.assertEqual(self.session.closed, [])

    def test_unknown(self) -> None:
        """A DELETE of an id that is unknown is answered 404."""
        self.assert_error(self.ask("DELETE", GONE), 404, "NOT_FOUND")


class FactsTests(ApiCase):
    def test_get(self) -> None:
        """A GET tells all that is known of the connection, in the names of the contract."""
        got = self.ask("GET", HERE)
        self.assertEqual(got.status, 200)
        self.assertEqual(
            got.json,
            {
                "id": HERE,
                "state": "open",
                "connected_at": "2026-11-23T10:00:00.000Z",
                "last_active_at": "2026-11-23T10:01:01.500Z",
                "remote_address": "203.0.113.9",
                "path": "/room/7",
                "user_agent": "Mozilla/5.0 \N{SNOWMAN}",
                "subprotocol": "v2.chat",
                "groups": ["room:7", "user:42"],
                "messages_in": 3,
                "bytes_in": 300,
                "messages_out": 2,
                "bytes_out": 20,
                "bytes_waiting_in": 100,
                "bytes_waiting_out": 10,
            },
        )

    def test_connecting(self) -> None:
        """A connection that waits for its 101 says so; without a subprotocol it says null."""
        self.session.about = replace(FACTS, connecting=True, subprotocol=None, groups=())
        got = self.ask("GET", HERE).json
        self.assertEqual((got["state"], got["subprotocol"], got["groups"]), ("connecting", None, []))

    def test_head(self) -> None:
        """A HEAD is answered as a GET is, without the body."""
        get, head = self.ask("GET", HERE), self.ask("HEAD", HERE)
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("content-length"), [str(len(get.body))])

    def test_unknown(self) -> None:
        """A GET or HEAD of an id that is unknown is answered 404."""
        self.assert_error(self.ask("GET", GONE), 404, "NOT_FOUND")
        self.assertEqual(self.ask("HEAD", GONE).status, 404)

    def test_moments(self) -> None:
        """Moments have milliseconds and a Z, always, and never run ahead."""
        self.assertEqual(iso8601(0), "1970-01-01T00:00:00.000Z")
        self.assertEqual(iso8601(1795428000.9999), "2026-11-23T10:00:00.999Z")


class PathTests(ApiCase):
    def test_no_id(self) -> None:
        """A path that is no id is answered exactly as an id that is unknown, by every method of an id and others."""
        unknown = self.ask("GET", GONE)
        for path in NO_IDS:
            for method, data in [("GET", None), ("PUT", b"x"), ("DELETE", None), ("POST", b"x")]:
                with self.subTest(f"{method} {path}"):
                    got = self.ask(method, path, data)
                    self.assertEqual((got.status, got.body), (404, unknown.body))
                    self.assertIsNone(got.header("location"))
        self.assertEqual(self.session.pushed, [])
        self.assertEqual(self.session.closed, [])

    def test_escaped_id(self) -> None:
        """An id means the same when its letters are percent-encoded."""
        self.assertEqual(self.ask("GET", f"%{ord(HERE[0]):02X}{HERE[1:]}").json["id"], HERE)

    def test_wrong_method(self) -> None:
        """A method that a path does not have is answered 405, with those that it has."""
        for path, allowed in [(HERE, "DELETE, GET, HEAD, PUT"), (GONE, "DELETE, GET, HEAD, PUT")]:
            for method in ["POST", "PATCH", "OPTIONS", "TRACE", "BREW"]:
                with self.subTest(f"{method} {path}"):
                    got = self.ask(method, path)
                    self.assert_error(got, 405, "METHOD_NOT_ALLOWED")
                    self.assertEqual(got.header("allow"), [allowed])
        for path in ["-/healthy", "-/ready"]:
            for method in ["PUT", "POST", "DELETE", "OPTIONS"]:
                with self.subTest(f"{method} {path}"):
                    self.assertEqual(self.ask(method, path).header("allow"), ["GET, HEAD"])

    def test_case(self) -> None:
        """Methods are case-sensitive: one in lower case is none, whatever the path, and does nothing."""
        for method in ["put", "Put", "delete", "get", "head", "pUT"]:
            for path, allowed in [(HERE, "DELETE, GET, HEAD, PUT"), ("-/ready", "GET, HEAD")]:
                with self.subTest(f"{method} {path}"):
                    got = self.ask(method, path)
                    self.assert_error(got, 405, "METHOD_NOT_ALLOWED")
                    self.assertEqual(got.header("allow"), [allowed])
            self.assertEqual(self.ask(method, "nothing").status, 404)
        self.assertEqual((self.session.pushed, self.session.closed), ([], []))

    def test_no_parameters(self) -> None:
        """A parameter that has no meaning for a request is answered 400, by the probes too; a bare ? is none."""
        for method, path in [("PUT", HERE), ("GET", HERE), ("HEAD", HERE), ("GET", "-/healthy"), ("GET", "-/ready")]:
            for query in ["x=1", "code=4001", "except=" + GONE, "limit=1", "x"]:
                with self.subTest(f"{method} {path}?{query}"):
                    got = self.ask(method, f"{path}?{query}")
                    self.assertEqual(got.status, 400)
                    if method != "HEAD":
                        self.assert_error(got, 400, "BAD_REQUEST")
            self.assertEqual(self.ask(method, path + "?").status, 200)
        self.assertEqual(self.session.pushed, [Frame(b"", binary=False)])

    def test_host(self) -> None:
        """Without a token, a request by another name than loopback's and that of LOCAL_ADDRESS is answered 403, which
        says the name and what to do; only the probes do not mind.
        """
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            for path in (HERE, GONE, "nothing", "connections", "-/ready/"):
                got = self.ask(method, path, host="evil.example:81")
                self.assert_error(got, 403, "HOST_NOT_ALLOWED")
                self.assertIn("evil.example:81", got.json["message"])
        for host in ("localhost:1", "127.0.0.1", "api.example:81"):
            self.assertEqual(self.ask("GET", HERE, host=host).status, 200)
        for path in ("-/ready", "-/healthy"):
            self.assertEqual(self.ask("GET", path, host="10.1.2.3:8081").status, 200)
        self.assertEqual((self.session.pushed, self.session.closed), ([], []))


class BodyTests(ApiCase):
    def test_line_end(self) -> None:
        """Every body is one line of JSON, which ends: a prompt that follows it in a terminal has a line of its own."""
        for got in (
            self.ask("PUT", HERE, b"x"),
            self.ask("GET", HERE),
            self.ask("DELETE", GONE),
            self.ask("POST", HERE),
            self.ask("GET", "connections"),
            self.ask("GET", "-/healthy"),
            self.ask("PUT", "groups/g", b"x"),
            self.ask("DELETE", HERE + "?code=1"),
        ):
            json.loads(got.body)
            self.assertEqual((got.body[-1:], got.body.count(b"\n")), (b"\n", 1), got)


class ProbeTests(ApiCase):
    def test_healthy(self) -> None:
        """A process that runs is healthy, ready or not."""
        for self.ready in (True, False):
            self.assertEqual(self.ask("GET", "-/healthy").json, {"code": "OK"})
            self.assertEqual(self.ask("HEAD", "-/healthy").status, 200)

    def test_ready(self) -> None:
        """A gateway that takes clients is ready."""
        got = self.ask("GET", "-/ready")
        self.assertEqual((got.status, got.json), (200, {"code": "OK"}))
        self.assertEqual(self.ask("HEAD", "-/ready").status, 200)

    def test_not_ready(self) -> None:
        """A gateway that starts or drains answers 503, and still takes pushes."""
        self.ready = False
        self.assert_error(self.ask("GET", "-/ready"), 503, "NOT_READY")
        self.assertEqual(self.ask("HEAD", "-/ready").status, 503)
        self.assertEqual(self.ask("PUT", HERE, b"x").status, 200)


class TokenTests(ApiCase):
    tokens = ("first secret", "sésame")

    def test_right(self) -> None:
        """Each of the tokens opens the API; the scheme's name may be written in any case (RFC 9110, 11.1)."""
        for value in ["Bearer first secret", "bearer first secret", "BEARER sésame", "Bearer  first secret"]:
            with self.subTest(value):
                self.assertEqual(self.ask("PUT", HERE, b"x", authorization=value).status, 200)

    def test_wrong(self) -> None:
        """Any other credential, none, and two at once are answered 401 with WWW-Authenticate, and nothing is done."""
        right = "Bearer first secret"
        for value in [
            [],
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Bearer first secre",
            "Bearer first secrets",
            "Bearer first secret, Bearer first secret",
            "first secret",
            "Basic first secret",
            "Basic Zmlyc3Qgc2VjcmV0Og==",
            [right, right],
            ["Bearer wrong", right],
        ]:
            with self.subTest(value):
                got = self.ask("PUT", HERE, b"x", authorization=value)
                self.assert_error(got, 401, "UNAUTHORIZED")
                self.assertEqual(got.header("www-authenticate"), ["Bearer"])
        self.assertEqual(self.session.pushed, [])

    def test_nothing_shows(self) -> None:
        """Without the token every path and method looks the same, whether there is such a connection or not."""
        answers = {
            (got.status, got.body)
            for path in [HERE, GONE, *NO_IDS, "-/healthy/", "-/%68ealthy", "//-/ready", f"-/ready/../../{HERE}"]
            for method in ["GET", "PUT", "DELETE", "POST", "OPTIONS"]
            for got in [self.ask(method, path)]
        }
        self.assertEqual([status for status, _ in answers], [401])

    def test_probes(self) -> None:
        """The two probes need no token, and do not mind a wrong one."""
        for path in ["-/healthy", "-/ready"]:
            self.assertEqual(self.ask("GET", path).status, 200)
            self.assertEqual(self.ask("HEAD", path, authorization="Bearer wrong").status, 200)

    def test_empty_token(self) -> None:
        """An empty token is refused at the start, for everybody has it."""
        self.assertRaises(ValueError, Access, ("", "x"))


class MistakeTests(ApiCase):
    def test_internal_error(self) -> None:
        """A mistake of ours is logged once with its traceback, and answered 500 without a word of what it was."""
        self.session.outcome = RuntimeError(f"the secret of {HERE}")
        got = self.ask("PUT", HERE, b"x")
        self.assert_error(got, 500, "INTERNAL_ERROR")
        self.assertNotIn(b"secret", got.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_every_error(self) -> None:
        """Whatever error of the table a handler raises is answered with its status, its code and a message, in JSON."""
        for kind, row in TABLE.items():
            if not issubclass(kind, Exception):
                self.fail(f"{kind} is no exception")
            with self.subTest(kind.__name__):
                self.session.outcome = kind()
                got = self.ask("PUT", HERE, b"x")
                self.assertEqual((got.status, got.json["code"]), (row.status, row.code))
                for name, value in row.headers:
                    self.assertEqual(got.header(name), [value])
