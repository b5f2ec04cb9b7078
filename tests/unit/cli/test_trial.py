"""The arguments of `wsaas try`, and how it prints what it found."""

from __future__ import annotations

import json
import os

from twisted.trial.unittest import SynchronousTestCase

from tests.support.command_line import Screen, wsaas
from wsaas.backend_trial.checks import CHECKS
from wsaas.backend_trial.findings import failed, passed, skipped, warning
from wsaas.backend_trial.trial import Terms
from wsaas.cli import try_arguments
from wsaas.cli.commands import COMMANDS
from wsaas.cli.terminal import Output
from wsaas.cli.trial import terms_of
from wsaas.cli.trial_report import NARROW, Report
from wsaas.settings.load import load

PLAIN = """\
http://localhost:3000/websocket

Connect
  ok       connect              the client is let in
  FAILED   wrong-token          a sentence of several words, which is longer than a line of a terminal
                                To do: mend it
  -        2 checks             there is no reason to try them

Messages
  warning  message              a \\x1b[2J reply
                                To do: look

Other checks
  -        2 checks             another reason

1 ok, 1 warning, 1 FAILED, 4 not tried, in 70 ms
"""
NARROW_LINES = """\
  FAILED   wrong-token
           a sentence of several words, which is
           longer than a line of a terminal
           To do: mend it
"""


class ReportTests(SynchronousTestCase):
    def report(self, columns: int = 0, as_json: bool = False) -> tuple[Report, Screen]:
        screen = Screen(columns)
        self.patch(os, "environ", {"COLUMNS": str(columns or 80), "TERM": "dumb"})
        report = Report(Output(as_json, screen, screen), "http://localhost:3000/websocket")
        report.add("connect", passed("the client is let in"), 0.01)
        long = "a sentence of several words, which is longer than a line of a terminal"
        report.add("wrong-token", failed(long, "mend it"), 0.01)
        for name in ("repeated-connect", "odd-client"):
            report.add(name, skipped("there is no reason to try them"), 0.01)
        report.add("message", warning("a \x1b[2J reply", "look"), 0.01)
        for name in ("unknown-message", "speed"):
            report.add(name, skipped("another reason"), 0.01)
        report.end()
        return report, screen

    def test_pipe(self) -> None:
        """In a pipe each sentence and each remedy is a line; checks that are left out for one reason share one."""
        report, screen = self.report()
        self.assertEqual(screen.getvalue(), PLAIN)
        self.assertEqual((report.failed(strict=False), report.failed(strict=True)), (True, True))

    def test_terminal(self) -> None:
        """On a terminal nothing is wider than it; where it is narrow, sentences stand below the names."""
        for columns in (50, NARROW, 80, 200):
            _, screen = self.report(columns)
            self.assertLessEqual(max(map(len, screen.getvalue().splitlines())), columns)
        self.assertIn(NARROW_LINES, self.report(50)[1].getvalue())

    def test_colours(self) -> None:
        """On a terminal with colours, a failure is red and bold."""
        self.report()
        os.environ["TERM"] = "xterm"
        screen = Screen(80)
        Report(Output(False, screen, screen), "http://x").add("connect", failed("a", "b"), 0.0)
        self.assertIn("\x1b[31;1mFAILED", screen.getvalue())

    def test_json(self) -> None:
        """With --json there is one document, with all findings in order."""
        document = json.loads(self.report(as_json=True)[1].getvalue())
        counts = {name: document[name] for name in ("passed", "warnings", "failed", "skipped", "seconds")}
        self.assertEqual(counts, {"passed": 1, "warnings": 1, "failed": 1, "skipped": 4, "seconds": 0.07})
        self.assertEqual(document["target"], "http://localhost:3000/websocket")
        self.assertEqual(len(document["checks"]), 7)
        expected = {"check": "message", "verdict": "warning", "sentence": "a \x1b[2J reply", "remedy": "look"}
        self.assertEqual(document["checks"][4], {**expected, "milliseconds": 10.0})

    def test_strict(self) -> None:
        """A warning alone fails with --strict only."""
        screen = Screen()
        report = Report(Output(False, screen, screen), "http://x")
        report.add("connect", warning("a", "b"), 0.0)
        self.assertEqual((report.failed(strict=False), report.failed(strict=True)), (False, True))


