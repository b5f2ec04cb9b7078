"""Requests for connections of other processes, on the fast path and the slow: handed on, answered later, in order."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.iweb import IRequest

from tests.support.api_fakes import GONE, HERE, FakeSession, router_of
from tests.support.http_wire import MAX_MESSAGE_SIZE, WireCase
from wsaas.api.elsewhere import Asked, asked_again
from wsaas.api.merging import Gathered
from wsaas.api.responses import DONE, ApiResponse
from wsaas.api.server.fast_path import FastPath
from wsaas.api.server.limits import IDLE_TIMEOUT
from wsaas.api.server.site import ApiSite, api_site
from wsaas.cluster.shared_fan_out import SharedFanOut
from wsaas.core.fanout import FanOut
from wsaas.core.session import Session

THEIRS = "B" * 32
BINARY = b"application/octet-stream"
SLOW = "X-Slow: \t\r\n"


def request(method: str, target: str, body: str = "", headers: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if method == "PUT" else ""
    return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n{body}".encode()


class FakeElsewhere:
    """Another process, which has the connection THEIRS; the test has it answer."""

    own_prefix = HERE[:8].encode()

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.many = 0
        self.groups: list[str | None] = []
        """Pushes to many that the fast path has sent on."""
        self.waiting: list[Callable[[ApiResponse], object]] = []
        self.gathering: list[Deferred[Gathered]] = []

    def may_have(self, id: str) -> bool:
        return id == THEIRS

    def push(self, id: str, payload: bytes, binary: bool, done: Callable[[bytes], object]) -> None:
        assert id == THEIRS
        self.asked.append(Asked(b"PUT", f"/{id}".encode(), BINARY if binary else None, payload))
        self.waiting.append(lambda answer: done(answer.serialize()))

    def push_to_many(
        self,
        group: bytes | None,
        payload: bytes,
        binary: bool,
        fan_out: FanOut[Session],
        done: Callable[[bytes], object],
    ) -> None:
        target = b"/broadcast" if group is None else b"/groups/" + group
        self.groups.append(None if group is None else group.decode())
        self.asked.append(Asked(b"PUT", target, BINARY if binary else None, payload))
        self.gathering.append(Deferred())
        self.many += 1
        SharedFanOut(Clock(), fan_out, self.gathering[-1], done)

    def forward(self, id: str, request: IRequest, patience: float = 0.0) -> Deferred[ApiResponse]:
        assert id == THEIRS
        self.asked.append(asked_again(request))
        answered: Deferred[ApiResponse] = Deferred()
        self.waiting.append(answered.callback)
        return answered

    def gather(self, request: IRequest, target: bytes | None = None, group: str | None = None) -> Deferred[Gathered]:
        self.groups.append(group)
        self.asked.append(asked_again(request, target))
        self.gathering.append(Deferred())
        return self.gathering[-1]


class ElsewhereTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = FakeElsewhere()
        self.router = router_of(self.session, elsewhere=self.elsewhere.may_have)
        self.site = self.site_of(FastPath)

    def site_of(self, fast_path: type[FastPath] | None) -> ApiSite:
        return api_site(
            self.clock,
            self.router,
            tokens=(),
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            fast_path=fast_path,
            elsewhere=self.elsewhere,
        )

    def test_handed_on(self) -> None:
        """A request for another process's connection goes on as it is, and its answer comes back; others are served."""
        for method, target, body, headers, asked in (
            ("PUT", f"/{THEIRS}", "hello", "", Asked(b"PUT", f"/{THEIRS}".encode(), None, b"hello")),
            (
                *("PUT", f"/{THEIRS}", "b", "Content-Type: application/octet-stream\r\n"),
                Asked(b"PUT", f"/{THEIRS}".encode(), BINARY, b"b"),
            ),
            ("GET", f"/{THEIRS}", "", "", Asked(b"GET", f"/{THEIRS}".encode())),
            ("DELETE", f"/{THEIRS}?code=4000", "", "", Asked(b"DELETE", f"/{THEIRS}?code=4000".encode())),
            ("PUT", f"/groups/a%2Fb/{THEIRS}", "", "", Asked(b"PUT", f"/groups/a%2Fb/{THEIRS}".encode())),
        ):
            for slow in ("", SLOW):
                wire = self.wire()
                wire.send(request(method, target, body, headers + slow))
                self.assertEqual(wire.statuses(), [])
                self.assertEqual(self.elsewhere.asked.pop(), asked)
                self.elsewhere.waiting.pop()(ApiResponse(404, {"code": "NOT_FOUND", "message": "gone for good"}))
                self.assertEqual(wire.statuses(), [404])
                wire.send(request("PUT", f"/{HERE}", "x", slow), request("PUT", f"/{GONE}", "x", slow))
                self.assertEqual(wire.statuses(), [200, 404])
        self.assertEqual(self.elsewhere.asked, [])

    def test_counted(self) -> None:
        """A push that is handed on counts as that, whatever comes of it, on the fast path and the slow."""
        for slow in ("", SLOW):
            wire = self.wire()
            wire.send(request("PUT", f"/{THEIRS}", "x", slow))
            self.elsewhere.waiting.pop()(DONE)
            self.assertEqual(wire.statuses(), [200])
        counters = self.router.counters
        self.assertEqual((counters.pushes_forwarded, counters.pushes_sent, counters.pushes), (2, 0, {}))

    def test_order(self) -> None:
        """Requests that come behind wait for the answer, however the bytes come; each is answered in its turn."""
        wire = self.wire()
        wire.send(*(request("PUT", f"/{id}", id[0]) for id in (THEIRS, HERE, THEIRS)), request("GET", f"/{HERE}"))
        self.assertEqual((wire.statuses(), len(self.elsewhere.waiting)), ([], 1))
        self.elsewhere.waiting.pop()(DONE)
        wire.run()
        self.assertEqual((wire.statuses(), len(self.elsewhere.waiting)), ([200, 200], 1))
        self.elsewhere.waiting.pop()(ApiResponse(504, {"code": "OWNER_SILENT", "message": "it may have been written"}))
        wire.run()
        self.assertEqual(wire.statuses(), [504, 200])

    def test_at_once(self) -> None:
        """An answer that is there at once is one like any other."""
        self.elsewhere.push = lambda id, payload, binary, done: done(DONE.serialize())  # type: ignore[method-assign]
        wire = self.wire()
        wire.send(request("PUT", f"/{THEIRS}", "x") * 3)
        self.assertEqual(wire.statuses(), [200, 200, 200])

    def test_hung_up(self) -> None:
        """Nobody is told of an answer that comes after its asker has gone."""
        for slow in ("", SLOW):
            wire = self.wire()
            wire.send(request("PUT", f"/{THEIRS}", "x", slow))
            wire.hang_up()
            self.elsewhere.waiting.pop()(DONE)
            wire.run()
            self.assertEqual(wire.transport.value(), b"")

    def test_idle(self) -> None:
        """A connection is not idle while it waits for an answer, and is closed when it has been idle long enough."""
        wire = self.wire()
        self.clock.advance(IDLE_TIMEOUT - 1)
        wire.send(request("PUT", f"/{THEIRS}", "x"))
        self.clock.advance(2)
        self.assertFalse(wire.transport.disconnecting)
        self.elsewhere.waiting.pop()(DONE)
        self.assertEqual(wire.statuses(), [200])
        self.clock.advance(IDLE_TIMEOUT * 2)
        self.assertTrue(wire.transport.disconnecting)

    def test_many(self) -> None:
        """A push to many is made here and asked of all others, on either path; the counts are those of all."""
        for target in ("/broadcast", "/groups/g"):
            for slow in ("", SLOW):
                wire = self.wire()
                wire.send(request("PUT", target, "x", slow))
                self.assertEqual(wire.statuses(), [])
                self.assertEqual(self.elsewhere.asked.pop(), Asked(b"PUT", target.encode(), None, b"x"))
                self.elsewhere.gathering.pop().callback(Gathered([{"sent": 2, "skipped": 1}], 1))
                (got,) = wire.answers()
                here = int(target == "/broadcast")
                self.assertEqual(got.json, {"code": "PARTIAL", "sent": 2 + here, "skipped": 1, "unreached": 1})
                wire.send(request("PUT", target, "x", slow)[:-1] + b"\xff")
                self.assertEqual((wire.statuses(), self.elsewhere.asked), ([400], []))
                wire.send(request("PUT", target, "b", f"Content-Type: {BINARY.decode()}\r\n{slow}"))
                self.assertEqual(self.elsewhere.asked.pop(), Asked(b"PUT", target.encode(), BINARY, b"b"))
                self.elsewhere.gathering.pop().callback(Gathered([], 0))
                wire.send(request("PUT", f"/{HERE}", "x"))
                self.assertEqual([answer.status for answer in wire.answers()], [200, 200])
        self.assertEqual(self.elsewhere.many, 4)
        self.assertEqual(self.elsewhere.groups, [None] * 4 + ["g"] * 4)

    def test_lists(self) -> None:
        """Lists are asked of all others with the same target; that of groups, for all groups."""
        for target, asked, answer, wanted in (
            ("/connections?limit=1", b"/connections?limit=1", {"count": 2, "connections": ["A"]}, ("count", 3)),
            ("/groups/g?after=B", b"/groups/g?after=B", {"count": 1, "members": ["C"]}, ("members", ["C"])),
            ("/groups?limit=1", b"/-/groups", {"groups": {"g": 2}}, ("groups", [{"name": "g", "members": 2}])),
        ):
            wire = self.wire()
            wire.send(request("GET", target))
            self.assertEqual(self.elsewhere.asked.pop(), Asked(b"GET", asked))
            self.elsewhere.gathering.pop().callback(Gathered([answer], 0))
            (got,) = wire.answers()
            self.assertEqual((got.status, got.json[wanted[0]]), (200, wanted[1]))

    def test_refused_here(self) -> None:
        """A request that is wrong for every process is refused here, and no other one is asked."""
        wire = self.wire()
        wire.send(
            request("PUT", "/broadcast?nonsense=1", "x"),
            request("PUT", f"/{THEIRS}", "x", "Content-Encoding: gzip\r\n"),
            request("GET", "/connections?limit=x"),
        )
        self.assertEqual((wire.statuses(), self.elsewhere.asked), ([400, 415, 400], []))


class AloneTests(WireCase):
    def test_alone(self) -> None:
        """Without other processes an id that is not here is nobody's."""
        self.assertIsInstance(self.session, FakeSession)
        self.assertEqual(self.exchange(request("PUT", f"/{THEIRS}", "x"), request("GET", f"/{THEIRS}")), [404, 404])
