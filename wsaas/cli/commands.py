"""The commands: name, summary, examples, arguments, and the module that carries each out.

This is the one source of the help, the completions, the manual page and docs/command_line.rst. It imports the standard
library only, so that the build can read it, and so that a command of the API starts at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from wsaas.cli.api_commands import API_COMMANDS
from wsaas.cli.arguments import add_settings
from wsaas.cli.command import Command
from wsaas.cli.connect_arguments import add_connect_arguments
from wsaas.cli.lambda_arguments import LAMBDA, add_lambda_arguments, add_lambda_routes
from wsaas.cli.parser import Parser, choice
from wsaas.cli.try_arguments import TRY, add_try_arguments

SHELLS = ("bash", "zsh", "fish")


def _completion(parser: Parser) -> None:
    parser.add_argument("shell", type=choice(*SHELLS), choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def _help(parser: Parser) -> None:
    names = [*COMMANDS]
    parser.add_argument("command", nargs="?", metavar="COMMAND", type=choice(*names), choices=names, help="one of them")


def _check(parser: Parser) -> None:
    parser.usage = f"{parser.prog} [options]"
    parser.add_argument("--version", action="version", version="", help="Print the version and exit.")
    parser.add_argument(
        "--demo", action="store_true", help="Start the demo backend beside the gateway, at TARGET_ADDRESS."
    )
    parser.add_argument(
        "--worker",
        metavar="N",
        help="Serve as the worker of this number, from 1; by default a parent starts all.",
    )
    add_settings(parser)


def _run(parser: Parser) -> None:
    _check(parser)
    add_lambda_routes(parser)


COMMANDS: Mapping[str, Command] = {
    "run": Command(
        "run the gateway in the foreground",
        "Run the gateway in the foreground, until it is stopped. Each option is a setting, and "
        "can be an environment variable as well, in upper case: WS_PORT for --ws-port. The option beats the variable, "
        "which beats the default. Sizes are in bytes, times in milliseconds, unless they have a unit (64KiB, 30s); "
        "lists can be repeated, or separated by spaces or commas.",
        (
            ("wsaas run --demo", "a gateway with a backend to try it with"),
            ("TARGET_ADDRESS=http://localhost:5000/ws wsaas run", "your own backend"),
            ("wsaas run --ws-port 9000 --log-level debug", "options instead of variables"),
            ("wsaas run --lambda '$default=app:handler'", "with a Lambda handler"),
        ),
        _run,
        "wsaas.cli.gateway",
        raw=True,
    ),
    "check": Command(
        "check the settings",
        "Check the settings: print those in effect and end with status 0, or print their mistakes and end with 1. With "
        "CLUSTER, the engine is tried as well.",
        (
            ("wsaas check", "the settings of the environment"),
            ("wsaas check --ws-port 9000 | grep PORT", "with options, as run would have them"),
        ),
        _check,
        "wsaas.cli.gateway",
        raw=True,
    ),
    "connect": Command(
        "connect to a WebSocket, send typed lines",
        "Connect to a WebSocket. Each line you type is sent as a text message; Ctrl-D closes. Lines from a pipe are "
        "sent in the same way; after the end of the pipe the client waits for answers.",
        (
            ("wsaas connect localhost:8080", "a gateway on this machine"),
            ("wsaas connect wss://example.com/room/7 -s v2.chat", "offer a subprotocol"),
            ("wsaas connect :8080 -H 'Cookie: session=42'", "send a header"),
            ("echo hello | wsaas connect :8080 --wait 1", "send a line, print the answers of a second"),
        ),
        add_connect_arguments,
        "wsaas.cli.connect",
    ),
    **API_COMMANDS,
    "try": Command(*TRY, add_try_arguments, "wsaas.cli.trial"),
    "lambda": Command(*LAMBDA, add_lambda_arguments, "wsaas.cli.lambda_backend"),
    "completion": Command(
        "print a shell's completions",
        "Print the completions of this command for a shell. Packages install them already; this is for other "
        "installations.",
        (
            ("source <(wsaas completion bash)", "in this bash"),
            ("wsaas completion zsh > ~/.zfunc/_wsaas", "a folder of fpath"),
            ("wsaas completion fish > ~/.config/fish/completions/wsaas.fish", ""),
        ),
        _completion,
        "wsaas.cli.completion",
    ),
    "version": Command(
        "print the versions",
        "Print the versions of WSAAS, Twisted and Python, and whether this Python was built with a profile (PGO), "
        "which makes the gateway faster.",
        (("wsaas version", ""),),
        lambda parser: None,
        "wsaas.cli.version",
    ),
    "help": Command(
        "print this, or the help of a command",
        "Print the list of commands, or the help of one.",
        (("wsaas help push", "the same as wsaas push --help"),),
        _help,
        "wsaas.cli.help",
    ),
}


def whole_parser() -> Parser:
    """Return one parser with all commands below it, for the completions."""
    parser = Parser(prog="wsaas", description="WebSockets as a service.")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=Parser)
    for name, command in COMMANDS.items():
        command.configure(
            commands.add_parser(name, help=command.summary, description=command.summary, examples=command.examples)
        )
    return parser
