"""Signatures, held against what others compute: published vectors, OpenSSL and the reference library."""

from __future__ import annotations

import base64

from standardwebhooks import Webhook, WebhookVerificationError
from twisted.trial.unittest import SynchronousTestCase

from tests.support.signatures import OTHER, PUBLISHED, signed
from wsaas.backend.signing import sign
from wsaas.settings.values import webhook_keys

STRANGE = "whsec_" + base64.b64encode(b"nobody knows this one...").decode()


class VectorTests(SynchronousTestCase):
    def test_published(self) -> None:
        """The example of Standard Webhooks comes out as it is published."""
        signature = sign(webhook_keys(PUBLISHED), b"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
        self.assertEqual(signature, b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")

    def test_binary(self) -> None:
        """A body that is no text is signed byte for byte (this one's signature was made with the command openssl)."""
        signature = sign(webhook_keys(PUBLISHED), b"i_1_message", 1700000000, b"\xff\x00.\n")
        self.assertEqual(signature, b"v1,FKU0daDsur7y1LwM1DVV3ArTVhRm+eYwiNp7hyLi3ek=")


class LibraryTests(SynchronousTestCase):
    """Text, as the `standardwebhooks` package sees it. (It cannot verify what is not UTF-8.)"""

    def test_verified(self) -> None:
        """Each of the receivers that know one of the secrets verifies the webhook; a text need not be JSON."""
        for body in (b'{"code": "NEW_CONNECTION"}', "grüße, 世界 ".encode(), b""):
            for secrets in ([PUBLISHED], [PUBLISHED, OTHER], [OTHER, PUBLISHED]):
                for secret in secrets:
                    Webhook(secret).verify(body, signed(secrets, body), json_parse=False)

    def test_not_verified(self) -> None:
        """With another secret, or another body, it is none."""
        headers = signed([PUBLISHED, OTHER], b"{}")
        self.assertRaises(WebhookVerificationError, Webhook(STRANGE).verify, b"{}", headers)
        self.assertRaises(WebhookVerificationError, Webhook(OTHER).verify, b"{ }", headers)
