"""Slow path for the opening handshake (RFC 6455, 4.2.1): reads every sound one, as leniently as is safe.

Method, version, Host, Upgrade, Connection, Sec-WebSocket-Version and Sec-WebSocket-Key must be right: without them it
is no handshake. Lists may come in several headers and with empty elements (RFC 9110, 5.6.1). An extension offer that
is not understood counts as not offered, a list of subprotocols with something else in it as empty.

Autobahn sees none of a client's head: its parser ends lines where `str.splitlines` does, strips what Python calls
white space, and refuses what is only unusual.
"""

from __future__ import annotations

import re

from wsaas.clients.handshake.request_head import MalformedHandshake, RequestHead
from wsaas.net.http_grammar import HOST, OWS, TOKEN, elements, octets

_HOST = octets(HOST)
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_TOKEN = octets(TOKEN)
_NAMED = re.compile(rb"[ \t]*permessage-deflate[ \t]*(?:;|\Z)", re.IGNORECASE)
_ELEMENTS = re.compile(rb'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')  # what stands between commas that are in no quoted string


def read(head: RequestHead, compression: bool) -> tuple[str, tuple[str, ...], str | None]:
    """Return the parts of a sound handshake that the 101 depends on: key, subprotocols, extension offer.

    The offer is the first one of permessage-deflate that can be accepted, spelled as Autobahn reads it; None if there
    is none, or without `compression`. Raises MalformedHandshake.
    """
    values = head.fields

    def listed(name: bytes) -> list[bytes]:
        return elements(b",".join(values.get(name, ())))

    if head.method != b"GET":
        raise MalformedHandshake("a handshake is a GET", 405)
    if head.version != b"1.1":
        raise MalformedHandshake("a handshake is a request of HTTP/1.1", 505)
    host = values.get(b"host")
    if host is None:
        raise MalformedHandshake("the Host header is missing")
    if host != [b""] and not _HOST.fullmatch(host[0]):
        raise MalformedHandshake("the Host header is not a host with or without a port")
    if b"websocket" not in map(bytes.lower, listed(b"upgrade")):
        raise MalformedHandshake(
            "the request does not ask for a WebSocket: it has no header Upgrade: websocket (or a proxy dropped it)", 426
        )
    if b"upgrade" not in map(bytes.lower, listed(b"connection")):
        raise MalformedHandshake("the Connection header does not name Upgrade (or a proxy dropped that)")
    if b"13" not in listed(b"sec-websocket-version"):
        raise MalformedHandshake("Sec-WebSocket-Version must be 13", 426, (("sec-websocket-version", "13"),))
    key = values.get(b"sec-websocket-key", [b""])[0]
    if not _KEY.fullmatch(key):
        raise MalformedHandshake("Sec-WebSocket-Key must be the base64 of 16 bytes")
    subprotocols = tuple(dict.fromkeys(listed(b"sec-websocket-protocol")))
    if not all(map(_TOKEN.fullmatch, subprotocols)):
        subprotocols = ()
    offer = _offer(b",".join(values.get(b"sec-websocket-extensions", ()))) if compression else None
    return key.decode("ascii"), tuple(name.decode("ascii") for name in subprotocols), offer


def _offer(value: bytes) -> str | None:
    """Return the first offer in a Sec-WebSocket-Extensions value (RFC 6455, 9.1) that can be accepted."""
    return next(filter(None, map(_deflate, filter(_NAMED.match, _ELEMENTS.findall(value)))), None)


def _deflate(offer: bytes) -> str | None:
    """Return one offer of permessage-deflate, spelled anew, if RFC 7692, 7.1, allows to accept it."""
    found: dict[str, str] = {}
    for parameter in offer.split(b";")[1:]:
        key, given, value = parameter.partition(b"=")
        known = _PARAMETERS.get(key.strip(OWS).lower())
        text = _unquoted(value.strip(OWS)) if given else None
        if known is None or known in found or not _fits(known, text):
            return None
        found[known] = f"{known}={text.decode()}" if text and known == "server_max_window_bits" else known
    return "; ".join(["permessage-deflate", *found.values()])


_PARAMETERS = {
    name.encode("ascii"): name
    for name in (
        "client_max_window_bits",
        "client_no_context_takeover",
        "server_max_window_bits",
        "server_no_context_takeover",
    )
}
_BITS = frozenset(b"%d" % bits for bits in range(8, 16))


def _fits(name: str, value: bytes | None) -> bool:
    """Say if a parameter may have this value, None for none. The client's own window is only a hint; a window of 256
    bytes (8) is too small for zlib, and an offer that asks for it must be declined.
    """
    if name == "server_max_window_bits":
        return value in _BITS and value != b"8"
    return value is None or (name == "client_max_window_bits" and value in _BITS)


def _unquoted(value: bytes) -> bytes:
    """Return a value that may be a quoted string, without its quotation marks."""
    return value[1:-1] if len(value) > 1 and value[:1] == value[-1:] == b'"' else value
