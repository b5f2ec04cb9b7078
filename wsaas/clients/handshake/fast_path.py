"""Fast path for the opening handshake as nearly every client sends it. `request` reads what is in any way unusual."""

from __future__ import annotations

import re
from typing import Any

from wsaas.clients.handshake.request_head import RequestHead
from wsaas.net.http_grammar import TOKEN, octets

_HOST = re.compile(rb"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_PROTOCOLS = octets(rf"{TOKEN}(?:, ?{TOKEN})*")
_NONE: list[Any] = [None]
_CONNECTION = frozenset((b"upgrade", b"keep-alive, upgrade"))


def read_usual(head: RequestHead, compression: bool) -> tuple[str, tuple[str, ...], str | None] | None:
    """Return what `request.read` returns for a common handshake; None if that must look at it."""
    fields = head.fields
    if head.method != b"GET" or head.version != b"1.1":
        return None
    try:
        [host], [key], [version] = fields[b"host"], fields[b"sec-websocket-key"], fields[b"sec-websocket-version"]
        [upgrade], [connection] = fields[b"upgrade"], fields[b"connection"]
        [protocols] = fields.get(b"sec-websocket-protocol", _NONE)
    except (KeyError, ValueError):  # one is not there, or repeated
        return None
    if (
        upgrade.lower() == b"websocket"
        and connection.lower() in _CONNECTION
        and version == b"13"
        and _HOST.fullmatch(host)
        and _KEY.fullmatch(key)
        and (protocols is None or _PROTOCOLS.fullmatch(protocols))
        and not (compression and b"sec-websocket-extensions" in fields)
    ):
        if protocols is None:
            return key.decode(), (), None
        return key.decode(), tuple(dict.fromkeys(protocols.decode().replace(" ", "").split(","))), None
    return None
