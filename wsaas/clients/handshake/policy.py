"""Makes the Handshake, which the gateway gets, from the head of a request."""

from __future__ import annotations

from collections.abc import Callable, Collection

from wsaas.clients.handshake.client_address import Proxies, party
from wsaas.clients.handshake.credentials import BadCredential, Credentials
from wsaas.clients.handshake.request_head import MalformedHandshake, RequestHead, parse, public, repeated
from wsaas.core.model import Handshake
from wsaas.net.http_grammar import DEFAULT_PORTS
from wsaas.net.trace_context import trace_id


class HandshakePolicy:
    """The rules that the settings make for handshakes.

    `allowed_origins` are serialised origins (RFC 6454, 6.2) in lower case without default ports; empty allows any.
    """

    def __init__(
        self,
        *,
        proxies: Proxies,
        credentials: Credentials,
        allowed_origins: Collection[str],
        forward_headers: Collection[str],
    ) -> None:
        self.proxies = proxies
        self._credentials = credentials
        self._allowed_origins = frozenset(origin.encode() for origin in allowed_origins)
        self._forwarded = frozenset(name.encode() for name in forward_headers) | {b"authorization"}

    def read(self, head: bytes, fast_path: Callable[[bytes], RequestHead | None] | None = None) -> RequestHead:
        """Read a head, up to but without the empty line. Raises MalformedHandshake.

        `fast_path` reads heads that are common, and returns None for all others (`fast_path.scan`).
        """
        try:
            return self._credentials.present((fast_path and fast_path(head)) or parse(head))
        except BadCredential as error:
            raise MalformedHandshake(str(error)) from None

    def address(self, head: RequestHead, host: str) -> str:
        """Return the client's address, of a head that came from the peer `host`."""
        return self.proxies.client(host, head.values(b"x-forwarded-for"))

    def allows(self, head: RequestHead) -> bool:
        """Say if a page of the request's origin may connect. A client that sends no Origin is no browser, and may.

        The bytes of the one value are compared; two values are a foreign origin.
        """
        origins = head.values(b"origin") if self._allowed_origins else []
        return not origins or (len(origins) == 1 and _normal(origins[0]) in self._allowed_origins)

    def handshake(self, head: RequestHead, address: str, subprotocols: tuple[str, ...]) -> Handshake:
        """Return the Handshake of a sound request of the client at `address`."""
        path, _, query = head.target.decode("ascii").partition("?")
        origins = head.values(b"origin")
        return Handshake(
            path=path,
            query=query,
            origin=b", ".join(origins).decode("latin-1") if origins else None,
            remote_address=address,
            subprotocols=subprotocols,
            headers=public(head),
            repeated=repeated(head, self._forwarded),
            trace_id=trace_id(head.values(b"traceparent")),
            party=party(address, path),
        )


def _normal(origin: bytes) -> bytes:
    """Return an origin in lower case, without its scheme's default port."""
    origin = origin.lower()
    port = DEFAULT_PORTS.get(origin.partition(b"://")[0].decode("latin-1"))
    return origin if port is None else origin.removesuffix(b":%d" % port)
