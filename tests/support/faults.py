"""Faults that a test can make: crowds of clients, wires that go dead, a clock that jumps, a disk without room.

The tests in `test_faults_*` come in two sizes. By default they are made for every run of the suite; with the
environment variable WSAAS_FAULTS=full they have the size that the promises speak of (1,000 connections, 10,000 for the
drain, 100 MB for one client, a backend that is away for a minute), and take some minutes:

    WSAAS_FAULTS=full python -m twisted.trial tests.system.test_faults_death tests.system.test_faults_stop ...
"""

from __future__ import annotations

import os
import random
import resource
import select
import selectors
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from twisted.trial.unittest import SkipTest

from tests.support.backend_answers import Answer, Exchange, Request
from tests.support.backend_server import Backend, Stage
from tests.support.gateway_process import Gateway
from tests.support.system_case import SystemTestCase
from tests.support.websocket_client import CLOSE, PING, PONG, TEXT, close_frame, frame, handshake

T = TypeVar("T")

FULL = os.environ.get("WSAAS_FAULTS") == "full"
PATIENCE = 120.0
"""Seconds in which things happen that must happen, on however slow a machine."""
PER_HOST = 5000
"""Clients from one address of loopback: there are some 28,000 ports to come from."""


def size(usual: int, full: int) -> int:
    """Return the number for the size at which these tests run."""
    return full if FULL else usual


def note(figure: str) -> None:
    """Say a figure, in the full size only."""
    if FULL:
        print(figure, flush=True)


def lasting_port() -> int:
    """A free port that stays free while nobody listens on it: no outgoing connection gets it from the system."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def want_files(count: int) -> None:
    """Raise this process's limit of open files, or skip the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise SkipTest(f"needs {count} open files, and the limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


@dataclass(eq=False)
class Member:
    """One client of a crowd: what it was answered, the messages it got, and how it ended."""

    name: str
    socket: socket.socket
    asked: bytes
    status: int = 0
    """Of the answer to the handshake; 0 until it came, and for ever if the connection ended before."""
    head: bytes = b""
    pings: int = 0
    code: int | None = None
    """Of the gateway's close frame; 1006 for an end without one; None while it lasts."""
    ended: float = 0.0
    messages: list[bytes] = field(default_factory=list)
    inbox: bytes = b""

    @property
    def lives(self) -> bool:
        return self.status == 101 and self.code is None


