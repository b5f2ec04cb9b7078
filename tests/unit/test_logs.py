"""wsaas.logs: which events are shown, one line each, and nothing a client says can look like more."""

from __future__ import annotations

import ast
import io
import json
import os
import sys
import syslog
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.support.source import ROOT, modules
from wsaas.logs import Log, Observer, as_json, as_text, make_observer, open_log, say
from wsaas.telemetry.log_limit import INTERVAL, LogLimit
from wsaas.telemetry.log_sinks import DescriptorSink, FileSink

LEVELS = {"debug", "info", "warn", "error", "critical", "failure", "emit"}
MOMENT = 1795082400.1234  # 2026-11-19
TIME = "2026-11-19T10:00:00.123Z"


def event(
    pattern: str = "{text}", /, level: Any = LogLevel.info, place: str = "wsaas.room", **fields: object
) -> LogEvent:
    return {"log_format": pattern, "log_level": level, "log_namespace": place, "log_time": MOMENT, **fields}


def failure(message: str) -> Failure:
    try:
        raise ValueError(message)
    except ValueError:
        return Failure()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class LevelTests(SynchronousTestCase):
    def shown(self, level: str, namespace: str) -> str:
        """The levels that come through, in one word."""
        stream = io.StringIO()
        watch = make_observer(level, "never", stream, Clock())
        for each in LogLevel.iterconstants():
            watch(event("x", each, namespace))
        return "".join(line.split()[1][0] for line in stream.getvalue().splitlines())

    def test_levels(self) -> None:
        """Ours from LOG_LEVEL on; of the libraries warnings and worse, of Autobahn errors."""
        for level, ours, theirs, autobahn in [
            ("debug", "diwec", "wec", "ec"),
            ("info", "iwec", "wec", "ec"),
            ("warn", "wec", "wec", "ec"),
            ("error", "ec", "ec", "ec"),
        ]:
            for namespace in ("wsaas.service.lifecycle.Daemon", "stdout"):
                self.assertEqual(self.shown(level, namespace), ours, (level, namespace))
            for namespace in ("twisted.web", "klein", "treq.client", "log_legacy", "stderr", "wsaasx", "-", ""):
                self.assertEqual(self.shown(level, namespace), theirs, (level, namespace))
            for namespace in ("autobahn.websocket.protocol.WebSocketServerProtocol", "txaio.tx"):
                self.assertEqual(self.shown(level, namespace), autobahn, (level, namespace))

    def test_without_level(self) -> None:
        """An event without level or namespace is no event of anybody's."""
        stream = io.StringIO()
        make_observer("debug", "never", stream, Clock())({"log_format": "x"})
        self.assertEqual(stream.getvalue(), "")

    def test_not_formatted(self) -> None:
        """An event that is not shown is not formatted either: debug lines on hot paths stay cheap."""
        formatted: list[LogEvent] = []

        def remember(event: LogEvent) -> str:
            formatted.append(event)
            return "x"

        watch = Observer("info", io.StringIO(), remember, LogLimit(Clock()))
        watch(event("x", LogLevel.debug))
        self.assertEqual(formatted, [])
        watch(event("x", LogLevel.info))
        self.assertEqual(len(formatted), 1)

    def test_with_a_logger(self) -> None:
        """The observer takes the events of Twisted's Logger."""
        stream = io.StringIO()
        watch = make_observer("info", "never", stream, Clock())
        verifyObject(ILogObserver, watch)
        Logger("wsaas.room", observer=watch).info("delivered {what}", what="it")
        self.assertTrue(stream.getvalue().endswith("Z info  room: delivered it\n"), stream.getvalue())


