"""`wsaas connect` in memory, against an Autobahn server."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet import reactor as global_reactor
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport, StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.trial.unittest import SynchronousTestCase

from tests.support.echo_server import EchoServer
from wsaas.cli.connect import arguments, endpoint_and_factory, main
from wsaas.cli.conversation import HANDSHAKE_TIMEOUT, MAX_MESSAGE_SIZE, Conversation, Terminal

reactor: Any = global_reactor


class Screen(StringTransport):
    """Standard input and output in memory."""

    @property
    def lines(self) -> list[str]:
        return self.value().decode().splitlines()


class ConversationCase(SynchronousTestCase):
    """A client and a server in memory."""

    wait = 0.0

    def start(self, *argv: str) -> IOPump:
        self.clock = MemoryReactorClock()
        self.patch(txaio.config, "loop", self.clock)
        self.terminal, self.screen, self.server = Terminal(self.clock, self.wait), Screen(), EchoServer()
        self.terminal.makeConnection(self.screen)
        options = arguments().parse_args([*argv] if argv else ["ws://127.0.0.1:8080/"])
        _, factory = endpoint_and_factory(self.clock, options)
        factory.protocol = partial(Conversation, self.terminal, options.url)
        client = factory.buildProtocol(None)
        server_factory = WebSocketServerFactory(protocols=["one", "two"], reactor=self.clock)
        server_factory.protocol = lambda: self.server
        server = server_factory.buildProtocol(None)
        self.pump = connect(server, FakeTransport(server, True), client, FakeTransport(client, False))
        self.pump.flush()
        return self.pump

    def type(self, text: str | bytes) -> None:
        self.terminal.dataReceived(text.encode() if isinstance(text, str) else text)
        self.pump.flush()


class ConversationTests(ConversationCase):
    def test_conversation(self) -> None:
        """Each line typed is one text message, however it arrives; what comes back is printed."""
        self.start()
        for typed in ("hel", "lo\nwor", "ld\r\n\ngrüße\n"):
            self.type(typed)
        said = ["hello", "world", "", "grüße"]
        self.assertEqual(self.server.messages, [(line.encode(), False) for line in said])
        self.assertEqual(self.screen.lines, ["* connected; Ctrl-D closes", *(f"< {line}" for line in said)])

    def test_end(self) -> None:
        """Ctrl-D sends what was typed last, closes with 1000, and that is a success."""
        self.start()
        self.type("hello\nlast")
        self.terminal.readConnectionLost()
        self.assertIsNone(self.pump.clientIO.producer)  # over TLS the connection would wait for it to end
        self.pump.flush()
        self.assertEqual([payload for payload, _ in self.server.messages], [b"hello", b"last"])
        self.assertEqual(self.server.closed_with, 1000)
        self.assertEqual(self.screen.lines[-1], "* closed: 1000 (normal)")
        self.assertEqual(self.successResultOf(self.terminal.status), 0)

    def test_closed(self) -> None:
        """The code and reason of a close by the server are shown; lines typed after it go nowhere."""
        self.start()
        self.type("close\n")
        self.assertEqual(self.screen.lines[-1], "* closed: 4001 as you wish")
        self.assertEqual(self.successResultOf(self.terminal.status), 0)
        self.type("more\n")
        self.assertEqual(len(self.server.messages), 1)

    def test_dropped(self) -> None:
        """A connection that ends without a close is no success."""
        self.start()
        self.pump.client.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.screen.lines[-1].startswith("* closed: 1006"), self.screen.lines)
        self.assertEqual(self.successResultOf(self.terminal.status), 1)

    def test_refused(self) -> None:
        """A refused handshake shows its status and is no success."""
        self.start("ws://127.0.0.1:8080/refuse")
        self.assertEqual(self.screen.lines[0], "* refused: 403 Forbidden")
        self.assertIn("  the server does not accept this client", self.screen.lines[1])
        self.assertEqual(self.successResultOf(self.terminal.status), 1)

    def test_handshake(self) -> None:
        """Headers, token, subprotocols, path and query reach the server as given."""
        self.start(
            *("-H", "X-One: 1", "--header", "Cookie:a=b; c=d", "--token", "s3cret"),
            *("--subprotocol", "one", "--subprotocol", "two", "ws://localhost:8080/room/7?a=1&b=%20"),
        )
        request = self.server.request
        assert request is not None
        expected = {"x-one": "1", "cookie": "a=b; c=d", "authorization": "Bearer s3cret", "host": "localhost:8080"}
        self.assertEqual({name: request.headers.get(name) for name in expected}, expected)
        self.assertEqual((request.path, request.params), ("/room/7", {"a": ["1"], "b": [" "]}))
        self.assertEqual(self.screen.lines, ["* connected, subprotocol two; Ctrl-D closes"])

    def test_user_in_the_address(self) -> None:
        """A user and password in the address become Basic credentials, and are not in the request line."""
        self.start("ws://ann:s3%40cret@localhost:8080/ü?ä=1")
        request = self.server.request
        assert request is not None
        self.assertEqual(request.headers["authorization"], "Basic YW5uOnMzQGNyZXQ=")
        self.assertEqual((request.path, request.params), ("/%C3%BC", {"ä": ["1"]}))

    def test_ipv6(self) -> None:
        """The Host header of an IPv6 address has its brackets."""
        self.start("ws://[::1]:8080/")
        assert self.server.request is not None
        self.assertEqual(self.server.request.headers["host"], "[::1]:8080")

    def test_binary(self) -> None:
        """A binary message is shown as its size and first bytes."""
        self.start()
        self.server.sendMessage(b"\x00\x1b\xff", True)
        self.server.sendMessage(bytes(33), True)
        self.pump.flush()
        self.assertEqual(self.screen.lines[1:], ["< 3 bytes: 00 1b ff", f"< 33 bytes: {'00 ' * 32}..."])

    def test_control_characters(self) -> None:
        """Text from a server, messages and reasons, cannot control the terminal; line ends and tabs stay."""
        self.start()
        self.server.sendMessage("\x1b[2J\x07\x9b1m a\tb\nc".encode(), False)
        self.server.sendClose(4000, "\x1b[2Jbye")
        self.pump.flush()
        self.assertEqual(self.screen.lines[1:], ["< \\x1b[2J\\x07\\x9b1m a\tb", "c", "* closed: 4000 \\x1b[2Jbye"])

    def test_endless_line(self) -> None:
        """A line that never ends is not kept for ever: past the bound the client closes."""
        self.start()
        self.terminal.dataReceived(b"x" * MAX_MESSAGE_SIZE)
        self.assertEqual(len(self.screen.lines), 1)
        self.type(b"x")
        self.assertEqual(self.screen.lines[1:], ["* this line is too long", "* closed: 1000 (normal)"])

    def test_backpressure(self) -> None:
        """Typing waits until there is a server to talk to, and again while the server does not read."""
        terminal, screen = Terminal(MemoryReactorClock(), 0), Screen()
        terminal.makeConnection(screen)
        self.assertEqual(screen.producerState, "paused")
        self.start()
        self.assertEqual(self.screen.producerState, "producing")
        self.assertIs(self.pump.clientIO.producer, self.screen)

    def test_nobody_reads(self) -> None:
        """When standard output is closed, or cannot be written, so is the connection, and the command has failed."""
        self.start()
        self.terminal.writeConnectionLost()
        self.pump.flush()
        self.assertEqual(self.server.closed_with, 1000)
        self.assertEqual(self.successResultOf(self.terminal.status), 1)
        self.successResultOf(self.terminal.flush())


class Wire(StringTransportWithDisconnection):
    """The client's end of a connection, as real ones are."""

    def unregisterProducer(self) -> None:
        """None is registered, and that is no error."""


