"""Opens the endpoints of several workers once, in their parent, to find out that they can be opened."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.python.lockfile import FilesystemLock


class SocketTrial:
    """A reactor for endpoints that are only tried: TCP ports are bound and let go, UNIX sockets are opened to be kept.

    A port that is bound here without SO_REUSEPORT is no other gateway's, and a `lenient` trial takes one that is in
    use. Nothing is accepted, so that nobody is lost.
    """

    def __init__(self, reactor: Any) -> None:
        self.lenient = False
        self.unix: dict[str, socket.socket] = {}
        self.systemd: dict[int, int] = {}
        """Descriptors of systemd's sockets by their numbers in the workers."""
        self._reactor = reactor
        self._locks: list[FilesystemLock] = []
        self._bound: list[socket.socket] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Bind a socket to the port: IReactorTCP."""
        tried = socket.socket(socket.AF_INET6 if ":" in interface else socket.AF_INET)
        self._bound.append(tried)
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((interface, port))
        except OSError as error:
            if not self.lenient or error.errno != errno.EADDRINUSE:
                raise CannotListenError(interface, port, error) from None
        return _Tried(tried)

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Bind a socket to the port: IReactorSSL."""
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0) -> Any:
        """Open the socket that all workers accept from: IReactorUNIX."""
        if wantPID:
            lock = FilesystemLock(f"{address}.lock")
            if not lock.lock():
                raise CannotListenError(None, address, "another process has its lock")
            self._locks.append(lock)
            if not lock.clean and os.path.exists(address) and stat.S_ISSOCK(os.stat(address).st_mode):
                os.unlink(address)
        opened = socket.socket(socket.AF_UNIX)
        try:
            opened.bind(address)
        except OSError as error:
            opened.close()
            raise CannotListenError(None, address, error) from None
        os.chmod(address, mode)
        opened.listen(backlog)
        self.unix[address] = opened
        return _Tried(opened)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """Keep a socket of systemd's for the workers: IReactorSocket. Its endpoint closes the descriptor."""
        self.systemd[fileDescriptor] = os.dup(fileDescriptor)
        return _Tried(None)

    def let_go(self) -> None:
        """Close the TCP sockets."""
        while self._bound:
            self._bound.pop().close()

    def close(self) -> None:
        """Close the UNIX sockets, and remove their paths."""
        self.let_go()
        for address, opened in self.unix.items():
            opened.close()
            with suppress(OSError):
                os.unlink(address)
        while self._locks:
            self._locks.pop().unlock()


class _Tried:
    """The port of an endpoint that was tried."""

    def __init__(self, opened: socket.socket | None) -> None:
        self.socket = opened
