"""Signs requests as the AWS SDKs do: by botocore's own signer, which knows nothing of the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from botocore import auth, compat
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class _Signer(auth.SigV4Auth):  # type: ignore[misc]
    """The signer of a moment that is given."""

    def __init__(self, moment: datetime, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._moment = moment

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = self._moment.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        string = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(string, request))


def signed(
    method: str,
    url: str,
    body: bytes = b"",
    *,
    at: float,
    key_id: str = KEY_ID,
    secret: str = SECRET,
    token: str | None = None,
    region: str = "eu-central-1",
    service: str = "execute-api",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a request that is signed at this moment (seconds since the epoch), Host among them."""
    host = compat.urlsplit(url).netloc
    request = AWSRequest(method, url, {"Host": host, **(headers or {})}, body)
    moment = datetime.fromtimestamp(at, UTC)
    _Signer(moment, Credentials(key_id, secret, token), service, region).add_auth(request)
    return cast(dict[str, str], dict(request.headers.items()))
