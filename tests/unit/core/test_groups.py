"""The rule for the names of groups."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.groups import name_flaw


class NameTests(SynchronousTestCase):
    def test_names(self) -> None:
        """Any text of 1 to 256 bytes of UTF-8 is a name, but for . and .., which URLs do not keep."""
        for name in ("a", "room/7 %2F \u20ac", "x" * 256, "\u20ac" * 85, "...", ".a", "a/..", "\n"):
            self.assertIsNone(name_flaw(name))
        for name in ("", "x" * 257, "\u20ac" * 86, ".", "..", "\ud800"):
            self.assertIsNotNone(name_flaw(name))
