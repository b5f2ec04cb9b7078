"""The command `wsaas`: finds the command, parses its arguments, and makes an exit status of its end.

Twisted is imported by the commands that need it, in their own modules: the others start three times as fast.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from wsaas.cli.commands import COMMANDS
from wsaas.cli.failures import BROKEN_PIPE, DONE, INTERRUPTED, USAGE, Failed
from wsaas.cli.parser import did_you_mean, with_hint
from wsaas.cli.terminal import Output, write
from wsaas.cli.text import printable

_OTHER_NAMES = {"--help": "help", "-h": "help", "--version": "version"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["help"]
    name = _OTHER_NAMES.get(name, name)
    command = COMMANDS.get(name)
    if command is None:
        why = f"there is no command {name!r}{did_you_mean(name, COMMANDS)}"
        write(sys.stderr, printable(f"wsaas: {with_hint(why, 'wsaas help')}"))
        return USAGE
    if command.raw and not {"-h", "--help"} & set(rest):
        return command.run(argparse.Namespace(name=name, arguments=rest))
    try:
        options = command.parser(name).parse(rest)
        options.name = name
        return _ended(options, command.run(options))
    except Failed as failed:
        Output(getattr(options, "json", False)).error(f"wsaas {name}", failed.code, failed.message)
        return failed.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has seen enough. What Python still holds must not fail again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _ended(options: argparse.Namespace, status: int) -> int:
    if status == DONE:
        sys.stdout.flush()  # so that a reader that is gone is noticed while that can be handled
    return status
