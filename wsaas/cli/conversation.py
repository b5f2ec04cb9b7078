"""The two ends of `wsaas connect`: the terminal and the WebSocket connection to the server."""

from __future__ import annotations

import re
from math import inf

from autobahn.twisted.websocket import WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.cli.address import Address
from wsaas.cli.explanations import closed, refused, unreachable
from wsaas.cli.text import printable
from wsaas.http_client.exchange import HttpResponse
from wsaas.http_client.response_parser import ResponseParser

MAX_MESSAGE_SIZE = 16 * 1024 * 1024
"""Bytes of a received message, and of a typed line, at most."""
MAX_REFUSAL_SIZE = 16384
"""Bytes of the body of a refusal that are read."""
HANDSHAKE_TIMEOUT = 60
"""Seconds for the handshake. The gateway answers only after its backend has answered."""
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


@implementer(IHalfCloseableProtocol)
class Terminal(Protocol):
    """The terminal. `status` fires with the exit status at the end of the conversation.

    After the end of the input the client closes when no message has come for `wait` seconds.
    """

    transport: StandardIO

    def __init__(self, clock: IReactorTime, wait: float) -> None:
        self.status: Deferred[int] = Deferred()
        self.interactive = wait == 0
        self._clock = clock
        self._wait = wait
        self._closing: IDelayedCall | None = None
        self._flushed: Deferred[None] = Deferred()
        self._conversation: Conversation | None = None
        self._typed = b""
        self._unheard = False

    def connectionMade(self) -> None:
        self.transport.pauseProducing()  # until the connection is open

    def say(self, line: str) -> None:
        self.transport.write(printable(line, keep="\t\n").encode() + b"\n")

    def opened(self, conversation: Conversation) -> None:
        self._conversation = conversation
        conversation.registerProducer(self.transport, True)  # a gateway that reads slowly slows the piped input down
        self.transport.resumeProducing()

    def heard(self, message: str) -> None:
        """Print a message from the server."""
        self.say(message)
        if self._closing is not None:
            self._closing.reset(self._wait)

    def ended(self, status: int) -> None:
        self._conversation = None
        self._stop_waiting()
        self.transport.pauseProducing()
        self.status.callback(status or int(self._unheard))

    def dataReceived(self, data: bytes) -> None:
        *lines, self._typed = (self._typed + data).split(b"\n")
        for line in lines:
            self._send(line.removesuffix(b"\r"))
        if len(self._typed) > MAX_MESSAGE_SIZE:
            self.say("* this line is too long")
            self._close()

    def readConnectionLost(self) -> None:
        """Send the last line, which may lack a line end, then close or wait: Ctrl-D, or the end of the piped input."""
        if self._typed:
            self._send(self._typed)
        if self._conversation is not None:
            self._conversation.unregisterProducer()
        if self._wait == 0:
            self._close()
        elif self._wait < inf:
            self._closing = self._clock.callLater(self._wait, self._close)

    def writeConnectionLost(self) -> None:
        """Close, as a failure: no process reads the output any more, or the disk is full."""
        self._unheard = True
        self._close()
        self.connectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._flushed.called:
            self._flushed.callback(None)

    def flush(self) -> Deferred[None]:
        """Close the terminal; fires when all output is written."""
        self.transport.loseConnection()
        return self._flushed

    def _send(self, line: bytes) -> None:
        if self._conversation is not None and self._conversation.state == Conversation.STATE_OPEN:
            self._conversation.sendMessage(line)

    def _close(self) -> None:
        self._stop_waiting()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.unregisterProducer()
            conversation.sendClose(1000)

    def _stop_waiting(self) -> None:
        closing, self._closing = self._closing, None
        if closing is not None and closing.active():
            closing.cancel()


class Conversation(WebSocketClientProtocol):
    """The connection to the server.

    A response other than 101 is parsed here: Autobahn would drop the connection before the body arrives. Bounds: those
    of `ResponseParser` for the head, MAX_REFUSAL_SIZE bytes for the body.
    """

    def __init__(self, terminal: Terminal, place: Address) -> None:
        super().__init__()
        self.terminal = terminal
        self.was_open = False
        self._place = place
        self._beginning = b""
        self._switching = False
        self._refusal: ResponseParser | None = None
        self._lost_because: BaseException | None = None

    def dataReceived(self, data: bytes) -> None:
        if self._switching:
            super().dataReceived(data)
        elif self._refusal is not None:
            self._read_refusal(data)
        else:
            self._beginning += data
            line = _STATUS_LINE.match(self._beginning)
            if line is not None and line[1] != b"101":
                self._refusal = ResponseParser()
                self._refusal.expect((MAX_REFUSAL_SIZE, None))
                self._read_refusal(self._beginning)
            elif line is not None or len(self._beginning) > len(b"HTTP/1.1 101 "):
                self._switching = True
                super().dataReceived(self._beginning)

    def _read_refusal(self, data: bytes) -> None:
        assert self._refusal is not None
        if self._refusal.feed(data) is not None or self._refusal.whole:
            self.dropConnection(abort=False)

    def onOpen(self) -> None:
        self.was_open = True
        selected = self.websocket_protocol_in_use
        hint = "; Ctrl-D closes" if self.terminal.interactive else ""
        self.terminal.say(f"* connected{f', subprotocol {selected}' if selected else ''}{hint}")
        self.terminal.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            self.terminal.heard(f"< {len(payload)} bytes: {payload[:32].hex(' ')}{' ...' if len(payload) > 32 else ''}")
        else:
            self.terminal.heard(f"< {payload.decode('utf-8', 'replace')}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost_because = reason.value
        super().connectionLost(reason)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.was_open:
            self.terminal.say(f"* closed: {closed(code, reason if code != 1006 else None)}")
        elif (answer := self._refused()) is not None:
            first, *rest = refused(answer)
            self.terminal.say(f"* refused: {first}")
            for line in rest:
                self.terminal.say(f"  {line}")
        elif self.wasOpenHandshakeTimeout:
            self.terminal.say(f"* no connection: {self._place.authority} did not answer within {HANDSHAKE_TIMEOUT} s")
        elif self._switching:
            self.terminal.say(
                f"* no connection: {self._place.authority} does not answer as a WebSocket server: {reason}"
            )
        else:
            lost = self._lost_because or ConnectError(string=reason)
            self.terminal.say(f"* no connection: {unreachable(lost, self._place)}")
        self.terminal.ended(0 if wasClean else 1)

    def _refused(self) -> HttpResponse | None:
        answer = None if self._refusal is None else self._refusal.answer()
        return answer if answer is not None and answer.status else None
