"""The commands: name, summary, examples, arguments, and the module that carries each out.

This is the one source of the help, the completions, the manual page and docs/command_line.rst. It imports the standard
library only, so that the build can read it, and so that a command of the API starts at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from wsaas.cli.arguments import (
    add_close_arguments,
    add_connect_arguments,
    add_ls_arguments,
    add_push_arguments,
    add_settings,
    add_tail_arguments,
    api_arguments,
    group_argument,
    id_argument,
    limit_argument,
)
from wsaas.cli.lambda_arguments import LAMBDA, add_lambda_arguments, add_lambda_routes
from wsaas.cli.parser import Example, Parser, choice

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `module` has the function `run(options)`, which returns the exit status.

    `raw` commands read their arguments themselves; the parser then serves help and completions only.
    """

    summary: str
    description: str
    examples: Sequence[Example]
    configure: Callable[[Parser], None]
    module: str
    raw: bool = False

    def parser(self, name: str) -> Parser:
        """Return the parser of this command's arguments."""
        parser = Parser(
            prog=f"wsaas {name}", description=self.description, examples=self.examples, summary=self.summary
        )
        self.configure(parser)
        return parser

    def run(self, options: argparse.Namespace) -> int:
        status: int = import_module(self.module).run(options)
        return status


def _push(parser: Parser) -> None:
    add_push_arguments(parser)
    api_arguments(parser)


def _close(parser: Parser) -> None:
    add_close_arguments(parser)
    api_arguments(parser)


def _ls(parser: Parser) -> None:
    add_ls_arguments(parser)
    api_arguments(parser)


def _tail(parser: Parser) -> None:
    add_tail_arguments(parser)
    api_arguments(parser)


def _show(parser: Parser) -> None:
    id_argument(parser)
    api_arguments(parser)


def _cluster(parser: Parser) -> None:
    parser.add_argument(
        "action", nargs="?", metavar="claim", type=choice("claim"), choices=("claim",), help="say that a node is over"
    )
    parser.add_argument("prefix", nargs="?", metavar="PREFIX", help="the prefix of the node, as the list has it")
    api_arguments(parser)


def _groups(parser: Parser) -> None:
    limit_argument(parser, "groups")
    api_arguments(parser)


def _membership(parser: Parser) -> None:
    group_argument(parser)
    id_argument(parser)
    api_arguments(parser)


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
        "Check the settings: print those in effect and end with status 0, or print their mistakes and end with 1.",
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
    "push": Command(
        "send a message to clients",
        "Send a message to a connection, to the members of a group, or to all connections. It prints OK when the "
        "message is written to the client's socket, QUEUED when it follows the end of the client's handshake, or how "
        "many connections it was sent to and how many were skipped, because their clients read too slowly.",
        (
            ("wsaas push x8Kd93Lm 'hello'", "text to one connection"),
            ("wsaas push --group room:7 @news.json", "a file to the members of a group"),
            ("date | wsaas push --all -", "standard input to all"),
            ("wsaas push --binary x8Kd93Lm @picture.png", "a binary message"),
        ),
        _push,
        "wsaas.cli.pushing",
    ),
    "close": Command(
        "close connections",
        "Close a connection, or those of all members of a group. Data that was sent before still reaches the client.",
        (
            ("wsaas close x8Kd93Lm", "with code 1000"),
            ("wsaas close x8Kd93Lm --code 4001 --reason bye", "with a code of your own"),
            ("wsaas close --group room:7 --except x8Kd93Lm", "all of a group but one"),
        ),
        _close,
        "wsaas.cli.pushing",
    ),
    "ls": Command(
        "list the connections",
        "List the connections: their ids, or with --long a table. The other commands take an id, or the beginning of "
        "the part that is its own, as the table shows it.",
        (
            ("wsaas ls", "ids, one a line"),
            ("wsaas ls --long --group room:7", "what is known of a group's members"),
            ("wsaas ls --sort waiting --limit 10", "the ten slowest clients"),
            ("wsaas ls | xargs -n 1 wsaas close", "close all"),
        ),
        _ls,
        "wsaas.cli.listing",
    ),
    "show": Command(
        "show one connection",
        "Show what the gateway knows of a connection: state, times, address, path, groups, messages and bytes.",
        (("wsaas show x8Kd93Lm", ""), ("wsaas show x8Kd93Lm --json | jq .groups", "")),
        _show,
        "wsaas.cli.listing",
    ),
    "groups": Command(
        "list the groups",
        "List the groups, with the number of their members.",
        (("wsaas groups", ""), ("wsaas groups --json | jq -r '.groups[].name'", "the names alone")),
        _groups,
        "wsaas.cli.listing",
    ),
    "join": Command(
        "add a connection to a group",
        "Add a connection to a group. A group exists while it has members.",
        (("wsaas join room:7 x8Kd93Lm", ""),),
        _membership,
        "wsaas.cli.pushing",
    ),
    "leave": Command(
        "remove a connection from a group",
        "Remove a connection from a group. The connection stays open.",
        (("wsaas leave room:7 x8Kd93Lm", ""),),
        _membership,
        "wsaas.cli.pushing",
    ),
    "tail": Command(
        "show what happens, as it happens",
        "Show what happens, as it happens, until Ctrl-C: two lines for each webhook, what was sent to the backend "
        "(-->) and what came back (<--), with times, sizes and retries; besides pushes, replies, refusals and closes. "
        "If the gateway restarts, tail connects again and says so.",
        (
            ("wsaas tail", "everything"),
            ("wsaas tail x8Kd93Lm --payloads", "one connection, with bodies"),
            ("wsaas tail --status 4xx,5xx,error", "only what failed"),
            ("wsaas tail --event connect,refusal,close --group room:7", "who comes and goes"),
            ("wsaas tail --json | jq .event", "a JSON object for each event"),
        ),
        _tail,
        "wsaas.cli.tail",
    ),
    "cluster": Command(
        "list the processes of the gateway",
        "List the processes of the gateway: state, prefix of the ids of their connections, number of connections. With "
        "claim, say of a node that is lost for good that it is over, so that another one tells the backend of its "
        "connections: only where the log asks for that.",
        (("wsaas cluster", ""), ("wsaas cluster claim x8Kd93Lm", "that node is over, with its disk")),
        _cluster,
        "wsaas.cli.listing",
    ),
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
        "Print the versions of WSAAS, Twisted and Python.",
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
