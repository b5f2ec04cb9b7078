"""Credentials of clients that cannot set headers: browsers.

A bearer token in a query parameter (AUTH_QUERY) or in a subprotocol (AUTH_SUBPROTOCOL) is taken out of the request's
head and put into an Authorization header. All code behind this, error messages included, sees a client that set the
header itself.

    GET /room?a=1&access_token=abc            ->  GET /room?a=1, Authorization: Bearer abc
    Sec-WebSocket-Protocol: bearer.YWJj, v1   ->  Sec-WebSocket-Protocol: v1, Authorization: Bearer abc
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from wsaas.clients.handshake.request_head import RequestHead
from wsaas.net.http_grammar import elements

_CARRIERS = (b"base64url.bearer.authorization.k8s.io.", b"bearer.")
_ENCODED = re.compile(rb"([A-Za-z0-9_-]*)(={0,2})")
_BEARER = re.compile(rb"[\x21-\x7e]+")
_PROTOCOL = b"sec-websocket-protocol"
_MORE = "more than one credential; send one only: a header, the query or a subprotocol"


class BadCredential(Exception):
    """A credential that cannot be used. The text says why, without the credential."""


class Credentials:
    """The places where credentials may be: `parameter` of the query (AUTH_QUERY, None for off), and subprotocols
    (AUTH_SUBPROTOCOL).
    """

    def __init__(self, parameter: str | None, subprotocol: bool) -> None:
        self._parameter = None if parameter is None else in_query(parameter)
        self._subprotocol = subprotocol

    def present(self, head: RequestHead) -> RequestHead:
        """Return the head with its credential as an Authorization header, and with the subprotocol that carried it.

        Raises BadCredential.
        """
        target, fields = head.target, head.fields
        tokens: list[bytes] = []
        carrier = None
        if self._parameter is not None:
            target = _from_query(target, self._parameter, tokens)
        if self._subprotocol and any(b"bearer." in value for value in head.values(_PROTOCOL)):
            fields, carrier = _from_subprotocols(head, tokens)
        if not tokens:
            return head
        if len(tokens) > 1 or b"authorization" in fields:
            raise BadCredential(_MORE)
        if not _BEARER.fullmatch(tokens[0]):
            raise BadCredential("the credential is not a bearer token: printable ASCII characters without spaces")
        fields = {**fields, b"authorization": [b"Bearer " + tokens[0]]}
        return replace(head, target=target, fields=fields, carrier=carrier)


def in_query(parameter: str) -> re.Pattern[bytes]:
    """Compile a pattern for each place of a parameter in "&" and a query; its name may be percent-encoded."""
    name = "".join(f"(?:{re.escape(c)}|%{ord(c) >> 4:x}{_either_case(ord(c) & 15)})" for c in parameter)
    return re.compile(rf"&{name}(?:=([^&]*))?(?=&|\Z)".encode("ascii"))


def _either_case(digit: int) -> str:
    return f"[{digit:x}{digit:X}]"


def _from_query(target: bytes, parameter: re.Pattern[bytes], tokens: list[bytes]) -> bytes:
    """Return the target without the parameters that are credentials; append those to `tokens`."""
    path, mark, query = target.partition(b"?")

    def take(found: re.Match[bytes]) -> bytes:
        tokens.append(unquote_to_bytes(found[1] or b""))  # a plus is a plus: there is no space in a token
        return b""

    query = parameter.sub(take, b"&" + query)[1:]
    return path + (mark + query if query else b"") if tokens else target


def _from_subprotocols(head: RequestHead, tokens: list[bytes]) -> tuple[dict[bytes, list[bytes]], str | None]:
    """Return the fields without the subprotocol that carries a token, and that subprotocol; append to `tokens`."""
    others: list[bytes] = []
    carrier: bytes | None = None
    for offered in elements(b",".join(head.values(_PROTOCOL))):
        prefix = next((each for each in _CARRIERS if offered.startswith(each)), None)
        if prefix is None:
            others.append(offered)
        elif carrier is not None:
            raise BadCredential(_MORE)
        else:
            carrier = offered
            tokens.append(_decoded(offered.removeprefix(prefix)))
    if carrier is None:
        return head.fields, None
    kept = {name: values for name, values in head.fields.items() if name != _PROTOCOL}
    if others:
        kept[_PROTOCOL] = [b", ".join(others)]
    return kept, carrier.decode("ascii")


def _decoded(text: bytes) -> bytes:
    """Decode base64url (RFC 4648, 5), padded or not."""
    found = _ENCODED.fullmatch(text)
    if found is None or len(found[1]) % 4 == 1 or (found[2] and len(text) % 4):
        raise BadCredential("the credential in the subprotocol is not base64url")
    return base64.urlsafe_b64decode(found[1] + b"=" * (-len(found[1]) % 4))
