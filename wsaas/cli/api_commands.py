"""The commands that call the API: name, summary, examples, arguments, and the module that carries each out."""

from __future__ import annotations

from collections.abc import Mapping

from wsaas.cli.arguments import (
    add_close_arguments,
    add_ls_arguments,
    add_push_arguments,
    add_replay_arguments,
    add_tail_arguments,
    api_arguments,
    group_argument,
    id_argument,
    limit_argument,
)
from wsaas.cli.command import Command
from wsaas.cli.parser import Parser, choice


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


def _replay(parser: Parser) -> None:
    add_replay_arguments(parser)
    api_arguments(parser)


API_COMMANDS: Mapping[str, Command] = {
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
            ("wsaas ls | xargs -n 1 wsaas close", "close each of them"),
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
    "replay": Command(
        "send a recorded webhook to the backend again",
        "Send a webhook that the gateway has recorded (CONSOLE=payloads) to the backend again, and print the answer. "
        "The webhook-id is the same; timestamp and signature are new. The answer is shown only: nothing is sent to the "
        "client, and nothing is closed, retried or counted. It works after the connection is over, too.",
        (
            ("wsaas replay WEBHOOK_ID", "as wsaas tail shows it in brackets"),
            ("wsaas replay WEBHOOK_ID --edit", "edit its body first, in $EDITOR"),
            ('wsaas replay WEBHOOK_ID --body \'{"action": "other"}\'', "with another body"),
            ("wsaas replay WEBHOOK_ID --body @message.json --json | jq .status", ""),
        ),
        _replay,
        "wsaas.cli.replay",
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
}
