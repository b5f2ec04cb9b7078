"""How moments are written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.timestamps import iso8601


class MomentTests(SynchronousTestCase):
    def test_shape(self) -> None:
        """UTC, always with milliseconds, Z at the end; what is finer is cut off."""
        for moment, expected in [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (1700000000.5, "2023-11-14T22:13:20.500Z"),
            (1700000000.0619, "2023-11-14T22:13:20.061Z"),
            (1709164800.0, "2024-02-29T00:00:00.000Z"),
            (1709164799.9999998, "2024-02-29T00:00:00.000Z"),  # the next second in microseconds
        ]:
            self.assertEqual(iso8601(moment), expected)
