"""PEM files (RFC 7468): finding the certificates in one."""

from __future__ import annotations

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def certificates_in(data: bytes) -> list[bytes]:
    """The blocks of certificates, each from its first line to its last, in order; one without an end is none."""
    found = []
    begin = data.find(_BEGIN)
    while begin >= 0:
        end = data.find(_END, begin)
        if end < 0:
            break
        found.append(data[begin : end + len(_END)])
        begin = data.find(_BEGIN, end)
    return found
