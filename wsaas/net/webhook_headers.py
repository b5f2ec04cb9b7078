"""The names of webhook headers that only the gateway sets: neither the settings nor a connect answer can name them."""

from __future__ import annotations

from wsaas.net.http_grammar import FRAMING, HOP_BY_HOP

# Hop-by-hop and framing headers, the headers that describe the body and the accepted codings, and the connection's
# trace.
_RESERVED = (
    HOP_BY_HOP | FRAMING | frozenset("content-type content-encoding host expect accept-encoding traceparent".split())
)
_PREFIXES = ("webhook-", "wsaas-", "sec-websocket-")


def reserved(name: str) -> bool:
    """Return whether only the gateway sets this header; `name` is in lower case. Authorization is not reserved."""
    return name in _RESERVED or name.startswith(_PREFIXES)
