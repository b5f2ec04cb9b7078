"""How a token is compared: with all of them, in constant time each, whichever fits."""

from __future__ import annotations

import hmac

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from wsaas.api import access
from wsaas.api.access import Access
from wsaas.api.errors import HostNotAllowed, Unauthorized

TOKENS = ("first-token-0123456789", "second-token-0123456789", "third-token-0123456789")


class ComparisonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.compared: list[bytes] = []
        self.patch(access, "compare_digest", self.compare)
        self.access = Access(TOKENS)

    def compare(self, given: bytes, token: bytes) -> bool:
        self.compared.append(token)
        return hmac.compare_digest(given, token)

    def test_all_are_compared(self) -> None:
        """The first that fits, and the first that does not, end nothing: each request is compared with every token."""
        for given, fits in [
            (TOKENS[0], True),
            (TOKENS[2], True),
            ("another", False),
            ("", False),
            (TOKENS[0][:-1], False),
        ]:
            for ask in (self.check, lambda given: self.access.refusal([given], [], False) is None):
                self.compared.clear()
                self.assertEqual(ask(f"Bearer {given}".encode()), fits, given)
                self.assertEqual(self.compared, [token.encode() for token in TOKENS])

    def check(self, authorization: bytes) -> bool:
        try:
            self.access.check(b"/connections", Headers({b"authorization": [authorization]}))
        except Unauthorized:
            return False
        return True


OURS = b"""localhost LOCALHOST localhost:8081 localhost. app.localhost a.b.localhost:1 localhost: 127.0.0.1
    127.0.0.1:8081 127.200.3.4:99999 [::1] [::1]:8081 [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1]:1
    gateway.example Gateway.Example:1234 gateway.example. [2001:db8::1]:81 [2001:DB8:0::1]""".split()
OTHERS = [
    *b"""evil.example evil.example:8081 localhost.evil.example notlocalhost 127.0.0.1.evil.example 127.1 2130706433
    0x7f.1 0.0.0.0 [::] 10.0.0.1 gateway.example.evil sub.gateway.example localhost:x localhost:1:2 [::1 ::1
    [::1]x [::1%lo] user@localhost localhost/ [localhost] [2001:db8::2] \xc3\xa9.localhost.evil""".split(),
    *(b"", b" ", b":8081", b"localhost evil", b"localhost, evil.example", b"x" * 300, b".localhost" * 100, b"\xff\xfe"),
]


class HostTests(SynchronousTestCase):
    """Under which names a request without a token is answered."""

    access = Access((), ["gateway.example", "2001:db8::1"])

    def passes(self, host: bytes | None, access: Access = access, path: bytes = b"/connections", **more: bool) -> bool:
        headers = Headers({} if host is None else {b"host": [host]})
        try:
            access.check(path, headers, **more)
        except HostNotAllowed as error:
            self.assertIn(repr((host or b"").decode("latin-1"))[:50], str(error))
            self.assertIn("LOCAL_ADDRESS", str(error))
            self.assertIn("API_TOKEN", str(error))
            return False
        return True

    def test_hosts(self) -> None:
        """Loopback and the host of LOCAL_ADDRESS, however spelt and with any port, and nothing else."""
        for hosts, expected in ((OURS, True), (OTHERS, False)):
            for host in hosts:
                self.assertEqual((host, self.passes(host)), (host, expected))
                self.assertEqual((host, self.access.refusal([], [host], False) is None), (host, expected))
        self.assertFalse(self.passes(None))

    def test_probes(self) -> None:
        """The two probes are answered under any name: an orchestrator asks by address."""
        for path in (b"/-/healthy", b"/-/ready"):
            for host in (*OTHERS, None):
                self.assertTrue(self.passes(host, path=path))

    def test_unix_socket(self) -> None:
        """Where no page can come from, the name does not matter."""
        for host in (*OTHERS, None):
            self.assertTrue(self.passes(host, any_host=True))

    def test_token(self) -> None:
        """With a token any name will do, for no page has the token."""
        access, bearer = Access(TOKENS), b"Bearer " + TOKENS[0].encode()
        for host in OTHERS:
            access.check(b"/connections", Headers({b"host": [host], b"authorization": [bearer]}))
            self.assertRaises(Unauthorized, access.check, b"/connections", Headers({b"host": [host]}))