class TextTests(SynchronousTestCase):
    def test_line(self) -> None:
        """UTC with milliseconds, level, where in our code, what."""
        self.assertEqual(as_text(event("hello {who}", who="you")), f"{TIME} info  room: hello you\n")
        self.assertEqual(as_text(event("x", LogLevel.critical, "klein")), f"{TIME} critical klein: x\n")

    def test_empty(self) -> None:
        """An event that says nothing makes no line."""
        self.assertEqual((as_text(event("")), as_json(event(""))), ("", ""))
        stream = io.StringIO()
        make_observer("info", "never", stream, Clock())(event(""))
        self.assertEqual(stream.getvalue(), "")

    def test_controls(self) -> None:
        """No character that begins a line, moves the cursor or turns the writing comes through."""
        evil = "".join(map(chr, (*range(32), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x202E, 0x2028, 0x2029, 0x2067)))
        line = as_text(event(text=f"a{evil}b"))
        self.assertTrue(line[:-1].isprintable(), line)
        self.assertEqual(len(line.splitlines()), 1)
        self.assertIn("a\\x00\\x01", line)
        self.assertIn("\\t\\n\\x0b\\x0c\\r\\x0e", line)
        self.assertIn("\\x1b", line)
        self.assertIn("\\x7f\\x80", line)
        self.assertTrue(line.endswith("\\u061c\\u200e\\u202e\\u2028\\u2029\\u2067b\n"), line)

    def test_forged_line(self) -> None:
        """A client cannot write a line of its own."""
        line = as_text(event("path {text}", text=f"/\n{TIME} error  service: all is lost"))
        self.assertEqual(line, f"{TIME} info  room: path /\\n{TIME} error  service: all is lost\n")

    def test_forged_namespace(self) -> None:
        """A namespace cannot forge a line either."""
        self.assertEqual(as_text(event("x", place="a\nb")), f"{TIME} info  a\\nb: x\n")

    def test_text_is_text(self) -> None:
        """Other alphabets and braces stay as they are."""
        self.assertEqual(
            as_text(event(text="größe {x.__class__} 数")), f"{TIME} info  room: größe {{x.__class__}} 数\n"
        )

    def test_traceback(self) -> None:
        """A traceback follows, indented, escaped like the rest."""
        lines = as_text(event("oh", LogLevel.error, log_failure=failure(f"a\x1b\n{TIME} forged"))).splitlines()
        self.assertEqual(lines[:2], [f"{TIME} error room: oh", "    Traceback (most recent call last):"])
        self.assertEqual(lines[-2:], ["    builtins.ValueError: a\\x1b", f"    {TIME} forged"])
        self.assertTrue(all(line.startswith("    ") for line in lines[1:]))

    def test_traceback_alone(self) -> None:
        """A failure without a message is shown too."""
        lines = as_text(event("", LogLevel.critical, log_failure=failure("a"))).splitlines()
        self.assertEqual(lines[0], f"{TIME} critical room: ")
        self.assertEqual(lines[-1], "    builtins.ValueError: a")

    def test_stdout_and_legacy(self) -> None:
        """Printed text, and events of the legacy log, are events like others."""
        self.assertEqual(as_text(event("{log_io}", place="stdout", log_io="hi")), f"{TIME} info  stdout: hi\n")
        legacy = event("{log_text}", LogLevel.critical, "log_legacy", log_text="oh", isError=1, message=("oh",))
        self.assertEqual(as_text(legacy), f"{TIME} critical log_legacy: oh\n")


class StyleTests(SynchronousTestCase):
    def written(self, style: str, stream: io.StringIO) -> str:
        make_observer("info", style, stream, Clock())(event("x", LogLevel.warn))
        return stream.getvalue()

    def test_colour(self) -> None:
        """auto is colour on a terminal only; always and never are what they say."""
        plain = f"{TIME} warn  room: x\n"
        colour = f"\x1b[2m{TIME}\x1b[0m \x1b[33mwarn \x1b[0m room: x\n"
        for style, stream, expected in [
            ("auto", io.StringIO(), plain),
            ("auto", Terminal(), colour),
            ("always", io.StringIO(), colour),
            ("never", Terminal(), plain),
        ]:
            self.assertEqual(self.written(style, stream), expected, style)

    def test_every_level_has_a_colour(self) -> None:
        """Each level is shown in colour, and what clients say is escaped there as well."""
        for level in LogLevel.iterconstants():
            stream = io.StringIO()
            make_observer("debug", "always", stream, Clock())(event(level=level, text="\x1b{0}"))
            self.assertTrue(stream.getvalue().endswith(" room: \\x1b{0}\n"), stream.getvalue())

    def test_json_on_a_terminal(self) -> None:
        """json is JSON everywhere."""
        self.assertEqual(json.loads(self.written("json", Terminal()))["level"], "warn")


