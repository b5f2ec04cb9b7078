"""The end of a connection, from the Close frame on: a client that reads is not cut off, and none stays for ever.

closing --the client answers; or it has taken all, and says nothing--> leaving --end of its stream--> over
   `------------------------- it takes nothing any more -------------------'---> cut off
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, ISSLTransport

from wsaas.clients.context import ConnectionContext
from wsaas.clients.progress import Progress, unacknowledged
from wsaas.clients.send_buffer import SendBuffer
from wsaas.net.transports import innermost

CLOSE_TIMEOUT = 5.0
"""Seconds in which a client must take something of what was written, or, when it has all, answer our Close."""
LINGER_TIMEOUT = 30.0
"""Seconds for which a client that has taken all may go on reading what its own machine holds, until it closes."""
MAX_DISCARDED = 262144
"""Bytes behind a handshake that is refused which are read and thrown away, so that the answer is not lost."""
LOOK = 1.0
"""Seconds between two looks at a client that is let go."""


class EndingConnection(Protocol):
    """A client's connection as its lingering close sees it."""

    transport: Any
    context: ConnectionContext
    send_buffer: SendBuffer
    lingering: LingeringClose | None

    def look(self) -> None:
        """Check that the client is still there; see `Keepalive`."""

    def hear_no_more(self) -> None:
        """End the session; the transport may stay for what waits for the client."""


class LingeringClose:
    """Lets one client go, and gives it up when that takes too long.

    What was written to a client is first in our buffers, then in our kernel's, then in those of its machine. A reset
    may throw it away in each of these places, and the kernel itself resets a connection that is closed while something
    of the client is unread or still comes. So while something is `owing`, only our half of the connection is closed,
    behind all that was written; what the client still says is read and thrown away; and the client closes the rest.

    There is one for each connection that ends. It looks at the client again and again, by one timer for all of them
    (`Deadlines`), until `stop`.
    """

    __slots__ = (
        "_call",
        "_clock",
        "_connection",
        "_looks",
        "_patience",
        "_progress",
        "_since",
        "_unwanted",
        "leaving",
        "owing",
    )

    def __init__(self, connection: EndingConnection, *, owing: bool) -> None:
        self._connection = connection
        self._clock = connection.context.clock
        self._patience = CLOSE_TIMEOUT
        self._since = self._clock.seconds()
        self._progress: Progress | None = None
        self._unwanted: int | None = None
        """Bytes that the client may still send; None for any number."""
        self._looks = connection.context.looks
        self._looks.set(self)
        self._call: IDelayedCall | None = None
        """The last look, where that comes before LOOK is over."""
        self.owing = owing
        """Set while frames before the Close may be under way."""
        self.leaving = False
        """Set when nothing more will be sent than what waits already."""
        connection.context.keepalive.remove(connection)  # the client is watched here from now on

    @classmethod
    def of(cls, connection: EndingConnection, *, owing: bool) -> LingeringClose:
        """Return that of the connection; if it has none yet, begin it."""
        if connection.lingering is None:
            connection.lingering = cls(connection, owing=owing)
        return connection.lingering

    def leave(self) -> None:
        """Begin to close: the connection ends when all is written, and nothing more is heard if that may take long."""
        self.leaving = True
        self._since = self._clock.seconds()
        if self.owing:
            self._patience = LINGER_TIMEOUT
        if self._call is None:
            self._looks.set(self)
        if self.owing:
            self._connection.hear_no_more()
        self.close_if_written()

    def refuse(self) -> None:
        """Begin to close behind the answer to a handshake, which a client that still sends must get, too.

        That client has CLOSE_TIMEOUT and MAX_DISCARDED bytes, and loses its place to a newcomer (`PendingHandshakes`).
        """
        self._unwanted = MAX_DISCARDED
        self.owing = True
        self.leave()
        self._patience = CLOSE_TIMEOUT

    def discard(self, size: int) -> None:
        """Count bytes of the client that are thrown away, and cut it off if they are too many."""
        if self._unwanted is not None:
            self._unwanted -= size
            if self._unwanted < 0:
                self._connection.transport.abortConnection()

    def close_if_written(self) -> None:
        """Close the connection, or our half of it, behind what the transport still has to write, if that is all."""
        connection = self._connection
        transport = connection.transport
        if connection.send_buffer.paused:
            return
        connection.send_buffer.let_go()
        transport.unregisterProducer()  # a TLS transport waits for its producer before it says goodbye
        if self.owing:
            innermost(transport).resumeProducing()
            if not ISSLTransport.providedBy(transport):
                transport.loseWriteConnection()
                return
        transport.loseConnection()  # TLS reads on by itself, until the client says goodbye, too

    def half_closed(self) -> None:
        """Hear that the client has closed its half: nothing comes that could make the kernel reset the connection."""
        self.owing = False
        if self.leaving:
            self.close_if_written()
        else:
            self.leave()

    def give_up(self) -> None:
        """Cut off a client that takes nothing any more; let one go that has taken all and says nothing."""
        transport = self._connection.transport
        if unacknowledged(transport):
            transport.abortConnection()
        elif self.leaving:
            innermost(transport).loseConnection()
        else:
            self.owing = True
            self.leave()

    def stop(self) -> None:
        """Look no more: the connection is over."""
        self._looks.drop(self)
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def look(self) -> None:
        """Give the client up if it has taken, or said, nothing for too long; else look at it again."""
        transport = self._connection.transport
        now = self._clock.seconds()
        if self._progress is None:
            self._progress = Progress(transport)
        elif self._progress.goes_on():
            self._since = now
        patience = CLOSE_TIMEOUT if unacknowledged(transport) else self._patience
        left = self._since + patience - now
        self._call = None
        if left >= LOOK:
            self._looks.set(self)
        elif left > 0:
            self._call = self._clock.callLater(left, self.look)
        else:
            self.give_up()