class Crowd:
    """Many clients in the thread of the test, each with `Authorization: Bearer {name}`.

    Whenever the test waits by one of the methods here, they do what healthy clients do: they read, they answer pings
    and close frames.
    """

    def __init__(self, port: int, path: str = "/") -> None:
        self._port = port
        self._path = path
        self._selector = selectors.DefaultSelector()
        self.members: list[Member] = []

    @property
    def living(self) -> list[Member]:
        return [member for member in self.members if member.lives]

    def ask(self, count: int) -> list[Member]:
        """Add this number of clients, which connect and send their handshake all at once."""
        return [self._ask() for _ in range(count)]

    def enter(self, count: int, at_once: int = 200) -> list[Member]:
        """Add this number of clients, some at a time, all of which must be accepted."""
        came: list[Member] = []
        while len(came) < count:
            batch = self.ask(min(at_once, count - len(came)))
            self.until(lambda batch=batch: all(member.status or member.code for member in batch))  # type: ignore[misc]
            came += batch
        outside = [(member.status, member.code) for member in came if not member.lives]
        assert not outside, f"{len(outside)} of {count} were not let in: {outside[:3]}"
        return came

    def _ask(self) -> Member:
        number = len(self.members)
        name = f"{self._path[1:]}-{self._port}-{number}"
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((f"127.0.0.{1 + number // PER_HOST}", 0))
        sock.connect_ex(("127.0.0.1", self._port))
        asked = handshake(self._path, f"Authorization: Bearer {name}")
        member = Member(name, sock, asked)
        self.members.append(member)
        self._selector.register(sock, selectors.EVENT_WRITE, member)
        return member

    def until(self, look: Callable[[], T], within: float = PATIENCE) -> T:
        """Wait until `look` returns something true, and return that."""
        deadline = time.monotonic() + within
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within} s: {seen!r}")
            self._turn(0.02)
        return seen

    def wait(self, seconds: float) -> None:
        """Live on for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._turn(min(left, 0.02))

    def say(self, member: Member, text: bytes, opcode: int = TEXT) -> None:
        """A message, a small one: the socket must take it at once. One that is gone says nothing."""
        if member.code is None:
            self._send(member, frame(opcode, text))

    def close(self, member: Member) -> None:
        """Begin the closing handshake, with 1000."""
        self._send(member, close_frame(1000))

    def reset(self, members: Iterable[Member]) -> None:
        """These are gone at once, by a TCP reset."""
        for member in list(members):
            if member.socket.fileno() >= 0:
                member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._end(member, 1006)

    def leave(self) -> None:
        """All are gone. Can be repeated."""
        self.reset(self.members)
        self._selector.close()

    def turn(self) -> None:
        """Let every client read and write that can."""
        self._turn(0)

    def _turn(self, seconds: float) -> None:
        for key, events in self._selector.select(seconds):
            member: Member = key.data
            if events & selectors.EVENT_WRITE and member.code is None:
                self._selector.modify(member.socket, selectors.EVENT_READ, member)
                self._send(member, member.asked)
            if events & selectors.EVENT_READ and member.code is None:
                self._read(member)

    def _send(self, member: Member, data: bytes) -> None:
        try:
            assert member.socket.send(data) == len(data)
        except (ConnectionError, TimeoutError):
            self._end(member, 1006)

    def _read(self, member: Member) -> None:
        try:
            data = member.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(member, 1006)
            return
        member.inbox += data
        if not member.status:
            head, found, rest = member.inbox.partition(b"\r\n\r\n")
            if not found:
                return
            member.status, member.head, member.inbox = int(head.split(b" ")[1]), head.lower(), rest
        if member.status == 101:
            self._hear(member)

    def _hear(self, member: Member) -> None:
        while member.code is None and (found := _take(member.inbox)) is not None:
            opcode, payload, member.inbox = found
            if opcode == PING:
                member.pings += 1
                self._send(member, frame(PONG, payload))
            elif opcode == CLOSE:
                self._send(member, frame(CLOSE, payload[:2]))
                self._end(member, struct.unpack("!H", payload[:2])[0] if payload else 1005)
            elif opcode != PONG:
                member.messages.append(payload)

    def _end(self, member: Member, code: int) -> None:
        if member.code is None:
            member.code, member.ended = code, time.monotonic()
            if member.socket.fileno() >= 0:
                self._selector.unregister(member.socket)
                member.socket.close()


def _take(inbox: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame of a server (RFC 6455, 5.2), whole and not masked: opcode, payload, and the rest."""
    if len(inbox) < 2:
        return None
    length, start = inbox[1], 2
    if length > 125:
        start = 4 if length == 126 else 10
        if len(inbox) < start:
            return None
        length = int.from_bytes(inbox[2:start])
    if len(inbox) < start + length:
        return None
    return inbox[0] & 15, inbox[start : start + length], inbox[start + length :]


