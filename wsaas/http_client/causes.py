"""The cause for which a connection failed or ended, in words for the log."""

from __future__ import annotations

import os

from OpenSSL import SSL
from twisted.internet import error

from wsaas.http_client.exchange import Fault
from wsaas.net.tls_client import CertificateRefused, tls_reason

_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (error.ConnectionRefusedError, "connection refused"),
    (error.TimeoutError, "connect timeout"),
    (error.TCPTimedOutError, "connect timeout"),
    (error.NoRouteError, "no route to the host"),
    (error.DNSLookupError, "unknown host name"),
    (error.ConnectionDone, "closed by the backend"),
    (error.ConnectionLost, "connection reset"),
)


def cause(failed: BaseException | None) -> str:
    """Return a few words for an error of a connection, without secrets."""
    if isinstance(failed, Fault):
        return str(failed)
    if isinstance(failed, CertificateRefused):
        return f"TLS: {failed}"
    for kind, words in _CAUSES:
        if isinstance(failed, kind):
            return words
    if isinstance(failed, SSL.Error):
        return f"TLS: {tls_reason(failed)}"
    if isinstance(failed, error.ConnectError) and failed.osError:
        return os.strerror(failed.osError)
    return type(failed).__name__
