"""`wsaas run` and `wsaas check`: the gateway in the foreground, and its settings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from wsaas.internals.signals import Signals


def run(options: argparse.Namespace) -> int:
    """Run the command `options.name` with `options.arguments`, which Twisted parses."""
    return (check if options.name == "check" else serve)(options.arguments)


def serve(arguments: Sequence[str]) -> int:
    """Run the gateway in this process, until it is stopped."""
    held = Signals()
    held.hold()  # first: the imports below take time, and a SIGHUP that arrives meanwhile must not end the process
    try:
        return _serve(arguments, held)
    except BaseException:
        held.release()
        raise


def _serve(arguments: Sequence[str], held: Signals) -> int:
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
        arguments, routes = _lambda_routes(arguments)
        # No pid file: it needs a writable directory, and a process in the foreground has no use for it.
        twistd.parseOptions(["--nodaemon", "--pidfile=", "wsaas", *arguments])
    except UsageError as error:
        return _misused("run", error)
    if not routes:
        runApp(twistd)
        return 0
    from wsaas.cli.lambda_backend import Beside

    with Beside(routes, twistd.subOptions.settings) as beside:
        runApp(twistd)
    return beside.status


def _lambda_routes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments without `--lambda KEY=TARGET`, and these routes."""
    from twisted.python.usage import UsageError

    rest: list[str] = []
    routes: list[str] = []
    given = iter(arguments)
    for argument in given:
        name, equals, value = argument.partition("=")
        if name != "--lambda":
            rest.append(argument)
        elif equals:
            routes.append(value)
        elif (route := next(given, None)) is not None:
            routes.append(route)
        else:
            raise UsageError("option --lambda requires argument")
    return rest, routes


def check(arguments: Sequence[str]) -> int:
    """Check and print the settings, without starting anything."""
    from twisted.python.usage import UsageError

    from wsaas.logs import say
    from wsaas.tap import Options, engine_flaws

    class CheckOptions(Options):
        def getSynopsis(self) -> str:
            return "Usage: wsaas check [options]"

    options = CheckOptions()
    try:
        options.parseOptions(list(arguments))
    except UsageError as error:
        return _misused("check", error)
    for name, value in options.settings.describe():
        say(f"{name}={value}", sys.stdout)
    problems: list[str] = []
    warnings = [*options.settings.warnings]
    if options.settings.cluster is not None:
        problems, doubts = engine_flaws(options.settings)
        warnings += doubts
    for warning in warnings:
        say(f"wsaas: warning: {warning}", sys.stderr)
    for problem in problems:
        say(f"wsaas: {problem}", sys.stderr)
    return 1 if problems else 0


def _misused(name: str, error: Exception) -> int:
    """Say what is wrong with an option, and which one may be meant. Twisted's texts name the option."""
    from wsaas.cli.commands import COMMANDS
    from wsaas.cli.parser import did_you_mean, with_hint
    from wsaas.logs import say

    why = str(error)
    _, dashes, rest = why.partition("option --")
    if dashes and "not recognized" in rest:
        given = f"--{rest.split()[0]}"
        parser = COMMANDS[name].parser(name)
        known = [each for action in parser.declared for each in action.option_strings]
        why = f"there is no option {given}{did_you_mean(given, known)}"
    say(f"wsaas {name}: {with_hint(why.rstrip('.'), f'wsaas {name} --help')}", sys.stderr)
    return 2
