"""The log: each event is one line, whatever characters a client put into it.

    text   2026-11-23T10:00:00.000Z info  service: listening for clients on 127.0.0.1:8080
    json   {"time": "2026-11-23T10:00:00.000Z", "level": "info", "namespace": "wsaas.api.app", "message": ...}

A traceback follows its line, indented; in JSON it is a member. LOG_LEVEL applies to events of wsaas. Libraries log
warnings and errors only, Autobahn errors only: on lower levels it logs whole handshakes with their Authorization.
Libraries' events and failures are limited to one line of a kind in ten seconds, because peers can cause them.
"""

from __future__ import annotations

import json
import math
import os
import sys
import syslog
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

from twisted.internet.interfaces import IReactorTime
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.telemetry.log_buffer import LogBuffer, Sink
from wsaas.telemetry.log_limit import LogLimit, with_left_out
from wsaas.telemetry.log_sinks import DescriptorSink, FileSink, SyslogSink

_COLOURS = {"critical": "1;31", "error": "31", "warn": "33", "info": "32", "debug": "2"}

_PRIORITIES = {
    "critical": syslog.LOG_CRIT,
    "error": syslog.LOG_ERR,
    "warn": syslog.LOG_WARNING,
    "info": syslog.LOG_INFO,
    "debug": syslog.LOG_DEBUG,
}

