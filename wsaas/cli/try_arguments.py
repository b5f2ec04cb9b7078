"""The arguments of `wsaas try`, and what its help says."""

from __future__ import annotations

import argparse
import re

from wsaas.cli.arguments import FILES
from wsaas.cli.connect_arguments import add_handshake_arguments
from wsaas.cli.parser import Parser, choice, seconds_up_to

CHECKS = (
    *("connect", "wrong-token", "repeated-connect", "odd-client", "refresh"),
    *("message", "plain-text", "binary", "empty", "large", "repeated-message", "unknown-message"),
    *("speed", "keep-alive", "at-once", "answer-length", "uncompressed"),
    *("wrong-signature", "no-signature", "old-signature", "rotated-secret"),
    *("disconnect", "repeated-disconnect", "unknown-disconnect", "api"),
)
"""The names of the checks, as wsaas/backend_trial has them."""
MESSAGE = '{"action": "try"}'
DEFAULT_TIMEOUT = 60
MAX_TIMEOUT = 3600.0
_DESCRIPTION = (
    "Try a backend without a gateway: send it the webhooks of made-up clients, with the gateway's own HTTP client and "
    "its settings, and say of each check what was found, and what to do. Their ids begin with WsaasTry. Settings such "
    "as TARGET_ADDRESS, WEBHOOK_SECRET, WEBHOOK_TIMEOUT and MESSAGE_CONTENT_TYPE are read as the gateway reads them. "
    "Unless a gateway runs there, it answers at LOCAL_ADDRESS as the gateway's API does, for what the backend pushes."
)
_EXAMPLES = (
    ("wsaas try http://localhost:3000/websocket", "a backend on this machine"),
    ("wsaas try :5000/ws --token eyJhbGciOi...", "clients need a token"),
    ("wsaas try --path '/room/7?lang=en' --message '{\"say\": \"hi\"}'", "a client as yours are"),
    ("wsaas try --strict --json > report.json", "in CI: warnings fail, too"),
)
TRY = ("try a backend, without a gateway", _DESCRIPTION, _EXAMPLES)
"""Summary, description and examples of the command."""


def add_try_arguments(parser: Parser) -> None:
    parser.epilog = (
        "Exit status: 0 if no check failed, 1 if one did (with --strict, if one has a warning, too), 2 for wrong "
        "arguments or settings, 5 if the backend cannot be reached, 130 after Ctrl-C."
    )
    parser.add_argument(
        "target",
        nargs="?",
        type=target_address,
        metavar="TARGET_ADDRESS",
        help="where the webhooks go [default: the setting TARGET_ADDRESS]",
    )
    add_handshake_arguments(parser)
    parser.add_argument(
        "--path",
        type=client_path,
        default="/",
        metavar="PATH",
        help="path and query of the clients' handshake [default: /]",
    )
    parser.add_argument(
        "--message",
        default=MESSAGE,
        metavar="TEXT",
        help=f"a message that clients send; @FILE stands for the contents of a file [default: {MESSAGE}]",
    )
    parser.add_argument(
        "--secret-file",
        metavar="FILE",
        complete=FILES,
        help="file that holds WEBHOOK_SECRET [default: WEBHOOK_SECRET, or the file of WEBHOOK_SECRET_FILE]",
    )
    parser.add_argument(
        "--skip",
        type=choice(*CHECKS[1:]),
        action="append",
        default=[],
        metavar="CHECK",
        help="a check that is left out, by its name; can be repeated",
    )
    parser.add_argument("--strict", action="store_true", help="end with status 1 for a warning, too")
    parser.add_argument(
        "--timeout",
        type=seconds_up_to(MAX_TIMEOUT),
        default=float(DEFAULT_TIMEOUT),
        metavar="SECONDS",
        help=f"for all checks together [default: {DEFAULT_TIMEOUT}]",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, and failures as JSON on standard error")


def target_address(text: str) -> str:
    """Return the address of a backend with its scheme: localhost:3000/ws and :3000/ws are taken, too."""
    if "://" in text:
        return text
    return f"http://localhost{text}" if text.startswith(":") else f"http://{text}"


def client_path(text: str) -> str:
    """Parse the target of a handshake's request: path and query."""
    if not re.fullmatch(r"/[!-\"$-~]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no path: it begins with /, and is ASCII without spaces and #")
    return text
