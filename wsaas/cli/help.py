"""`wsaas help`: the list of commands, or the help of one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from wsaas.cli.commands import COMMANDS
from wsaas.cli.failures import DONE


def run(options: argparse.Namespace) -> int:
    """Print the help."""
    name = options.command
    print(usage() if name is None else COMMANDS[name].parser(name).format_help(), end="")
    return DONE


def usage() -> str:
    """Return the list of commands, in groups."""
    lines = ["Usage: wsaas COMMAND [options]"]
    for title, names in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  wsaas {SYNOPSES.get(name, name):<{_WIDEST}}  {COMMANDS[name].summary}" for name in names]
    lines += ["", "wsaas help COMMAND has examples and all options of a command.", ""]
    return "\n".join(lines)


GROUPS: Mapping[str, Sequence[str]] = {
    "The gateway": ("run", "check"),
    "A backend": ("try", "lambda"),
    "A client": ("connect",),
    "Its connections, over the API": (
        "ls",
        "show",
        "push",
        "close",
        "groups",
        "join",
        "leave",
        "tail",
        "replay",
        "cluster",
    ),
    "This command": ("completion", "version", "help"),
}
"""The commands in the order of the help."""
SYNOPSES = {
    "run": "run [options]",
    "check": "check [options]",
    "connect": "connect URL",
    "show": "show ID",
    "push": "push ID TEXT",
    "close": "close ID",
    "join": "join GROUP ID",
    "leave": "leave GROUP ID",
    "tail": "tail [ID]",
    "replay": "replay WEBHOOK_ID",
    "completion": "completion SHELL",
    "help": "help [COMMAND]",
    "lambda": "lambda --route KEY=TARGET",
    "try": "try [TARGET_ADDRESS]",
}
_WIDEST = max(len(SYNOPSES.get(name, name)) for name in COMMANDS)
