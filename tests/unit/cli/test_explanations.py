"""Plain words for codes, refusals and errors."""

from __future__ import annotations

import json

from OpenSSL import SSL
from twisted.internet import error
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import protocol
from wsaas.cli.address import parse_address
from wsaas.cli.explanations import closed, refused, unreachable
from wsaas.cli.sentences import CLOSE_CODES, INSTEAD_OF_OK
from wsaas.http_client.exchange import HttpResponse
from wsaas.net.tls_client import CertificateRefused

PROTOCOL = protocol()


class CloseTests(SynchronousTestCase):
    def test_all(self) -> None:
        """Every code that the gateway sends is said in words, and so are the usual ones of others."""
        for code, *_ in PROTOCOL["close-codes"]:
            if code.isdigit():
                self.assertIn(int(code), CLOSE_CODES)
        self.assertLessEqual({*range(1000, 1004), *range(1005, 1016)}, set(CLOSE_CODES))

    def test_forms(self) -> None:
        """A code stands with its reason and its words; an application's own code has none."""
        self.assertEqual(closed(1012, ""), "1012 (the gateway restarts: connect again)")
        self.assertEqual(closed(1000, "bye"), "1000 bye (normal)")
        self.assertEqual(closed(4001, "bye"), "4001 bye")
        self.assertEqual(closed(None, None), "1005 (no code was given)")


class RefusalTests(SynchronousTestCase):
    def test_all(self) -> None:
        """Every refusal of the gateway's own says what to do."""
        for code, status, *_ in PROTOCOL["refusals"]:
            body = json.dumps({"code": code}).encode()
            status = status.replace("any other 4xx", "403")
            lines = refused(HttpResponse(int(status), (), body, False))
            self.assertTrue(lines[0].startswith(f"{status} ") and lines[0].endswith(f" {code}"), lines)
            self.assertEqual(len(lines), 2, lines)

    def test_another_code(self) -> None:
        """A code of the backend's own is said to be one; it is no matter of credentials."""
        lines = refused(HttpResponse(403, (), b'{"code": "ok"}', False))
        self.assertEqual(lines, ["403 Forbidden ok", INSTEAD_OF_OK])


class UnreachableTests(SynchronousTestCase):
    def test_sentences(self) -> None:
        """No error shows its Python or OpenSSL form: each is a sentence that names the place."""
        place = parse_address("wss://chat.example:8443/")
        tuples = SSL.Error([("SSL routines", "", "wrong version number")])
        for failed, words in (
            (error.ConnectionRefusedError(111), "no server listens at chat.example:8443"),
            (error.DNSLookupError("x"), "no host is named chat.example"),
            (error.TimeoutError(), "did not answer in time"),
            (error.TCPTimedOutError(110), "did not answer in time"),
            (error.NoRouteError(113), "no route leads to chat.example:8443"),
            (error.ConnectionLost(), "ended the connection without an answer"),
            (error.ConnectError(string="odd"), "odd"),
            (
                CertificateRefused("certificate verify failed: self-signed, and not trusted"),
                "cannot be verified: self-signed",
            ),
            (CertificateRefused("certificate verify failed: expired"), "cannot be verified: expired"),
            (
                CertificateRefused("certificate verify failed: it is not for chat.example"),
                "another host name",
            ),
            (tuples, "TLS with chat.example:8443 failed: wrong version number"),
        ):
            said = unreachable(failed, place)
            self.assertIn(words, said)
            self.assertIn("chat.example", said)
            for sign in "[](){}":
                self.assertNotIn(sign, said)
