"""The arguments that several commands have, and those of commands that have many."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from wsaas.cli.parser import Parser, choice, whole
from wsaas.cli.text import ID_LENGTH

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000_000
SORTS = ("waiting", "since", "in", "out")
EVENTS = (
    *("connect", "message", "refresh", "disconnect", "retry", "reply"),
    *("push", "group_push", "broadcast", "refusal", "close"),
)
"""The words for events, as /-/events has them."""
MAX_RECEIPT = 60_000
"""Milliseconds for which a push may wait for its receipt."""
SHORTEST_ID = 4
"""Characters of an id that must be given at least."""

# The names by which shtab knows what to complete (shtab.FILE, shtab.cmd); written out, so that it need not be there.
FILES = {
    "bash": "_shtab_compgen_files",
    "zsh": "_files",
    "fish": "(__fish_complete_path (commandline -ct))",
}
IDS = {
    "bash": "_wsaas_ids",
    "zsh": "($(wsaas ls 2>/dev/null))",
    "fish": "(wsaas ls 2>/dev/null)",
}
IDS_PREAMBLE = {"bash": '_wsaas_ids() {\n  compgen -W "$(wsaas ls 2>/dev/null)" -- "$1"\n}\n'}


def id_type(text: str) -> str:
    """Parse the id of a connection, or the beginning of one."""
    if re.fullmatch(f"[A-Za-z0-9]{{{SHORTEST_ID},{ID_LENGTH}}}", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no id: {ID_LENGTH} letters and digits, or the first {SHORTEST_ID} or more of its own part, "
        "as wsaas ls --long shows it"
    )


def group_type(text: str) -> str:
    """Parse the name of a group."""
    if not text or text in (".", ".."):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a group")
    return text


def close_code(text: str) -> int:
    """Parse a close code that the API may send."""
    if re.fullmatch("1000|[34][0-9]{3}", text, re.ASCII):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no code that you can send: 1000, or 3000 to 4999")


def id_argument(parser: Parser) -> None:
    parser.add_argument(
        "id",
        type=id_type,
        metavar="ID",
        complete=IDS,
        help="a connection: its id, or the start of its own part",
    )


def group_argument(parser: Parser) -> None:
    parser.add_argument("group", type=group_type, metavar="GROUP", help="the name of a group")


def api_arguments(parser: Parser) -> None:
    """Add the options of each command that calls the API."""
    parser.add_argument("--json", action="store_true", help="print JSON, and failures as JSON on standard error")
    parser.add_argument(
        "--url",
        metavar="URL",
        help="address of the API: http://host:8081, https://..., unix:/path "
        "[default: LOCAL_ADDRESS, else http://localhost:HTTP_PORT]",
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        complete=FILES,
        help="file that holds the API's token [default: API_TOKEN, or the file of API_TOKEN_FILE]",
    )
    parser.add_argument(
        "--ca", metavar="FILE", complete=FILES, help="PEM certificate to trust for https, instead of the system's"
    )


def api_options() -> Parser:
    """Return a parser that has these options alone, for the pages that list them once."""
    parser = Parser(prog="wsaas")
    api_arguments(parser)
    return parser


def except_argument(parser: Parser, many: str) -> None:
    parser.add_argument(
        "--except",
        dest="but",
        action="append",
        default=[],
        type=id_type,
        metavar="ID",
        complete=IDS,
        help=f"all but this one, with {many}; can be repeated",
    )


def add_push_arguments(parser: Parser) -> None:
    id_or_message = "a connection; left out with --group and --all"
    parser.add_argument("id", nargs="?", metavar="ID", complete=IDS, help=id_or_message)
    parser.add_argument(
        "message",
        nargs="?",
        metavar="TEXT",
        help="the message; - stands for standard input, @FILE for the contents of a file",
    )
    parser.add_argument("--group", type=group_type, metavar="GROUP", help="send to all members of a group")
    parser.add_argument("--all", action="store_true", help="send to all connections")
    except_argument(parser, "--group or --all")
    parser.add_argument("--binary", action="store_true", help="send a binary message instead of text")
    parser.add_argument(
        "--receipt",
        type=whole(1, MAX_RECEIPT),
        metavar="MS",
        help="wait so many milliseconds for the proof that the client has read it (a pong); only to one connection",
    )


def add_close_arguments(parser: Parser) -> None:
    parser.add_argument(
        "id", nargs="?", type=id_type, metavar="ID", complete=IDS, help="a connection; left out with --group"
    )
    parser.add_argument("--group", type=group_type, metavar="GROUP", help="close those of all members of a group")
    except_argument(parser, "--group")
    parser.add_argument("--code", type=close_code, metavar="CODE", help="1000, or 3000 to 4999 [default: 1000]")
    parser.add_argument("--reason", metavar="TEXT", help="sent with the code; 123 bytes at most")


def add_ls_arguments(parser: Parser) -> None:
    parser.add_argument("--group", type=group_type, metavar="GROUP", help="only the members of this group")
    parser.add_argument(
        "-l", "--long", action="store_true", help="what is known of each: age, address, path, groups, messages, bytes"
    )
    parser.add_argument(
        "--sort",
        type=choice(*SORTS),
        choices=list(SORTS),
        metavar="KEY",
        help="waiting: most bytes waiting first; since: longest connected first; in, out: most messages first. "
        "Implies --long",
    )
    limit_argument(parser, "connections")


def limit_argument(parser: Parser, noun: str) -> None:
    parser.add_argument(
        "--limit",
        type=whole(1, MAX_LIMIT),
        default=DEFAULT_LIMIT,
        metavar="N",
        help=f"{noun} shown at most [default: {DEFAULT_LIMIT:,}]",
    )


def add_tail_arguments(parser: Parser) -> None:
    parser.add_argument(
        "id", nargs="?", type=id_type, metavar="ID", complete=IDS, help="only what concerns this connection"
    )
    parser.add_argument(
        "--event", type=listed(choice(*EVENTS)), metavar="EVENTS", help=f"only these, with commas: {', '.join(EVENTS)}"
    )
    parser.add_argument(
        "--status",
        type=listed(status_type),
        metavar="STATUSES",
        help="only with these statuses, with commas: numbers, 4xx, 5xx, or error for no answer",
    )
    parser.add_argument(
        "--group",
        type=listed(group_type),
        metavar="GROUPS",
        help="only what concerns the members of these groups, with commas",
    )
    parser.add_argument(
        "--payloads", action="store_true", help="show bodies, too, if the gateway records them (CONSOLE=payloads)"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="show every event, however many; else a terminal is shown 100 a second of each kind, 1000 with a filter",
    )
    parser.add_argument(*("-n", "--count"), type=whole(1, MAX_LIMIT), metavar="N", help="end after so many events")


def add_replay_arguments(parser: Parser) -> None:
    parser.add_argument(
        "webhook_id", type=webhook_id_type, metavar="WEBHOOK_ID", help="the webhook, as wsaas tail shows it in brackets"
    )
    parser.add_argument(
        "--body",
        metavar="TEXT",
        help="sent instead of the recorded body; - stands for standard input, @FILE for the contents of a file",
    )
    parser.add_argument(
        "--edit", action="store_true", help="edit the recorded body first, with the program that VISUAL or EDITOR names"
    )


def webhook_id_type(text: str) -> str:
    """Parse the id of a webhook."""
    if re.fullmatch(f"[A-Za-z0-9]{{{ID_LENGTH}}}_[0-9]+_[a-z_]+", text, re.ASCII):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no id of a webhook, which is like ID_3_message")


def status_type(text: str) -> str:
    """Parse a status that events are selected by."""
    if re.fullmatch("[1-5](?:xx|[0-9][0-9])|error", text, re.ASCII):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no status: write a number, 5xx or the like, or error")


def listed(each: Callable[[str], str]) -> Callable[[str], list[str]]:
    """Return the type of an argument that is a list with commas."""

    def parsed(text: str) -> list[str]:
        return [each(part.strip()) for part in text.split(",")]

    return parsed


def add_settings(parser: Parser) -> None:
    """Add an option for each setting, as `wsaas.tap` has them."""
    from wsaas.settings.sources import FILE, option
    from wsaas.settings.table import TABLE

    for name, row in TABLE.items():
        default = row.unset_is if row.default is None else row.default
        path = name.endswith(("_CA", "_CERT", "_KEY", "_DIR"))
        text = f"{row.help} [default: {default}]".replace("%", "%%")
        parser.add_argument(
            option(name), metavar="VALUE", help=text, complete=FILES if path and not row.secret else None
        )
        for alias in row.aliases:
            parser.add_argument(option(alias), metavar="VALUE", help=f"Another name of {name}.")
        if row.secret:
            parser.add_argument(option(name + FILE), metavar="FILE", help=f"File that holds {name}.", complete=FILES)
