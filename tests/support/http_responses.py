"""Answers of a backend as the gateway reads them, made by hand."""

from __future__ import annotations

from wsaas.http_client.exchange import HttpResponse


def answer(status: int, body: bytes = b"", truncated: bool = False, **headers: str) -> HttpResponse:
    """An answer; a header's name has underscores for hyphens."""
    pairs = tuple((name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items())
    return HttpResponse(status, pairs, body, truncated)
