"""The handshake as nearly every client sends it, read and answered without Autobahn.

That takes a sixth off the processor time of a connection. What is in any way unusual is left to the slow path:
`request` and Autobahn. A differential test holds that both find the same.
"""

from __future__ import annotations

import base64
import hashlib
import re

from wsaas.clients.handshake.request import HandshakeRequest
from wsaas.clients.handshake.request_head import RequestHead
from wsaas.net.http_grammar import TOKEN, octets

_HOST = re.compile(rb"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_PROTOCOLS = octets(rf"{TOKEN}(?:, ?{TOKEN})*")
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONNECTION = frozenset((b"upgrade", b"keep-alive, upgrade"))


def read_usual(head: RequestHead, compression: bool) -> HandshakeRequest | None:
    """Return what a common handshake asks for; None if the slow path must look at it."""
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
            return HandshakeRequest(key.decode())
        return HandshakeRequest(key.decode(), tuple(dict.fromkeys(protocols.decode().replace(" ", "").split(","))))
    return None


def switching(key: str, subprotocol: str | None) -> bytes:
    """The answer that opens the connection (RFC 6455, 4.2.2)."""
    proof = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
    selected = "" if subprotocol is None else f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
        f"{selected}Sec-WebSocket-Accept: {proof}\r\n\r\n"
    ).encode()
