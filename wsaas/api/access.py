"""Who may use the API: the bearer token (RFC 6750, 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from hmac import compare_digest

from twisted.web.http_headers import Headers

from wsaas.api.errors import Unauthorized

# A load balancer has no token, and these two say nothing of any client.
WITHOUT_TOKEN = frozenset({b"/-/healthy", b"/-/ready"})


class Access:
    """Lets a request pass with any one of the tokens; with no tokens, all of them."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tuple(token.encode() for token in tokens)
        if b"" in self._tokens:
            raise ValueError("an empty API token would let everybody in")

    def check(self, path: bytes, headers: Headers) -> None:
        """Raise Unauthorized unless a request for this path, as it stands in the request line, may pass."""
        if self._tokens and path not in WITHOUT_TOKEN and not self._knows(_bearer(headers)):
            raise Unauthorized("send the header Authorization: Bearer with the API token")

    def admits(self, authorization: bytes | None) -> bool:
        """Whether a request that needs the token may pass with this Authorization header, its only one."""
        return not self._tokens or self._knows(_credential(authorization or b""))

    def _knows(self, credential: bytes) -> bool:
        # All tokens are compared, in constant time each: how long it takes says nothing about any of them.
        return sum(compare_digest(credential, token) for token in self._tokens) > 0


def _bearer(headers: Headers) -> bytes:
    """The token that the request carries, or nothing: several Authorization headers are none."""
    values = headers.getRawHeaders(b"authorization", [])
    return _credential(values[0]) if len(values) == 1 else b""


def _credential(authorization: bytes) -> bytes:
    scheme, _, credential = authorization.partition(b" ")
    return credential.strip(b" ") if scheme.lower() == b"bearer" else b""
