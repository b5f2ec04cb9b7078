"""Access to the API: by the bearer token (RFC 6750, 2.1), and without one the names by which it may be called.

Without a token, every program on this machine may call the API, a browser included. A web page reaches the API by a
name of its own that resolves to 127.0.0.1 (DNS rebinding). The Host header then says that name. So only those names
pass that no stranger can have: loopback, and the host of LOCAL_ADDRESS.

Where a key pair is configured, the paths of the AWS dialect are opened by a token or a signature, and by nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from hmac import compare_digest
from ipaddress import ip_address

from twisted.web.http_headers import Headers

from wsaas.api.aws_dialect import rest_of
from wsaas.api.errors import HostNotAllowed, Unauthorized
from wsaas.api.sigv4 import SignatureFlaw, Signatures, SignedRequest
from wsaas.net.aws_signature import ALGORITHM

# A load balancer has no token and knows addresses only. These two paths tell nothing of any client.
OPEN_TO_ALL = frozenset({b"/-/healthy", b"/-/ready"})
# The files of the console are the same for everybody, and its page asks for the token. A path below that no file has is
# answered 404.
CONSOLE = b"/-/console"
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]*))(?::[0-9]*)?")  # RFC 9110, 7.2
_MAX_NAME_LENGTH = 255


class Access:
    """The gate of the API: any one of the tokens opens it; with no tokens, the names of loopback and `hosts` do.

    With `signatures`, paths of the AWS dialect are opened by one of the tokens or a signature.
    """

    def __init__(
        self, tokens: Sequence[str], hosts: Collection[str] = (), signatures: Signatures | None = None
    ) -> None:
        self._tokens = tuple(token.encode() for token in tokens)
        if b"" in self._tokens:
            raise ValueError("an empty API token would let every request pass")
        self._signatures = signatures
        self.by_signature_only = signatures is not None and not tokens
        """True if a path of the dialect is opened by signatures alone."""
        self._hosts = frozenset(_normal(host) for host in hosts)
        self._names_us = lru_cache(maxsize=256)(self._is_ours)

    def check(self, path: bytes, headers: Headers, any_host: bool = False, signed: SignedRequest | None = None) -> None:
        """Raise Unauthorized or HostNotAllowed unless a request for this path may pass.

        The path is that of the request line, not decoded. `any_host` is for a request that no web page can have sent,
        so that its Host is not looked at. `signed` is the request as its signature covers it; without it no signature
        passes.
        """
        if self._tokens and (path == CONSOLE or path.startswith(CONSOLE + b"/")):
            return
        if path not in OPEN_TO_ALL:
            authorizations = headers.getRawHeaders(b"authorization", [])
            if (self._signatures is not None or self._tokens) and rest_of(path) is not None:
                self._check_dialect(authorizations, headers, signed)
                return
            refusal = self.refusal(authorizations, headers.getRawHeaders(b"host", []), any_host)
            if refusal is not None:
                raise refusal

    def refusal(
        self, authorizations: Sequence[bytes], hosts: Sequence[bytes], any_host: bool
    ) -> Unauthorized | HostNotAllowed | None:
        """Return why a request that is not open to all may not pass with these headers; None if it may.

        This decides for every request that `check` does not leave to `_check_dialect`. Several Authorization headers
        count as none.
        """
        if self._tokens:
            if len(authorizations) == 1 and self._knows(_credential(authorizations[0])):
                return None
            return Unauthorized("send the header Authorization: Bearer with the API token")
        host = b", ".join(hosts)
        if any_host or self._names_us(host):
            return None
        shown = host[:_MAX_NAME_LENGTH].decode("latin-1")
        return HostNotAllowed(
            f"the Host {shown!r} is neither localhost nor that of LOCAL_ADDRESS: call the API by one of these, "
            "set LOCAL_ADDRESS to the name by which backends call it, or set API_TOKEN, with which any name will do"
        )

    def _check_dialect(self, authorizations: Sequence[bytes], headers: Headers, signed: SignedRequest | None) -> None:
        """Raise Unauthorized unless a request of the AWS dialect has a token or, with a key pair, a signature."""
        is_signed = any(each.startswith(ALGORITHM) for each in authorizations)
        if self._signatures is None:
            if is_signed:
                raise Unauthorized(
                    "no signature is accepted: send the API token, or set API_AWS_ACCESS_KEY_ID and "
                    "API_AWS_SECRET_ACCESS_KEY"
                )
        elif is_signed or not self._tokens:
            if signed is None:
                raise Unauthorized("sign the request")
            try:
                self._signatures.check(signed, headers)
            except SignatureFlaw as flaw:
                raise Unauthorized(str(flaw)) from None
            return
        refusal = self.refusal(authorizations, (), True)
        if refusal is not None:
            raise refusal

    def _knows(self, credential: bytes) -> bool:
        # All tokens are compared, in constant time each, so that the time tells nothing about any of them.
        return sum(compare_digest(credential, token) for token in self._tokens) > 0

    def _is_ours(self, host: bytes) -> bool:
        """Tell whether a Host header has a name of loopback or one of `hosts`, with any port."""
        found = _HOST.fullmatch(host.decode("latin-1")) if len(host) <= _MAX_NAME_LENGTH + len(":65535") else None
        if found is None:
            return False
        name = _normal(found[1] or found[2])
        return name in self._hosts or name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _normal(host: str) -> str:
    """Return a host as it is compared: an address in its shortest form, a name in lower case without the root's dot."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower().removesuffix(".")
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _credential(authorization: bytes) -> bytes:
    """Return the bearer token of an Authorization header; nothing if it has another scheme."""
    scheme, _, credential = authorization.partition(b" ")
    return credential.strip(b" ") if scheme.lower() == b"bearer" else b""
