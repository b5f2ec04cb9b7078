"""The version of this gateway, as the metadata of the installed package have it."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.version import own_version, user_agent


class VersionTests(SynchronousTestCase):
    def test_read_once(self) -> None:
        """The version is the one that was installed at first: an upgrade beside a process does not change it."""
        place = Path(self.mktemp(), "wsaas-1.0.dist-info")
        place.mkdir(parents=True)
        self.addCleanup(own_version.cache_clear)
        own_version.cache_clear()
        self.patch(sys, "path", [str(place.parent), *sys.path])
        (place / "METADATA").write_text("Metadata-Version: 2.1\nName: wsaas\nVersion: 1.0\n")
        self.assertEqual(own_version(), "1.0")
        (place / "METADATA").write_text("Metadata-Version: 2.1\nName: wsaas\nVersion: 2.0\n")
        self.assertEqual((own_version(), user_agent()), ("1.0", "WSAAS/1.0"))
