"""The API's routes in memory: treq asks, and no socket is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import treq
from treq.testing import StubTreq, _SynchronousProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from tests.support.api_fakes import FakeSession, router_of
from wsaas.api.access import Access
from wsaas.api.app import Api
from wsaas.api.connections import add_connection_routes
from wsaas.api.health import add_ops_routes
from wsaas.core.counters import Counters


@dataclass
class Got:
    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> list[str] | None:
        values = self.headers.getRawHeaders(name)
        return None if values is None else list(values)


class ApiCase(SynchronousTestCase):
    tokens: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.ready = True
        self.session = FakeSession()
        self.router = router_of(self.session)
        self.api = Api(Access(self.tokens, ["api.example"]), Counters())
        self.clock = Clock()
        add_connection_routes(self.api, self.router, self.clock)
        add_ops_routes(self.api, lambda: self.ready)
        self.agent = StubTreq(self.api.resource())._agent

    def ask(self, method: str, path: str, data: bytes | None = None, **headers: str | Sequence[str]) -> Got:
        """One request; the path is sent as it stands, headers are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        url = b"http://api.example/" + path.encode("ascii")
        producer = None if data is None else _SynchronousProducer(data)
        raw = Headers({name: [value] if isinstance(value, str) else value for name, value in sent.items()})
        asked = self.agent.request(method.encode("ascii"), url, raw, producer)
        self.meanwhile()
        self.agent.flush()
        response = self.successResultOf(asked)
        body = self.successResultOf(treq.content(response))
        got = Got(response.code, response.headers, body)
        self.assertEqual(got.header("content-type"), ["application/json"])
        self.assertEqual(got.header("cache-control"), ["no-store"])
        if method != "HEAD":
            self.assertEqual("message" in got.json, got.status >= 400)
        return got

    def meanwhile(self) -> None:
        """Do what happens while the request is answered."""

    def add(self, count: int) -> list[FakeSession]:
        """Register so many more connections, whose ids come before HERE."""
        sessions = [FakeSession(f"{number:032d}") for number in range(count)]
        for session in sessions:
            self.router.registry.add(session)  # type: ignore[arg-type]
        return sessions

    def assert_error(self, got: Got, status: int, code: str) -> None:
        self.assertEqual((got.status, got.json["code"]), (status, code))
        self.assertEqual(set(got.json), {"code", "message"})
        self.assertGreater(len(got.json["message"]), 10)
