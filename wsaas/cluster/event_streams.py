"""The event streams of the other processes of this gateway, as one reader follows them.

    GET /-/events?... HTTP/1.0   to each process, on its own socket; its lines come until either end closes

A process that dies ends its stream; a new one is found by its name within LOOK_EVERY.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from wsaas.cluster.sockets import SiblingSockets

LOOK_EVERY = 1.0
"""Seconds between two looks for processes that are new, and for streams that have ended."""
CONNECT_TIMEOUT = 2.0
MAX_LINE = 1 << 22
"""Bytes of a line; a stream with a longer one is dropped."""
_END = b"\r\n\r\n"


class EventReader(Protocol):
    """Reads the stream of one process. Bound: one line, of MAX_LINE bytes."""

    transport: Any

    def __init__(self, target: bytes, heard: Callable[[bytes], object], over: Callable[[], object]) -> None:
        self._request = b"GET %b HTTP/1.0\r\nHost: localhost\r\n\r\n" % target
        self._heard = heard
        self._over = over
        self._data = b""
        self._begun = False

    def connectionMade(self) -> None:
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if not self._begun:
            head, end, behind = self._data.partition(_END)
            if end:
                self._begun, self._data = True, behind
                if head.split(b" ", 2)[1:2] != [b"200"]:
                    self.transport.abortConnection()
                    return
        if self._begun:
            *lines, self._data = self._data.split(b"\n")
            for line in lines:
                if line:
                    self._heard(line + b"\n")
        if len(self._data) > MAX_LINE:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over()


class SiblingEvents:
    """The streams of all other processes for one reader. Bound: one connection to each."""

    def __init__(self, reactor: Any, sockets: SiblingSockets, target: bytes, heard: Callable[[bytes], object]) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self._target = target
        self._heard = heard
        self._streams: dict[str, EventReader | None] = {}
        """By prefix; None while there is no connection yet."""
        self._stopped = False
        self._look()

    def stop(self) -> None:
        """End all streams."""
        self._stopped = True
        self._call.cancel()
        for stream in list(self._streams.values()):
            if stream is not None:
                stream.transport.abortConnection()

    def _look(self) -> None:
        self._call = self._reactor.callLater(LOOK_EVERY, self._look)
        for prefix in self._sockets.others():
            if prefix not in self._streams:
                self._follow(prefix)

    def _follow(self, prefix: str) -> None:
        def over() -> None:
            self._streams.pop(prefix, None)

        def heard(line: bytes) -> None:
            if not self._stopped:
                self._heard(line)

        def connected(stream: EventReader) -> None:
            self._streams[prefix] = stream
            if self._stopped:
                stream.transport.abortConnection()

        self._streams[prefix] = None
        endpoint = UNIXClientEndpoint(self._reactor, self._sockets.path(prefix), CONNECT_TIMEOUT)
        factory = Factory.forProtocol(lambda: EventReader(self._target, heard, over))
        factory.noisy = False
        endpoint.connect(factory).addCallbacks(connected, lambda failure: over())
