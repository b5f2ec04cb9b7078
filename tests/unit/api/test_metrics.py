"""The route of Prometheus's scrapes, in memory."""

from __future__ import annotations

import json

import treq
from treq.testing import StubTreq
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from wsaas.api.access import Access
from wsaas.api.app import Api
from wsaas.api.metrics import add_metrics_route, add_samples_route
from wsaas.core.counters import Counters


class MetricsTests(SynchronousTestCase):
    def setUp(self) -> None:
        api = Api(Access(("secret",)), Counters())
        add_metrics_route(api, self.scrape)
        self.agent = StubTreq(api.resource())._agent

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        return f"asked for {accept}\n".encode(), "text/plain; version=0.0.4"

    def ask(self, method: str = "GET", path: str = "/-/metrics", **headers: str) -> tuple[int, bytes, list[str] | None]:
        sent = Headers({name: [value] for name, value in headers.items()})
        response = self.successResultOf(self.agent.request(method.encode(), b"http://gateway" + path.encode(), sent))
        body = self.successResultOf(treq.content(response))
        types = response.headers.getRawHeaders("content-type")
        return response.code, body, None if types is None else list(types)

    def test_answer(self) -> None:
        """The exposition is answered as it is, in the form that the Accept header chose."""
        status, body, types = self.ask(authorization="Bearer secret", accept="application/openmetrics-text")
        self.assertEqual((status, body), (200, b"asked for application/openmetrics-text\n"))
        self.assertEqual(types, ["text/plain; version=0.0.4"])
        self.assertEqual(self.ask(authorization="Bearer secret")[1], b"asked for \n")

    def test_samples(self) -> None:
        """Another worker is told the readings as JSON."""

        async def samples() -> dict[str, object]:
            return {"families": [["wsaas_draining", "gauge", "", "", []]]}

        api = Api(Access((), ["gateway"]), Counters())
        add_samples_route(api, samples)
        self.agent = StubTreq(api.resource())._agent
        status, body, _ = self.ask(path="/-/samples")
        self.assertEqual(
            (status, json.loads(body)), (200, {"code": "OK", **self.successResultOf(ensureDeferred(samples()))})
        )

    def test_token(self) -> None:
        """Without the token nothing is told."""
        self.assertEqual(self.ask()[0], 401)

    def test_other_requests(self) -> None:
        """Other methods are refused, and so are parameters."""
        self.assertEqual(self.ask("POST", authorization="Bearer secret")[0], 405)
        self.assertEqual(self.ask(path="/-/metrics?name=up", authorization="Bearer secret")[0], 400)
