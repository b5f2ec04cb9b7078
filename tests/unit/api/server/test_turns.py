"""Requests that come together: what one turn of the reactor does for their connection, and what waits in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource

from tests.support.api_fakes import HERE, MAX_MESSAGE_SIZE, FakeSession, router_of
from tests.support.http_wire import Wire, WireCase
from wsaas.api.access import Access
from wsaas.api.server.context import ApiContext
from wsaas.api.server.fast_path import FRAMES_PER_TURN, SESSIONS_PER_FRAME, FastPath
from wsaas.api.server.limits import CLOSE_TIMEOUT, IDLE_TIMEOUT
from wsaas.api.server.site import ApiSite, api_site
from wsaas.core.counters import Counters
from wsaas.internals.http_channel import READ_AHEAD

READ = 65536
"""Bytes that Twisted reads at once."""
MARK = 65536
"""Bytes that wait in a transport of Twisted's when it pauses its producer."""
GROUP = b"GET /groups/g HTTP/1.1\r\nHost: localhost\r\n\r\n"


def push(place: str, body: bytes = b"x", query: str = "") -> bytes:
    head = f"PUT /{place}{query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class FullTransport(StringTransport):
    """A transport whose far end reads nothing, and that pauses its producer as Twisted's does."""

    def write(self, data: bytes) -> None:
        super().write(data)
        if len(self.value()) > MARK:
            self.producer.pauseProducing()  # type: ignore[union-attr]

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def drain(self) -> bytes:
        """The far end reads all."""
        data = self.value()
        self.clear()
        self.producer.resumeProducing()  # type: ignore[union-attr]
        return data


class TurnsCase(WireCase):
    members = 300

    def setUp(self) -> None:
        super().setUp()
        self.sessions = [FakeSession(f"{number:032d}") for number in range(self.members)]
        self.router = router_of(*self.sessions)
        for session in self.sessions:
            self.router.join(session.id, "g")
        self.site = self.site_of(fast_path=True)

    def site_of(self, fast_path: bool) -> ApiSite:
        return api_site(
            self.clock,
            self.router,
            tokens=(),
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            fast_path=FastPath if fast_path else None,
        )

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return sum(len(session.pushed) for session in self.sessions)

    def turns(self, wire: Wire, data: bytes) -> list[int]:
        """How many frames each turn wrote, from the one that read the data."""
        written, counts = self.frames, []
        wire.send(data, turns=False)
        while True:
            counts.append(self.frames - written)
            written = self.frames
            if not wire.turn():
                return counts


