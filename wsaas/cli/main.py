"""The command `wsaas`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from wsaas.internals.signals import Signals

USAGE = """\
Usage: wsaas COMMAND

  wsaas run [options]     run the gateway in the foreground, like: twistd -n --pidfile= wsaas [options]
  wsaas check [options]   check the settings: print them and exit 0, or print their mistakes and exit 1
  wsaas connect URL       connect to a WebSocket: send typed lines, print received messages
  wsaas version           print the version
  wsaas help              print this

`wsaas run --help` lists the options and the settings.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["help"]
    name = {"--help": "help", "-h": "help", "--version": "version"}.get(name, name)
    command = COMMANDS.get(name)
    if command is None:
        return _misused(f"there is no command {name!r}; see wsaas help")
    return command(rest)


def run(arguments: Sequence[str]) -> int:
    """Run the gateway in this process, until it is stopped."""
    held = Signals()
    held.hold()  # first: the imports below take time, and a SIGHUP that arrives meanwhile must not end the process
    try:
        return _run(arguments, held)
    except BaseException:
        held.release()
        raise


def _run(arguments: Sequence[str], held: Signals) -> int:
    from twisted.application.service import ServiceMaker
    from twisted.python.usage import UsageError
    from twisted.scripts.twistd import ServerOptions, runApp  # type: ignore[attr-defined]

    from wsaas.tap import Options

    class RunOptions(Options):
        signals = held

        def getSynopsis(self) -> str:
            return "Usage: wsaas run [options]"

    maker = ServiceMaker("WSAAS", "wsaas.tap", "", "wsaas")

    class Twistd(ServerOptions):
        """The options of a twistd that knows this service only. It loads no plugins: any of them could be broken."""

        loadedPlugins = {"wsaas": maker}  # noqa: RUF012
        subCommands = (("wsaas", None, RunOptions, ""),)

    twistd = Twistd()
    try:
        # No pid file: it needs a writable directory, and a process in the foreground has no use for it.
        twistd.parseOptions(["--nodaemon", "--pidfile=", "wsaas", *arguments])
    except UsageError as error:
        return _misused(f"{error}; see wsaas run --help")
    runApp(twistd)
    return 0


def check(arguments: Sequence[str]) -> int:
    """Check and print the settings, without starting anything."""
    from twisted.python.usage import UsageError

    from wsaas.logs import say
    from wsaas.tap import Options

    class CheckOptions(Options):
        def getSynopsis(self) -> str:
            return "Usage: wsaas check [options]"

    options = CheckOptions()
    try:
        options.parseOptions(list(arguments))
    except UsageError as error:
        return _misused(f"{error}; see wsaas check --help")
    for name, value in options.settings.describe():
        say(f"{name}={value}", sys.stdout)
    for warning in options.settings.warnings:
        say(f"wsaas: warning: {warning}", sys.stderr)
    return 0


def connect(arguments: Sequence[str]) -> int:
    """Run the interactive client."""
    from wsaas.cli.connect import main

    return main(arguments)


def version(arguments: Sequence[str]) -> int:
    """Print the version."""
    from wsaas.tap import versions

    print(versions())
    return 0


def help(arguments: Sequence[str]) -> int:
    """Print the commands."""
    print(USAGE, end="")
    return 0


def _misused(why: str) -> int:
    from wsaas.logs import say

    say(f"wsaas: {why}", sys.stderr)
    return 2


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "check": check,
    "connect": connect,
    "version": version,
    "help": help,
}
