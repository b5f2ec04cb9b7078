"""The fast path is taken, and answers as the slow path does."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import UNIXAddress
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.api_fakes import GONE, HERE, MAX_MESSAGE_SIZE, FakeSession, router_of
from tests.support.http_wire import Wire, WireCase
from tests.support.properties import examples
from wsaas.api.server.fast_path import FastPath, Head, read_head
from wsaas.api.server.limits import IDLE_TIMEOUT
from wsaas.api.server.site import ApiSite, api_site
from wsaas.core.errors import ClientTooSlow
from wsaas.core.fanout import BATCH
from wsaas.core.model import Frame
from wsaas.core.pushes import Pushed
from wsaas.core.states import State

TOKEN = "right-token-0123456789"
HOST = b"Host: localhost"
HOSTS = [HOST] * 5 + [b"host:127.0.0.2:8081 ", b"Host: LocalHost.", b"Host: evil.example", b"Host: [::1]", b"Host: a b"]


def put(id: str, body: bytes, *headers: bytes, method: bytes = b"PUT", version: bytes = b"HTTP/1.1") -> bytes:
    lines = [b"%s /%s %s" % (method, id.encode(), version), *headers, b"Content-Length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)


def post(place: str, body: bytes, *headers: bytes) -> bytes:
    return put(place, body, *headers, method=b"POST")


AWS_PLACES = [
    *(f"@connections/{HERE}", f"%40connections/{HERE}", f"prod/@connections/{HERE}", f"$default/%40connections/{HERE}"),
    *(f"@connections/{GONE}", "@connections/L0SM9cOFvHcCIhw=", "@connections/L0SM9cOFvHcCIhw%3D", "@connections/"),
    *("@connections", f"@connections/{HERE}/", f"@connections/{HERE}/x", f"@connections/{HERE}?a=b"),
    *(
        f"groups/@connections/{HERE}",
        f"%67roups/@connections/{HERE}",
        f"a/b/@connections/{HERE}",
        f"a%2Fb/@connections/{HERE}",
    ),
    *(
        f"@%63onnections/{HERE}",
        f"%2540connections/{HERE}",
        f"connections/@connections/{HERE}",
        f"@@connections/{HERE}",
    ),
    *(f"{'s' * 128}/@connections/{HERE}", f"{'s' * 129}/@connections/{HERE}", f"@connections/@connections/{HERE}"),
    *(f"/@connections/{HERE}", f"@connections/%41{HERE[1:]}", "@connections/%FF", "@connections/a%2Fb", HERE),
]
ODD_HEADERS = [
    b"",
    b"x",
    b"x:",
    b"x: ",
    b" x: y",
    b"x : y",
    b"x:\ty",
    b"x: y\t",
    b"x: \xe9",
    b"x: \0",
    b"Content-Length: 1",
    b"Content-Length: +1",
    b"content-length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Upgrade: h2c",
    b"Content-Type: application/octet-stream",
    b"Content-Type: Application/Octet-Stream ; x=y",
    b"Content-Type: text/plain",
    b"Content-Type:",
    b"Authorization: Bearer " + TOKEN.encode(),
    b"authorization: bearer  " + TOKEN.encode() + b" ",
    b"Authorization: Bearer wrong",
    b"Authorization: Basic " + TOKEN.encode(),
    b"Host: localhost",
    b"Host:",
    b"Content-Encoding: gzip",
    b"content-encoding: identity",
    b"Content-Encoding:",
    b"User-Agent: curl/8",
    b"X-" + b"x" * 5000 + b": y",
    b"x" * 256 + b": y",
    b"x" * 257 + b": y",
    b"\r\n".join([b"x:"] * 498),
    b"\r\n".join([b"x:"] * 499),
]
PLACES = [
    *(
        GONE,
        "x",
        HERE + "?a=b",
        HERE + "/",
        "broadcast",
        "broadcast?except=" + HERE,
        "broadcast/",
        "groups/",
        "groups/g",
    ),
    *(
        "groups/nobody",
        "groups/%67",
        "groups/a/b",
        "groups/g/" + HERE,
        "groups/" + "g" * 257,
        "groups/g?x",
        "groups/..",
        "groups/.",
        "groups/...",
    ),
    *(
        f"broadcast?except={GONE}&except={HERE}",
        "broadcast?except=" + HERE[1:],
        "broadcast?exept=" + HERE,
        f"groups/g?except={HERE}&except={HERE}",
        f"groups/g?except={HERE},{GONE}",
        "groups/g?",
    ),
]
BODIES = [b"", b"hi", b"\xff", b"x" * MAX_MESSAGE_SIZE, b"x" * (MAX_MESSAGE_SIZE + 1), b"a\r\n\r\nPUT /"]
aws_requests = st.builds(
    lambda place, body, headers: post(place, body, HOST, *headers),
    st.sampled_from([*AWS_PLACES[:4] * 3, *AWS_PLACES]),
    st.sampled_from(BODIES),
    st.lists(st.sampled_from(ODD_HEADERS), max_size=2),
)
requests = aws_requests | st.builds(
    lambda id, body, headers, method, version: put(id, body, *headers, method=method, version=version),
    st.sampled_from([*[HERE] * 3, *PLACES]),
    st.sampled_from(BODIES),
    st.builds(
        lambda host, more: [host, *more], st.sampled_from(HOSTS), st.lists(st.sampled_from(ODD_HEADERS), max_size=3)
    )
    | st.just([]),
    st.sampled_from([b"PUT", b"PUT", b"PUT", b"PUT", b"GET", b"DELETE", b"put"]),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"]),
)


class Gateway:
    """One site, with the fast path or without it, and all that comes of what it is sent.

    It serves one example after the other, as a gateway does: to compile the routes anew takes longer than the example.
    """

    def __init__(self, fast: bool, tokens: tuple[str, ...]) -> None:
        self.session = FakeSession()
        self.router = router_of(self.session)
        clock = MemoryReactorClock()
        clock.advance(1)
        self.site: ApiSite = api_site(
            clock,
            self.router,
            tokens=tokens,
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            fast_path=FastPath if fast else None,
        )

    def send(self, pieces: list[bytes], outcome: Any) -> tuple[bytes, list[Frame], bool]:
        self.session.outcome, self.session.pushed = outcome, []
        self.session.state = State.CONNECTING if outcome is Pushed.QUEUED else State.OPEN
        self.router.join(HERE, "g")
        wire = Wire(self.site)
        wire.send(*pieces)
        answers = re.sub(rb"\r\n(Date|X-Amzn-Requestid): [^\r]*", b"", wire.transport.value(), flags=re.I)
        wire.hang_up()
        return answers, self.session.pushed, wire.transport.disconnecting


class DifferentialTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateways = {tokens: (Gateway(True, tokens), Gateway(False, tokens)) for tokens in ((), (TOKEN,))}

    @examples(100)
    @given(
        st.lists(requests, min_size=1, max_size=4),
        st.lists(st.integers(0, 3000), max_size=4),
        st.sampled_from([(), (TOKEN,)]),
        st.sampled_from([Pushed.SENT, Pushed.QUEUED, ClientTooSlow("slow")]),
    )
    def test_alike(self, sent: list[bytes], cuts: list[int], tokens: tuple[str, ...], outcome: Any) -> None:
        """Both paths give the same answers, to the byte, and push the same, for all requests and all cuts of them."""
        stream = b"".join(sent)
        marks = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
        pieces = [stream[start:stop] for start, stop in pairwise(marks) if start < stop]
        fast, slow = (gateway.send(pieces, outcome) for gateway in self.gateways[tokens])
        self.assertEqual(fast, slow)
        self.flushLoggedErrors()

    def test_each_alike(self) -> None:
        """So they do for each header, Host, place, body, method and version in an else plain request."""
        plain = put(HERE, b"hi", HOST)
        every = [
            *(put(HERE, b"hi", HOST, header) for header in ODD_HEADERS),
            *(put(HERE, b"hi", host) for host in HOSTS),
            *(put(place, b"hi", HOST) for place in PLACES),
            *(put(place, body, HOST) for place in (HERE, "broadcast", "groups/g") for body in BODIES),
            *(put(HERE, b"hi", HOST, method=method) for method in (b"GET", b"DELETE", b"put", b"Put", b"POST", b"X")),
            *(put(HERE, b"hi", HOST, version=version) for version in (b"HTTP/1.0", b"HTTP/2.0", b"http/1.1")),
            *(post(place, b"hi", HOST) for place in AWS_PLACES),
            *(post(AWS_PLACES[0], body, HOST) for body in BODIES),
            *(post(AWS_PLACES[0], b"hi", HOST, header) for header in ODD_HEADERS),
            *(post(AWS_PLACES[0], b"hi", host) for host in HOSTS),
        ]
        for tokens, headers in ((), ()), ((TOKEN,), (b"Authorization: Bearer " + TOKEN.encode(),)):
            for request in every:
                with_token = request.replace(
                    b"\r\n", b"".join(b"\r\n%b\r\n" % header for header in headers) or b"\r\n", 1
                )
                fast, slow = (gateway.send([with_token + plain], Pushed.SENT) for gateway in self.gateways[tokens])
                self.assertEqual(fast, slow, with_token)
        self.flushLoggedErrors()

    def test_known_alike(self) -> None:
        """So they do for requests whose header block is known, cut anywhere, or not quite as those before."""
        fast, slow = self.gateways[()]
        plain = put(HERE, b"hi", HOST)
        others = [
            *(put(HERE, body, HOST) for body in (b"", b"\xff\xff", "\u00e9".encode(), b"\r\n", b"x" * 9)),
            *(plain.replace(old, new) for old, new in ((b"PUT ", b"GET "), (b"PUT /", b"PUT  "), (b"PUT", b"put"))),
            *(plain.replace(HERE.encode(), id) for id in (GONE.encode(), b"\xe9" * 32, b"broadcast", b"", b"x" * 33)),
            *(plain + more for more in (plain, plain[:-1], b"\r\n", b"\r\n\r\n", b"x", b"GET / HTTP/1.1\r\n")),
            *(b"\r\n" + plain, plain[:-1], plain[1:], b"", plain.replace(b"\r\n\r\n", b"\r\n")),
        ]
        for body in (b"", b"hi"):
            whole = put(HERE, body, HOST)
            others += (whole[:cut] for cut in range(whole.index(b"\r\n\r\n"), len(whole)))
        for gateway in fast, slow:
            gateway.send([plain, put(HERE, b"", HOST)], Pushed.SENT)
        for other in others:
            pieces = [other, b"hi"] if other else [b"hi"]
            self.assertEqual(fast.send(pieces, Pushed.SENT), slow.send(pieces, Pushed.SENT), other)
        for outcome in Pushed.SENT, Pushed.QUEUED, ClientTooSlow("slow"), ZeroDivisionError():
            self.assertEqual(fast.send([plain, plain], outcome), slow.send([plain, plain], outcome), outcome)
        self.flushLoggedErrors()


class FastPathTests(WireCase):
    def test_taken(self) -> None:
        """The usual request does not take the slow path, one after the other or several at once."""
        wire = self.wire()
        wire.channel.lineReceived = lambda line: self.fail("the slow path")
        for count in (1, 3):
            wire.send(put(HERE, b"hi", HOST, b"User-Agent: curl/8", b"Accept: */*") * count)
            self.assertEqual(wire.statuses(), [200] * count)
        self.assertEqual(self.session.pushed, [Frame(b"hi", False)] * 4)
        for place in AWS_PLACES[:4]:
            wire.send(post(place, b"\xff", HOST, b"Content-Type: text/plain"))
            self.assertRegex(wire.transport.value(), b"^HTTP/1.1 200 ")
            wire.transport.clear()
        self.assertEqual(self.session.pushed[4:], [Frame(b"\xff", True)] * 4)

    def test_lone(self) -> None:
        """A push to one connection that is all of a read is served by itself, once its header block is known."""
        wire = self.wire()
        wire.send(put(HERE, b"hi", HOST))
        fast_path: Any = self.site.context.fast_path
        fast_path.serve = lambda *_: self.fail("the longer way")
        self.assertEqual((wire.statuses(), wire.channel.after_blank_line), ([200], False))
        wire.channel.after_blank_line = True
        for body in (b"hi", "\u00e9".encode()):
            wire.send(put(HERE, body, HOST))
        self.assertEqual((wire.statuses(), wire.channel.after_blank_line), ([200] * 2, False))
        self.assertEqual([frame.payload for frame in self.session.pushed], [b"hi", b"hi", "\u00e9".encode()])
        self.assertEqual(self.site.context.counters.pushes_sent, 3)

    def test_no_request(self) -> None:
        """A read that looks like such a push is none within the body of another request, or behind the last one."""
        push = put(HERE, b"hi", HOST)
        for more in ((), (b"Connection: keep-alive",)):  # the second takes the slow path
            whole = put(HERE, push, HOST, *more)
            wire = self.wire()
            wire.send(push, whole, whole[: -len(push)], push, push)
            self.assertEqual(wire.statuses(), [200] * 4)
            self.assertEqual([frame.payload for frame in self.session.pushed], [b"hi", push, push, b"hi"])
            self.session.pushed.clear()
        wire = self.wire()
        wire.send(push, b"no request\r\n", push)
        self.assertEqual((wire.statuses(), len(self.session.pushed)), ([200, 400], 1))

    def test_may_not_answer(self) -> None:
        """While the process may not answer, it pushes nothing, also if the header block is known."""
        allowed = True
        self.site = api_site(
            *(self.clock, router_of(self.session)),
            tokens=(),
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            may_answer=lambda: allowed,
        )
        wire = self.wire()
        for allowed in (True, True, False, True):  # noqa: B007 (the site reads it)
            wire.send(put(HERE, b"hi", HOST))
        self.assertEqual((wire.statuses(), len(self.session.pushed)), ([200, 200, 503, 200], 3))

    def test_dated(self) -> None:
        """Each answer has the Date of its second, also if the header block is known."""
        wire = self.wire()
        wire.send(put(HERE, b"hi", HOST))
        wire.transport.clear()
        fast_path: Any = self.site.context.fast_path
        serve, served = fast_path.serve, []
        fast_path.serve = lambda *args: served.append(args) or serve(*args)
        for _ in range(3):
            self.clock.advance(0.5)
            wire.send(put(HERE, b"hi", HOST))
        self.assertEqual((wire.statuses(), [now for _, _, now in served]), ([200] * 3, [1.0]))

    def test_in_parts(self) -> None:
        """A push of which the body comes in several reads does not take the slow path, wherever it is cut; nor does
        what comes with its end. Meanwhile the connection counts as one with a request.
        """
        wire = self.wire()
        wire.channel.lineReceived = lambda line: self.fail("the slow path")
        for place in (HERE, "groups/g", "broadcast"):
            request = put(place, b"0123456789", HOST)
            for cut in range(request.index(b"\r\n\r\n") + 4, len(request)):
                for before in (b"", request):
                    wire.send(before + request[:cut])
                    self.assertEqual((wire.statuses(), wire.channel.begun), ([200] * bool(before), True))
                    wire.send(request[cut:] + request)
                    self.assertEqual((wire.statuses(), wire.channel.begun), ([200] * 2, False))
        self.session.pushed.clear()
        whole = put(HERE, b"0123456789", HOST)
        wire = self.wire()
        wire.send(whole[:-10], *(bytes([byte]) for byte in whole[-10:]))
        self.assertEqual((wire.statuses(), self.session.pushed), ([200], [Frame(b"0123456789", False)]))

    def test_part_left(self) -> None:
        """A push of which the end does not come does nothing: the connection ends before, or it takes too long."""
        request = put(HERE, b"hi", HOST)
        for end in ("closed", "gone", "late"):
            wire = self.wire()
            wire.send(request[:-1])
            if end == "closed":
                wire.channel.loseConnection()
            elif end == "gone":
                wire.hang_up()
            else:
                self.clock.advance(9.9)
                self.assertEqual(wire.statuses(), [])
                self.clock.advance(0.1)
                self.assertEqual(wire.statuses(), [408])
            wire.send(request[-1:] + request)
            self.assertEqual((wire.statuses(), self.session.pushed), ([], []), end)

    def test_idle(self) -> None:
        """A connection that is used is not idle; one that is not used any more is closed after 75 seconds."""
        wire = self.wire()
        for _ in range(10):
            self.clock.advance(30)
            wire.send(put(HERE, b"hi", HOST))
        self.assertFalse(wire.transport.disconnecting)
        self.clock.advance(0.9)  # in the second of the answer before
        wire.send(put(HERE, b"hi", HOST))
        self.clock.advance(74.5)
        self.assertFalse(wire.transport.disconnecting)
        self.clock.advance(2)
        self.assertTrue(wire.transport.disconnecting)

    def test_mistake_of_ours(self) -> None:
        """An unexpected error is logged and answered with 500, without detail."""
        self.session.outcome = ZeroDivisionError("secret")
        wire = self.wire()
        wire.send(put(HERE, b"hi", HOST))
        (got,) = wire.answers()
        self.assertEqual((got.status, got.json["code"]), (500, "INTERNAL_ERROR"))
        self.assertNotIn("secret", str(got.json))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_remembers_little(self) -> None:
        """Heads that never repeat do not fill the memory."""
        wire = self.wire()
        for number in range(1000):
            wire.send(put(HERE, b"hi", HOST, b"X: %d" % number))
        fast_path = self.site.context.fast_path
        assert fast_path is not None
        for known in fast_path._heads, [lone._heads for lone in fast_path.lone]:
            self.assertTrue(1 <= sum(map(len, known)) <= 256)

    def test_heads(self) -> None:
        """read_head tells what a head says, or returns None for what must take the slow path."""
        good = b"Host: a\r\nContent-Length: 5"
        self.assertEqual(read_head(good), Head(5, False, (), (b"a",)))
        self.assertEqual(
            read_head(good + b"\r\nContent-Type:  application/OCTET-stream;x \r\nauthorization:Bearer x"),
            Head(5, True, (b"Bearer x",), (b"a",)),
        )
        for bad in (
            b"",
            b"Content-Length: 5",
            b"Host: a",
            b"Host:\r\nContent-Length: 5",
            good + b"\r\nHost: b",
            good + b"\r\nContent-Length: 5",
            good.replace(b"5", b"+5"),
            good.replace(b"5", b"5 5"),
            good.replace(b"5", b"1234567890"),
            good + b"\r\nExpect: 100-continue",
            good + b"\r\nconnection: close",
            good + b"\r\nTE: x",
            good + b"\r\ncontent-encoding: identity",
            good + b"\r\nX\x85: y",
            good + b"\r\nX: a\nb",
            good + b"\r\nX: a\rb",
        ):
            self.assertIsNone(read_head(bad), bad)


class FastPathTokenTests(WireCase):
    tokens = (TOKEN,)

    def test_token(self) -> None:
        """A request without the token takes the slow path, and gets its 401."""
        wire = self.wire()
        wire.send(put(HERE, b"", HOST, b"Authorization: Bearer " + TOKEN.encode()))
        wire.send(put(HERE, b"", HOST))
        self.assertEqual(wire.statuses(), [200, 401])
        self.assertEqual(len(self.session.pushed), 1)


class FastPathHostTests(WireCase):
    def test_host(self) -> None:
        """A request by a name that is not ours goes the slow path, and gets its 403; over a UNIX socket any will do."""
        other = put(HERE, b"", b"Host: evil.example")
        self.assertEqual(self.exchange(put(HERE, b"", HOST) + other + put(HERE, b"", HOST)), [200, 403, 200])
        self.assertEqual(len(self.session.pushed), 2)
        self.assertEqual(self.exchange(put(HERE, b"", b"Host: gateway.example:9")), [200])
        wire = self.wire(UNIXAddress("/run/wsaas.socket"))
        wire.channel.lineReceived = lambda line: self.fail("the slow path")
        wire.send(other)
        self.assertEqual(wire.statuses(), [200])
        for body in (b"", b"hi"):
            more = put(HERE, body, b"Host: evil.example", b"X: y")  # is met on the UNIX socket first
            wire.send(more, more)
            self.assertEqual((wire.statuses(), self.exchange(more)), ([200] * 2, [403]))
        wire = self.wire(UNIXAddress("/run/wsaas.socket"))
        wire.send(other.replace(b"PUT", b"GET", 1), *re.split(b"(?=0)", other.replace(b": 0", b": 10")), b"0123456789")
        self.assertEqual(wire.statuses(), [200] * 2)


class ManyTests(WireCase):
    """Pushes to more than are served in one turn of the reactor."""

    def setUp(self) -> None:
        super().setUp()
        self.sessions = [FakeSession(f"{number:032d}") for number in range(2 * BATCH + 1)]
        router = router_of(*self.sessions)
        self.site = api_site(self.clock, router, tokens=(), max_message_size=MAX_MESSAGE_SIZE, ready=lambda: True)

    def reached(self) -> int:
        return sum(bool(session.pushed) for session in self.sessions)

    def test_turns(self) -> None:
        """One batch a turn; the answer comes when all are served."""
        wire = self.wire()
        wire.send(put("broadcast", b"hi", HOST), turns=False)
        self.assertEqual((self.reached(), wire.answers()), (BATCH, []))
        self.clock.callLater(0, lambda: self.assertEqual((self.reached(), wire.answers()), (2 * BATCH, [])))
        self.clock.advance(0)
        (got,) = wire.answers()
        self.assertEqual((got.status, got.json), (200, {"code": "OK", "sent": 2 * BATCH + 1, "skipped": 0}))

    def test_order(self) -> None:
        """What comes behind it waits, unread but for what was read already, and is answered after it, in order."""
        wire = self.wire()
        one = self.sessions[0]
        wire.send(put("broadcast", b"1", HOST) + put(one.id, b"2", HOST), put(GONE, b"3", HOST), turns=False)
        self.assertEqual((wire.answers(), wire.transport.producerState), ([], "paused"))
        self.clock.advance(0)
        self.assertEqual((wire.statuses(), wire.transport.producerState), ([200, 200, 404], "producing"))
        self.assertEqual([frame.payload for frame in one.pushed], [b"1", b"2"])

    def test_slow_path_behind(self) -> None:
        """A request that needs the slow path takes it behind a push to many, too."""
        wire = self.wire()
        wire.send(put("broadcast", b"1", HOST) + b"GET /connections?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.clock.advance(0)
        self.assertEqual([got.json.get("count") for got in wire.answers()], [None, 2 * BATCH + 1])

    def test_leaves(self) -> None:
        """A pusher that leaves meanwhile stops nothing and is answered nothing."""
        wire = self.wire()
        wire.send(put("broadcast", b"1", HOST), turns=False)
        wire.hang_up()
        self.clock.advance(0)
        self.assertEqual((self.reached(), wire.answers()), (2 * BATCH + 1, []))
        self.assertEqual((self.site.context.connections, self.clock.getDelayedCalls()), (set(), []))

    def test_slow_pusher(self) -> None:
        """A pusher that does not read its answers is not read from again until it does."""
        wire = self.wire()
        wire.send(put("broadcast", b"1", HOST), turns=False)
        wire.channel.pauseProducing()
        self.clock.advance(0)
        self.assertEqual(wire.transport.producerState, "paused")
        wire.channel.resumeProducing()
        wire.turn()
        self.assertEqual(wire.transport.producerState, "producing")

    def test_nobody_waits_for_it(self) -> None:
        """However long it takes, the connection has no time limit while it is answered, and one afterwards."""
        wire = self.wire()
        wire.send(put("broadcast", b"1", HOST), turns=False)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0)
        self.clock.advance(IDLE_TIMEOUT + 1)
        self.assertTrue(wire.transport.disconnecting)
