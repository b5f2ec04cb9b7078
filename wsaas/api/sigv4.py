"""Checks signatures of AWS Signature Version 4 in the header Authorization, as the AWS SDKs make them.

Any region is accepted: there is none here. Temporary credentials only add a header that is signed like others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest

from twisted.web.http_headers import Headers

from wsaas.net.aws_signature import ALGORITHM, LAST, canonical_request, derive_key, header_line, signature

MAX_SKEW = 300
"""Seconds by which the moment of a signature and the clock here may differ."""
_SERVICE = b"execute-api"
_MOMENT_LENGTH = len("20261123T100000Z")
_KEYS = 32
"""Keys that are remembered: one for each day and region."""

_FORM = "sign the request by AWS Signature Version 4, in the header Authorization"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as its signature covers it. `target` is that of the request line; `body` is None until it has come."""

    method: bytes
    target: bytes
    body: Callable[[], bytes] | None


@dataclass(frozen=True, slots=True)
class _Authorization:
    key_id: bytes
    day: bytes
    region: bytes
    service: bytes
    last: bytes
    names: list[bytes]
    signature: bytes


class SignatureFlaw(Exception):
    """The reason why a signature is refused; it tells what to do."""


class Signatures:
    """Checks the signatures that are made with one key pair. `wall_clock()` is the time in seconds since the epoch.

    Bound: `_KEYS` keys are remembered, so that half the HMACs of a request are saved.
    """

    def __init__(self, key_id: str, secret: str, wall_clock: Callable[[], float]) -> None:
        self._key_id = key_id.encode()
        self._secret = secret.encode()
        self._wall_clock = wall_clock
        self._key = lru_cache(maxsize=_KEYS)(self._derive)

    def check(self, request: SignedRequest, headers: Headers) -> None:
        """Raise SignatureFlaw unless the request is signed with this pair, for now.

        Without a body, all that needs none is checked, so that most wrong requests are refused before they send it.
        """
        found = _authorization(headers)
        if not compare_digest(found.key_id, self._key_id):
            raise SignatureFlaw("the access key id is not API_AWS_ACCESS_KEY_ID: give the SDK's client that key pair")
        if found.service != _SERVICE or found.last != LAST:
            raise SignatureFlaw("the signature's scope must end in /execute-api/aws4_request")
        moment = self._moment(headers, found.day)
        if not {b"host", b"x-amz-date"}.issubset(found.names):
            raise SignatureFlaw("SignedHeaders must have host and x-amz-date")
        # Not by getRawHeaders: Twisted fails at some names, and remembers others.
        sent = {name.lower(): values for name, values in headers.getAllRawHeaders()}
        lines = b"".join(_line(sent, name) for name in found.names)
        if request.body is None:
            return
        hashed = sha256(request.body()).hexdigest().encode("ascii")
        for stated in headers.getRawHeaders(b"x-amz-content-sha256", []):
            if not compare_digest(stated, hashed):
                raise SignatureFlaw("x-amz-content-sha256 is not the SHA-256 of the body")
        path, _, query = request.target.partition(b"?")
        canonical = canonical_request(request.method, path, query, lines, found.names, hashed)
        scope = b"/".join((found.day, found.region, _SERVICE, LAST))
        right = signature(self._key(found.day, found.region), moment, scope, canonical)
        if not compare_digest(right, found.signature):
            raise SignatureFlaw(
                "the signature is not that of this request with API_AWS_SECRET_ACCESS_KEY; "
                "a proxy in between must leave Host and path as they are"
            )

    def _moment(self, headers: Headers, day: bytes) -> bytes:
        """Return the value of x-amz-date."""
        values = headers.getRawHeaders(b"x-amz-date", [])
        moment = values[0] if len(values) == 1 else b""
        seconds = _seconds(moment)
        if seconds is None or moment[:8] != day:
            raise SignatureFlaw("send one X-Amz-Date such as 20261123T100000Z, of the day in the signature's scope")
        if abs(self._wall_clock() - seconds) > MAX_SKEW:
            raise SignatureFlaw("the signature is more than 5 minutes old or ahead: set the clocks right")
        return moment

    def _derive(self, day: bytes, region: bytes) -> bytes:
        return derive_key(self._secret, day, region, _SERVICE)


def _authorization(headers: Headers) -> _Authorization:
    """Read the one header Authorization."""
    values = headers.getRawHeaders(b"authorization", [])
    algorithm, _, rest = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    if algorithm != ALGORITHM:
        raise SignatureFlaw(f"{_FORM}, or send the API token")
    found: dict[bytes, bytes] = {}
    for part in rest.split(b","):
        name, _, value = part.strip(b" ").partition(b"=")
        if name in found:
            raise SignatureFlaw(f"{_FORM}: one part of it is there twice")
        found[name] = value
    scope = found.get(b"Credential", b"").split(b"/")
    if found.keys() != {b"Credential", b"SignedHeaders", b"Signature"} or len(scope) != 5:
        raise SignatureFlaw(f"{_FORM}: Credential, SignedHeaders and Signature")
    key_id, day, region, service, last = scope
    return _Authorization(key_id, day, region, service, last, found[b"SignedHeaders"].split(b";"), found[b"Signature"])


def _line(sent: Mapping[bytes, Sequence[bytes]], name: bytes) -> bytes:
    """Return the line of a signed header: its name, and its values with single spaces."""
    values = sent.get(name)
    if values is None:
        shown = name[:60].decode("latin-1")
        raise SignatureFlaw(f"SignedHeaders has {shown!r}, which the request has not; names are in lower case")
    return header_line(name, values)


def _seconds(moment: bytes) -> float | None:
    """Return the moment in seconds since the epoch; None if the text is none."""
    digits = moment[:8] + moment[9:15]
    if len(moment) != _MOMENT_LENGTH or moment[8:9] + moment[15:] != b"TZ" or not digits.isdigit():
        return None
    year, *others = int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))
    month, day, hour, minute, second = others
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None
