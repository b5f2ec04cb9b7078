"""What the API means: every row of its table, good and bad, through treq against the resource."""

from __future__ import annotations

import json

from tests.support.api_case import ApiCase
from tests.support.api_fakes import GONE, HERE
from wsaas.api.access import Access
from wsaas.api.errors import TABLE
from wsaas.core.model import Frame

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
    "connections/",
    "groups/room",
    "broadcast",
]


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
        """An empty token is refused at the start: every caller would have it."""
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
