"""The end of a connection, from the Close frame on: a client that reads is not cut off, and none stays for ever.

CLOSING --the client answers; or it has taken all, and says nothing--> LEAVING --end of its stream--> over
   `------------------------- it takes nothing any more -------------------'---> cut off
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime, ISSLTransport

from wsaas.clients.progress import Progress, bottom, unacknowledged

CLOSE_TIMEOUT = 5.0
"""Seconds in which a client must take something of what was written, or, when it has all, answer our Close."""
LINGER = 30.0
"""Seconds for which a client that has taken all may go on reading what its own machine holds, until it closes."""
LOOK = 1.0
"""Seconds between two looks at a client that is let go."""


class LingeringClose:
    """Lets one client go, and calls `give_up` when that takes too long.

    What was written to a client is first in our buffers, then in our kernel's, then in those of its machine. A reset
    may throw it away in each of these places, and the kernel itself resets a connection that is closed while something
    of the client is unread or still comes. So while something is `owing`, only our half of the connection is closed,
    behind all that was written; what the client still says is read and thrown away; and the client closes the rest.

    There is one for each connection that ends, with one timer, which `stop` ends.
    """

    __slots__ = ("_call", "_clock", "_give_up", "_patience", "_progress", "_since", "_transport", "leaving", "owing")

    def __init__(self, transport: Any, clock: IReactorTime, give_up: Callable[[], None], *, owing: bool) -> None:
        self._transport = transport
        self._clock = clock
        self._give_up = give_up
        self._patience = CLOSE_TIMEOUT
        self._since = clock.seconds()
        self._progress: Progress | None = None
        self._call: IDelayedCall | None = clock.callLater(LOOK, self._look)
        self.owing = owing
        """Whether frames before the Close may be under way."""
        self.leaving = False
        """Whether nothing is said to the client any more, beside what waits for it."""

    def leave(self) -> None:
        """Begin to close: the session is over, and the connection ends when all is written."""
        self.leaving = True
        self._since = self._clock.seconds()
        if self.owing:
            self._patience = LINGER
        if self._call is None:
            self._call = self._clock.callLater(LOOK, self._look)

    def close(self) -> None:
        """Close the connection, or our half of it, behind what the transport still has to write."""
        self._transport.unregisterProducer()  # a TLS transport waits for its producer before it says goodbye
        if self.owing:
            bottom(self._transport).resumeProducing()
            if not ISSLTransport.providedBy(self._transport):
                self._transport.loseWriteConnection()
                return
        self._transport.loseConnection()  # TLS reads on by itself, until the client says goodbye, too

    def stop(self) -> None:
        """Stop the timer: the connection is over."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        now = self._clock.seconds()
        if self._progress is None:
            self._progress = Progress(self._transport)
        elif self._progress.goes_on():
            self._since = now
        patience = CLOSE_TIMEOUT if unacknowledged(self._transport) else self._patience
        left = self._since + patience - now
        self._call = None
        if left > 0:
            self._call = self._clock.callLater(min(LOOK, left), self._look)
        else:
            self._give_up()
