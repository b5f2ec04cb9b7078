"""docs/troubleshooting.rst has every code, and names no setting that is none. tests/claims names its tests."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.claims.model import claims_of
from tests.support.pages import DOCS, protocol
from wsaas.settings.table import TABLE

PAGE = DOCS / "troubleshooting.rst"


class PageTests(SynchronousTestCase):
    def test_codes(self) -> None:
        """Every code with which a handshake is refused stands on the page, those of the backend's answers as well."""
        codes = {row[0] for row in protocol()["refusals"]} | {"FORBIDDEN", "BAD_GATEWAY", "UNAVAILABLE", "TIMEOUT"}
        text = PAGE.read_text()
        self.assertEqual([code for code in sorted(codes) if code not in text], [])

    def test_settings(self) -> None:
        """Every setting that the page names is one."""
        codes = set(
            re.findall(r"[A-Z_]{4,}", " ".join(cell for kept in claims_of("troubleshooting").values() for cell in kept))
        )
        others = {"NEW_CONNECTION", "TARGET_ADDRESS", "HTTP_PORT", "ALLOWED_HOSTS"}
        for word in set(re.findall(r"\b[A-Z]+_[A-Z_]*[A-Z]\b", PAGE.read_text())) - codes - others:
            self.assertIn(word.removesuffix("_FILE"), TABLE)
