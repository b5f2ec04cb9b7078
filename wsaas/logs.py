"""What the log shows, and how: one event, one line, however a client spelled it.

    text   2026-11-23T10:00:00.000Z info  service: listening for clients on 127.0.0.1:8080
    json   {"time": "2026-11-23T10:00:00.000Z", "level": "info", "namespace": "wsaas.api.app", "message": ...}

A traceback follows its line, indented; in JSON it is a member. LOG_LEVEL is for our own events. Of the libraries'
only warnings and errors are shown, of Autobahn's only errors: below, it logs handshakes whole, Authorization included.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

from wsaas.service.reload import reopen

_COLOURS = {"critical": "1;31", "error": "31", "warn": "33", "info": "32", "debug": "2"}

# C0, DEL, C1, and what turns or breaks a line in Unicode: none of it may reach a terminal, or begin a line of its own.
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

# Members of an event that are not its author's fields: the legacy log's own.
_LEGACY = frozenset("message time system isError format failure why logLevel".split())


@implementer(ILogObserver)
class Observer:
    """Writes those events that pass to a stream, each at once.

    `stream` takes text; what its encoding cannot say is escaped. `format` makes the text of an event, line end and all,
    or nothing.
    """

    def __init__(self, level: str, stream: TextIO | LogFile, format: Callable[[LogEvent], str]) -> None:
        self._ours = _from(LogLevel.lookupByName(level))
        self._others = self._ours & _from(LogLevel.warn)
        self._autobahn = self._ours & _from(LogLevel.error)
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._format = format

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_level") in self._levels(event.get("log_namespace") or ""):
            text = self._format(event)
            if text:
                self._stream.write(text.encode(self._encoding, "backslashreplace").decode(self._encoding))
                self._stream.flush()

    def _levels(self, namespace: str) -> frozenset[object]:
        if namespace.startswith("wsaas.") or namespace == "stdout":  # what is printed is meant to be seen
            return self._ours
        return self._autobahn if namespace.startswith(("autobahn.", "txaio.")) else self._others


def observer(level: str, style: str, stream: TextIO | LogFile) -> Observer:
    """The observer for LOG_LEVEL and LOG_STYLE."""
    if style == "json":
        return Observer(level, stream, as_json)
    colour = style == "always" or (style == "auto" and not isinstance(stream, LogFile) and stream.isatty())
    return Observer(level, stream, as_coloured_text if colour else as_text)


def as_text(event: LogEvent) -> str:
    """One line for people, and the traceback below it."""
    return _line(event, "{time} {level:5} {place}: {message}\n")


def as_coloured_text(event: LogEvent) -> str:
    """The same with the level in colour."""
    colour = _COLOURS[event["log_level"].name]
    return _line(event, f"\x1b[2m{{time}}\x1b[0m \x1b[{colour}m{{level:5}}\x1b[0m {{place}}: {{message}}\n")


def _line(event: LogEvent, pattern: str) -> str:
    message, traceback = formatEvent(event).rstrip(), _traceback(event)
    if not message and not traceback:
        return ""
    place = str(event.get("log_namespace") or "-").removeprefix("wsaas.").translate(_ESCAPES)
    time, level = _time(event), event["log_level"].name
    line = pattern.format(time=time, level=level, place=place, message=message.translate(_ESCAPES))
    return line + "".join(f"    {each.translate(_ESCAPES)}\n" for each in traceback.splitlines())


def as_json(event: LogEvent) -> str:
    """One flat JSON object, in ASCII: the message as people see it, and the event's plain fields beside it."""
    message, traceback = formatEvent(event).rstrip(), _traceback(event)
    if not message and not traceback:
        return ""
    members: dict[str, object] = {
        "time": _time(event),
        "level": event["log_level"].name,
        "namespace": str(event.get("log_namespace") or "-"),
        "message": message,
    }
    if traceback:
        members["traceback"] = traceback
    for name, value in event.items():
        if not name.startswith("log_") and name not in _LEGACY and isinstance(value, str | int | float | None):
            finite = not isinstance(value, float) or math.isfinite(value)  # JSON has no word for the others
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
    """Print a line with anybody's text in it, escaped like the log: control characters, and what the stream's encoding
    cannot say.
    """
    encoding = stream.encoding or "utf-8"
    print(line.translate(_ESCAPES).encode(encoding, "backslashreplace").decode(encoding), file=stream)


def open_stream(twistd: Mapping[str, Any], reactor: Any) -> TextIO | LogFile | None:
    """Where twistd's own options (--logfile, --nodaemon) say that the log goes; None if it is not ours to write.

    A file is rotated by size and on SIGUSR1, as by twistd, and opened anew on SIGHUP.
    """
    if "nodaemon" not in twistd or twistd.get("logger") or twistd.get("syslog"):  # without the first, it is not twistd
        return None
    name, foreground = twistd.get("logfile"), twistd["nodaemon"]
    if name == "-" and not foreground:
        raise ValueError("a daemon cannot log to standard output: give --logfile a file, or twistd --nodaemon")
    if name == "-" or (not name and foreground):
        return sys.stdout
    path = os.path.abspath(name or "twistd.log")
    file = LogFile(os.path.basename(path), os.path.dirname(path))
    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(file.rotate))
    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(lambda: reopen(file)))
    return file