class FramesTests(TurnsCase):
    def check(self, data: bytes, frames: int, answers: int, fast_path: bool = True) -> list[int]:
        """Serve the data, which must be done in turns of at most FRAMES_PER_TURN frames; the turns."""
        before, wire = self.frames, Wire(self.site_of(fast_path))
        turns = self.turns(wire, data)
        self.assertLessEqual(max(turns), FRAMES_PER_TURN)
        self.assertEqual(self.frames - before, frames)
        self.assertEqual(wire.statuses(), [200] * answers)
        self.assertEqual(wire.transport.producerState, "producing")
        return turns

    def test_broadcasts(self) -> None:
        """Many broadcasts in one read: no turn writes more than FRAMES_PER_TURN frames, on either path."""
        for fast_path in (True, False):
            self.check(push("broadcast") * 50, 50 * self.members, 50, fast_path)
            self.check(push("groups/g") * 50, 50 * self.members, 50, fast_path)
        self.check(push("broadcast", query=f"?except={HERE}") * 20, 20 * self.members, 20)

    def test_full_turns(self) -> None:
        """On the fast path one turn does more than one request: a group of a few members does not cost a turn each."""
        for session in self.sessions[3:]:
            self.router.leave(session.id, "g")
        turns = self.check(push("groups/g") * 700, 2100, 700)
        self.assertLess(
            len(turns), 2 * (2100 // FRAMES_PER_TURN + 2)
        )  # a group cut by the end of a turn is completed in the next

    def test_pushes(self) -> None:
        """Pushes to one client count as well."""
        for fast_path in (True, False):
            self.check(push(self.sessions[0].id) * 700, 700, 700, fast_path)

    def test_nobody(self) -> None:
        """A push that writes nothing counts for its answer, and a broadcast for the connections that it looks at."""
        for session in self.sessions:
            self.router.leave(session.id, "g")
            session.state = None  # type: ignore[assignment]
        self.assertGreater(len(self.turns(self.wire(), push("groups/g") * 700)), 1)
        looked_at = 700 * self.members
        self.assertGreater(
            len(self.turns(self.wire(), push("broadcast") * 700)), looked_at / SESSIONS_PER_FRAME / FRAMES_PER_TURN
        )

    def test_mixed(self) -> None:
        """A turn of the fast path ends before a request of the slow one, which has a turn of its own."""
        slow = push("broadcast", query=f"?except={HERE}")
        self.check((push("broadcast") + slow + push(self.sessions[0].id)) * 30, 30 * (2 * self.members + 1), 90)

    def test_one_slow_request(self) -> None:
        """Of other requests, one is begun in a turn, whatever it costs."""
        looked_at: list[int] = []
        registry: Any = self.router.registry
        page = registry.page
        registry.page = lambda *arguments: looked_at.append(1) or page(*arguments)
        wire = self.wire()
        wire.send(b"GET /connections?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50, turns=False)
        for count in range(1, 51):
            self.assertEqual(len(looked_at), count)
            wire.turn()
        self.assertEqual((wire.statuses(), wire.turn()), ([200] * 50, False))

    def test_others_between(self) -> None:
        """What one connection pipelines does not keep another one waiting for longer than a turn."""
        flood, other = self.wire(), self.wire()
        flood.send(push("broadcast") * 700, turns=False)
        other.send(push(self.sessions[0].id, b"other"), turns=False)
        self.assertEqual(other.statuses(), [200])
        self.assertLessEqual(self.frames, FRAMES_PER_TURN + 1)

    def test_order(self) -> None:
        """Messages are written in the order of their requests, whatever path these go and wherever they are cut."""
        data, expected = b"", []
        for number in range(100):
            body, one = b"%d" % number, self.sessions[0].id
            data += (
                push(one, body),
                push("broadcast", body),
                push("groups/g", body, "?"),
                push("groups/g", body, f"?except={HERE}"),
            )[number % 4]
            expected.append(body)
        for cut in (0, 1, 50, 5000, len(data) - 1):
            self.sessions[0].pushed.clear()
            wire = self.wire()
            wire.send(data[:cut], data[cut:], turns=False)
            wire.run()
            self.assertEqual([frame.payload for frame in self.sessions[0].pushed], expected)
            self.assertEqual(wire.statuses(), [200] * 100)


class UnreadTests(TurnsCase):
    """A client that sends requests and never reads an answer."""

    def flooding(self, fast_path: bool) -> tuple[Wire, FullTransport]:
        wire = Wire(self.site_of(fast_path))
        wire.transport = FullTransport()
        wire.channel.makeConnection(wire.transport)
        return wire, wire.transport  # type: ignore[return-value]

    def flood(self, wire: Wire, request: bytes) -> int:
        """Send as long as the connection is read from; the bytes that were read."""
        data, read = request * (READ // len(request) + 2), 0
        while wire.transport.producerState == "producing" and read < 100 * READ:
            wire.send(data[read % len(request) :][:READ])
            read += READ
        return read

    def kept(self, wire: Wire) -> int:
        """Bytes in memory for the connection."""
        return self.unserved(wire) + len(wire.transport.value())

    def unserved(self, wire: Wire) -> int:
        """Bytes of requests in memory."""
        channel = wire.channel
        return len(channel._waiting) + len(channel._buffer) + sum(map(len, channel._dataBuffer))

    def test_bound(self) -> None:
        """What waits in memory is bounded, whatever is asked for and by what path: answers up to the transport's mark
        and one more, or those of one turn, and two reads of requests; all else stays in the socket.
        """
        longest = 20_000  # the answer with all members, or those to FRAMES_PER_TURN pushes
        for fast_path in (True, False):
            for request in (GROUP, push("groups/g"), push(HERE), push("nobody"), GROUP.replace(b"/g", b"/g?limit=1")):
                wire, _ = self.flooding(fast_path)
                self.assertLess(self.flood(wire, request), 100 * READ, request)
                self.assertLess(self.kept(wire), MARK + 2 * READ + 8 * longest)
                self.assertEqual(wire.transport.producerState, "paused")

    def test_begins_nothing(self) -> None:
        """While an answer is unread no request is begun, and when all are read they go on, none lost."""
        for fast_path in (True, False):
            for session in self.sessions:
                session.pushed.clear()
            wire, transport = self.flooding(fast_path)
            wire.send(GROUP * 10 + push("broadcast", b"last"))
            begun = transport.value().count(b"HTTP/1.1 200 OK")
            self.assertLess(begun, 10)
            for _ in range(3):
                self.assertFalse(wire.turn())
            self.assertEqual((transport.value().count(b"HTTP/1.1 200 OK"), self.frames), (begun, 0))
            while b'"sent"' not in transport.value():
                begun -= transport.drain().count(b"HTTP/1.1 200 OK")
                self.assertEqual(begun, 0)
                wire.run()
                begun = transport.value().count(b"HTTP/1.1 200 OK")
                self.assertGreater(begun, 0)
            self.assertEqual(self.frames, self.members)

    def test_fast_after_unread(self) -> None:
        """A push behind unread answers waits too, also when it comes later, and arrives in order."""
        wire, transport = self.flooding(True)
        wire.send(GROUP * 10)
        wire.channel.dataReceived(push(self.sessions[0].id, b"1"))  # as TLS may, which had read it before
        wire.channel.dataReceived(push(self.sessions[0].id, b"2"))
        self.assertEqual(self.frames, 0)
        answers = b""
        while transport.value():
            answers += transport.drain()
            wire.run()
        self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 12)
        self.assertEqual([frame.payload for frame in self.sessions[0].pushed], [b"1", b"2"])
        self.assertEqual(transport.producerState, "producing")

    def test_fast_after_fast(self) -> None:
        """So does a push behind unread answers to pushes that left nothing waiting."""
        wire, transport = self.flooding(True)
        for _ in range(100):
            if transport.producerState == "producing":
                wire.send(push(HERE) * 20)
        self.assertEqual(self.unserved(wire), 0)
        wire.channel.dataReceived(push(self.sessions[0].id))
        self.assertEqual(self.frames, 0)
        transport.drain()
        wire.run()
        self.assertEqual((self.frames, transport.producerState), (1, "producing"))

    def test_gives_up(self) -> None:
        """A client that leaves its answers unread is let go after 75 seconds, and cut off if it does not take them."""
        wire, transport = self.flooding(True)
        self.flood(wire, GROUP)
        self.clock.advance(IDLE_TIMEOUT - 1)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(2)
        self.assertTrue(transport.disconnecting)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(transport.disconnected)
        wire.hang_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_answering(self) -> None:
        """What comes while an answer is written bit by bit to a client that does not read it is bounded as well."""
        requests: list[Any] = []

        class Endless(Resource):
            isLeaf = True

            def render(self, request: Any) -> int:
                requests.append(request)
                return 1  # NOT_DONE_YET

        site = ApiSite(Endless(), ApiContext(self.clock, Access(()), MAX_MESSAGE_SIZE, 10.0, Counters()))
        self.site_of = lambda fast_path: site  # type: ignore[method-assign]
        wire, transport = self.flooding(False)
        wire.send(GROUP)
        requests[0].write(b"x" * (MARK + 1))
        self.flood(wire, GROUP)
        self.assertLess(self.unserved(wire), 2 * READ)
        transport.drain()
        requests[0].finish()
        wire.run()
        self.assertEqual(len(requests), 2)

    def test_receipt(self) -> None:
        """Behind a push that waits for its receipt the connection is read on, so that it is noticed if the caller hangs
        up, until 16 KiB wait; what waits is served afterwards.
        """
        awaited, behind = (push(self.sessions[0].id, b"x", query) for query in ("?receipt=60000", ""))
        most = READ_AHEAD // len(behind)
        for count, state in ((1, "producing"), (most, "producing"), (most + 1, "paused")):
            wire, transport = self.flooding(True)
            wire.send(awaited, *[behind] * count)
            self.assertEqual((transport.producerState, wire.statuses()), (state, []))
            self.assertEqual(self.unserved(wire), count * len(behind))
            self.clock.advance(60)
            wire.run()
            self.assertEqual((wire.statuses(), transport.producerState), ([202] + [200] * count, "producing"))
            wire.send(awaited, behind, turns=False)
            self.assertEqual(transport.producerState, "producing")
            wire.hang_up()
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_leaves(self) -> None:
        """A client that leaves while its requests wait leaves nothing behind; only what was begun is completed."""
        for data in (GROUP * 100, push(HERE) * 700, push("broadcast") * 500):
            wire = self.wire()
            wire.send(data, turns=False)
            before = self.frames
            wire.hang_up()
            wire.run()
            self.assertLess(self.frames - before, self.members)
            self.assertEqual((self.site.context.connections, self.clock.getDelayedCalls()), (set(), []))
