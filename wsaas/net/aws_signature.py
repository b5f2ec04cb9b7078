"""AWS Signature Version 4: what a client signs and a server checks.

    canonical request    method, path, query, signed headers, their names, SHA-256 of the body
    string to sign       algorithm, moment, scope, SHA-256 of the canonical request
    key                  a chain of HMACs over the secret: day, region, service, "aws4_request"

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from hmac import digest
from urllib.parse import quote_from_bytes

ALGORITHM = b"AWS4-HMAC-SHA256"
LAST = b"aws4_request"
"""The end of every scope."""


def header_line(name: bytes, values: Sequence[bytes]) -> bytes:
    """Return the line of a signed header: its name in lower case, and its values with single spaces."""
    return name + b":" + b",".join(b" ".join(value.split()) for value in values) + b"\n"


def canonical_request(
    method: bytes, path: bytes, query: bytes, lines: bytes, names: Sequence[bytes], hashed: bytes
) -> bytes:
    """Return what is hashed. `path` and `query` are those of the request line, `hashed` is the body's SHA-256 in hex.

    The path is percent-encoded once more, as all services but S3 have it signed.
    """
    pairs = sorted(pair.partition(b"=")[::2] for pair in query.split(b"&") if pair)
    return b"\n".join(
        (
            method,
            quote_from_bytes(path, safe="/-_.~").encode("ascii"),
            b"&".join(name + b"=" + value for name, value in pairs),
            lines,
            b";".join(names),
            hashed,
        )
    )


def derive_key(secret: bytes, day: bytes, region: bytes, service: bytes) -> bytes:
    """Return the key of a day, a region and a service."""
    key = b"AWS4" + secret
    for part in (day, region, service, LAST):
        key = digest(key, part, "sha256")
    return key


def signature(key: bytes, moment: bytes, scope: bytes, canonical: bytes) -> bytes:
    """Return the signature in hex. `moment` is that of X-Amz-Date."""
    to_sign = b"\n".join((ALGORITHM, moment, scope, sha256(canonical).hexdigest().encode("ascii")))
    return digest(key, to_sign, "sha256").hex().encode("ascii")