class LimitTests(SynchronousTestCase):
    """Lines that peers can cause in the libraries, and failures, are limited to one in ten seconds."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.stream = io.StringIO()
        self.watch = make_observer("debug", "never", self.stream, self.clock)

    def lines(self) -> list[str]:
        return [line.split(" ", 1)[1] for line in self.stream.getvalue().splitlines()]

    def test_libraries(self) -> None:
        """A line of a library is one of its kind in ten seconds; the next says how many were left out."""
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            self.watch(event("lost {address}", LogLevel.warn, "twisted.internet", address=address))
        self.watch(event("other", LogLevel.warn, "twisted.internet"))
        self.clock.advance(INTERVAL)
        self.watch(event("lost {address}", LogLevel.warn, "twisted.internet", address="192.0.2.4"))
        self.assertEqual(
            self.lines(),
            [
                "warn  twisted.internet: lost 192.0.2.1",
                "warn  twisted.internet: other",
                "warn  twisted.internet: lost 192.0.2.4 (2 more like it left out)",
            ],
        )

    def test_failures(self) -> None:
        """Failures of one kind from one place in the code are limited, whichever logger has them."""
        for place in ("wsaas.room", "twisted.internet.defer"):
            for message in ("a", "b"):
                self.watch(event("oh", LogLevel.critical, place, log_failure=failure(message)))
        text = self.stream.getvalue()
        self.assertEqual((text.count("ValueError: a"), text.count("ValueError: b")), (2, 0))
        self.watch(event("oh", LogLevel.critical, log_failure=Failure(KeyError("c"))))
        self.assertIn("KeyError: 'c'", self.stream.getvalue())

    def test_older_log(self) -> None:
        """Lines of the older log, and warnings, are told apart by their text."""
        for text in ("one", "two", "one"):
            self.watch(event("{log_text}", LogLevel.critical, "log_legacy", log_text=text))
            self.watch(event("{filename}: {warning}", LogLevel.warn, "twisted", filename=text, lineno=1, warning="w"))
        self.assertEqual(len(self.lines()), 4)

    def test_bounded(self) -> None:
        """However many kinds there are, a bounded number of lines comes of them."""
        for number in range(1000):
            self.watch(event("{log_text}", LogLevel.critical, "log_legacy", log_text=str(number)))
        self.assertLess(len(self.lines()), 100)

    def test_ours_and_printed(self) -> None:
        """Our own lines have their bounds where they are made; what is printed, as a crash is, comes whole."""
        for place in ("wsaas.room", "stdout", "stderr"):
            for _ in range(20):
                self.watch(event("File x", LogLevel.error, place))
        self.assertEqual(len(self.lines()), 60)


class JsonTests(SynchronousTestCase):
    def test_object(self) -> None:
        """One flat object a line: time, level, namespace, message, and the plain fields."""
        line = as_json(event("{who} sent {n}", who="a", n=3, ratio=0.5, ok=True, nothing=None))
        self.assertEqual(line.count("\n"), 1)
        self.assertEqual(
            json.loads(line),
            {
                "time": TIME,
                "level": "info",
                "namespace": "wsaas.room",
                "message": "a sent 3",
                "who": "a",
                "n": 3,
                "ratio": 0.5,
                "ok": True,
                "nothing": None,
            },
        )

    def test_traceback(self) -> None:
        """The traceback is a member."""
        members = json.loads(as_json(event("oh", LogLevel.error, log_failure=failure("a\nb"))))
        self.assertTrue(members["traceback"].startswith("Traceback (most recent call last):\n"))
        self.assertTrue(members["traceback"].endswith("builtins.ValueError: a\nb"))
        self.assertEqual(members["message"], "oh")

    def test_objects_stay_out(self) -> None:
        """Fields that are objects may hold secrets, and are no plain fields; neither are Twisted's own."""
        members = json.loads(
            as_json(event("x", key=b"secret", many=["secret"], thing=object(), log_source=self, isError=1, system="-"))
        )
        self.assertEqual(set(members), {"time", "level", "namespace", "message"})

    def test_no_field_replaces_ours(self) -> None:
        """A field named like one of our four does not replace it."""
        members = json.loads(as_json(event("{namespace}", namespace="forged")))
        self.assertEqual((members["namespace"], members["message"]), ("wsaas.room", "forged"))

    def test_numbers_that_json_lacks(self) -> None:
        """Infinity and NaN are text, for JSON has no such numbers."""
        members = json.loads(as_json(event("x", a=float("inf"), b=float("nan"))))
        self.assertEqual((members["a"], members["b"]), ("inf", "nan"))

    def test_controls(self) -> None:
        """The line is printable ASCII whatever a client says, and the text comes back as it was."""
        evil = "".join(map(chr, (*range(0xA0), 0x2028, 0x202E, 0xDC80)))
        line = as_json(event(text=evil + "."))
        self.assertTrue(line[:-1].isascii() and line[:-1].isprintable(), line)
        self.assertEqual(json.loads(line)["text"], evil + ".")


