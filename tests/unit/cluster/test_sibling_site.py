"""The API for the other processes: everything that the API does, for this process alone, and nothing too late."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.support.api_fakes import GONE, HERE, FakeSession, router_of
from wsaas.api.server.site import api_site
from wsaas.cluster.sibling_site import sibling_site

NOON = 1_000_000.0


def rules(resource: Any) -> set[str]:
    """The rules of the Klein application behind a site's resource."""
    while not hasattr(resource, "_app"):
        resource = resource._inside
    return {rule.rule for rule in resource._app.url_map.iter_rules()}


class SiblingSiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.stopped = 0.0
        self.session = FakeSession()
        self.router = router_of(self.session)
        self.site = sibling_site(
            self.clock,
            self.router,
            max_message_size=1000,
            about=lambda: {"worker": 2},
            wall_clock=lambda: NOON + self.clock.seconds() + self.stopped,
        )

    def ask(self, method: str, target: str, body: str = "", headers: str = "") -> tuple[int, dict[str, object]]:
        """Status and content of the answer to a request over the UNIX socket."""
        channel = self.site.buildProtocol(None)
        transport = StringTransport(UNIXAddress("s"), UNIXAddress("c"))
        channel.makeConnection(transport)
        length = f"Content-Length: {len(body)}\r\n" if method == "PUT" else ""
        channel.dataReceived(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n{body}".encode("ascii"))
        self.clock.advance(0)
        head, _, content = transport.value().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(content)

    def test_routes(self) -> None:
        """It pushes, inspects and lists without a token, and an id that is not here is nobody's."""
        self.assertEqual(self.ask("PUT", f"/{HERE}", "hello")[0], 200)
        self.assertEqual(self.ask("GET", f"/{HERE}")[0], 200)
        for method in ("PUT", "GET", "DELETE"):
            self.assertEqual(self.ask(method, f"/{GONE}")[1]["code"], "NOT_FOUND")
        self.assertEqual(self.ask("PUT", "/broadcast", "hello"), (200, {"code": "OK", "sent": 1, "skipped": 0}))

    def test_all_routes(self) -> None:
        """Every route about connections that backends can ask for is here, too, as others forward requests for it."""
        clients = api_site(
            self.clock, self.router, tokens=(), max_message_size=1000, ready=lambda: True, members=lambda: succeed([])
        )
        own = {"/-/healthy", "/-/ready", "/-/cluster", "/-/openapi.json", "/-/asyncapi.json"}
        self.assertEqual(rules(clients.resource) - own, rules(self.site.resource) - {"/-/groups", "/-/worker"})

    def test_more(self) -> None:
        """It tells the sizes of all groups, and what the process says of itself."""
        self.assertEqual(self.ask("PUT", f"/groups/g/{HERE}")[0], 200)
        self.assertEqual(self.ask("GET", "/-/groups"), (200, {"code": "OK", "groups": {"g": 1}}))
        self.assertEqual(self.ask("GET", "/-/worker"), (200, {"code": "OK", "worker": 2}))

    def test_expired(self) -> None:
        """A request that comes after its moment is refused, on the fast path and the slow, and does nothing; the same
        head before that moment was served.
        """
        for slow in ("", "X-Slow: \t\r\n"):
            expires = f"WSAAS-Expires: {int((NOON + self.clock.seconds() + 1) * 1000)}\r\n{slow}"
            for _ in range(2):
                self.assertEqual(self.ask("PUT", f"/{HERE}", "hello", expires)[0], 200)
            self.assertEqual(self.ask("PUT", "/broadcast", "hello", expires)[0], 200)
            pushed = len(self.session.pushed)
            self.clock.advance(1)
            for method, target in (
                ("PUT", f"/{HERE}"),
                ("PUT", "/broadcast"),
                ("GET", f"/{HERE}"),
                ("DELETE", f"/{HERE}"),
            ):
                self.assertEqual(self.ask(method, target, "hello" if method == "PUT" else "", expires)[0], 408)
            self.assertEqual((len(self.session.pushed), self.session.closed), (pushed, []))

    def test_expired_soon(self) -> None:
        """A push that is like one before, and comes a tenth of a second after its moment, does nothing, although the
        answer to the one before would still do; nor does one that was not read before the process went on after a stop,
        which the reactor's clock does not count.
        """
        channel, transport = self.site.buildProtocol(None), StringTransport(UNIXAddress("s"), UNIXAddress("c"))
        channel.makeConnection(transport)
        for stopped in (False, True):
            expires = int((NOON + self.stopped + self.clock.seconds() + 0.5) * 1000)
            head = f"PUT /{HERE} HTTP/1.1\r\nHost: x\r\nWSAAS-Expires: {expires}\r\nContent-Length: 5\r\n\r\n"
            for late, status in ((0.0, b"200"), (0.4, b"200"), (0.2, b"408")):
                if stopped and late == 0.2:
                    self.stopped += 3.0
                else:
                    self.clock.advance(late)
                transport.clear()
                channel.dataReceived(head.encode("ascii") + b"hello")
                self.clock.advance(0)
                self.assertEqual(transport.value().split()[1], status)
            self.assertEqual(len(self.session.pushed), 2 + 2 * stopped)

    def test_expired_in_parts(self) -> None:
        """A push that expires before its last part has come is refused, and does nothing."""
        channel, transport = self.site.buildProtocol(None), StringTransport(UNIXAddress("s"), UNIXAddress("c"))
        channel.makeConnection(transport)
        for late, status in ((False, b"200"), (True, b"408")):
            expires = int((NOON + self.clock.seconds() + 1) * 1000)
            head = f"PUT /{HERE} HTTP/1.1\r\nHost: x\r\nWSAAS-Expires: {expires}\r\nContent-Length: 5\r\n\r\n"
            transport.clear()
            channel.dataReceived(head.encode("ascii") + b"hel")
            self.clock.advance(1 if late else 0.5)
            channel.dataReceived(b"lo")
            self.clock.advance(0)
            self.assertEqual(transport.value().split()[1], status)
        self.assertEqual(len(self.session.pushed), 1)


TOKEN = "t" * 16


class NodeSiteTests(SynchronousTestCase):
    """The same over the network: for those who know the token, and mean this process."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.session = FakeSession()
        self.may_answer = True
        self.site = sibling_site(
            self.clock,
            router_of(self.session),
            max_message_size=1000,
            about=lambda: {"node": "n2"},
            wall_clock=lambda: NOON + self.clock.seconds(),
            tokens=(TOKEN,),
            prefix="P" * 8,
            may_answer=lambda: self.may_answer,
        )

    def ask(self, method: str, target: str, prefix: str = "P" * 8, token: str = TOKEN) -> int:
        """Status of the answer to the same request twice, on one connection over TCP."""
        channel = self.site.buildProtocol(None)
        transport = StringTransport(IPv4Address("TCP", "192.0.2.1", 1), IPv4Address("TCP", "192.0.2.2", 2))
        channel.makeConnection(transport)
        body = b"hello" if method == "PUT" else b""
        head = f"Host: x\r\nAuthorization: Bearer {token}\r\nWSAAS-To: {prefix}\r\nContent-Length: {len(body)}\r\n\r\n"
        found = []
        for _ in range(2):
            transport.clear()
            channel.dataReceived(f"{method} {target} HTTP/1.1\r\n{head}".encode("ascii") + body)
            self.clock.advance(0)
            found.append(int(transport.value().split()[1]))
            if transport.disconnecting or found[-1] == 401:
                break
        self.assertEqual(len(set(found)), 1)
        return found[0]

    def test_served(self) -> None:
        """A request with the token, for this process, is served: pushes on the fast path, all others on the slow."""
        for method, target in (("PUT", f"/{HERE}"), ("PUT", "/broadcast"), ("GET", f"/{HERE}"), ("GET", "/-/worker")):
            self.assertEqual(self.ask(method, target), 200)

    def test_token(self) -> None:
        """Without the token nothing is served."""
        for method, target in (("PUT", f"/{HERE}"), ("GET", f"/{HERE}"), ("GET", "/-/worker"), ("GET", "/-/groups")):
            self.assertEqual(self.ask(method, target, token="x" * 16), 401)
        self.assertEqual(self.session.pushed, [])

    def test_another_process(self) -> None:
        """A request for another process is answered 421, and has no effect: this one has only got its address."""
        for method, target in (
            ("PUT", f"/{HERE}"),
            ("PUT", "/broadcast"),
            ("DELETE", f"/{HERE}"),
            ("GET", "/-/groups"),
        ):
            self.assertEqual(self.ask(method, target, "Q" * 8), 421)
        self.assertEqual((self.session.pushed, self.session.closed), ([], []))

    def test_without_right(self) -> None:
        """While the process may not speak, it does nothing for any connection, but it tells of itself."""
        self.assertEqual(self.ask("PUT", f"/{HERE}"), 200)
        self.may_answer = False
        pushed = len(self.session.pushed)
        for method, target in (
            ("PUT", f"/{HERE}"),
            ("PUT", "/broadcast"),
            ("GET", f"/{HERE}"),
            ("DELETE", f"/{HERE}"),
            ("POST", f"/@connections/{HERE}"),
            ("POST", f"/-/@connections/{HERE}"),
            ("DELETE", f"/-/%40connections/{HERE}"),
            ("POST", f"/-/events/{HERE}_1_message/replay"),
        ):
            self.assertEqual(self.ask(method, target), 503)
        self.assertEqual(self.ask("GET", "/-/worker"), 200)
        self.assertEqual((len(self.session.pushed), self.session.closed), (pushed, []))
