"""Clients that send anything: handshakes and frames, good, bad and spoilt, in any pieces.

WSAAS_EXAMPLES=100000 in the environment makes it so many examples of each, other ones each time (an hour or so).
"""

from __future__ import annotations

import gc
import json
import re
from itertools import accumulate
from typing import Any

import h11
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.support.client_harness import Client, Harness, Transport
from tests.support.properties import examples
from tests.thorough.fuzz.inputs import (
    CUTS,
    HANDSHAKES,
    PAYLOADS,
    READS,
    STREAMS,
    Guard,
    conversations,
    frame,
    frames,
    pieces,
)
from wsaas.clients.connection import ClientConnection
from wsaas.clients.frames import SMALL
from wsaas.clients.handshake.opening import MAX_EARLY
from wsaas.clients.handshake.request_head import MAX_HEAD
from wsaas.clients.phase import Phase
from wsaas.core.model import Frame
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.net.handshake_response import HandshakeResponse

READ = 65536
"""Bytes that a real transport hands over at once, at most."""
STATUSES = {101, 400, 403, 404, 405, 426, 431, 503, 505}
FIELD = re.compile(rb"[A-Za-z-]+: [\x20-\x7e]*")


class ClientTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        # As Twisted's: once it is closing, there is nothing to resume.
        self.patch(Transport, "resumeProducing", lambda transport: setattr(transport, "reading", not transport.closed))

    def tell(self, client: Client, data: bytes, cuts: list[int]) -> None:
        """The bytes arrive, in pieces and while there is a reader; what is kept of them is bounded."""
        for large in pieces(data, cuts):
            for start in range(0, len(large), READ):
                for _ in range(100):
                    if client.transport.reading:
                        break
                    client.harness.clock.advance(0.1)
                if not client.transport.reading:
                    return
                client.say(large[start : start + READ])
                self.assertLessEqual(self.kept(client.peer), max(MAX_HEAD, MAX_EARLY) + READ)

    def kept(self, peer: Any) -> int:
        """Bytes that came and are not read yet. One that is cut off at once keeps nothing."""
        if not isinstance(peer, ClientConnection):
            return 0
        return len(peer._reader._data if peer._handshake is None else peer._handshake.data)

    def end(self, harness: Harness, clients: list[Client], vanish: bool = True) -> None:
        """All go, and then nothing is left of them: no timer, no connection, no count, no error in the log.

        It takes no time if they just `vanish`: a timer that would still have something to do is one too many.
        """
        for client in clients:
            if vanish:
                client.vanish()
        harness.clock.pump([0.0] * 100 if vanish else [0.1] * 100 + [5.0] * 20)
        self.assertEqual([client for client in clients if client.transport.protocol is not None], [])
        harness.factory.keepalive.stop()
        self.assertEqual(harness.clock.getDelayedCalls(), [])
        self.assertEqual((harness.factory._connections, len(harness.factory.context.pending)), (set(), 0))
        admission = harness.admission
        self.assertEqual((admission.present, admission.surplus, admission.asking), (0, 0, 0))
        self.assertEqual(admission._networks.numbers, {})
        for session in harness.gateway.sessions:
            disconnected = [call for call in session.calls if call[0] == "disconnected"]
            self.assertLessEqual(len(disconnected), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def tearDown(self) -> None:
        gc.collect()  # an error that nobody handled is logged when it is collected
        self.assertEqual(self.flushLoggedErrors(), [])


class HandshakeFuzz(ClientTestCase):
    @examples(400)
    @given(
        HANDSHAKES,
        CUTS,
        st.sampled_from(["accept", "choose", "refuse", "wait"]),
        st.booleans(),
        st.booleans(),
    )
    def test_anything(self, data: bytes, cuts: list[int], answer: str, credentials: bool, stuck: bool) -> None:
        """Whatever comes for a handshake, the answer is none or a whole one in clean HTTP, and nothing stays behind."""
        options: dict[str, Any] = {"allowed_origins": ("https://app.example",)} if stuck else {}
        if credentials:
            options |= {"auth_query": "access_token", "auth_subprotocol": True, "trusted_proxies": ("203.0.113.9",)}
        harness = Harness(compression=credentials, **options)
        with Guard():
            client = harness.client()
            client.transport.stuck = stuck
            self.tell(client, data, cuts)
            heard = harness.gateway.handshakes
            self.assertLessEqual(len(heard), 1)
            if heard and not client.transport.closed and answer != "wait":
                offered = heard[0].subprotocols
                if answer == "refuse":
                    response = HandshakeResponse(404, "NOT_FOUND", ((b"retry-after", b"5"),))
                    client.peer.refuse(Refusal(RefusalReason.VETOED, response=response))
                else:
                    client.peer.accept(offered[0] if answer == "choose" and offered else None)
            client.transport.flow()
            self.check_answer(client.transport.written)
            if heard and not credentials:
                self.check_reading(data, heard[0])
            self.end(harness, [client], vanish=answer != "refuse")

    def check_answer(self, written: bytes) -> None:
        """Nothing, or one whole answer; frames may follow a 101 only."""
        if not written:
            return
        head, separator, rest = written.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        self.assertTrue(separator)
        found = re.fullmatch(rb"HTTP/1\.1 ([0-9]{3}) [A-Za-z -]+", first)
        assert found is not None, first
        status = int(found[1])
        self.assertIn(status, STATUSES)
        for line in lines:
            self.assertTrue(FIELD.fullmatch(line), line)
        names = [line.partition(b":")[0].lower() for line in lines]
        self.assertNotIn(b"server", names)
        if status != 101:
            fields = dict(zip(names, (line.partition(b": ")[2] for line in lines), strict=True))
            self.assertEqual(int(fields[b"content-length"]), len(rest))
            self.assertIn("code", json.loads(rest))

    def check_reading(self, data: bytes, handshake: Any) -> None:
        """Nothing in it is ambiguous, and another parser of HTTP reads the same: target, credentials, origin."""
        head = data[: data.index(b"\r\n\r\n")]
        names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
        for name in (b"host", b"authorization", b"sec-websocket-key"):
            self.assertLessEqual(names.count(name), 1, head)
        other = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
        other.receive_data(data[: data.index(b"\r\n\r\n") + 4])
        try:
            event = other.next_event()
        except h11.RemoteProtocolError:
            return  # stricter than we are, which leaves nothing to compare
        assert isinstance(event, h11.Request)
        target = handshake.path + (f"?{handshake.query}" if handshake.query else "")
        read = event.target.decode("latin-1")
        given = {name: value.decode("latin-1") for name, value in event.headers}
        if not read.startswith("/"):
            host, slash, rest = read.partition("://")[2].partition("/")
            given[b"host"], mark, query = host.partition("?")
            read = slash + rest if slash and not mark else "/" + mark + query + slash + rest
        self.assertEqual(target, read.removesuffix("?"))
        self.assertEqual(handshake.headers.get("host"), given.get(b"host"))
        self.assertEqual(
            [value for name, value in handshake.repeated if name == b"Authorization"],
            [value for name, value in event.headers if name == b"authorization"],
        )
        origins = [value.decode("latin-1") for name, value in event.headers if name == b"origin"]
        self.assertEqual(handshake.origin, ", ".join(origins) if origins else None)

    @examples(100)
    @given(HANDSHAKES, CUTS, st.integers(1, 4))
    def test_many(self, data: bytes, cuts: list[int], room: int) -> None:
        """However many come at once, beyond what there is room for, each is let in, told or cut off, and all go."""
        harness = Harness(most_per_address=3, most_asking=2)
        harness.admission.most, harness.admission.most_surplus = room, 2
        with Guard():
            clients = []
            for _ in range(8):
                client = harness.client()
                clients.append(client)
                self.tell(client, data, cuts)
                self.assertLessEqual(harness.admission.present, room + 2)
                self.assertLessEqual(harness.admission.asking, 2)
            self.end(harness, clients)


class FrameFuzz(ClientTestCase):
    LIMIT = SMALL + 76  # below SMALL, a message by itself has no fast path

    def end(self, harness: Harness, clients: list[Client], vanish: bool = True) -> None:
        """Check that each connection was open and that its end was told once."""
        super().end(harness, clients, vanish)
        for session in harness.gateway.sessions:
            self.assertEqual([call[0] for call in session.calls].count("disconnected"), 1)

    @examples(500)
    @given(STREAMS, CUTS, st.booleans(), st.sampled_from([10**9, 400, 0]), st.sampled_from([1, 3, 1000]), st.booleans())
    @example(frame(2, b"hello", width=16), [], False, 10**9, 1000, False)
    @example(frame(1, b"hello", mask=None) + frame(1, b"x"), [], False, 10**9, 1000, False)
    def test_anything(self, data: bytes, cuts: list[int], stuck: bool, room: int, rate: int, hasty: bool) -> None:
        """Whatever comes for frames, what is handed over is what another implementation reads, in order."""
        self.compare(data, cuts, stuck, room, rate, hasty)

    def compare(self, data: bytes, cuts: list[int], stuck: bool, room: int, rate: int, hasty: bool) -> None:
        harness = Harness(max_message_size=self.LIMIT, message_rate=rate, send_buffer=2000)
        with Guard():
            client = harness.open()
            client.transport.stuck = stuck
            session = client.session
            session.room = room
            self.tell(client, data, cuts)
            for _ in range(0 if hasty else 50):
                client.peer.resume_reading()
                harness.clock.advance(0.5)
            expected, broken = self.read(data)
            got = [(received.binary, received.payload) for received in session.received_frames]
            failed = any(call[0] == "fail" for call in session.calls)
            self.assertEqual(got, expected[: len(got)])
            if room == 10**9 and not failed and not hasty:
                self.assertEqual(got, expected)
                self.assertFalse(broken, "we took what the other implementation calls a violation")
            self.assertLessEqual(client.peer.waiting, 2000 + 65536)
            client.transport.flow()
            self.end(harness, [client])

    @examples(500)
    @given(READS, st.sampled_from([10**9, 400, 0]), st.sampled_from([1, 3, 1000]))
    @example([frame(2, bytes(252)), frame(1, bytes(122)), frame(1, b"x")], 10**9, 1000)
    def test_frame_by_frame(self, reads: list[bytes], room: int, rate: int) -> None:
        """So it is where each frame comes by itself."""
        self.compare(b"".join(reads), list(accumulate(map(len, reads))), False, room, rate, False)

    def read(self, data: bytes) -> tuple[list[tuple[bool, bytes]], bool]:
        """The messages that wsproto finds in it, and whether it then found a violation."""
        codec = Connection(ConnectionType.SERVER)
        messages: list[tuple[bool, bytes]] = []
        parts: list[bytes] = []
        codec.receive_data(data)
        for event in codec.events():
            if isinstance(event, CloseConnection):  # a Close frame, or what wsproto would close for
                return messages, codec.state is ConnectionState.OPEN
            if isinstance(event, TextMessage | BytesMessage):
                binary = isinstance(event, BytesMessage)
                parts.append(event.data if isinstance(event, BytesMessage) else event.data.encode())
                if event.message_finished:
                    messages.append((binary, b"".join(parts)))
                    parts = []
        return messages, False

    @examples(150)
    @given(STREAMS, CUTS)
    def test_cuts(self, data: bytes, cuts: list[int]) -> None:
        """The messages do not depend on where TCP cuts the client's data."""
        told = []
        for places in ([], cuts, list(range(len(data)))):
            harness = Harness(max_message_size=self.LIMIT)
            client = harness.open()
            with Guard():
                self.tell(client, data, places)
                calls = client.session.calls
                # After a violation the rest has no effect: how much of it comes is for TCP, so is whether a Close does.
                failed = any(call[0] == "fail" for call in calls)
                late = ("disconnected", "ponged") if failed else ()
                told.append(([call for call in calls if call[0] not in late], client.transport.written))
                self.end(harness, [client])
        self.assertEqual(told[0], told[1])
        self.assertEqual(told[0], told[2])

    @examples(200)
    @given(
        st.lists(
            st.tuples(st.just("say"), frames() | conversations(), CUTS)
            | st.tuples(st.sampled_from(["push", "close", "stick", "flow", "wait", "pause", "resume"]), PAYLOADS, CUTS),
            max_size=12,
        )
    )
    def test_meanwhile(self, steps: list[tuple[str, bytes, list[int]]]) -> None:
        """Whatever the gateway does meanwhile, pushing, closing, pausing, to one that reads or not: all ends well."""
        harness = Harness(max_message_size=self.LIMIT, send_buffer=2000, ws_timeout=8.0)
        with Guard():
            client = harness.open()
            for step, data, cuts in steps:
                peer, live = client.peer, client.peer.session is not None
                match step:
                    case "say":
                        self.tell(client, data, cuts)
                    case "push" if live:
                        peer.send(Frame(data, binary=True))
                    case "close" if live and peer.phase is Phase.OPEN:
                        peer.close(1000, "bye")
                    case "stick":
                        client.transport.stuck = True
                    case "flow":
                        client.transport.flow()
                    case "wait":
                        harness.clock.pump([0.5] * (len(data) % 12))
                    case "pause":
                        peer.pause_reading()
                    case "resume":
                        peer.resume_reading()
                self.assertLessEqual(peer.waiting, 2000 + 65536)
            client.transport.flow()
            client.peer.resume_reading()
            self.end(harness, [client])

    @examples(150)
    @given(st.binary(max_size=300), st.integers(0, 3000), CUTS, st.integers(1, 5), st.booleans())
    def test_compressed(self, noise: bytes, length: int, cuts: list[int], parts: int, spoil: bool) -> None:
        """Compressed messages are whole or a violation; those over MAX_MESSAGE_SIZE are refused, small as they come."""
        harness = Harness(max_message_size=self.LIMIT, compression=True)
        client = harness.open(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
        extension = PerMessageDeflate()
        extension.finalize("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        codec = Connection(ConnectionType.CLIENT, [extension])
        sent = b"".join(
            codec.send(BytesMessage(data=b"x" * length, message_finished=part == parts - 1)) for part in range(parts)
        )
        if spoil:
            sent = sent[:6] + noise + sent[6 + len(noise) :]
        with Guard():
            self.tell(client, sent, cuts)
            for received in client.session.received_frames:
                self.assertLessEqual(len(received.payload), self.LIMIT)
            failed = [call for call in client.session.calls if call[0] == "fail"]
            if not spoil and length * parts <= self.LIMIT:
                self.assertEqual(
                    [received.payload for received in client.session.received_frames], [b"x" * length * parts]
                )
            elif not spoil:
                self.assertEqual([call[2] for call in failed], [1009])
            self.end(harness, [client])
