"""A connection to the API in memory: bytes in, answers out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.api_fakes import MAX_MESSAGE_SIZE, FakeSession, router_of
from wsaas.api.server.site import ApiSite, api_site


@dataclass
class Got:
    status: int
    headers: list[tuple[str, str]]
    json: Any

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Wire:
    """One connection to a site."""

    def __init__(self, site: ApiSite, address: IAddress | None = None) -> None:
        self.clock: Any = site.reactor
        self.transport = StringTransport(hostAddress=address)
        self.channel: Any = site.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, *pieces: bytes, turns: bool = True) -> None:
        """One read of the socket for each piece, and after it as many turns of the reactor as there is work for."""
        for piece in pieces:
            self.channel.dataReceived(piece)
            if turns:
                self.run()

    def run(self) -> None:
        """Turns of the reactor, as many as there is work for."""
        for _ in range(10_000):
            if not self.turn():
                return
        raise AssertionError("turns without end")

    def turn(self) -> bool:
        """One turn of the reactor: what is due now, but not what that makes due. Whether there was anything."""
        now = self.clock.seconds()
        due = [call for call in self.clock.getDelayedCalls() if call.getTime() <= now]
        for call in due:
            if call.active():
                self.clock.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)
        return bool(due)

    def hang_up(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))

    def answers(self, to: str = "GET") -> list[Got]:
        """All that was answered since the last call, checked to be nothing but whole answers in JSON."""
        rest = self.transport.value()
        self.transport.clear()
        answers = []
        while rest:
            head, separator, rest = rest.partition(b"\r\n\r\n")
            assert separator, head
            status_line, *lines = head.decode("ascii").split("\r\n")
            version, status, _ = status_line.split(" ", 2)
            assert version in ("HTTP/1.1", "HTTP/1.0"), status_line
            headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
            got = Got(int(status), headers, None)
            if status == "100":
                assert not headers
                answers.append(got)
                continue
            (length,) = map(int, got.header("Content-Length"))
            assert got.header("Content-Type") == ["application/json"], headers
            assert got.header("Cache-Control") == ["no-store"], headers
            assert len(got.header("Date")) == 1, headers
            assert not got.header("Server"), headers
            if to != "HEAD":
                body, rest = rest[:length], rest[length:]
                assert len(body) == length
                assert body.endswith(b"}\n") and body.count(b"\n") == 1, body
                got.json = json.loads(body)
                assert ("message" in got.json) == (got.status >= 400), got
            answers.append(got)
        return answers

    def statuses(self) -> list[int]:
        return [got.status for got in self.answers()]


class WireCase(SynchronousTestCase):
    tokens: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.session = FakeSession()
        self.site = self.new_site()

    def new_site(self, ready: Callable[[], bool] = lambda: True, max_message_size: int = MAX_MESSAGE_SIZE) -> ApiSite:
        return api_site(
            self.clock,
            router_of(self.session, max_message_size=max_message_size),
            tokens=self.tokens,
            local_address="http://gateway.example:8081/api",
            max_message_size=max_message_size,
            ready=ready,
        )

    def wire(self, address: IAddress | None = None) -> Wire:
        """A new connection, to a socket of this address."""
        return Wire(self.site, address)

    def exchange(self, *pieces: bytes) -> list[int]:
        """The statuses that a new connection answers to these bytes."""
        wire = self.wire()
        wire.send(*pieces)
        return wire.statuses()