# C0, DEL, C1, and Unicode's line separators and direction marks: none of them may reach a terminal or begin a new line.
_ESCAPES = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x061C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
}
_ESCAPES.update({ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"})

WORKER = "log_worker"
"""The key of the worker's number in an event; only set with several workers."""

# Keys that Twisted's legacy log adds to an event; they are not fields of the event's author.
_LEGACY = frozenset("message time system isError format failure why logLevel".split())


class Stream(Protocol):
    """The destination of lines. It escapes characters that its encoding lacks."""

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""

    def write(self, text: str, /) -> object:
        """Take a line, without blocking."""


@implementer(ILogObserver)
class Observer:
    """Writes each event of a sufficient level to a stream.

    `format` returns the text of an event with its line end, or an empty string to drop the event. `limit` bounds the
    lines of each kind that libraries log, and failures. Printed text is unbounded: a crash prints its traceback line by
    line.
    """

    def __init__(self, level: str, stream: Stream, format: Callable[[LogEvent], str], limit: LogLimit) -> None:
        self._ours = _from(LogLevel.lookupByName(level))
        self._others = self._ours & _from(LogLevel.warn)
        self._autobahn = self._ours & _from(LogLevel.error)
        self._stream = stream
        self.format = format
        self._limit = limit

    def __call__(self, event: LogEvent) -> None:
        namespace = event.get("log_namespace") or ""
        if event.get("log_level") not in self._levels(namespace):
            return
        if event.get("log_failure") is not None or not namespace.startswith(("wsaas.", "stdout", "stderr")):
            left_out = self._limit.allows(_kind(event))
            if left_out is None:
                return
            format = with_left_out(event.get("log_format") or "", left_out)
            event = {**event, "log_format": format, "left_out": left_out}
        text = self.format(event)
        if text:
            self._stream.write(text)

    def _levels(self, namespace: str) -> frozenset[object]:
        if namespace.startswith("wsaas.") or namespace == "stdout":  # text is printed for the operator
            return self._ours
        return self._autobahn if namespace.startswith(("autobahn.", "txaio.")) else self._others


def _kind(event: LogEvent) -> str:
    """Return the kind of an event: the place in the code that logged it, and the exception and the place it rose from.

    Events of the legacy log have no place; the first 40 characters of their text stand for it.
    """
    parts = [event.get(name) for name in ("log_level", "log_namespace", "log_format")]
    parts += [str(event.get("log_text") or "")[:40]]
    parts += [event.get("filename"), event.get("lineno")]  # set for Python's warnings
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        place = failure.frames[-1][:3] if failure.frames else ()
        parts += [failure.type, *place]
    return " ".join(map(str, parts))


def make_observer(level: str, style: str, stream: Stream, clock: IReactorTime) -> Observer:
    """Return the observer for LOG_LEVEL and LOG_STYLE."""
    if style == "json":
        format = as_json
    else:
        colour = style == "always" or (style == "auto" and stream.isatty())
        format = as_coloured_text if colour else as_text
    return Observer(level, stream, format, LogLimit(clock))


def as_text(event: LogEvent) -> str:
    """Return the event as a line of text, with the traceback below it."""
    return _line(event, "{time} {level:5} {place}: {message}\n")


def as_coloured_text(event: LogEvent) -> str:
    """Return the event as `as_text` does, with the level in colour."""
    colour = _COLOURS[event["log_level"].name]
    return _line(event, f"\x1b[2m{{time}}\x1b[0m \x1b[{colour}m{{level:5}}\x1b[0m {{place}}: {{message}}\n")


def as_untimed_text(event: LogEvent) -> str:
    """Return the event as `as_text` does, without the time, for a log that adds its own."""
    return _line(event, "{level} {place}: {message}\n")


def with_priority(format: Callable[[LogEvent], str]) -> Callable[[LogEvent], str]:
    """Return a formatter that begins each line of `format` with syslog's priority for the level, such as `<6>`."""

    def prioritized(event: LogEvent) -> str:
        priority = _PRIORITIES[event["log_level"].name]
        return "".join(f"<{priority}>{line}\n" for line in format(event).splitlines())

    return prioritized


def with_worker(format: Callable[[LogEvent], str], worker: int) -> Callable[[LogEvent], str]:
    """Return a formatter whose lines hold the worker's number."""
    return lambda event: format({**event, WORKER: worker})


def _line(event: LogEvent, pattern: str) -> str:
    message, traceback = formatEvent(event).rstrip(), _traceback(event)
    if not message and not traceback:
        return ""
    place = str(event.get("log_namespace") or "-").removeprefix("wsaas.").translate(_ESCAPES)
    if WORKER in event:
        place = f"[{event[WORKER]}] {place}"
    time, level = _time(event), event["log_level"].name
    line = pattern.format(time=time, level=level, place=place, message=message.translate(_ESCAPES))
    return line + "".join(f"    {each.translate(_ESCAPES)}\n" for each in traceback.splitlines())


def as_json(event: LogEvent) -> str:
    """Return the event as one flat JSON object in ASCII: the formatted message, and the fields with plain values."""
    message, traceback = formatEvent(event).rstrip(), _traceback(event)
    if not message and not traceback:
        return ""
    members: dict[str, object] = {
        "time": _time(event),
        "level": event["log_level"].name,
        "namespace": str(event.get("log_namespace") or "-"),
        "message": message,
    }
    if WORKER in event:
        members["worker"] = event[WORKER]
    if traceback:
        members["traceback"] = traceback
    for name, value in event.items():
        if not name.startswith("log_") and name not in _LEGACY and isinstance(value, str | int | float | None):
            finite = not isinstance(value, float) or math.isfinite(value)  # JSON has neither NaN nor infinity
            members.setdefault(name, value if finite else str(value))
    return json.dumps(members) + "\n"


def _time(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return failure.getTraceback().rstrip() if isinstance(failure, Failure) else ""


def _from(lowest: Any) -> frozenset[object]:
    return frozenset(level for level in LogLevel.iterconstants() if level >= lowest)


def say(line: str, stream: TextIO) -> None:
    """Print a line that may hold a stranger's text: control characters are escaped as in the log, and so are characters
    that the stream's encoding lacks.
    """
    encoding = stream.encoding or "utf-8"
    print(line.translate(_ESCAPES).encode(encoding, "backslashreplace").decode(encoding), file=stream)


@dataclass(frozen=True)
class Log:
    """The log of this process: the observer of events, and the buffer in which its lines wait to be written."""

    observer: Observer
    buffer: LogBuffer


def open_log(
    twistd: Mapping[str, Any],
    level: str,
    style: str,
    clock: IReactorTime,
    wall_clock: Callable[[], float] = time.time,
    *,
    worker: int | None = None,
    prioritized: bool = False,
) -> Log | None:
    """Open the log that twistd's options (--logfile, --syslog, --nodaemon) ask for. Return None if twistd's --logger
    names another observer, or if twistd does not run this process.

    `wall_clock()` is the time in seconds since the epoch; it dates the line about missing lines. Lines of a `worker`
    hold its number; if `prioritized`, they begin with a syslog priority, for a parent that passes them to syslog.
    ValueError or OSError if the log cannot be opened.
    """
    if "nodaemon" not in twistd or twistd.get("logger"):  # twistd always sets nodaemon
        return None
    log = log_to(_sink(twistd), level, style, clock, wall_clock)
    observer = log.observer
    if worker is not None:
        observer.format = with_worker(observer.format, worker)
    if twistd.get("syslog") or prioritized:
        as_untimed = as_untimed_text if worker is None else with_worker(as_untimed_text, worker)
        observer.format = with_priority(observer.format if style == "json" else as_untimed)
    if twistd["nodaemon"]:  # a daemon forks later, and threads do not survive a fork
        log.buffer.start()
    return log


def log_to(sink: Sink | int, level: str, style: str, clock: IReactorTime, wall_clock: Callable[[], float]) -> Log:
    """Return the log whose lines go to this sink, or file descriptor, once its buffer is started."""
    buffer = LogBuffer(DescriptorSink(sink) if isinstance(sink, int) else sink)
    observer = make_observer(level, style, buffer, clock)
    buffer.gap = lambda count: observer.format(_gap(count, wall_clock()))
    return Log(observer, buffer)


def log_destination(twistd: Mapping[str, Any]) -> int | str | None:
    """Return the place to which twistd's options send the log: a descriptor, the path of a file, None for another."""
    name, foreground = twistd.get("logfile"), twistd.get("nodaemon")
    if twistd.get("syslog") or twistd.get("logger"):
        return None
    if name == "-" or (not name and foreground):
        return sys.stdout.fileno()
    return os.path.abspath(name or "twistd.log")


def _sink(twistd: Mapping[str, Any]) -> Sink:
    if twistd.get("syslog"):
        return SyslogSink(twistd.get("prefix") or "wsaas")
    if twistd.get("logfile") == "-" and not twistd["nodaemon"]:
        raise ValueError("a daemon cannot log to standard output: give --logfile a file, or twistd --nodaemon")
    destination = log_destination(twistd)
    if isinstance(destination, int):
        sys.stdout.flush()
        return DescriptorSink(destination, sys.stdout.encoding or "utf-8")
    return FileSink(destination or "twistd.log")


def _gap(count: int, moment: float) -> LogEvent:
    """Return the event that tells how many lines the full buffer dropped."""
    return {
        "log_format": "{left_out} lines are missing here: the log could not be written as fast as lines came",
        "log_level": LogLevel.warn,
        "log_namespace": "wsaas.logs",
        "log_time": moment,
        "left_out": count,
    }
