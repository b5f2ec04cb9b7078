"""The addresses to which a node gives its API token."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.addresses import check_address


class AddressTests(SynchronousTestCase):
    def test_no_way_around_tls(self) -> None:
        """A node that has TLS asks no other without it, whatever the engine says; one that has none asks both."""
        for address in ("http://n2:8082", "HTTP://n2", "ftp://n2", ""):
            self.assertRaises(ValueError, check_address, address, "https://n1:8082")
        for address, own in (
            ("https://n2:8082", "https://n1:8082"),
            ("HTTPS://n2:8082", "https://n1:8082"),
            ("http://n2:8082", "http://n1:8082"),
            ("https://n2:8082", "http://n1:8082"),
        ):
            self.assertIsNone(check_address(address, own))
