"""Autobahn as a codec, and what the gateway does where another release of it has not what it relies on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.trial.unittest import SynchronousTestCase
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from tests.support.client_harness import END, REQUEST, Harness
from wsaas.core.events import Cause
from wsaas.core.model import Frame
from wsaas.internals import supported
from wsaas.internals.autobahn import RELIANCE, AutobahnCodec, AutobahnError, FrameProtocol

DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


@contextmanager
def without(name: str) -> Iterator[None]:
    """Autobahn's class does not have the name; Autobahn itself finds it elsewhere."""
    [owner] = [each for each in WebSocketServerProtocol.__mro__ if name in vars(each)]
    value = vars(owner)[name]
    setattr(FrameProtocol, name, value)
    delattr(owner, name)
    try:
        yield
    finally:
        setattr(owner, name, value)
        delattr(FrameProtocol, name)


class CodecTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(max_message_size=10, compression=True)
        self.make_codec = self.harness.factory.context.make_codec

    def test_message(self) -> None:
        """A message is there with the last byte of it."""
        codec = self.make_codec()
        for data, message in (
            (b"\x01\x81\0\0\0\0a", None),
            (b"\x80\x82\0\0\0\0b", None),
            (b"c", (b"abc", False)),
            (b"\x82\x80\0\0\0\0", (b"", True)),
            (b"\x02", None),
        ):
            codec.receive(data)
            self.assertEqual((codec.message, codec.failure), (message, None))

    def test_violations(self) -> None:
        """A violation is told with its close code and reason, and if the same frame has another one, or was a Close."""
        for data, code, again, closed in (
            (b"\x83\x80mask", 1002, False, False),
            (b"\x81\x8b\0\0\0\0", 1009, False, False),
            (b"\x81\x81\0\0\0\0\xff", 1007, True, False),
            (b"\x88\x82\0\0\0\0\x03\xed", 1002, False, True),
        ):
            codec = self.make_codec()
            codec.receive(data)
            assert codec.failure is not None
            self.assertEqual(
                (codec.failure[0], codec.violated_again, codec.closed, codec.message), (code, again, closed, None)
            )
            self.assertTrue(codec.failure[1])

    def test_answer(self) -> None:
        """The 101 has the key's proof, the subprotocol, and the extension if it is one to accept."""
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        codec = self.make_codec(key, "v1", "permessage-deflate")
        self.assertIn(b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", codec.answer)
        self.assertIn(b"\r\nSec-WebSocket-Protocol: v1\r\n", codec.answer)
        self.assertTrue(codec.compressing)
        self.assertFalse(self.make_codec(key).compressing)

    def test_encode(self) -> None:
        """A message is encoded as a client decodes it."""
        client = self.harness.open(DEFLATE)
        self.assertEqual(self.make_codec().encode(b"hello", True), b"\x82\x05hello")
        self.assertTrue(client.peer.send(Frame(b"x" * 9, False)))
        self.assertEqual(client.transport.written[0], 0xC1)

    def test_grows(self) -> None:
        """A message of the longest length that compression makes longer is encoded as it is."""
        codec = self.make_codec(offer="permessage-deflate")
        self.assertEqual(codec.encode(b"0123456789", True), b"\x82\x0a0123456789")
        self.assertEqual(codec.encode(b"x" * 10, True)[:1], b"\xc2")

    def test_refused(self) -> None:
        """An Autobahn that refuses a sound handshake is an error."""
        made = self.harness.factory.protocol()
        made.factory = self.harness.factory
        self.assertRaises(AutobahnError, AutobahnCodec, made, "no key")

    def test_close(self) -> None:
        """Autobahn counts a connection for as long as it is used."""
        codec = self.make_codec()
        self.assertEqual(self.harness.factory.countConnections, 1)
        codec.close()
        self.assertEqual(self.harness.factory.countConnections, 0)


class AnotherReleaseTests(SynchronousTestCase):
    """Releases of Autobahn that have another inside: the gateway serves all the same."""

    def setUp(self) -> None:
        self.patch(supported, "_judged", {})
        self.warnings: list[str] = []
        log = SimpleNamespace(warn=lambda text, **fields: self.warnings.append(text.format(**fields)))
        self.patch(supported, "_log", log)

    def serves(self) -> None:
        """A client's conversation with everything in it that concerns Autobahn, and its end."""
        for extra in (b"", DEFLATE):
            harness = Harness(compression=True)
            self.addCleanup(harness.factory.keepalive.stop)
            client = harness.client()
            client.say(REQUEST + extra + END)
            client.peer.accept(None)
            self.assertEqual(DEFLATE in client.transport.written, bool(extra))
            client.transport.written = b""
            client.send(TextMessage("one"))
            client.send(TextMessage("t", message_finished=False))
            client.send(Ping(b"between"))
            client.send(TextMessage("wo"))
            client.send(BytesMessage(bytes(70_000)))
            self.assertEqual(client.heard(), [Pong(b"between")])
            self.assertTrue(client.peer.send(Frame(b"pushed", False)))
            self.assertTrue(client.transport.written)
            client.transport.written = b""
            payloads = [frame.payload for frame in client.session.received_frames]
            self.assertEqual(payloads, [b"one", b"two", bytes(70_000)])
            client.send(CloseConnection(4000, "bye"))
            self.assertEqual(client.heard(), [CloseConnection(4000, "bye")])
            harness.clock.advance(0)
            self.assertEqual(client.session.calls[-1], ("disconnected", Cause.CLIENT, 4000, "bye", True))
            self.assertEqual((harness.factory.countConnections, harness.factory._connections), (0, set()))
        harness = Harness()
        self.addCleanup(harness.factory.keepalive.stop)
        client = harness.open()
        client.say(b"\x81\x01x")
        self.assertEqual(client.session.calls, [("fail", Cause.PROTOCOL_ERROR, 1002)])
        self.assertEqual([event.code for event in client.heard()], [1002])  # type: ignore[attr-defined]

    def test_installed(self) -> None:
        """The installed release has what is relied on, and its settings are shared."""
        self.serves()
        self.assertIsNot(Harness().factory.protocol, FrameProtocol)
        self.assertEqual(self.warnings, [])

    def test_names_not_there(self) -> None:
        """Where a name is another one, Autobahn does as it does by itself, and one line says so."""
        for name in RELIANCE.names:
            self.patch(supported, "_judged", {})
            self.warnings.clear()
            with without(name.rpartition(".")[2]):
                self.serves()
                self.assertIs(Harness().factory.protocol, FrameProtocol)
            self.assertEqual(len(self.warnings), 1)
            self.assertIn(name, self.warnings[0])

    def test_one_field_more(self) -> None:
        """A field that Autobahn sets for each connection, and needs for each frame, is there."""
        made, begin = WebSocketProtocol._connectionMade, WebSocketProtocol.onFrameBegin

        def connection_made(protocol: Any) -> None:
            protocol.another_field = []
            made(protocol)

        def on_frame_begin(protocol: Any) -> None:
            protocol.another_field.append(1)
            begin(protocol)

        self.patch(WebSocketProtocol, "_connectionMade", connection_made)
        self.patch(WebSocketProtocol, "onFrameBegin", on_frame_begin)
        self.serves()
        self.assertEqual(self.warnings, [])

    def test_settings_that_cannot_be_shared(self) -> None:
        """An Autobahn that does not work with shared settings gets its own, and one line says so."""
        made = WebSocketProtocol._connectionMade

        def connection_made(protocol: Any) -> None:
            if not protocol.CONFIG_ATTRS:
                raise ValueError("no settings")
            made(protocol)

        self.patch(WebSocketProtocol, "_connectionMade", connection_made)
        self.serves()
        self.assertIs(Harness().factory.protocol, FrameProtocol)
        self.assertEqual(len(set(self.warnings)), 1)
