"""The parser of a command's arguments: argparse, with examples first, and one line for a mistake, with a guess.

Each parser remembers its arguments in `declared`, from which the manual page and docs/command_line.rst are made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from wsaas.cli.failures import USAGE
from wsaas.cli.text import printable

MAX_COLUMNS = 100
"""Columns of a help text at most: longer lines are hard to read."""
Example = tuple[str, str]
"""A command line, and what it does."""


class Formatter(argparse.HelpFormatter):
    """Lays the help out: options in one column, their texts in another, as wide as the terminal."""

    def __init__(self, prog: str) -> None:
        columns = min(shutil.get_terminal_size().columns, MAX_COLUMNS)
        super().__init__(prog, max_help_position=28, width=columns - 1)


class Parser(argparse.ArgumentParser):
    """The parser of one command."""

    def __init__(self, *, examples: Sequence[Example] = (), summary: str = "", **options: Any) -> None:
        self._as_json = False
        self.declared: list[argparse.Action] = []
        self.examples = tuple(examples)
        self.summary = summary
        options.setdefault("formatter_class", Formatter)
        super().__init__(allow_abbrev=False, add_help=False, **options)
        self.add_argument("-h", "--help", action="help", help="print this help")

    def add_argument(self, *names: Any, complete: Any = None, **options: Any) -> argparse.Action:
        """Add an argument. `complete` is what shtab completes it by."""
        action = super().add_argument(*names, **options)
        if complete is not None:
            action.complete = complete  # type: ignore[attr-defined]
        self.declared.append(action)
        return action

    def format_help(self) -> str:
        """Return the help: what the command does, examples, usage, arguments."""
        formatter = Formatter(self.prog)
        formatter.add_text(self.description)
        shown = formatter.format_help()
        shown += "\n" + "\n".join(example_lines(self.examples, shutil.get_terminal_size().columns)) + "\n\n"
        description, self.description = self.description, None
        try:
            return shown + super().format_help().replace("\npositional arguments:\n", "\narguments:\n")
        finally:
            self.description = description

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments, options between the others too. Wrong ones are one line and SystemExit(2)."""
        self._as_json = "--json" in arguments
        options, unknown = self.parse_known_intermixed_args(list(arguments))
        if unknown:
            self.error(self._unknown(unknown[0]))
        return options

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the help is, and end with status 2."""
        command = self.prog
        if self._as_json:
            sys.stderr.write(json.dumps({"code": "USAGE", "message": message}) + "\n")
        else:
            sys.stderr.write(printable(f"{command}: {with_hint(message, f'{command} --help')}") + "\n")
        raise SystemExit(USAGE)

    def _unknown(self, argument: str) -> str:
        if not argument.startswith("-"):
            return f"{argument!r} is one argument too many"
        name = argument.partition("=")[0]
        known = [each for action in self.declared for each in action.option_strings if each.startswith("--")]
        return f"there is no option {name}{did_you_mean(name, known)}"


def with_hint(message: str, help: str) -> str:
    """Return a complaint about the usage, with the command that prints the help."""
    return f"{message} See {help}" if message.endswith("?") else f"{message}; see {help}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a guess at what a misspelt name stands for, to follow the complaint; nothing if none is near."""
    near = get_close_matches(name, list(known), 1, 0.6)
    return f": did you mean {near[0]}?" if near else ""


def choice(*names: str) -> Callable[[str], str]:
    """Return the type of an argument that is one of these names."""

    def chosen(text: str) -> str:
        if text in names:
            return text
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(names)}{did_you_mean(text, names)}")

    return chosen


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return the type of an argument that is a whole number within bounds."""

    def parsed(text: str) -> int:
        if text.isascii() and text.isdigit() and lowest <= int(text) <= highest:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {lowest:,} to {highest:,}")

    return parsed


def seconds_up_to(most: float) -> Callable[[str], float]:
    """Return the type of an argument that is a number of seconds, more than none and at most so many."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if 0 < value <= most:
            return value
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, up to {most:g}")

    return parsed


def example_lines(examples: Sequence[Example], columns: int) -> list[str]:
    """Return the examples, indented: what each does beside it, or above it where the terminal is narrow."""
    widest = max((len(line) for line, _ in examples), default=0)
    if all(2 + widest + 3 + len(text) <= min(columns, 120) for _, text in examples):
        return [f"  {line.ljust(widest)}   {text}".rstrip() for line, text in examples]
    return [row for line, text in examples for row in ((f"  # {text}", f"  {line}") if text else (f"  {line}",))]
