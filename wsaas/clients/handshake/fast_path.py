"""Fast path for the opening handshake as nearly every client sends it. The slow path reads what is in any way unusual:
`request_head` the lines of the head, and `request` what they say.
"""

from __future__ import annotations

import re
from typing import Any

from wsaas.clients.handshake.request_head import MAX_FIELDS, RequestHead
from wsaas.net.http_grammar import FIELD_VALUE, FRAMING, ORIGIN_FORM, OWS, TOKEN, encoded, octets

_HEAD = octets(rf"({TOKEN}) ({ORIGIN_FORM}) HTTP/([0-9]\.[0-9])(?:\r\n{TOKEN}:{FIELD_VALUE})*")
_FRAMING = encoded(FRAMING)

_HOST = re.compile(rb"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_PROTOCOLS = octets(rf"{TOKEN}(?:, ?{TOKEN})*")
_NONE: list[Any] = [None]
_CONNECTION = frozenset((b"upgrade", b"keep-alive, upgrade"))


def scan(head: bytes) -> RequestHead | None:
    """Return what `request_head.parse` returns for a head in which no header is repeated or speaks of a body, and whose
    target is a path; None if that must look at it. All lines are checked by one match.
    """
    request = _HEAD.fullmatch(head)
    if request is None:
        return None
    lines = head.split(b"\r\n")[1:]
    fields = {name.lower(): [value.strip(OWS)] for name, _, value in [line.partition(b":") for line in lines]}
    if not len(fields) == len(lines) <= MAX_FIELDS or not _FRAMING.isdisjoint(fields):
        return None
    method, target, version = request.groups()
    return RequestHead(method, target, version, fields)


def read_common(head: RequestHead, compression: bool) -> tuple[str, tuple[str, ...], str | None] | None:
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