class ArgumentTests(SynchronousTestCase):
    def terms(self, *arguments: str, **environ: str) -> Terms:
        options = COMMANDS["try"].parser("try").parse(list(arguments))
        given = {} if options.target is None else {"TARGET_ADDRESS": options.target}
        return terms_of(options, load(given, environ))

    def test_checks(self) -> None:
        """The names that --skip knows are those of the checks."""
        self.assertEqual(try_arguments.CHECKS, tuple(CHECKS))

    def test_client(self) -> None:
        """The made-up client has the path, the headers and the credentials that are given, as a gateway passes them."""
        terms = self.terms(
            *(":5000/ws", "--path", "/room/7?a=1&b=?", "-s", "v1", "-s", "v2", "--token", "t"),
            *("-H", "Cookie: session=42", "-H", "Origin: https://app.example", "-H", "X-Tenant: a", "-H", "X-Odd: b"),
            FORWARD_HEADERS="cookie X-Tenant",
            ALLOWED_ORIGINS="https://app.example",
        )
        self.assertEqual(terms.address, "http://localhost:5000/ws")
        handshake = terms.handshake
        self.assertEqual(
            (handshake.path, handshake.query, handshake.origin), ("/room/7", "a=1&b=?", "https://app.example")
        )
        self.assertEqual(handshake.subprotocols, ("v1", "v2"))
        self.assertEqual(
            handshake.headers,
            {"user-agent": "wsaas-try", "origin": "https://app.example", "x-tenant": "a", "x-odd": "b"},
        )
        self.assertEqual(
            handshake.repeated,
            ((b"Cookie", b"session=42"), (b"X-Tenant", b"a"), (b"Authorization", b"Bearer t")),
        )
        self.assertTrue(terms.credentials)

    def test_addresses(self) -> None:
        """An address may be short; without one it is that of the settings."""
        for typed, address in (
            (["localhost:1"], "http://localhost:1"),
            ([":1/a"], "http://localhost:1/a"),
            (["https://example.com/a"], "https://example.com/a"),
            ([], "http://localhost:3000/websocket"),
        ):
            self.assertEqual(self.terms(*typed).address, address)
        self.assertEqual(self.terms(TARGET_ADDRESS="http://b/").address, "http://b")
        self.assertFalse(self.terms().credentials)

    def test_wrong_usage(self) -> None:
        """Arguments and settings that make no sense are one line and status 2."""
        for arguments, said in (
            (["ftp://x"], "TARGET_ADDRESS='ftp://x': must be a URL"),
            (["--skip", "lage"], "did you mean large?"),
            (["--skip", "connect"], "is not one of"),
            (["--timeout", "0"], "is no number of seconds"),
            (["--timeout", "soon"], "is no number of seconds"),
            (["--path", "room"], "is no path"),
            (["--path", "/a b"], "is no path"),
            (["--secret-file", "/nowhere/at all"], "--secret-file='/nowhere/at all'"),
            (["--message", "@/nowhere/at all"], "No such file"),
            (["--token", "t", "-H", "authorization: x"], "one of them is enough"),
            (["-H", "Cookie: a=1"], "unless FORWARD_HEADERS names it"),
            (["-H", "Cookie"], "'Name: value'"),
        ):
            ended = wsaas("try", *arguments)
            self.assertEqual((ended.status, ended.out, ended.err.count("\n")), (2, "", 1), (arguments, ended))
            self.assertIn(said, ended.err)
        ended = wsaas("try", "--json", environ={"WEBHOOK_TIMEOUT": "soon"})
        self.assertEqual((ended.status, json.loads(ended.err)["code"]), (2, "USAGE"))

    def test_secret_from_a_file(self) -> None:
        """A secret of the environment does not show, and the file of --secret-file beats it."""
        ended = wsaas("try", environ={"WEBHOOK_SECRET": "s3cret"})
        self.assertEqual((ended.status, "s3cret" in ended.err), (2, False))
