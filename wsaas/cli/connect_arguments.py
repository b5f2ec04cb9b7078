"""The arguments of `wsaas connect`."""

from __future__ import annotations

import argparse
from math import inf
from typing import Any
from unicodedata import category

from wsaas.cli.arguments import FILES
from wsaas.cli.parser import Parser

DEFAULT_WAIT = 3.0
"""Seconds without a message after which `connect` closes, once its piped input has ended."""


def add_connect_arguments(parser: Parser) -> None:
    parser.epilog = (
        "Exit status: 0 after a closing handshake, with any close code; 1 if the connection failed, was refused "
        "or was lost; 2 for wrong arguments; 130 after Ctrl-C."
    )
    parser.add_argument(
        "url",
        type=websocket_url,
        metavar="URL",
        help="such as localhost:8080, ws://localhost:8080/, wss://example.com/room/7, wss://user:password@example.com/",
    )
    add_handshake_arguments(parser)
    parser.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help="after the end of the input, close when no message has come for so many seconds; forever: wait until the "
        f"server closes [default: {DEFAULT_WAIT:g}; on a terminal 0: Ctrl-D closes at once]",
    )
    parser.add_argument(
        "--ca", metavar="FILE", complete=FILES, help="PEM certificate to trust, instead of the system's"
    )


def add_handshake_arguments(parser: Parser) -> None:
    """Add what a client's handshake has beside its address."""
    parser.add_argument("--token", help="the client's, sent as 'Authorization: Bearer TOKEN'")
    parser.add_argument(
        *("-H", "--header"),
        type=header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a header of the handshake; can be repeated",
    )
    parser.add_argument(
        *("-s", "--subprotocol"),
        action="append",
        default=[],
        metavar="NAME",
        help="a subprotocol that the client offers; can be repeated",
    )


def websocket_url(text: str) -> Any:
    """Parse the address of a WebSocket."""
    from wsaas.cli.address import NoAddress, parse_address

    try:
        return parse_address(text)
    except NoAddress as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seconds(text: str) -> float:
    """Parse a number of seconds, or the word forever."""
    try:
        number = inf if text == "forever" else float(text)
    except ValueError:
        number = -1
    if not number >= 0:
        raise argparse.ArgumentTypeError("write seconds, such as 3 or 0.5, or forever")
    return number


def header(text: str) -> tuple[str, str]:
    """Parse a header of the handshake."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(category(c) == "Cc" for c in text):
        raise argparse.ArgumentTypeError("write a header as 'Name: value'")
    return name.strip(), value.strip()
