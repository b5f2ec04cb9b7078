"""From the head of a request to the Handshake that the gateway hears."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from wsaas.clients.handshake.client_address import Proxies
from wsaas.clients.handshake.credentials import BadCredential, Credentials, Presented
from wsaas.clients.handshake.fast_path import Asked
from wsaas.clients.handshake.request_head import fields, flaw, public, repeated
from wsaas.core.model import Handshake


class MalformedHandshake(Exception):
    """A request that is no handshake; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """A head that can only be understood in one way, as it is for everybody who reads on, and the client's address."""

    presented: Presented
    fields: list[tuple[bytes, bytes]]
    address: str


class HandshakePolicy:
    """What the settings say of requests.

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
        self._allowed_origins = frozenset(allowed_origins)
        self._forwarded = frozenset(name.encode() for name in forward_headers) | {b"authorization"}

    def read(self, head: bytes, host: str) -> Request:
        """A head (up to but without the empty line) that came from the peer `host`. Raises Malformed."""
        problem = flaw(head)
        if problem is not None:
            raise MalformedHandshake(problem)
        try:
            presented = self._credentials.present(head)
        except BadCredential as error:
            raise MalformedHandshake(str(error)) from None
        found = fields(presented.head)
        forwarded = [value for name, value in found if name == b"x-forwarded-for"]
        return Request(presented, found, self.proxies.client(host, forwarded))

    def allows(self, origin: str | None) -> bool:
        """Whether a browser page of this origin may connect; who sends none is no browser."""
        return not self._allowed_origins or origin is None or _normal(origin) in self._allowed_origins

    def handshake(self, request: Request, asked: Asked) -> Handshake:
        """What the gateway hears of a request that is sound."""
        path, _, query = asked.uri.partition("?")
        return Handshake(
            path=path,
            query=query,
            origin=asked.origin,
            remote_address=request.address,
            subprotocols=tuple(asked.protocols),
            headers=public(request.fields),
            repeated=repeated(request.fields, self._forwarded),
            traceparent=asked.traceparent,
        )


def _normal(origin: str) -> str:
    origin = origin.lower()
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme):
            return origin.removesuffix(port)
    return origin
