"""wsaas.service.file_limits: how many clients the limit of open files has room for."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.file_limits import open_files, room_for, stream_files


class CapacityTests(SynchronousTestCase):
    def test_room(self) -> None:
        """Webhooks, API, journal and log keep files for themselves; the rest is for clients, some to be told no."""
        for files, webhooks in ((256, 64), (1024, 64), (20000, 64), (20000, 10000), (1 << 20, 64)):
            room = room_for(0, webhooks, files)
            self.assertGreaterEqual(room.clients, 16)
            self.assertGreaterEqual(files - room.clients - room.surplus - room.api, webhooks + 64)
            self.assertGreaterEqual(room.api, 16)
            self.assertIsNone(room.warning)
        self.assertGreater(room_for(0, 64, 20000).clients, 19000)

    def test_wish(self) -> None:
        """A smaller wish is granted; a larger one is cut down, and that is said."""
        self.assertEqual(room_for(100, 64, 1024).clients, 100)
        room = room_for(5000, 64, 1024)
        self.assertEqual(room.clients, room_for(0, 64, 1024).clients)
        self.assertEqual(room.warning, f"MAX_CONNECTIONS=5000: the limit of open files, 1024, allows {room.clients}")

    def test_too_few(self) -> None:
        """Where there is no room to speak of, what to do is said."""
        with self.assertRaises(ValueError) as caught:
            room_for(0, 1000, 1024)
        self.assertEqual(
            str(caught.exception),
            "the limit of open files, 1024, leaves no room for clients beside WEBHOOK_CONCURRENCY=1000; "
            "raise it (ulimit -n, LimitNOFILE=)",
        )

    def test_not_raised(self) -> None:
        """If the kernel does not allow it, the soft limit is what counts."""
        unlimited = resource.RLIM_INFINITY

        def refuse(which: int, limits: tuple[int, int]) -> None:
            raise ValueError("not allowed to raise maximum limit")

        self.patch(resource, "getrlimit", lambda which: (700, unlimited))
        self.patch(resource, "setrlimit", refuse)
        self.assertEqual(open_files(), 700)
        self.patch(resource, "getrlimit", lambda which: (unlimited, unlimited))
        self.assertEqual(open_files(), 1 << 20)

    def test_streams(self) -> None:
        """Streamed replies keep files for themselves, those that wait for their turn too; a quarter of all at most."""
        self.assertEqual([stream_files(256, 20000), stream_files(1, 20000), stream_files(256, 1024)], [321, 2, 256])
