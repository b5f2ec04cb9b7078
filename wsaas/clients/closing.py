"""The end of a client's connection: found gone, closed by one side or the other, or lost.

Frames that wait for the client are owed to it as long as it reads (see `lingering_close`). The session, which hears of
the end once, may be over long before the transport is.
"""

from __future__ import annotations

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.clients.handshake.opening import Opening
from wsaas.clients.hangup import hung_up
from wsaas.clients.lingering_close import LingeringClose
from wsaas.clients.liveness import ENDS, Liveness, Verdict
from wsaas.clients.progress import Progress, bottom, unacknowledged
from wsaas.clients.read_control import ReadControl
from wsaas.clients.send_buffer import SendBuffer
from wsaas.core.events import Cause, CloseCode
from wsaas.internals.autobahn import connection_lost


@implementer(IHalfCloseableProtocol)
class Closing(Opening):
    """Lets a client go by a lingering close, and tells its session once."""

    _flow: ReadControl
    _outbox: SendBuffer
    _pulse: Liveness
    _progress: Progress | None
    """Kept while the keepalive doubts that the client is still there."""
    _ended_by: tuple[Cause, int] | None
    """The keepalive's verdict, if that ends the connection."""
    _lingering: LingeringClose | None
    """Set with our Close frame, or with the client's."""
    _lost: Failure | None
    """The reason why the client is not heard any more. Its transport may still be there, for what waits for it."""

    def look(self) -> None:
        """See whether the client is still there, for the keepalive."""
        now = self.context.clock.seconds()
        if self._outbox.full_since is None and not self._pulse.doubtful(now, self.context.ws_timeout):
            self._progress = None
        elif self._progress is None:
            self._progress = Progress(self.transport)
        elif self._progress.goes_on():
            self._pulse.took(now)
        finding = self._pulse.find(
            now,
            self.context.ws_timeout,
            full_since=self._outbox.full_since,
            reading=not self._flow.paused,
            hung_up=lambda: hung_up(self.transport),
        )
        if finding in ENDS:
            self._ended_by = ENDS[finding]
            self._give_up()
        elif finding is Verdict.SILENT and not self._outbox.paused:
            self._pulse.pinged(now)
            self.sendPing()

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        if self._lost is None:
            self._begin_to_close(owing=unacknowledged(self.transport) > 0)
        super().sendCloseFrame(code, reasonUtf8, isReply)
        self._outbox.leave_fan_out()

    def _begin_to_close(self, owing: bool) -> LingeringClose:
        """Have the lingering close watch the client from here on, and not the keepalive."""
        if self._lingering is None:
            self._stop_deadline()
            self.context.keepalive.remove(self)
            self._lingering = LingeringClose(self.transport, self.context.clock, self._give_up, owing=owing)
        return self._lingering

    def _fail_connection(self, code: int = CloseCode.INTERNAL_ERROR, reason: str = "") -> None:
        """Tell the session of the violation that Autobahn found, before the closing handshake begins."""
        if self.session is not None and not self.failedByMe:
            cause = Cause.TOO_BIG if code == CloseCode.TOO_BIG else Cause.PROTOCOL_ERROR
            self.session.fail(cause, code, reason)
        super()._fail_connection(code, reason)

    def unregisterProducer(self) -> None:
        """Autobahn does this as it drops a connection; the outbox goes on until it is empty."""

    def _closeConnection(self, abort: bool = False) -> None:
        """Close the transport once all is written, or at once; a client that does not let us is dropped in the end."""
        self._flow.close()
        self._outbox.leave_fan_out()
        if self._lost is None and abort and not self.wasClean:
            self.transport.abortConnection()
        elif self._lost is None:
            lingering = self._begin_to_close(owing=False)
            if self.closedByMe:  # what the client says may be no answer, but something that it said before it read all
                lingering.owing = unacknowledged(self.transport) > 0
            self._leave(lingering)

    def _leave(self, lingering: LingeringClose) -> None:
        lingering.leave()
        if lingering.owing:  # the transport may stay for long, but nothing more is heard
            self._hear_no_more(connectionDone)
        if not self._outbox.paused:
            self._say_goodbye(lingering)

    def _say_goodbye(self, lingering: LingeringClose) -> None:
        self._outbox.let_go()
        lingering.close()

    def _give_up(self) -> None:
        """Cut off a client that takes nothing any more; let one go that has taken all and says nothing."""
        lingering = self._begin_to_close(owing=True)
        if unacknowledged(self.transport):
            self.transport.abortConnection()
        elif lingering.leaving:
            bottom(self.transport).loseConnection()
        else:
            lingering.owing = True
            self._leave(lingering)

    def readConnectionLost(self) -> None:
        """IHalfCloseableProtocol, for plain TCP: write what waits for a client that has closed its own half only."""
        lingering = self._begin_to_close(owing=False)
        lingering.owing = False  # nothing comes any more that could make the kernel reset the connection
        if self._lost is None:
            lingering.leave()
            self._hear_no_more(connectionDone)
        if not self._outbox.paused:
            self._say_goodbye(lingering)

    def writeConnectionLost(self) -> None:
        """IHalfCloseableProtocol: do nothing, as our half was closed on purpose."""

    def _hear_no_more(self, reason: Failure) -> None:
        """End the session; the transport may stay for what waits for the client."""
        self._lost = reason
        self._outbox.leave_fan_out()
        self._flow.close()
        self._flow.stop()
        self._flow.begin_turn()
        self._conclude(reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        self._outbox.stopProducing()
        self._stop_deadline()
        if self._lingering is not None:
            self._lingering.stop()
        if self._lost is None:
            self._hear_no_more(reason)
        elif self.session is None:
            self._gone()

    def _conclude(self, reason: Failure) -> None:
        """Hand over all that was read before, room or not, turn by turn; then the session is over."""
        if self.state == self.STATE_OPEN or self.state == self.STATE_CLOSING:
            while self._flow.press_on():
                self.consumeData()
                if not self._flow.paused:
                    break
            else:
                return
        if self.connected:
            self.context.owner.session_over(self)
        else:
            self._gone()
        connection_lost(self, reason)

    def _gone(self) -> None:
        self.context.keepalive.remove(self)
        self.context.owner.gone(self)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        session, self.session = self.session, None
        if session is None:
            return
        if self._ended_by is not None:
            session.disconnected(*self._ended_by, "", clean=False)
        elif wasClean:
            session.disconnected(Cause.CLIENT, code or CloseCode.NO_STATUS, reason or "", clean=True)
        else:
            session.disconnected(Cause.NETWORK, CloseCode.ABNORMAL, "", clean=False)
