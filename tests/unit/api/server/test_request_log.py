"""The lines of LOG_API."""

from __future__ import annotations

from urllib.parse import quote

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from tests.support.api_fakes import HERE
from wsaas.api.server.request_log import MAX_SHOWN, client_of, shortened


class ShortenedTests(SynchronousTestCase):
    def test_ids(self) -> None:
        """No path shows a whole id, wherever it stands and however it is written; the query is left out."""
        shown = f"{HERE[:12]}..."
        escaped = "".join(f"%{ord(each):02x}" for each in HERE)
        for path, expected in (
            (f"/{HERE}", f"/{shown}"),
            (f"/{HERE}?reason=bye", f"/{shown}"),
            (f"/{escaped}", f"/{shown}"),
            (f"/groups/room/{HERE}", f"/groups/room/{shown}"),
            (f"/prod/%40connections/{HERE}", f"/prod/@connections/{shown}"),
            (f"/-/events/{HERE}_4_message/replay", f"/-/events/{shown}_4_message/replay"),
            (f"/broadcast?except={HERE}", "/broadcast"),
            (f"/{HERE}{HERE}", f"/{shown}{shown}"),
            (f"/groups/{quote('zwölf')}", "/groups/zwölf"),
            ("/%ff", "/\\xff"),
        ):
            self.assertEqual(shortened(path.encode()), expected)

    def test_bound(self) -> None:
        """A long path is cut, and not before its ids are shortened."""
        for length in range(MAX_SHOWN - 33, MAX_SHOWN + 2):
            found = shortened(b"/" + b"-" * length + HERE.encode())
            self.assertLessEqual(len(found), MAX_SHOWN + 3)
            self.assertNotIn(HERE[:13], found)

    def test_client(self) -> None:
        """A client has an address, or a UNIX socket."""
        self.assertEqual(client_of(IPv4Address("TCP", "192.0.2.1", 5)), "192.0.2.1")
        self.assertEqual(client_of(UNIXAddress("")), "unix")
