"""Callers of the API that send anything, in any pieces.

WSAAS_EXAMPLES=100000 in the environment makes it so many examples of each, other ones each time (half an hour or so).
"""

from __future__ import annotations

import gc

import h11
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.api_fakes import HERE
from tests.support.http_wire import WireCase
from tests.support.properties import examples
from tests.thorough.fuzz.inputs import CUTS, REQUESTS, Guard, pieces
from wsaas.api.server.limits import CLOSE_TIMEOUT, IDLE_TIMEOUT, LINGER_TIMEOUT

TOKEN = "t" * 16


def push(body: bytes, *lines: bytes) -> bytes:
    """A push with the token and these header lines."""
    head = [f"PUT /{HERE} HTTP/1.1".encode(), b"Authorization: Bearer " + TOKEN.encode(), *lines]
    return b"\r\n".join([*head, b"", body])


# What two parsers may read differently, and what a search of few examples does not come upon.
NO_HOST = push(b"hello", b"Content-Length: 5")
TWO_HOSTS = push(b"hello", b"Host: x", b"Host: x", b"Content-Length: 5")
LENGTH_AND_CHUNKS = push(b"0\r\n\r\n", b"Host: x", b"Content-Length: 5", b"Transfer-Encoding: chunked")

STATUSES = {100, 200, 400, 401, 404, 405, 408, 413, 415}


class ApiFuzz(WireCase):
    tokens = (TOKEN,)

    def tearDown(self) -> None:
        gc.collect()  # an error that nobody handled is logged when it is collected
        self.assertEqual(self.flushLoggedErrors(), [])

    def serve(self, data: bytes, cuts: list[int]) -> tuple[list[int], list[bytes], int]:
        """The statuses that a new connection answers, the pushes it makes, how many it closes; nothing stays behind."""
        self.session.pushed.clear()
        self.session.closed.clear()
        wire = self.wire()
        for piece in pieces(data, cuts):
            wire.send(piece)
            self.assertLessEqual(len(wire.channel._buffer), 16384 + len(piece))
        statuses = self.statuses(wire.transport.value())
        self.clock.pump([LINGER_TIMEOUT, CLOSE_TIMEOUT, IDLE_TIMEOUT])
        wire.hang_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
        return statuses, [frame.payload for frame in self.session.pushed], len(self.session.closed)

    def statuses(self, written: bytes) -> list[int]:
        """Read what was answered by another implementation of HTTP, which must not find anything wrong with it."""
        found = []
        while written:
            for asked in (
                b"GET",
                b"HEAD",
            ):  # behind the answer to a HEAD there is no body
                reader = h11.Connection(h11.CLIENT)
                reader.send(h11.Request(method=asked, target="/", headers=[("Host", "x")]))
                reader.send(h11.EndOfMessage())
                reader.receive_data(written)
                events = []
                while (event := reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                    events.append(event)
                    if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                        break
                rest = reader.trailing_data[0]
                if isinstance(events[-1], h11.EndOfMessage) and not (
                    rest and not rest.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
                ):
                    break
                if isinstance(events[0], h11.InformationalResponse) and len(events) == 1:
                    rest = b""
                    break
            else:
                self.fail(f"no whole answers: {written!r}")
            for event in events:
                if isinstance(event, h11.Response | h11.InformationalResponse):
                    found.append(event.status_code)
                    self.assertIn(event.status_code, STATUSES)
                    names = [name for name, _ in event.headers]
                    self.assertEqual(len(names), len(set(names)))
                    self.assertNotIn(b"server", names)
            written = rest
        return found

    @examples(500)
    @example(NO_HOST, [])
    @example(TWO_HOSTS, [])
    @example(LENGTH_AND_CHUNKS, [])
    @given(REQUESTS, CUTS)
    def test_anything(self, data: bytes, cuts: list[int]) -> None:
        """Whatever comes, the answers are HTTP and none is a 5xx; what is pushed, another parser found in it, too."""
        with Guard():
            _, pushed, closed = self.serve(data, cuts)
            bodies, deletes = self.read(data)
            remaining = iter(bodies)
            for payload in pushed:
                self.assertTrue(any(payload == body for body in remaining), (payload, bodies, data))
            self.assertLessEqual(closed, deletes)

    def read(self, data: bytes) -> tuple[list[bytes], int]:
        """The bodies of the PUTs with the token that h11 finds in it before anything wrong, and how many DELETEs."""
        reader = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
        reader.receive_data(data)
        bodies: list[bytes] = []
        deletes, request, body = 0, None, b""
        try:
            while True:
                event = reader.next_event()
                if event is h11.PAUSED:
                    if reader.our_state is h11.SEND_RESPONSE:
                        reader.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                        reader.send(h11.EndOfMessage())
                    if reader.our_state is h11.MUST_CLOSE:
                        return bodies, deletes
                    reader.start_next_cycle()
                elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                    return bodies, deletes
                elif isinstance(event, h11.Request):
                    request, body = event, b""
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage) and request is not None:
                    tokens = [value for name, value in request.headers if name == b"authorization"]
                    if [token.strip().lower().split() for token in tokens] == [[b"bearer", TOKEN.encode()]]:
                        bodies += [body] if request.method == b"PUT" else []
                        deletes += request.method == b"DELETE"
                    request = None
                    if reader.our_state is h11.SEND_RESPONSE:
                        reader.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                        reader.send(h11.EndOfMessage())
                    if reader.our_state is not h11.DONE or reader.their_state is not h11.DONE:
                        return bodies, deletes
                    reader.start_next_cycle()
        except h11.RemoteProtocolError:
            return bodies, deletes

    @examples(150)
    @example(NO_HOST, [])
    @example(LENGTH_AND_CHUNKS, [])
    @given(REQUESTS, CUTS)
    def test_cuts(self, data: bytes, cuts: list[int]) -> None:
        """The answers do not depend on where TCP cuts the requests, nor on the fast path."""
        with Guard():
            whole = self.serve(data, [])
            self.assertEqual(self.serve(data, cuts), whole)
            self.assertEqual(self.serve(data, list(range(len(data)))), whole)

    @examples(100)
    @given(REQUESTS, st.integers(0, 2000), st.sampled_from([0.0, 1.0, 5.0, 9.9, 20.0]))
    def test_left_alone(self, data: bytes, length: int, wait: float) -> None:
        """Half a request, and silence: the connection ends by itself, and nothing stays behind."""
        wire = self.wire()
        wire.send(data[:length])
        self.clock.advance(wait)
        self.clock.pump([5.0] * 30)
        self.assertTrue(wire.transport.disconnecting)
        wire.hang_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])
