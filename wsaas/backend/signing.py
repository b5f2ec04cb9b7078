"""Signatures of webhooks: Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric, version 1."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def sign(keys: Sequence[bytes], webhook_id: bytes, timestamp: int, body: bytes) -> bytes:
    """Return the value of `webhook-signature`: one `v1,<base64>` for each key, separated by spaces.

    Each is an HMAC-SHA256 over `webhook_id.timestamp.body`, the body as the exact bytes that are sent. It covers
    neither method nor URL; therefore the webhook-id names connection and event. Several keys are for rotation:
    a receiver accepts a webhook if any of its signatures fits.
    """
    content = b"%b.%d.%b" % (webhook_id, timestamp, body)
    signatures = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return b" ".join(b"v1," + base64.b64encode(signature) for signature in signatures)
