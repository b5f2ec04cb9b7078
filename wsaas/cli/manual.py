"""The manual page wsaas(1), made from the parsers of the commands when the package is built."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from wsaas.cli.arguments import api_options
from wsaas.cli.command import Command
from wsaas.cli.commands import COMMANDS
from wsaas.cli.failures import STATUSES
from wsaas.cli.help import GROUPS
from wsaas.cli.parser import Parser

ENVIRONMENT = (
    ("LOCAL_ADDRESS", "Address of the API, for commands that call it; else HTTP_PORT on this machine."),
    ("API_TOKEN, API_TOKEN_FILE", "The API's token, or the file that holds it. Of several tokens the first is sent."),
    ("NO_COLOR", "No colours, if it is set to anything."),
)
_API = frozenset({"--json", "--url", "--token-file", "--ca"})


def manual(version: str, date: str) -> str:
    """Return the page in man(7)'s macros, for this version and the date (2026-11-28) on which it was made."""
    lines = [
        f'.TH WSAAS 1 "{date}" "wsaas {roff(version)}" "User Commands"',
        ".SH NAME",
        r"wsaas \- run a WebSocket gateway, and see and change its connections",
        ".SH SYNOPSIS",
        r".B wsaas \fICOMMAND\fR [options]",
        ".SH DESCRIPTION",
        "WSAAS holds WebSocket connections for a backend that speaks plain HTTP.",
        "This command runs the gateway, and calls its API.",
    ]
    lines += [".SH COMMANDS"]
    for title, names in GROUPS.items():
        lines += [f".SS {roff(title)}"]
        for name in names:
            lines += [".TP", rf".B wsaas {roff(name)}", roff(COMMANDS[name].summary)]
    for names in GROUPS.values():
        for name in names:
            lines += _command(name, COMMANDS[name])
    lines += [".SH OPTIONS OF THE API", "Each command that calls the API has these options."]
    lines += _arguments(api_options(), skip=frozenset({"-h"}))
    lines += [".SH ENVIRONMENT"]
    for name, text in ENVIRONMENT:
        lines += [".TP", rf".B {roff(name)}", roff(text)]
    lines += ["Each option of wsaas run is a variable, too."]
    lines += [".SH EXIT STATUS"]
    for status, text in STATUSES.items():
        lines += [".TP", rf".B {status}", roff(text)]
    lines += [".SH SEE ALSO", r".BR twistd (1),", "docs/command_line.rst"]
    return "\n".join(lines) + "\n"


def _command(name: str, command: Command) -> list[str]:
    parser = command.parser(name)
    calls_api = any("--url" in action.option_strings for action in parser.declared)
    lines = [f".SH WSAAS {roff(name.upper())}", *_sentences(command.description), ".PP", ".nf"]
    lines += [roff(f"    {line}") for line, _ in command.examples] + [".fi"]
    return lines + _arguments(parser, skip=frozenset({"-h"}) | (_API if calls_api else frozenset()))


def _arguments(parser: Parser, skip: frozenset[str]) -> list[str]:
    lines = []
    for action in parser.declared:
        if not skip & set(action.option_strings):
            lines += [".TP", _head(action), roff(str(action.help).replace("%%", "%"))]
    return lines


def _head(action: argparse.Action) -> str:
    """Return the names of an argument, bold, and the name of its value, in italics."""
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return rf"\fI{roff(value)}\fR"
    names = ", ".join(rf"\fB{roff(option)}\fR" for option in action.option_strings)
    return rf"{names} \fI{roff(value)}\fR" if value else names


def _sentences(text: str) -> Sequence[str]:
    """Return the text with each sentence on a line of its own, as troff wants it."""
    return [roff(sentence) for sentence in re.split(r"(?<=\.) (?=[A-Z])", text)]


def roff(text: str) -> str:
    """Return the text so that troff prints it as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return "\\&" + text if text.startswith((".", "'")) else text