class SayTests(SynchronousTestCase):
    def test_escaped(self) -> None:
        """Text printed for people is escaped like the log, and so are characters that their terminal lacks."""
        stream = io.StringIO()
        say("a\x1b\n\x9b\u2028\udcff{x} \u6570", stream)
        self.assertEqual(stream.getvalue(), "a\\x1b\\n\\x9b\\u2028\\udcff{x} \u6570\n")
        narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        say("gr\xf6\xdfe", narrow)
        narrow.seek(0)
        self.assertEqual(narrow.read(), "gr\\xf6\\xdfe\n")


class OpenTests(SynchronousTestCase):
    """twistd's own options say where the log goes."""

    def opened(self, style: str = "auto", **options: object) -> Log:
        twistd = {"nodaemon": 0, "logfile": None, "logger": None, "syslog": 0, "prefix": "x", **options}
        log = open_log(twistd, "info", style, Clock(), lambda: MOMENT)
        assert log is not None
        self.addCleanup(log.buffer.close)
        return log

    def stdout(self) -> Path:
        """Replace standard output with a file."""
        path = Path(self.mktemp())
        stream = path.open("w", encoding="ascii")
        self.addCleanup(stream.close)
        self.patch(sys, "stdout", stream)
        return path

    def test_not_ours(self) -> None:
        """With --logger, or when it is not twistd that runs us, the log is not ours."""
        self.assertIsNone(open_log({"nodaemon": 0, "logger": print}, "info", "auto", Clock()))
        self.assertIsNone(open_log({}, "info", "auto", Clock()))

    def test_foreground(self) -> None:
        """In the foreground, and with --logfile=-, it goes to standard output; what its encoding lacks is escaped."""
        for name in (None, "-"):
            path = self.stdout()
            log = self.opened(nodaemon=1, logfile=name)
            watch, buffer = log.observer, log.buffer
            self.assertIsInstance(buffer._sink, DescriptorSink)
            watch(event(text="gr\xf6\udc80"))
            buffer.close()
            self.assertEqual(path.read_text(), f"{TIME} info  room: gr\\xf6\\udc80\n")

    def test_daemon_on_stdout(self) -> None:
        """A daemon has no standard output."""
        error = self.assertRaises(ValueError, self.opened, logfile="-")
        self.assertIn("--nodaemon", str(error))

    def test_file(self) -> None:
        """--logfile names the file; a daemon's is twistd.log by default. It is UTF-8, without colour."""
        path = self.mktemp()
        os.mkdir(path)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(path)
        for options, name in (({}, "twistd.log"), ({"nodaemon": 1, "logfile": "our.log"}, "our.log")):
            log = self.opened(**options)
            watch, buffer = log.observer, log.buffer
            self.assertIsInstance(buffer._sink, FileSink)
            watch(event(text="gr\xf6\udc80"))
            buffer.close()
            self.assertEqual(Path(name).read_bytes(), f"{TIME} info  room: gr\xf6\\udc80\n".encode())
        self.assertEqual(sorted(os.listdir()), ["our.log", "twistd.log"])

    def test_a_daemon_waits(self) -> None:
        """A daemon's thread is not started before twistd has forked; one in the foreground runs at once."""
        self.stdout()
        self.assertIsNone(self.opened(logfile=self.mktemp()).buffer._thread)
        self.assertIsNotNone(self.opened(nodaemon=1).buffer._thread)

    def test_syslog(self) -> None:
        """--syslog takes each line with the priority of its level and without a time; a traceback's lines, too."""
        said: list[tuple[object, ...]] = []
        self.patch(syslog, "syslog", lambda *line: said.append(line))
        self.patch(syslog, "openlog", lambda *line: said.append(line))
        for style, first in (("auto", "error room: oh \\x1b"), ("json", '{"time": ')):
            said.clear()
            log = self.opened(style, syslog=1)
            watch, buffer = log.observer, log.buffer
            watch(event("oh {text}", LogLevel.error, text="\x1b", log_failure=failure("a")))
            watch(event("so", LogLevel.warn))
            buffer.close()
            self.assertEqual(said[0], ("x",))
            self.assertEqual({line[0] for line in said[1:-1]}, {syslog.LOG_ERR})
            self.assertTrue(str(said[1][1]).startswith(first), said)
            self.assertEqual(said[-1][0], syslog.LOG_WARNING)

    def test_gap(self) -> None:
        """The line for those that nobody took looks like any other, in every style."""
        self.stdout()
        buffer = self.opened("never", nodaemon=1).buffer
        words = "lines are missing here: the log could not be written as fast as lines came"
        self.assertEqual(buffer.gap(7), f"{TIME} warn  logs: 7 {words}\n")
        self.patch(syslog, "openlog", lambda *line: None)
        self.assertEqual(self.opened(syslog=1).buffer.gap(7), f"<4>warn logs: 7 {words}\n")
        buffer = self.opened("json", nodaemon=1).buffer
        self.assertEqual(json.loads(buffer.gap(7))["left_out"], 7)


