"""PEM files, and what is said about those that are no good."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from tests.support.certificates import authority, intermediate, issue
from wsaas.http_client.target import Target
from wsaas.net import certificates, pem
from wsaas.net.tls_client import ClientFiles
from wsaas.settings.values import pem_file

Encoding, Format = serialization.Encoding, serialization.PrivateFormat
ENCRYPTION = serialization.BestAvailableEncryption(b"secret")


class PemTestCase(SynchronousTestCase):
    def file(self, data: bytes) -> str:
        path = Path(self.mktemp()).resolve()
        path.write_bytes(data)
        return str(path)

    def encrypted(self) -> list[str]:
        """A file for each form in which a key can be encrypted."""
        key = ec.generate_private_key(ec.SECP256R1())
        forms = (Format.PKCS8, Format.TraditionalOpenSSL)
        return [self.file(key.private_bytes(Encoding.PEM, form, ENCRYPTION)) for form in forms]


class PemTests(PemTestCase):
    def test_certificates(self) -> None:
        """All certificates of a file are found, in order, whatever stands around them."""
        issued = issue(intermediate(authority()), ["localhost"])
        found = pem.certificates(self.file(b"text\r\n" + issued.together.replace(b"\n", b"\r\n") + b"text"))
        self.assertEqual(b"".join(each.public_bytes(Encoding.PEM) for each in found), issued.certificate)

    def test_private_key(self) -> None:
        """The key is found beside certificates, in every form in which OpenSSL writes it."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = issue(authority(), ["localhost"]).certificate
        for form in (Format.PKCS8, Format.TraditionalOpenSSL):
            file = self.file(certificate + key.private_bytes(Encoding.PEM, form, serialization.NoEncryption()))
            self.assertEqual(pem.private_key(file).public_key(), key.public_key())
            self.assertTrue(pem.has_block(file, "PRIVATE KEY") and pem.has_block(file, "CERTIFICATE"))
            self.assertFalse(pem.has_block(file, "DH PARAMETERS"))

    def test_flaws(self) -> None:
        """Each flaw is one line that names the file."""
        issued = issue(authority(), ["localhost"])
        long = self.file(b" " * pem.MAX_SIZE + issued.together)
        damaged = self.file(issued.certificate + b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n")
        for read, file, words in [
            (pem.certificates, "/nowhere", "cannot read /nowhere: No such file or directory"),
            (pem.certificates, "a\0b", "a path must not hold a null byte"),
            (pem.certificates, self.file(b" \n"), "is empty"),
            (pem.certificates, long, f"is longer than {pem.MAX_SIZE} bytes"),
            (pem.certificates, self.file(issued.key), "holds no PEM certificate"),
            (pem.certificates, damaged, "certificate 2 is damaged"),
            (pem.private_key, self.file(issued.certificate), "holds no PEM private key"),
        ]:
            flaw = str(self.assertRaises(ValueError, read, file))
            self.assertIn(words, flaw)
            self.assertIn(file, flaw)
            self.assertNotIn("\n", flaw)


class OneTextTests(PemTestCase):
    def test_encrypted(self) -> None:
        """Server, client and settings say the same of an encrypted key, in whatever form, and nobody asks for its
        passphrase on the terminal.
        """
        certificate = self.file(issue(authority(), ["localhost"]).certificate)
        for file in self.encrypted():
            words = f"the key in {file} is encrypted; it must have no passphrase, as from: openssl pkey -in {file}"
            self.assertEqual(str(self.assertRaises(ValueError, pem.private_key, file)), words)
            self.assertEqual(str(self.assertRaises(ValueError, certificates.load_identity, certificate, file)), words)
            self.assertEqual(str(self.assertRaises(ValueError, pem_file("PRIVATE KEY", "a key"), file)), words)
            flaw = self.assertRaises(
                ValueError, Target.from_address, None, "https://h.example", ClientFiles(None, certificate, file)
            )
            self.assertEqual(str(flaw), f"TARGET_KEY: {words}")
