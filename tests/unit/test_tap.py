"""wsaas.tap: the options of `twistd wsaas`, and the service it runs."""

from __future__ import annotations

import io
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.application.service import Application, IService, MultiService, Service
from twisted.logger import ILogObserver, LogLevel
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals.reactor_tuning import Turns
from wsaas.internals.signals import Signals
from wsaas.service import process
from wsaas.service.process import Root, make_root
from wsaas.settings.sources import option
from wsaas.settings.table import TABLE, Settings
from wsaas.tap import Options, versions


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.stdout)
        self.patch(sys, "stderr", self.stderr)

    def parsed(self, *arguments: str, **environ: str) -> Options:
        options = Options()
        options.environ = environ
        options.parseOptions(list(arguments))
        return options


class OptionsTests(Case):
    def test_an_option_for_each_setting(self) -> None:
        """Every setting is an option of the same name, and --help shows it with its default."""
        shown = " ".join(str(self.parsed()).split())
        for name, row in TABLE.items():
            default = row.unset_is if row.default is None else row.default
            self.assertIn(f"{option(name)}= {row.help} [default: {default}]", shown)

    def test_options_beat_the_environment(self) -> None:
        """Options reach the settings, and beat the environment; the last of several counts."""
        options = self.parsed("--ws-port=1", "--ws-port", "2", "--http-port=3", WS_PORT="4", SEND_BUFFER="2000000")
        settings = options.settings
        self.assertEqual((settings.ws_port, settings.http_port, settings.send_buffer), (2, 3, 2000000))

    def test_repeated(self) -> None:
        """Options that are lists can be repeated."""
        settings = self.parsed("--ws-endpoint=tcp:1", "--ws-endpoint=tcp:2", "--ws-endpoint=tcp:3").settings
        self.assertEqual(settings.ws_endpoint, ("tcp:1", "tcp:2", "tcp:3"))

    def test_other_names(self) -> None:
        """API_URI and the files of secrets are options as well."""
        path = Path(self.mktemp())
        path.write_text("0123456789abcdef\n")
        settings = self.parsed("--api-uri=http://b", f"--api-token-file={path}").settings
        self.assertEqual((settings.target_address, settings.api_token), ("http://b", ("0123456789abcdef",)))

    def test_demo(self) -> None:
        """--demo is off unless given."""
        self.assertEqual((bool(self.parsed()["demo"]), bool(self.parsed("--demo")["demo"])), (False, True))

    def test_unknown(self) -> None:
        """An unknown option is an error of usage."""
        for argument in ("--bogus", "--ws-port", "stray"):
            with self.assertRaises(UsageError):
                self.parsed(argument)

    def test_mistakes(self) -> None:
        """Mistakes in the settings are printed, one line each and nothing else, and the status is 1."""
        end = self.assertRaises(SystemExit, self.parsed, "--ws-port=x", HTTP_PORT="y")
        self.assertEqual(end.code, 1)
        self.assertEqual(
            self.stderr.getvalue(),
            "wsaas: --ws-port='x': must be a whole number from 0 to 65535\n"
            "wsaas: HTTP_PORT='y': must be a whole number from 0 to 65535\n",
        )
        self.assertEqual(self.stdout.getvalue(), "")

    def test_mistakes_and_misspelt(self) -> None:
        """A misspelt name is told with the mistakes, of which it may be the cause."""
        self.assertRaises(SystemExit, self.parsed, FORWARD_HEADERS="Cookie", ALOWED_ORIGINS="https://a.example")
        problem, warning = self.stderr.getvalue().splitlines()
        self.assertTrue(problem.startswith("wsaas: FORWARD_HEADERS='Cookie': "), problem)
        self.assertEqual(
            warning, "wsaas: warning: ALOWED_ORIGINS is no setting and has no effect: did you mean ALLOWED_ORIGINS?"
        )

    def test_version(self) -> None:
        """--version says ours, Twisted's and Python's, whatever the settings are."""
        end = self.assertRaises(SystemExit, self.parsed, "--version", WS_PORT="x")
        self.assertEqual((end.code, self.stdout.getvalue()), (0, versions() + "\n"))
        self.assertTrue(
            re.fullmatch(r"wsaas \S.* \(Twisted [0-9.]+\S*, Python [0-9.]+, .*PGO.*\)", versions()), versions()
        )


