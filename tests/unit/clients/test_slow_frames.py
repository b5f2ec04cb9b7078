"""The slow path for frames: what Autobahn reads, one frame after the other."""

from __future__ import annotations

import zlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from wsproto.events import BytesMessage, Ping, Pong, TextMessage

from tests.support.client_harness import Client, Harness
from wsaas.clients.slow_frames import HELD_BACK, MAX_INFLATION
from wsaas.core.events import Cause
from wsaas.internals.autobahn import AutobahnCodec

DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


class SlowFramesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(max_message_size=100_000)

    def announced(self, client: Client) -> list[int]:
        """The lengths that the session hears of, in order, from now on."""
        lengths: list[int] = []
        session: Any = client.session
        announce = session.announce

        def noted(length: int) -> None:
            lengths.append(length)
            announce(length)

        session.announce = noted
        return lengths

    def test_made_when_needed(self) -> None:
        """Autobahn has a connection only for a client that sends a frame without a fast path, and until it is gone."""
        clients = [self.harness.open() for _ in range(2)]
        for client in clients:
            client.send(TextMessage("whole"))
            client.send(Ping(b"x"))
            client.send(Pong(b""))
        self.assertEqual(self.harness.factory.countConnections, 0)
        clients[0].send(TextMessage("in ", message_finished=False))
        clients[0].send(TextMessage("two"))
        self.assertEqual(self.harness.factory.countConnections, 1)
        received = self.harness.gateway.sessions[0].received_frames
        self.assertEqual([frame.payload for frame in received], [b"whole", b"in two"])
        for client in clients:
            client.vanish()
        self.assertEqual(self.harness.factory.countConnections, 0)

    def test_cut(self) -> None:
        """A frame may be cut anywhere, in its header too; the session hears of its length once that is there."""
        client = self.harness.open()
        lengths = self.announced(client)
        sent = b"".join(
            client.codec.send(BytesMessage(bytes([number]) * size, message_finished=number == 2))
            for number, size in enumerate((3, 300, 0))
        )
        for byte in sent[:-1]:
            client.say(bytes([byte]))
        self.assertEqual((client.session.received_frames, lengths), ([], [3, 303]))
        client.say(sent[-1:])
        [frame] = client.session.received_frames
        self.assertEqual((frame.payload, frame.binary), (b"\0" * 3 + b"\1" * 300, True))
        self.assertEqual(lengths, [3, 303, 303])

    def test_no_room(self) -> None:
        """A fragment for which there is no room waits, and is counted once."""
        client = self.harness.open()
        client.session.room = 4
        client.say(b"\x01\x83\0\0\0\0one\x00\x83\0\0\0\0two\x80\x80\0\0\0\0")
        self.assertEqual((client.session.received_frames, client.transport.reading), ([], False))
        client.session.room = 6
        client.peer.resume_reading()
        self.assertEqual([frame.payload for frame in client.session.received_frames], [b"onetwo"])
        self.assertTrue(client.transport.reading)

    def test_between_fragments(self) -> None:
        """A ping between the fragments of a message is answered, and a Close there ends the connection."""
        client = self.harness.open()
        client.send(TextMessage("half", message_finished=False))
        client.send(Ping(b"x"))
        self.assertEqual(client.heard(), [Pong(b"x")])
        client.say(b"\x88\x82\0\0\0\0\x03\xe8")
        self.harness.clock.advance(0)
        self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, 1000, "", True)])

    def test_behind_a_violation(self) -> None:
        """Behind a violation no message is read, whole or not, and no ping is answered; a Close is a clean end."""
        client = self.harness.open()
        client.say(b"\x83\x83\0\0\0\0bad")
        self.assertEqual([event.code for event in client.heard()], [1002])  # type: ignore[attr-defined]
        for data in (b"\x81\x83\0\0\0\0one", b"\x01\x83\0\0\0\0", b"two", b"\x80\x80mask", b"\x89\x80mask"):
            client.say(data)
        self.assertEqual((client.transport.written, client.transport.closed), (b"", False))
        client.say(b"\x88\x82\0\0\0\0\x03\xe8")
        self.harness.clock.advance(0)
        ends = [("fail", Cause.PROTOCOL_ERROR, 1002), ("disconnected", Cause.CLIENT, 1000, "", True)]
        self.assertEqual(client.session.calls, ends)

    def test_violation_in_a_header(self) -> None:
        """A violation in the first two bytes of a frame is told at once; the rest of that frame is no second one."""
        client = self.harness.open()
        client.say(b"\x83\xfe")
        self.assertEqual([event.code for event in client.heard()], [1002])  # type: ignore[attr-defined]
        client.say((200).to_bytes(2, "big") + b"mask" + bytes(200))
        self.assertFalse(client.transport.closed)
        client.say(b"\x83\x80mask")
        self.assertTrue(client.transport.closed)

    def test_error(self) -> None:
        """An error in Autobahn ends one connection, and its session hears of that."""
        client = self.harness.open()

        def receive(codec: object, data: bytes) -> None:
            raise ValueError("a bug")

        self.patch(AutobahnCodec, "receive", receive)
        self.assertRaises(ValueError, client.say, b"\x01\x80mask")
        client.vanish()
        self.assertEqual(client.session.calls, [("disconnected", Cause.NETWORK, 1006, "", False)])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual((self.harness.factory._connections, self.harness.factory.countConnections), (set(), 0))

    def test_compressed(self) -> None:
        """A compressed message is announced with the most that it can become, and no more than a message may have;
        another one on the same connection is as long as it is.
        """
        self.harness = Harness(max_message_size=100_000, compression=True)
        client = self.harness.open(DEFLATE)
        lengths = self.announced(client)
        client.say(b"\xc1\x87\0\0\0\0\xf2H\xcd\xc9\xc9\x07\x00" + b"\x81\x85\0\0\0\0plain")
        self.assertEqual([frame.payload for frame in client.session.received_frames], [b"Hello", b"plain"])
        self.assertEqual(lengths, [MAX_INFLATION * (7 + HELD_BACK), 5])
        client.say(b"\xc1\xfe\x01\x00\0\0\0\0" + b"\x00\xfb\x00\x04\xff" + b"s" * 251)
        self.assertEqual(lengths[2:], [100_000])

    def test_most_that_it_becomes(self) -> None:
        """No message becomes longer than it was announced, one that repeats a single byte least of all."""
        self.harness = Harness(max_message_size=1 << 20, compression=True)
        client = self.harness.open(DEFLATE)
        lengths = self.announced(client)
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        for size in (1, 1000, 20_000, 80_000, 80_000):
            data = deflater.compress(b"0" * size) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
            self.assertLess(len(data), 126)
            client.say(bytes((0xC2, 0x80 | len(data))) + bytes(4) + data)
            self.assertEqual(len(client.session.received_frames[-1].payload), size)
            self.assertLess(size, lengths[-1])
        self.assertLess(lengths[-1], 200_000)
