"""`wsaas connect`: a small interactive WebSocket client. Each typed line is sent as a text message; Ctrl-D closes.

After the end of piped input the client stays, to print the answers, until no message has come for `--wait` seconds or
the server closes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react

from wsaas.cli.address import Address
from wsaas.cli.commands import COMMANDS
from wsaas.cli.connect_arguments import DEFAULT_WAIT
from wsaas.cli.conversation import HANDSHAKE_TIMEOUT, MAX_MESSAGE_SIZE, Conversation, Terminal
from wsaas.cli.explanations import unreachable
from wsaas.cli.failures import INTERRUPTED
from wsaas.cli.parser import Parser
from wsaas.net.tls_client import ClientFiles, TlsEndpoint, Verifier


async def converse(reactor: Any, options: argparse.Namespace, stdin: int = 0, stdout: int = 1) -> int:
    """Connect, and exchange messages until one end closes. Return the exit status: 0 after a clean close, else 1."""
    wait = options.wait
    if wait is None:
        wait = 0 if os.isatty(stdin) else DEFAULT_WAIT
    terminal = Terminal(reactor, wait)
    StandardIO(terminal, stdin, stdout, reactor)  # type: ignore[call-arg]
    try:
        endpoint, factory = endpoint_and_factory(reactor, options)
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
    """Set the descriptors to blocking again, as the next program on the terminal expects them."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.set_blocking(descriptor, True)


def endpoint_and_factory(
    reactor: Any, options: argparse.Namespace
) -> tuple[IStreamClientEndpoint, WebSocketClientFactory]:
    """Return the endpoint to connect to, and the factory with the headers of the handshake.

    ValueError if the file of --ca cannot be used.
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
        maxFramePayloadSize=MAX_MESSAGE_SIZE,
        maxMessagePayloadSize=MAX_MESSAGE_SIZE,
    )
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, place.host, place.port)
    if place.secure:
        endpoint = TlsEndpoint(reactor, endpoint, Verifier(ClientFiles(options.ca, prefix="--"), place.host))
    if ":" in place.host:
        factory.host = f"[{place.host}]"  # Autobahn writes the Host header without the brackets that IPv6 needs
    return endpoint, factory


def arguments() -> Parser:
    """Return the parser of the arguments."""
    return COMMANDS["connect"].parser("connect")


def main(argv: Sequence[str]) -> int:
    """Run the client with these arguments and return its exit status. Wrong arguments raise SystemExit(2)."""
    parser = arguments()
    return run(parser.parse(argv), parser)


def run(options: argparse.Namespace, parser: Parser | None = None) -> int:
    """Run the client with parsed arguments and return its exit status."""
    credentials = [
        *(["--token"] if options.token else []),
        *(["user:password@ in the URL"] if options.url.credentials else []),
        *(["-H Authorization"] if any(name.lower() == "authorization" for name, _ in options.header) else []),
    ]
    if len(credentials) > 1:
        (parser or arguments()).error(f"{' and '.join(credentials)}: one of them is enough")

    status = INTERRUPTED

    async def until_ended(reactor: Any) -> None:
        nonlocal status
        ended = await converse(reactor, options)
        if reactor.running:  # else a signal has stopped the reactor and ended the conversation
            status = ended

    try:
        react(until_ended)
    except SystemExit as end:
        release(0, 1)
        return int(end.code or status)