class Child(Service):
    """Stands for the gateway."""


class RootTests(Case):
    def make_root(self, *arguments: str, twistd: dict[str, Any] | None = None, wrong: Exception | None = None) -> Root:
        options = self.parsed(*arguments)
        options.parent = twistd  # type: ignore[assignment]

        def assemble(reactor: Any, settings: Settings, demo: bool, signals: Signals, turns: Turns) -> IService:
            self.assembled = (reactor, settings, demo)
            self.turns = turns
            if wrong:
                raise wrong
            return Child()

        self.marks: list[Any] = []
        self.reactor = SimpleNamespace(seconds=time.time, callWhenRunning=self.marks.append)
        self.settings = options.settings
        root = make_root(options, self.reactor, assemble)
        self.addCleanup(root.end)
        return root

    def test_assembled(self) -> None:
        """The gateway is made of the settings, and is the root's child."""
        root = self.make_root("--ws-port=1", "--demo")
        self.assertEqual(self.assembled, (self.reactor, self.settings, True))
        self.assertEqual([type(each) for each in root], [Child])

    def test_turns(self) -> None:
        """The gateway is given the turns of its reactor."""
        given: list[Any] = []
        self.patch(process, "replace_iteration", lambda *arguments: given.append(arguments))
        self.make_root()
        self.assertEqual(given, [(self.reactor, self.turns)])

    def test_the_clock(self) -> None:
        """Timers follow a clock that nobody can set, and which the running reactor marks."""
        self.make_root()
        before = time.monotonic()
        self.assertTrue(before <= self.reactor.seconds() <= time.monotonic())
        self.assertEqual(len(self.marks), 1)

    def test_the_log(self) -> None:
        """Under twistd the application logs in our way, at LOG_LEVEL and in LOG_STYLE."""
        application = Application("x")
        stdout = open(self.mktemp(), "w+")
        self.addCleanup(stdout.close)
        self.patch(sys, "stdout", stdout)
        root = self.make_root("--log-style=json", twistd={"nodaemon": 1})
        root.setServiceParent(application)
        observer = application.getComponent(ILogObserver)
        observer({"log_format": "hi", "log_level": LogLevel.info, "log_namespace": "wsaas.a", "log_time": 0.0})
        observer({"log_format": "no", "log_level": LogLevel.debug, "log_namespace": "wsaas.a", "log_time": 0.0})
        root.end()
        stdout.seek(0)
        self.assertEqual(
            stdout.read(),
            '{"time": "1970-01-01T00:00:00.000Z", "level": "info", "namespace": "wsaas.a", "message": "hi"}\n',
        )

    def test_a_log_that_is_not_ours(self) -> None:
        """twistd's own --logger stands."""
        for twistd in ({"nodaemon": 1, "logger": print}, None):
            application = Application("x")
            self.make_root(twistd=twistd).setServiceParent(application)
            self.assertIsNone(application.getComponent(ILogObserver, None))

    def test_another_parent(self) -> None:
        """The root can stand below another service, which has no log of its own."""
        parent = MultiService()
        root = self.make_root(twistd={"nodaemon": 1, "logfile": self.mktemp()})
        root.setServiceParent(parent)
        self.assertEqual(list(parent), [root])

    def test_what_cannot_be_made(self) -> None:
        """An error that prevents the gateway from being made is one line and status 1, no traceback."""
        for wrong in (ValueError("no such place"), OSError("no such place")):
            self.stderr.truncate(self.stderr.seek(0))
            end = self.assertRaises(SystemExit, self.make_root, wrong=wrong)
            self.assertEqual((end.code, self.stderr.getvalue()), (1, "wsaas: no such place\n"))

    def test_a_log_that_cannot_be_written(self) -> None:
        """Neither is a log file that cannot be opened."""
        twistd = {"nodaemon": 1, "logfile": str(Path(self.mktemp(), "none", "x.log"))}
        end = self.assertRaises(SystemExit, self.make_root, twistd=twistd)
        self.assertEqual((end.code, self.stderr.getvalue().count("\n")), (1, 1))
        self.assertIn("No such file or directory", self.stderr.getvalue())
