"""The directory of the workers' sockets, a real one."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.sockets import LONGEST_PATH, SiblingSockets

A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"


class SocketsTests(SynchronousTestCase):
    def sockets(self, prefix: str, directory: Path | None = None) -> SiblingSockets:
        self.directory = directory or Path(self.mktemp())
        sockets = SiblingSockets(self.directory, prefix)
        self.addCleanup(sockets.close)
        return sockets

    def listening(self, sockets: SiblingSockets) -> socket.socket:
        opened = socket.socket(fileno=sockets.listen())
        self.addCleanup(opened.close)
        return opened

    def test_names(self) -> None:
        """A worker that listens has a name, and is one of the others to the others; what else is there is nobody."""
        ours = self.sockets(A)
        theirs = self.sockets(B, self.directory)
        self.assertEqual((ours.there(B), ours.others()), (False, []))
        self.listening(theirs)
        self.listening(ours)
        (self.directory / "README").write_text("")
        (self.directory / "short.sock").write_text("")
        self.assertEqual((ours.there(B), ours.others()), (True, [B]))
        theirs.leave()
        theirs.leave()
        self.assertEqual((ours.there(B), ours.others()), (False, []))

    def test_mode(self) -> None:
        """Directory and socket are for their owner only."""
        self.listening(self.sockets(A))
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.directory / f"{A}.sock").stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.directory), [f"{A}.sock"])

    def test_long_path(self) -> None:
        """A directory whose path is longer than that of a socket may be does as well."""
        directory = Path(self.mktemp(), "x" * LONGEST_PATH)
        listening = self.listening(self.sockets(A, directory))
        others = self.sockets(B, directory)
        self.assertLessEqual(len(others.path(A)), LONGEST_PATH)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(others.path(A))
            listening.accept()[0].close()

    def test_dead(self) -> None:
        """A name at which nobody listens is taken away; that of a worker that lives is not, however long its queue."""
        alive = self.sockets(A)
        dead = self.sockets(B, self.directory)
        self.listening(alive)
        self.listening(dead).close()
        newcomer = self.sockets(C, self.directory)
        self.assertEqual(newcomer.others(), [A, B])
        newcomer.remove_dead()
        self.assertEqual(newcomer.others(), [A])
