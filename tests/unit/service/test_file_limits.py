"""wsaas.service.file_limits: how many clients the limit of open files has room for."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.file_limits import capacity, open_files

ROOT = Path(__file__).resolve().parents[2]


class CapacityTests(SynchronousTestCase):
    def test_room(self) -> None:
        """Webhooks, API, journal and log keep files for themselves; the rest is for clients, some to be told no."""
        for files, webhooks in ((256, 64), (1024, 64), (20000, 64), (20000, 10000), (1 << 20, 64)):
            room = capacity(0, webhooks, files)
            self.assertGreaterEqual(room.clients, 16)
            self.assertGreaterEqual(files - room.clients - room.surplus - room.api, webhooks + 64)
            self.assertGreaterEqual(room.api, 16)
            self.assertIsNone(room.warning)
        self.assertGreater(capacity(0, 64, 20000).clients, 19000)

    def test_wish(self) -> None:
        """A smaller wish is granted; a larger one is cut down, and that is said."""
        self.assertEqual(capacity(100, 64, 1024).clients, 100)
        room = capacity(5000, 64, 1024)
        self.assertEqual(room.clients, capacity(0, 64, 1024).clients)
        self.assertEqual(room.warning, f"MAX_CONNECTIONS=5000: the limit of open files, 1024, allows {room.clients}")

    def test_too_few(self) -> None:
        """Where there is no room to speak of, what to do is said."""
        with self.assertRaises(ValueError) as caught:
            capacity(0, 1000, 1024)
        self.assertEqual(
            str(caught.exception),
            "the limit of open files, 1024, leaves no room for clients beside WEBHOOK_CONCURRENCY=1000; "
            "raise it (ulimit -n, LimitNOFILE=)",
        )

    def test_raised(self) -> None:
        """The soft limit is raised to the hard one; a process of its own shows it."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        lower = 200 if hard == resource.RLIM_INFINITY else min(200, hard)
        script = (
            "import resource; from wsaas.service.file_limits import open_files\n"
            f"resource.setrlimit(resource.RLIMIT_NOFILE, (100, {lower}))\n"
            "print(open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
        )
        ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertEqual(ran.stdout.split(), [str(lower)] * 3)

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
