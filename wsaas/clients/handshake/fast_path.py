"""Fast path for the opening handshake as nearly every client sends it. `request` reads what is in any way unusual."""

from __future__ import annotations

import re

from wsaas.clients.handshake.request_head import RequestHead
from wsaas.net.http_grammar import TOKEN, octets

_HOST = re.compile(rb"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_PROTOCOLS = octets(rf"{TOKEN}(?:, ?{TOKEN})*")
_CONNECTION = frozenset((b"upgrade", b"keep-alive, upgrade"))


def read_usual(head: RequestHead, compression: bool) -> tuple[str, tuple[str, ...], str | None] | None:
    """Return what `request.read` returns for a common handshake; None if that must look at it."""
    fields = head.fields
    found = dict(fields)
    if len(found) < len(fields) or head.method != b"GET" or head.version != b"1.1":
        return None
    host, key = found.get(b"host", b""), found.get(b"sec-websocket-key", b"")
    protocols = found.get(b"sec-websocket-protocol")
    if (
        found.get(b"upgrade", b"").lower() == b"websocket"
        and found.get(b"connection", b"").lower() in _CONNECTION
        and found.get(b"sec-websocket-version") == b"13"
        and _HOST.fullmatch(host)
        and _KEY.fullmatch(key)
        and (protocols is None or _PROTOCOLS.fullmatch(protocols))
        and not (compression and b"sec-websocket-extensions" in found)
    ):
        if protocols is None:
            return key.decode(), (), None
        return key.decode(), tuple(dict.fromkeys(protocols.decode().replace(" ", "").split(","))), None
    return None
