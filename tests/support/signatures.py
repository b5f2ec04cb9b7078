"""Signed webhooks, as the gateway makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

from tests.support.backend_answers import Request
from wsaas.backend.signing import sign
from wsaas.settings.values import webhook_keys

PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(100, 132))).decode()
_ID = b"id_1_message"


def signed(secrets: Sequence[str], body: bytes, moment: float | None = None) -> dict[str, str]:
    """The headers of a webhook that is sent now, or at that moment."""
    timestamp = int(time.time() if moment is None else moment)
    signature = sign(webhook_keys(" ".join(secrets)), _ID, timestamp, body)
    values = {"id": _ID.decode(), "timestamp": str(timestamp), "signature": signature.decode()}
    return {f"webhook-{name}": value for name, value in values.items()}


def signature(secret: str, webhook: Request) -> str:
    """The Standard Webhooks signature of a request, made by hand."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook.header('webhook-id')}.{webhook.header('webhook-timestamp')}.".encode() + webhook.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