class Wire:
    """A TCP wire to a port of loopback, which can be cut in silence: both ends stay open, and nothing passes."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cut = threading.Event()
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()

    def close(self) -> None:
        self._ended.set()
        for sock in self._sockets:
            sock.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target), 10)
            except OSError:
                return
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while not self._ended.is_set():
                if select.select([source], [], [], 0.05)[0] and not self._cut.is_set():
                    data = source.recv(65536)
                    if not data:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(data)
                elif self._cut.is_set():
                    self._ended.wait()
        except (OSError, ValueError):
            return


# Backends


def fickle(seed: int, *answers: Answer) -> Answer:
    """One of these, by chance; the same chances for the same seed and order of requests."""
    chance = random.Random(seed)

    async def answer(exchange: Exchange) -> bool:
        return await chance.choice(answers)(exchange)

    return answer


def skimming(then: Answer) -> Answer:
    """Keep of a message its first 16 bytes only, for a client that gets too many; it must be the same byte all over."""

    async def answer(exchange: Exchange) -> bool:
        body = exchange.request.body
        assert body.count(body[-1:], 16) == len(body) - 16, "the message is not what was sent"
        exchange.request.body = body[:16]
        return await then(exchange)

    return answer


# What the backend heard


def by_id(requests: Sequence[Request]) -> dict[str, list[Request]]:
    """The requests of each connection, in the order in which they came."""
    found: dict[str, list[Request]] = defaultdict(list)
    for request in sorted(requests, key=lambda request: request.arrived):
        found[request.id].append(request)
    return found


def heard(*stages: Stage) -> list[Request]:
    return [request for stage in stages for request in list(stage.requests)]


def first_of_each(requests: Iterable[Request]) -> list[Request]:
    """Without the repeats: those whose webhook-id came before."""
    return list({request.header("webhook-id"): request for request in reversed(list(requests))}.values())[::-1]


def faults_in(story: Sequence[Request], *, ends: bool = True) -> list[str]:
    """Check G1 and G2 on all requests about one connection; return the violations.

    The requests begin with one POST and, if the connection `ends`, end with one DELETE. Repeats have the webhook-id of
    the request that they repeat, and come before any other. Each request has the Authorization of the POST. Messages
    are numbered without a gap.
    """
    events = first_of_each(story)
    methods = [event.method for event in events]
    wanted = ["POST", *["PUT"] * (len(events) - 1 - ends), *["DELETE"] * ends]
    found = [] if methods == wanted else [f"not POST, PUTs, DELETE: {methods}"]
    order = [event.header("webhook-id") for event in events]
    came = [request.header("webhook-id") for request in story]
    if came != sorted(came, key=order.index):
        found.append(f"a repeat after something else: {came}")
    if len({request.header("Authorization") for request in story}) > 1:
        found.append("not the Authorization of its POST")
    numbers = [int(str(event.header("webhook-id")).split("_")[1]) for event in events if event.method == "PUT"]
    if numbers != list(range(1, len(numbers) + 1)):
        found.append(f"a gap: {numbers}")
    return found


# The machine


def faketime() -> str:
    """Return the path of libfaketime, or skip the test."""
    places = [path for folder in ("lib", "lib64") for path in Path("/usr", folder).glob("**/libfaketimeMT.so.1")]
    if not places:
        raise SkipTest("needs libfaketime (on Debian: apt-get install libfaketime)")
    return str(places[0])


class FaultsTestCase(SystemTestCase):
    """A system test with crowds, and gateways that come back."""

    def crowd(self, gateway: Gateway | Wire, path: str = "/") -> Crowd:
        """A crowd at the door of this gateway, or at the near end of a wire to one."""
        crowd = Crowd(gateway.ws_port if isinstance(gateway, Gateway) else gateway.port, path)
        self.addCleanup(crowd.leave)
        return crowd

    def wire(self, port: int) -> Wire:
        wire = Wire(port)
        self.addCleanup(wire.close)
        return wire

    def lasting_backend(self) -> Backend:
        """A backend that can be stopped and started again (`again`) where it was."""
        return self.backend(port=lasting_port())

    def back(self, backend: Backend) -> Backend:
        """The backend that was stopped, or another one where it was: it remembers nothing, all are strays to it."""
        return self.backend(port=backend.port)

    def settle(self, gateway: Gateway) -> None:
        """Wait until the gateway's journal has stored all that the gateway knows.

        The gateway accepts a new client only after everything before is written. Two clients connect, because the first
        may be read in the same turn as the last change.
        """
        for _ in range(2):
            self.connect(gateway.ws + "/newcomer")

    def next_life(self, gateway: Gateway, **settings: str) -> Gateway:
        """A gateway in the directory of one that has ended."""
        return self.watched(Gateway.start(gateway.directory, settings))

    def assert_accounted(self, requests: Sequence[Request], *, ends: bool = True) -> dict[str, list[Request]]:
        """Nothing is wrong with the story of any connection; returns them by id."""
        stories = by_id(requests)
        wrong = {id: found for id, story in stories.items() if (found := faults_in(story, ends=ends))}
        self.assertEqual(dict(list(wrong.items())[:3]), {}, f"{len(wrong)} of {len(stories)}")
        return stories
