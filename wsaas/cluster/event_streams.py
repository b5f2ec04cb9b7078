"""The event streams of the other processes of this gateway, as one reader follows them.

    GET /-/events?... HTTP/1.0   to each process, at its socket or its address; its lines come until either end closes

A process that dies ends its stream; a new one is found within LOOK_EVERY. What is missed thereby is told to the reader:

    lost     the stream of a process broke off, or could not begin: events of it are missing from here on
    found    it begins: those that this process had before are missing
    (none)   a process that stops ends its stream by a last line, behind which nothing can be missed
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure

from wsaas.api.elsewhere import Asked
from wsaas.api.events import MAX_WATCHERS
from wsaas.api.merging import Gathered
from wsaas.cluster.forwarding import Forwarding
from wsaas.cluster.sockets import SiblingSockets

LOOK_EVERY = 1.0
"""Seconds between two looks for processes that are new, and for streams that have ended."""
CONNECT_TIMEOUT = 2.0
SILENCE = 40.0
"""Seconds between two looks for streams in which nothing came, not even the empty line that comes every 15 s."""
MAX_LINE = 1 << 22
"""Bytes of a line; a stream with a longer one is dropped."""
FILES = 128
"""Connections to and from the other processes for event streams, at most, unless each needs MIN_WATCHERS."""
MIN_WATCHERS = 2
_END = b"\r\n\r\n"
_LAST = b'"event":"end",'
"""The second member of the line by which a stream ends as it should. The first one is its time."""

Heard = Callable[[bytes], object]
"""Takes a line, with its line feed."""
Note = Callable[[str, str], object]
"""Takes "lost" or "found", and the prefix of the process."""


def watchers_at_once(others: int) -> int:
    """Return how many readers one process serves at once, each of which follows so many other processes."""
    return max(MIN_WATCHERS, min(MAX_WATCHERS, FILES // 2 // max(1, others)))


class Places(Protocol):
    """The other processes, and where their streams are read."""

    def prefixes(self) -> list[str]:
        """Return the prefixes of the ids of all others."""

    def place(self, prefix: str) -> tuple[IStreamClientEndpoint, bytes] | None:
        """Return where one is reached, and the header lines for it, each ending in CRLF; None if it cannot be."""


class SocketPlaces:
    """The other workers of this machine, at their sockets."""

    def __init__(self, reactor: Any, sockets: SiblingSockets) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self.prefixes = sockets.others

    def place(self, prefix: str) -> tuple[IStreamClientEndpoint, bytes]:
        """Return the worker's socket: Places."""
        return UNIXClientEndpoint(self._reactor, self._sockets.path(prefix), CONNECT_TIMEOUT), b"Host: localhost\r\n"


class EventReader(protocol.Protocol):
    """Reads the stream of one process. Bound: one line, of MAX_LINE bytes.

    `over()` hears of its end; `ended` says by then if it ended as it should.
    """

    transport: Any

    def __init__(
        self, target: bytes, head: bytes, heard: Heard, begun: Callable[[], object], over: Callable[[], object]
    ) -> None:
        self._request = b"GET %b HTTP/1.0\r\n%b\r\n" % (target, head)
        self._heard = heard
        self._begins = begun
        self._over = over
        self._data = b""
        self._begun = False
        self.ended = False
        self.silent = False
        """True until something comes; its owner sets it now and then."""

    def connectionMade(self) -> None:
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self.silent = False
        self._data += data
        if not self._begun:
            head, end, behind = self._data.partition(_END)
            if end:
                if head.split(b" ", 2)[1:2] != [b"200"]:
                    self.transport.abortConnection()
                    return
                self._begun, self._data = True, behind
                self._begins()
        if self._begun:
            *lines, self._data = self._data.split(b"\n")
            for line in lines:
                if line.partition(b",")[2].startswith(_LAST):
                    self.ended = True
                elif line:
                    self._heard(line + b"\n")
        if len(self._data) > MAX_LINE:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self._over()


class OtherProcesses:
    """The other workers or nodes, as those who watch this process see them. There are `fewest` of them, or more."""

    def __init__(self, reactor: Any, forwarding: Forwarding, places: Places, fewest: int = 0) -> None:
        self._reactor = reactor
        self._forwarding = forwarding
        self._places = places
        self._fewest = fewest

    @property
    def count(self) -> int:
        """The number of the others."""
        return max(self._fewest, len(self._places.prefixes()))

    @property
    def watchers(self) -> int:
        """The number of readers that this process serves at once."""
        return watchers_at_once(self.count)

    def gather(self, target: bytes) -> Awaitable[Gathered]:
        """Ask all others for what is at this target."""
        return self._forwarding.ask_all(Asked(b"GET", target))

    def follow(self, target: bytes, heard: Heard, note: Note) -> FollowedStreams:
        """Begin to read the event streams of the others."""
        return FollowedStreams(self._reactor, self._places, target, heard, note)


class FollowedStreams:
    """The streams of all other processes for one reader. Bound: one connection to each.

    `heard` takes each line of theirs, `note` what is missed of them.
    """

    def __init__(self, reactor: Any, places: Places, target: bytes, heard: Heard, note: Note) -> None:
        self._reactor = reactor
        self._places = places
        self._target = target
        self._heard = heard
        self._note = note
        self._streams: dict[str, EventReader | None] = {}
        """By prefix; None while there is no connection yet."""
        self._missing: set[str] = set()
        """Those that the reader was told are lost, as long as they are there."""
        self._ended: set[str] = set()
        """Those that ended as they should, as long as they are there."""
        self._first = True
        self._checked = reactor.seconds()
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
        there = self._places.prefixes()
        self._missing.intersection_update(there)
        self._ended.intersection_update(there)
        for prefix in there:
            if prefix not in self._streams and prefix not in self._ended:
                self._follow(prefix, new=not self._first)
        self._first = False
        if self._reactor.seconds() - self._checked >= SILENCE:
            self._checked = self._reactor.seconds()
            self._drop_silent()

    def _drop_silent(self) -> None:
        """End the streams in which nothing came since the last time: their machines may be gone."""
        for stream in list(self._streams.values()):
            if stream is not None:
                if stream.silent:
                    stream.transport.abortConnection()
                stream.silent = True

    def _follow(self, prefix: str, new: bool) -> None:
        stream: EventReader | None = None

        def begun() -> None:
            if (new or prefix in self._missing) and not self._stopped:
                self._missing.discard(prefix)
                self._note("found", prefix)

        def over() -> None:
            self._streams.pop(prefix, None)
            if stream is not None and stream.ended:
                self._ended.add(prefix)
            elif prefix not in self._missing and not self._stopped:
                self._missing.add(prefix)
                self._note("lost", prefix)

        def heard(line: bytes) -> None:
            if not self._stopped:
                self._heard(line)

        def connected(made: EventReader) -> None:
            if self._stopped:
                made.transport.abortConnection()
            elif prefix in self._streams:
                self._streams[prefix] = made

        found = self._places.place(prefix)
        self._streams[prefix] = None
        if found is None:
            over()
            return
        endpoint, head = found

        def build() -> EventReader:
            nonlocal stream
            stream = EventReader(self._target, head, heard, begun, over)
            return stream

        factory = protocol.Factory.forProtocol(build)
        factory.noisy = False
        endpoint.connect(factory).addCallbacks(connected, lambda failure: over())
