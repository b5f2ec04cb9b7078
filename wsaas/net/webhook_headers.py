"""Names of headers that only the gateway itself puts on a webhook, whatever the settings or a connect answer name."""

from __future__ import annotations

# Hop-by-hop and framing headers (RFC 9110, 7.6.1), what describes the body, the coding in which an answer may come, and
# the trace, which is the connection's own.
_RESERVED = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade content-length content-type content-encoding host expect accept-encoding traceparent".split()
)
_PREFIXES = ("webhook-", "wsaas-", "sec-websocket-")


def reserved(name: str) -> bool:
    """Whether this (lower-case) name is the gateway's own. Authorization, which is the client's, is not among them."""
    return name in _RESERVED or name.startswith(_PREFIXES)