class RefusalTests(SynchronousTestCase):
    """A server that answers by hand."""

    def answered(self, *pieces: bytes, ends: bool = True) -> list[str]:
        """Return the lines printed when a server answers the handshake with these bytes."""
        self.clock = MemoryReactorClock()
        self.patch(txaio.config, "loop", self.clock)
        self.terminal, self.screen = Terminal(self.clock, 0), Screen()
        self.terminal.makeConnection(self.screen)
        options = arguments().parse_args(["ws://127.0.0.1:8080/"])
        _, factory = endpoint_and_factory(self.clock, options)
        factory.protocol = partial(Conversation, self.terminal, options.url)
        client = factory.buildProtocol(None)
        transport = Wire()
        transport.protocol = client
        client.makeConnection(transport)
        for piece in pieces:
            if transport.connected:
                client.dataReceived(piece)
        if ends and transport.connected:
            transport.loseConnection()
        return self.screen.lines

    def test_gateway(self) -> None:
        """Status, code, message, remedy and Retry-After are shown, however the answer is cut."""
        body = b'{"code": "NOT_READY", "message": "the journal cannot be written"}\n'
        head = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: %d\r\n\r\n" % len(body)
        expected = [
            "* refused: 503 Service Unavailable NOT_READY",
            "  the journal cannot be written",
            "  the gateway starts or stops, cannot write its journal, or its backend fails: its log says which",
            "  try again after 5 s",
        ]
        answer = head + body
        self.assertEqual(self.answered(answer, ends=False), expected)
        self.assertEqual(self.successResultOf(self.terminal.status), 1)
        self.assertEqual(self.answered(*(answer[at : at + 1] for at in range(len(answer)))), expected)

    def test_others(self) -> None:
        """A page of a proxy is shown, but not all of it; a redirect says where to, a silent one its status."""
        lines = self.answered(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>" + b"x" * 20_000)
        self.assertEqual(lines[0], "* refused: 502 Bad Gateway")
        self.assertLess(len(lines[1]), 450)
        self.assertIn("a proxy cannot reach", lines[2])
        lines = self.answered(b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://x.example/\r\n\r\n")
        self.assertIn("connect to https://x.example/", lines[1])
        self.assertEqual(self.answered(b"HTTP/1.0 599 Hm\r\n\r\n"), ["* refused: 599 (an unknown status)"])
        chunked = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5\r\n here\r\n0\r\n\r\n"
        self.assertEqual(self.answered(chunked, ends=False)[:2], ["* refused: 404 Not Found", "  not here"])

    def test_json_of_others(self) -> None:
        """JSON that has no text as its code is shown like any other body."""
        for body in (b"[1]", b'{"code": 7}', b'{"detail": "x"}'):
            self.assertEqual(self.answered(b"HTTP/1.1 400 Bad Request\r\n\r\n" + body)[1], f"  {body.decode()}")

    def test_no_answer(self) -> None:
        """A server that is none, says something else, or nothing, is told in a sentence."""
        self.assertIn("it may be no WebSocket server", self.answered()[0])
        self.assertIn("does not answer as a WebSocket server", self.answered(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")[0])
        self.assertIn("does not answer as a WebSocket server", self.answered(b"HTTP/1.1 101 Hm\r\n\r\n")[0])
        self.assertIn("it may be no WebSocket server", self.answered(b"HTTP/1.1 4")[0])
        self.assertIn("it may be no WebSocket server", self.answered(b"HTTP/1.1 403 Forbidden\r\nX: ")[0])

    def test_silence(self) -> None:
        """A server that does not answer is waited for as long as a backend may take, and no longer."""
        self.assertEqual(self.answered(ends=False), [])
        self.clock.advance(HANDSHAKE_TIMEOUT + 1)
        self.assertEqual(self.screen.lines, ["* no connection: 127.0.0.1:8080 did not answer within 60 s"])


class PipedTests(ConversationCase):
    """Input that is not typed, and ends."""

    wait = 3.0

    def ends(self) -> None:
        self.terminal.readConnectionLost()
        self.pump.flush()

    def test_answers(self) -> None:
        """After the end of the input the client stays until nothing has come for as long as it is told to wait."""
        self.start()
        self.assertEqual(self.screen.lines, ["* connected"])
        self.type("one\ntwo")
        self.ends()
        self.assertEqual([payload for payload, _ in self.server.messages], [b"one", b"two"])
        for _ in range(3):
            self.clock.advance(2.9)
            self.pump.flush()
            self.assertIsNone(self.server.closed_with)
            self.server.sendMessage(b"more")
            self.pump.flush()
        self.clock.advance(3)
        self.pump.flush()
        self.assertEqual(self.server.closed_with, 1000)
        self.assertEqual(self.screen.lines[1:], ["< one", "< two", *["< more"] * 3, "* closed: 1000 (normal)"])
        self.assertEqual(self.successResultOf(self.terminal.status), 0)

    def test_server_closes(self) -> None:
        """A server that closes first ends it at once."""
        self.start()
        self.type("close\n")
        self.ends()
        self.assertEqual(self.screen.lines[-1], "* closed: 4001 as you wish")
        self.assertEqual(self.successResultOf(self.terminal.status), 0)

    def test_server_closes_meanwhile(self) -> None:
        """No timer is left when the server closes while the client waits."""
        self.start()
        self.ends()
        self.server.sendCloseFrame(code=1012)
        self.pump.flush()
        self.assertEqual(self.screen.lines[-1], "* closed: 1012 (the gateway restarts: connect again)")
        self.clock.advance(10)
        self.assertEqual(self.successResultOf(self.terminal.status), 0)

    def test_forever(self) -> None:
        """With --wait forever only the server ends it."""
        self.wait = arguments().parse_args(["--wait", "forever", ":8080"]).wait
        self.start()
        self.ends()
        self.clock.advance(10**6)
        self.pump.flush()
        self.assertIsNone(self.server.closed_with)


class ArgumentTests(SynchronousTestCase):
    def test_wrong(self) -> None:
        """Arguments that make no sense are refused with a usage line and status 2, before anything is connected."""
        for argv in (
            [],
            ["ftp://localhost/"],
            ["ws://"],
            ["ws://localhost:99999/"],
            ["ws://unix:/tmp/socket"],
            ["-H", "no colon", "ws://localhost/"],
            ["-H", ": no name", "ws://localhost/"],
            ["-H", "X: split\r\nY: 1", "ws://localhost/"],
            ["--wait", "a while", "ws://localhost/"],
            ["--wait", "-1", "ws://localhost/"],
            ["--wait", "nan", "ws://localhost/"],
            ["--token", "t", "ws://user:pw@localhost/"],
            ["-H", "authorization: x", "--token", "t", "ws://localhost/"],
        ):
            with open(os.devnull, "w") as nowhere:
                self.patch(sys, "stderr", nowhere)
                error = self.assertRaises(SystemExit, main, argv)
            self.assertEqual(error.code, 2, argv)
