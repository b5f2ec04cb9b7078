"""Signs calls of Lambda on AWS with the credentials in the usual variables of the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

from wsaas.net.aws_signature import ALGORITHM, LAST, canonical_request, derive_key, header_line, signature

_SERVICE = b"lambda"


class AwsCredentials:
    """The credentials and the region that the environment names. ValueError if one is missing."""

    def __init__(self, environ: Mapping[str, str], wall_clock: Callable[[], float]) -> None:
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
        key_id, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
        for name, value in (
            ("AWS_REGION", region),
            ("AWS_ACCESS_KEY_ID", key_id),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ):
            if not value:
                raise ValueError(f"needs {name} in the environment")
        self._region, self._key_id, self._secret = region.encode(), key_id.encode(), secret.encode()
        self._token = environ.get("AWS_SESSION_TOKEN")
        self._wall_clock = wall_clock
        base = environ.get("AWS_ENDPOINT_URL_LAMBDA") or environ.get("AWS_ENDPOINT_URL")
        self._base = (base or f"https://lambda.{region}.amazonaws.com").rstrip("/")

    def url(self, name: str) -> str:
        """Return the URL at which a function is invoked: its name, or its ARN."""
        return f"{self._base}/2015-03-31/functions/{quote(name, safe='')}/invocations"

    def sign(self, method: bytes, url: str, body: bytes) -> dict[str, str]:
        """Return the headers of a request with its signature."""
        parts = urlsplit(url)
        moment = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        sent = {"host": parts.netloc, "x-amz-date": moment}
        if self._token:
            sent["x-amz-security-token"] = self._token
        names = [name.encode("ascii") for name in sent]
        lines = b"".join(header_line(name, [sent[name.decode("ascii")].encode()]) for name in names)
        hashed = sha256(body).hexdigest().encode("ascii")
        canonical = canonical_request(method, parts.path.encode(), parts.query.encode(), lines, names, hashed)
        day = moment[:8].encode("ascii")
        scope = b"/".join((day, self._region, _SERVICE, LAST))
        key = derive_key(self._secret, day, self._region, _SERVICE)
        signed = signature(key, moment.encode("ascii"), scope, canonical)
        del sent["host"]
        sent["Authorization"] = (
            b"%b Credential=%b/%b, SignedHeaders=%b, Signature=%b"
            % (ALGORITHM, self._key_id, scope, b";".join(names), signed)
        ).decode("ascii")
        return sent
