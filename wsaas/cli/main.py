"""The command `wsaas`: finds the command, parses its arguments, and makes an exit status of its end.

Twisted is imported by the commands that need it, in their own modules: the others start three times as fast.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from wsaas.cli.commands import COMMANDS
from wsaas.cli.failures import BROKEN_PIPE, DONE, FAILED, INTERRUPTED, USAGE, Failed
from wsaas.cli.parser import did_you_mean, with_hint
from wsaas.cli.terminal import Output, write
from wsaas.cli.text import printable
from wsaas.internals.standard_streams import open_standard_streams

_OTHER_NAMES = {"--help": "help", "-h": "help", "--version": "version"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    open_standard_streams()
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["help"]
    name = _OTHER_NAMES.get(name, name)
    command = COMMANDS.get(name)
    if command is None:
        why = f"there is no command {name!r}{did_you_mean(name, COMMANDS)}"
        write(sys.stderr, printable(f"wsaas: {with_hint(why, 'wsaas help')}"))
        return USAGE
    try:
        if command.raw and not {"-h", "--help"} & set(rest):
            options = argparse.Namespace(name=name, arguments=rest)
            return _ended(options, command.run(options))
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
        _write_no_more()
        return BROKEN_PIPE
    except OSError as error:  # such as that of a full disk, to which the output goes
        _write_no_more()
        with suppress(OSError):
            write(sys.stderr, printable(f"wsaas {name}: {error.strerror or error}"))
        return FAILED


def _write_no_more() -> None:
    """Send what Python still holds of the output to nowhere, so that it cannot fail again at the exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ended(options: argparse.Namespace, status: int) -> int:
    if status == DONE:
        sys.stdout.flush()  # so that a reader that is gone is noticed while that can be handled
    return status
