"""Names of headers that only the gateway itself puts on a webhook, whatever the settings or a connect answer name."""

from __future__ import annotations

from wsaas.net.http_grammar import FRAMING, HOP_BY_HOP

# Hop-by-hop and framing headers, what describes the body, the coding in which an answer may come, and the trace, which
# is the connection's own.
_RESERVED = (
    HOP_BY_HOP | FRAMING | frozenset("content-type content-encoding host expect accept-encoding traceparent".split())
)
_PREFIXES = ("webhook-", "wsaas-", "sec-websocket-")


def reserved(name: str) -> bool:
    """Say if this (lower-case) name is the gateway's own. Authorization is not: it is the client's."""
    return name in _RESERVED or name.startswith(_PREFIXES)
