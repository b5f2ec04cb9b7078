"""Credentials for those who cannot set headers: browsers.

A bearer token in a query parameter (AUTH_QUERY) or in a subprotocol (AUTH_SUBPROTOCOL) is taken out of the request's
head and put into an Authorization header. Whoever reads the head after that, Autobahn and its error messages included,
sees a client that could set it.

    GET /room?a=1&access_token=abc            ->  GET /room?a=1, Authorization: Bearer abc
    Sec-WebSocket-Protocol: bearer.YWJj, v1   ->  Sec-WebSocket-Protocol: v1, Authorization: Bearer abc
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_CARRIERS = ("base64url.bearer.authorization.k8s.io.", "bearer.")
_ENCODED = re.compile(r"([A-Za-z0-9_-]*)(={0,2})")
_TOKEN = re.compile(rb"[\x21-\x7e]+")
_PROTOCOL = b"sec-websocket-protocol"


class BadCredential(Exception):
    """A credential that cannot be used; the text says why, and does not repeat it."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A request's head with at most an Authorization header for a credential.

    A browser gives up a handshake for which it offered subprotocols and none was selected. So, if a subprotocol carried
    the credential and the backend names none, the first other one is selected (`default`), or, where there is no other,
    the carrier itself is sent back (`echo`).
    """

    head: bytes
    default: str | None = None
    echo: str | None = None


class Credentials:
    """Where credentials may be, as AUTH_QUERY (None for nowhere) and AUTH_SUBPROTOCOL say."""

    def __init__(self, parameter: str | None, subprotocol: bool) -> None:
        self._parameter = None if parameter is None else parameter.encode()
        self._subprotocol = subprotocol

    def present(self, head: bytes) -> Presented:
        """The flawless head of a request, rewritten; raises BadCredential."""
        request_line, *lines = head.split(b"\r\n")
        tokens: list[bytes] = []
        if self._parameter is not None:
            request_line = self._from_query(request_line, self._parameter, tokens)
        carrier: str | None = None
        others: list[str] = []
        if self._subprotocol and b"bearer." in head:
            lines, carrier, others = _from_subprotocols(lines, tokens)
        if not tokens:
            return Presented(head)
        if len(tokens) > 1 or any(line.lower().startswith(b"authorization:") for line in lines):
            raise BadCredential("more than one credential; send one only: a header, the query or a subprotocol")
        if not _TOKEN.fullmatch(tokens[0]):
            raise BadCredential("the credential is not a bearer token: printable ASCII characters without spaces")
        head = b"\r\n".join([request_line, *lines, b"Authorization: Bearer " + tokens[0]])
        if carrier is None:
            return Presented(head)
        return Presented(head, others[0]) if others else Presented(head, echo=carrier)

    def _from_query(self, request_line: bytes, parameter: bytes, tokens: list[bytes]) -> bytes:
        method, target, version = request_line.split(b" ")
        path, mark, query = target.partition(b"?")
        kept = []
        for pair in query.split(b"&"):
            name, _, value = pair.partition(b"=")
            if unquote_to_bytes(name) == parameter:
                tokens.append(unquote_to_bytes(value))  # a plus is a plus: there is no space in a token
            else:
                kept.append(pair)
        query = b"&".join(kept)
        return b" ".join((method, path + (mark + query if query else b""), version)) if tokens else request_line


def _from_subprotocols(lines: list[bytes], tokens: list[bytes]) -> tuple[list[bytes], str | None, list[str]]:
    """The header lines without the subprotocol that carries a token, that one, and the others."""
    kept: list[bytes] = []
    others: list[str] = []
    carrier: str | None = None
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() != _PROTOCOL:
            kept.append(line)
            continue
        for offered in filter(None, (item.strip(" \t") for item in value.decode("latin-1").split(","))):
            prefix = next((each for each in _CARRIERS if offered.startswith(each)), None)
            if prefix is None:
                others.append(offered)
            else:
                carrier = offered
                tokens.append(_decoded(offered.removeprefix(prefix)))
    if carrier is None:
        return lines, None, others
    if others:
        kept.append(b"Sec-WebSocket-Protocol: " + ", ".join(others).encode("latin-1"))
    return kept, carrier, others


def _decoded(text: str) -> bytes:
    """Base64url (RFC 4648, 5), padded or not."""
    found = _ENCODED.fullmatch(text)
    if found is None or len(found[1]) % 4 == 1 or (found[2] and len(text) % 4):
        raise BadCredential("the credential in the subprotocol is not base64url")
    return base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
