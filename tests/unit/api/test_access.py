"""How a token is compared: with all of them, in constant time each, whichever fits."""

from __future__ import annotations

import hmac

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from wsaas.api import access
from wsaas.api.access import Access
from wsaas.api.errors import Unauthorized

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
            for ask in (self.check, self.access.admits):
                self.compared.clear()
                self.assertEqual(ask(f"Bearer {given}".encode()), fits, given)
                self.assertEqual(self.compared, [token.encode() for token in TOKENS])

    def check(self, authorization: bytes) -> bool:
        try:
            self.access.check(b"/connections", Headers({b"authorization": [authorization]}))
        except Unauthorized:
            return False
        return True
