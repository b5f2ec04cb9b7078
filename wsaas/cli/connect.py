"""`wsaas connect`: a small interactive WebSocket client. Each line typed is a text message; Ctrl-D closes.

When the input is piped in and ends, the client stays until nothing has come for a while (`--wait`), or the server
closes: so that the answers are seen.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any
from unicodedata import category

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react

from wsaas.cli.address import Address, NoAddress, address
from wsaas.cli.conversation import HANDSHAKE_TIMEOUT, LARGEST, Conversation, Terminal
from wsaas.cli.explanations import unreachable
from wsaas.net.tls_client import ClientFiles, TlsEndpoint, Verifier

INTERRUPTED = 130  # as shells have it for SIGINT
QUIET = 3.0
"""Seconds without a message after which a client whose piped input has ended closes."""


async def converse(reactor: Any, options: argparse.Namespace, stdin: int = 0, stdout: int = 1) -> int:
    """Talk until one end closes; the exit status: 0 if the closing was clean, else 1."""
    wait = options.wait
    if wait is None:
        wait = 0 if os.isatty(stdin) else QUIET
    terminal = Terminal(reactor, wait)
    StandardIO(terminal, stdin, stdout, reactor)  # type: ignore[call-arg]
    try:
        endpoint, factory = way_to_gateway(reactor, options)
        factory.protocol = partial(Conversation, terminal, options.url)  # type: ignore[assignment]
        await endpoint.connect(factory)
        status = await terminal.status
    except (OSError, ConnectError, DNSLookupError, ValueError) as error:
        said = (
            str(error).replace("--CA:", "--ca:") if isinstance(error, ValueError) else unreachable(error, options.url)
        )
        terminal.say(f"* no connection: {said}")
        status = 1
    await terminal.flush()
    release(stdin, stdout)
    return status


def release(*descriptors: int) -> None:
    """Leave a terminal as the program that uses it next expects it: reads and writes wait."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.set_blocking(descriptor, True)


def way_to_gateway(reactor: Any, options: argparse.Namespace) -> tuple[IStreamClientEndpoint, WebSocketClientFactory]:
    """Return the endpoint to connect to, and the factory that knows the handshake's headers.

    Raises ValueError for a file of no use.
    """
    place: Address = options.url
    headers = dict(options.header)
    if options.token or place.credentials:
        headers["Authorization"] = f"Bearer {options.token}" if options.token else place.credentials
    factory = WebSocketClientFactory(
        place.url, protocols=options.subprotocol, headers=headers, useragent="wsaas-connect", reactor=reactor
    )
    factory.setProtocolOptions(
        openHandshakeTimeout=HANDSHAKE_TIMEOUT,
        closeHandshakeTimeout=5,
        maxFramePayloadSize=LARGEST,
        maxMessagePayloadSize=LARGEST,
    )
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, place.host, place.port)
    if place.secure:
        endpoint = TlsEndpoint(reactor, endpoint, Verifier(ClientFiles(options.ca, prefix="--"), place.host))
    if ":" in place.host:
        factory.host = f"[{place.host}]"  # Autobahn writes the Host header without the brackets that IPv6 needs
    return endpoint, factory


def url(text: str) -> Address:
    try:
        return address(text)
    except NoAddress as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seconds(text: str) -> float:
    try:
        number = inf if text == "forever" else float(text)
    except ValueError:
        number = -1
    if not number >= 0:
        raise argparse.ArgumentTypeError("write seconds, such as 3 or 0.5, or forever")
    return number


def header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(category(c) == "Cc" for c in text):
        raise argparse.ArgumentTypeError("write a header as 'Name: value'")
    return name.strip(), value.strip()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsaas connect",
        description="Connect to a WebSocket. Each line you type is sent as a text message; Ctrl-D closes. What is "
        "piped in is sent in the same way; after its end the client waits for answers.",
        epilog="Exit status: 0 if the connection was open and closed in order, whatever the code; 1 if there was none, "
        "or it was refused or lost; 2 for wrong arguments; 130 after Ctrl-C.",
    )
    parser.add_argument(
        "url",
        type=url,
        metavar="URL",
        help="such as localhost:8080, ws://localhost:8080/, wss://example.com/room/7, wss://user:password@example.com/",
    )
    parser.add_argument("-H", "--header", type=header, action="append", default=[], metavar="'Name: value'")
    parser.add_argument("--subprotocol", action="append", default=[], help="may be given several times")
    parser.add_argument("--token", help="sent as 'Authorization: Bearer TOKEN'")
    parser.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help="close when nothing has come for so long after the end of the input, or forever: when the server closes "
        f"[default: {QUIET:g}; on a terminal 0: Ctrl-D closes at once]",
    )
    parser.add_argument("--ca", metavar="FILE", help="PEM certificate to trust, instead of the system's")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the client with these arguments; its exit status. Wrong arguments raise SystemExit(2), as argparse does."""
    parser = arguments()
    options = parser.parse_args(argv)
    credentials = [
        *(["--token"] if options.token else []),
        *(["user:password@ in the URL"] if options.url.credentials else []),
        *(["-H Authorization"] if any(name.lower() == "authorization" for name, _ in options.header) else []),
    ]
    if len(credentials) > 1:
        parser.error(f"{' and '.join(credentials)}: one of them is enough")

    status = INTERRUPTED

    async def run(reactor: Any) -> None:
        nonlocal status
        ended = await converse(reactor, options)
        if reactor.running:  # else a signal ended it, and the conversation with it
            status = ended

    try:
        react(run)
    except SystemExit as end:
        release(0, 1)
        return int(end.code or status)
