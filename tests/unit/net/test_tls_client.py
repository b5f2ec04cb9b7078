"""The files of a TLS client. (How servers are verified is tested over real sockets, with the pool: test_target.)"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from tests.support.certificates import authority, issue
from wsaas.net.tls_client import ClientFiles, Verifier


class FilesTests(SynchronousTestCase):
    """Certificate files that are no good are found at the start."""

    def setUp(self) -> None:
        root = authority()
        self.mine, self.other = issue(root, ["me"], client=True), issue(root, ["you"], client=True)

    def file(self, data: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(data)
        return str(path)

    def flaw(self, *files: str | None) -> str:
        return str(self.assertRaises(ValueError, Verifier, ClientFiles(*files), "h.example"))

    def test_flaws(self) -> None:
        """Each flaw is told with the setting's name."""
        certificate, key = self.file(self.mine.certificate), self.file(self.mine.key)
        damaged = self.file(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        for files, words in [
            (("/nowhere/at/all", None, None), "TARGET_CA: cannot read /nowhere/at/all"),
            ((key, None, None), "TARGET_CA: "),
            ((damaged, None, None), "damaged"),
            ((None, key, key), "TARGET_CERT: "),
            ((None, certificate, None), "TARGET_CERT: "),
            ((None, certificate, certificate), "TARGET_KEY: "),
            ((None, certificate, self.file(self.other.key)), "do not belong together"),
            ((None, None, key), "TARGET_KEY"),
            ((None, certificate, self.file(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")), "TARGET_KEY: the key in "),
        ]:
            self.assertIn(words, self.flaw(*files))

    def test_good(self) -> None:
        """Certificate and key in two files or in one, with line ends of either kind."""
        together = self.file(self.mine.together.replace(b"\n", b"\r\n"))
        verifier = Verifier(ClientFiles(None, together), "h.example")
        assert verifier.expires_at is not None
        expected = x509.load_pem_x509_certificate(self.mine.certificate).not_valid_after_utc
        self.assertEqual(datetime.fromtimestamp(verifier.expires_at, UTC), expected)
        self.assertIsNone(Verifier(ClientFiles(), "h.example").expires_at)
        certificate, key = self.file(self.mine.certificate), self.file(self.mine.key)
        Verifier(ClientFiles(certificate, certificate, key), "h.example")

    def test_prefix(self) -> None:
        """The settings that are named are those of the prefix."""
        flaw = self.assertRaises(ValueError, Verifier, ClientFiles("/nowhere", prefix="CLUSTER_"), "h.example")
        self.assertEqual(str(flaw), "CLUSTER_CA: cannot read /nowhere: No such file or directory")
        flaw = self.assertRaises(ValueError, Verifier, ClientFiles(prefix="CLUSTER_"), "h!.example")
        self.assertEqual(str(flaw), "CLUSTER_ADDRESS: no certificate can be valid for the host name h!.example")

    def test_reload(self) -> None:
        """A reload takes the files as they are now; with one that is no good everything stays."""
        file = self.file(self.mine.together)
        verifier = Verifier(ClientFiles(None, file), "h.example")
        before = verifier._options
        Path(file).write_bytes(b"no PEM")
        self.assertRaises(ValueError, verifier.reload)
        self.assertIs(verifier._options, before)
        Path(file).write_bytes(self.other.together)
        verifier.reload()
        self.assertIsNot(verifier._options, before)
