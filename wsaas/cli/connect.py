"""`wsaas connect`: a small interactive WebSocket client. Each line typed is a text message; Ctrl-D closes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unicodedata import category

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.util import parse_url
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IHalfCloseableProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.python.failure import Failure
from zope.interface import implementer

LARGEST = 16 * 1024 * 1024  # bytes in a message that comes and in a line that is typed
HANDSHAKE_TIMEOUT = 60  # seconds; the gateway answers only when its backend has


@implementer(IHalfCloseableProtocol)
class Terminal(Protocol):
    """The person's end. `status` fires with the exit status when the conversation is over."""

    transport: StandardIO

    def __init__(self) -> None:
        self.status: Deferred[int] = Deferred()
        self._flushed: Deferred[None] = Deferred()
        self._conversation: Conversation | None = None
        self._typed = b""

    def connectionMade(self) -> None:
        self.transport.pauseProducing()  # nobody to talk to yet

    def say(self, line: str) -> None:
        self.transport.write(printable(line).encode() + b"\n")

    def opened(self, conversation: Conversation) -> None:
        self._conversation = conversation
        conversation.registerProducer(self.transport, True)  # what is piped in waits for a gateway that reads slowly
        self.transport.resumeProducing()

    def ended(self, status: int) -> None:
        self._conversation = None
        self.transport.pauseProducing()
        self.status.callback(status)

    def dataReceived(self, data: bytes) -> None:
        *lines, self._typed = (self._typed + data).split(b"\n")
        for line in lines:
            self._send(line.removesuffix(b"\r"))
        if len(self._typed) > LARGEST:
            self.say("* this line is too long")
            self._close()

    def readConnectionLost(self) -> None:
        """Ctrl-D, or the end of what was piped in; the last line may lack its end."""
        if self._typed:
            self._send(self._typed)
        self._close()

    def writeConnectionLost(self) -> None:
        """Nobody reads what we print."""
        self._close()
        self.connectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._flushed.called:
            self._flushed.callback(None)

    def flush(self) -> Deferred[None]:
        """Stop, and fire when everything said has been printed."""
        self.transport.loseConnection()
        return self._flushed

    def _send(self, line: bytes) -> None:
        if self._conversation is not None and self._conversation.state == Conversation.STATE_OPEN:
            self._conversation.sendMessage(line)

    def _close(self) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.unregisterProducer()
            conversation.sendClose(1000)


class Conversation(WebSocketClientProtocol):
    """The gateway's end."""

    http_status_line = ""  # until Autobahn has read one
    lost_because = ""
    was_open = False

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self.terminal = terminal

    def onOpen(self) -> None:
        self.was_open = True
        selected = self.websocket_protocol_in_use
        self.terminal.say(f"* connected{f', subprotocol {selected}' if selected else ''}; Ctrl-D closes")
        self.terminal.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            self.terminal.say(f"< {len(payload)} bytes: {payload[:32].hex(' ')}{' ...' if len(payload) > 32 else ''}")
        else:
            self.terminal.say(f"< {payload.decode('utf-8', 'replace')}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost_because = str(reason.value)
        super().connectionLost(reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.was_open:
            self.terminal.say(f"* closed: {code or 'no code'} {reason or ''}".rstrip())
        elif self.http_status_line and " 101 " not in self.http_status_line:
            self.terminal.say(f"* refused: {self.http_status_line.partition(' ')[2]}")
        else:
            self.terminal.say(f"* no connection: {self.lost_because or reason}")
        self.terminal.ended(0 if wasClean else 1)


def printable(text: str) -> str:
    """The text without what could take over a terminal: control characters but tab and newline are escaped."""
    return "".join(ascii(c)[1:-1] if category(c) == "Cc" and c not in "\t\n" else c for c in text)


async def converse(reactor: Any, options: argparse.Namespace, stdin: int = 0, stdout: int = 1) -> int:
    """Talk until one end closes; the exit status: 0 if the closing was clean, else 1."""
    terminal = Terminal()
    StandardIO(terminal, stdin, stdout, reactor)  # type: ignore[call-arg]
    try:
        endpoint, factory = way_to_gateway(reactor, options)
        factory.protocol = partial(Conversation, terminal)  # type: ignore[assignment]
        await endpoint.connect(factory)
        status = await terminal.status
    except (OSError, ConnectError, DNSLookupError) as error:
        terminal.say(f"* no connection: {error}")
        status = 1
    await terminal.flush()
    for descriptor in (stdin, stdout):  # whoever uses this terminal next expects reads and writes to wait
        os.set_blocking(descriptor, True)
    return status


def way_to_gateway(reactor: Any, options: argparse.Namespace) -> tuple[IStreamClientEndpoint, WebSocketClientFactory]:
    """Where to connect, and the factory that knows the handshake's headers."""
    headers = dict(options.header)
    if options.token:
        headers["Authorization"] = f"Bearer {options.token}"
    factory = WebSocketClientFactory(
        options.url, protocols=options.subprotocol, headers=headers, useragent="wsaas-connect", reactor=reactor
    )
    factory.setProtocolOptions(
        openHandshakeTimeout=HANDSHAKE_TIMEOUT,
        closeHandshakeTimeout=5,
        maxFramePayloadSize=LARGEST,
        maxMessagePayloadSize=LARGEST,
    )
    host = factory.host
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, host, factory.port)
    if factory.isSecure:
        trust = trustRootFromCertificates([Certificate.loadPEM(options.ca.read_bytes())]) if options.ca else None
        endpoint = wrapClientTLS(optionsForClientTLS(host, trust), endpoint)
    if ":" in host:
        factory.host = f"[{host}]"  # Autobahn writes the Host header without the brackets that IPv6 needs
    return endpoint, factory


def url(text: str) -> str:
    try:
        _, host, *_ = parse_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if host == "unix":
        raise argparse.ArgumentTypeError("unix sockets are not supported")
    return text


def header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(category(c) == "Cc" for c in text):
        raise argparse.ArgumentTypeError("write a header as 'Name: value'")
    return name.strip(), value.strip()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsaas connect",
        description="Connect to a WebSocket. Each line you type is sent as a text message; Ctrl-D closes.",
        epilog="Exit status: 0 after a clean close, 1 if there was none or the connection was refused.",
    )
    parser.add_argument("url", type=url, metavar="URL", help="such as ws://localhost:8080/ or wss://example.com/room/7")
    parser.add_argument("-H", "--header", type=header, action="append", default=[], metavar="'Name: value'")
    parser.add_argument("--subprotocol", action="append", default=[], help="may be given several times")
    parser.add_argument("--token", help="sent as 'Authorization: Bearer TOKEN'")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="PEM certificate to trust, instead of the system's")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the client with these arguments; its exit status. Wrong arguments raise SystemExit(2), as argparse does."""
    options = arguments().parse_args(argv)

    async def run(reactor: Any) -> None:
        raise SystemExit(await converse(reactor, options))

    try:
        react(run)
    except SystemExit as end:
        return int(end.code or 0)
