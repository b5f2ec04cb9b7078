"""The way to standard output and standard error: data there, messages here; colour only where a person looks."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO

from wsaas.cli.text import printable

BOLD, DIM, RED, GREEN, YELLOW, BLUE = "1", "2", "31", "32", "33", "34"
MAX_COLUMNS = 160
"""Columns of a line at most, however wide the terminal is."""


class Output:
    """Prints the results of one command, for a person or, with `as_json`, for a program."""

    def __init__(self, as_json: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = sys.stdout if out is None else out
        self._err = sys.stderr if err is None else err

    @property
    def to_terminal(self) -> bool:
        return self._out.isatty()

    @property
    def colour(self) -> bool:
        """True if colours help: on a terminal that has them, unless NO_COLOR is set (no-color.org)."""
        return self.to_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def columns(self) -> int:
        """Columns of the terminal; 0 if the output goes elsewhere, where nothing is cut."""
        return min(shutil.get_terminal_size().columns, MAX_COLUMNS) if self.to_terminal else 0

    def paint(self, text: str, *codes: str) -> str:
        """Return the text in colour (ECMA-48, SGR), or as it is where colours are off."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if text and self.colour else text

    def line(self, text: str = "") -> None:
        """Print a line of data. Its control characters must be escaped already."""
        write(self._out, text)

    def lines(self, lines: Iterable[str], head: bool = False) -> None:
        """Print lines; with `head` the first one is that of a table."""
        for number, line in enumerate(lines):
            self.line(self.paint(line, BOLD) if head and number == 0 else line)

    def document(self, content: Any) -> None:
        """Print a JSON document: indented on a terminal, on one line elsewhere."""
        self.line(json.dumps(content, indent=2 if self.to_terminal else None, ensure_ascii=not self.to_terminal))

    def note(self, text: str) -> None:
        """Print a message for the person, who may not see the output."""
        with suppress(OSError):  # a full disk: the output counts
            write(self._err, printable(text))

    def error(self, command: str, code: str, message: str) -> None:
        """Print why a command failed: a sentence, or with --json an object with `code` and `message`."""
        text = json.dumps({"code": code, "message": message}) if self.as_json else printable(f"{command}: {message}")
        with suppress(OSError):
            write(self._err, text)


def write(stream: TextIO, text: str) -> None:
    """Write a line, at once. Characters that the stream's encoding lacks are escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()