class FieldTests(SynchronousTestCase):
    """The fields of lines in JSON: the same thing has the same name everywhere."""

    OTHER_NAMES = {  # noqa: RUF012
        "connection": "id conn connection_id cid session",
        "backend": "url target uri",
        "client": "peer remote remote_address addr ip",
        "reason": "error err exception exc flaw why",
        "close_code": "closecode",
        "directory": "dir folder",
    }

    def fields(self) -> set[tuple[str, str]]:
        """Each field that a log call of wsaas/ names, and the place; the demo backend is no part of the gateway."""
        found = set()
        for module in modules(ROOT):
            for node in module.nodes if module.room != "demo" else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    if node.func.attr in LEVELS and "log" in ast.unparse(node.func.value).lower():
                        found |= {(each.arg, f"{module.place}:{node.lineno}") for each in node.keywords if each.arg}
        return found

    def test_one_name(self) -> None:
        """No line names a thing otherwise than the others do."""
        others = {other for names in self.OTHER_NAMES.values() for other in names.split()}
        self.assertEqual(sorted(place for name, place in self.fields() if name in others), [])
        self.assertLess(set(self.OTHER_NAMES), {name for name, _ in self.fields()})

    def test_every_line(self) -> None:
        """Every line in JSON begins with its time, level, namespace and message, a library's and a traceback too."""
        stream = io.StringIO()
        observer = make_observer("debug", "json", stream, Clock())
        for each in (
            event("a {connection}", connection="x"),
            event("b", LogLevel.warn, "twisted.web"),
            event("c", LogLevel.critical, log_failure=failure("d")),
            {**event("e"), "time": "other", "level": "other", "message": "other", "namespace": "other"},
        ):
            observer(each)
        lines = stream.getvalue().splitlines()
        self.assertEqual(len(lines), 4)
        for line in lines:
            members = json.loads(line)
            self.assertEqual(list(members)[:4], ["time", "level", "namespace", "message"])
            self.assertNotIn("other", list(members.values())[:4])
