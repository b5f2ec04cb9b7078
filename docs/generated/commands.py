"""The commands, their options and their exit statuses, as their parsers have them."""

from __future__ import annotations

import argparse
import re
import textwrap

from wsaas.cli.arguments import api_options
from wsaas.cli.command import Command
from wsaas.cli.commands import COMMANDS
from wsaas.cli.failures import STATUSES
from wsaas.cli.help import GROUPS
from wsaas.cli.parser import Parser

WIDTH = 110
SETTINGS = ("run", "check")
"""Commands whose options are the settings, which have a page of their own."""
API_OPTIONS = ("--json", "--url", "--token-file", "--ca")


def reference(arguments: list[str]) -> str:
    """Return the commands in reStructuredText, in the order of `wsaas help`."""
    lines: list[str] = []
    for title, names in GROUPS.items():
        lines += ["", title, "=" * len(title)]
        for name in names:
            lines += command_lines(name, COMMANDS[name])
    return "\n".join(lines).strip() + "\n"


def command_lines(name: str, command: Command) -> list[str]:
    parser = command.parser(name)
    calls_api = any("--url" in action.option_strings for action in parser.declared)
    lines = ["", f"wsaas {name}", "-" * len(f"wsaas {name}"), "", *wrapped(command.description), ""]
    lines += [".. code-block:: bash", "", *example_lines(command), ""]
    if name in SETTINGS:
        return [*lines, *wrapped("The options are the settings, and ``--demo``, ``--worker`` and ``--version``.")]
    own = [
        action
        for action in parser.declared
        if not {"-h", *(API_OPTIONS if calls_api else ())} & set(action.option_strings)
    ]
    if own:
        lines += [".. list-table::", "   :widths: 25 75", ""]
        for action in own:
            lines += row(parser, action)
        lines += [""]
    if calls_api:
        lines += wrapped("It takes the options of all `commands that call the API`_, too.")
    return lines


def example_lines(command: Command) -> list[str]:
    widest = max(len(line) for line, _ in command.examples)
    return [f"    {line.ljust(widest)}   # {text}" if text else f"    {line}" for line, text in command.examples]


def row(parser: Parser, action: argparse.Action) -> list[str]:
    """Return the row of one argument."""
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    name = ", ".join(f"``{option}{value}``" for option in action.option_strings) or f"``{action.metavar}``"
    first, *rest = textwrap.wrap(escaped(str(action.help).replace("%%", "%")), WIDTH - 7)
    return [f"   * - {name}", f"     - {first}", *(f"       {line}" for line in rest)]


def common_options(arguments: list[str]) -> str:
    """Return the table of the options that all commands of the API have."""
    parser = api_options()
    options = [action for action in parser.declared if "-h" not in action.option_strings]
    rows = [line for action in options for line in row(parser, action)]
    return "\n".join([".. list-table::", "   :widths: 25 75", "", *rows]) + "\n"


def statuses(arguments: list[str]) -> str:
    """Return the table of the exit statuses."""
    lines = [".. list-table::", "   :widths: 10 90", ""]
    for status, text in STATUSES.items():
        lines += [f"   * - {status}", f"     - {text}"]
    return "\n".join(lines) + "\n"


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(escaped(text), WIDTH, break_on_hyphens=False)


def escaped(text: str) -> str:
    """Return the text with the words that begin with a dash, and names in capitals, as code."""
    words = []
    for word in text.split():
        bare = word.strip(".,;:()[]")
        named = (bare.startswith("--") and len(bare) > 2) or re.fullmatch("[A-Z]+_", bare)  # else a reference
        if named and "``" not in word:
            word = word.replace(bare, f"``{bare}``", 1)
        words.append(word)
    return " ".join(words)
