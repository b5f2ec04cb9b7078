"""One client's connection: Autobahn's server protocol, held to what the gateway needs, as the session's Peer.

Autobahn reads and writes frames; here is what it leaves open: a bounded handshake, one session for it, reading that
stops at once when there is no room, writing that is bounded, and an end that always comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.types import ConnectionRequest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.clients.address import announced
from wsaas.clients.admission import Visit
from wsaas.clients.entrance import Malformed, Request
from wsaas.clients.head import END, MAX_HEAD
from wsaas.clients.outbox import Outbox
from wsaas.clients.pulse import Pulse
from wsaas.clients.refusal import malformed, refused
from wsaas.gateway.model import Cause, CloseCode, Closed, Frame, Refused, Unclear
from wsaas.gateway.rates import Pace

if TYPE_CHECKING:
    from wsaas.clients.factory import ClientFactory
    from wsaas.gateway.session import Session

_log = Logger()

HANDSHAKE_TIMEOUT = 5.0
"""Seconds for the whole request head to come. The connect webhook has its own time."""
CLOSE_TIMEOUT = 5.0
"""Seconds from our Close frame, or our last word, until a client that does not go is dropped."""
MAX_EARLY = 65536
"""Bytes that a client may send before its 101; over it they stay in its socket."""

TURN = 128
"""Frames of one client that are read in one turn of the reactor, before others have theirs."""
MAX_FRAGMENTS = 1024
"""A message may have more only if they are of `WORTHWHILE` bytes on average."""
WORTHWHILE = 64

_LANE, _EARLY, _PACE = "lane", "early", "pace"  # why nothing is read: the reasons of `_paused`


class ClientProtocol(WebSocketServerProtocol):
    """A client's connection. `ClientFactory` makes the class that is used, with Autobahn's settings on it.

    Bounds: `data` holds one read (64 KiB) and what was early; a message being assembled has at most MAX_MESSAGE_SIZE;
    what waits for the client is bounded by the outbox.
    """

    factory: ClientFactory
    transport: Any
    # Autobahn's own, which it sets where mypy cannot see it.
    maxMessagePayloadSize: int
    message_data: list[bytes] | None  # type: ignore[assignment]
    _isMessageCompressed: bool

    def connectionMade(self) -> None:
        super().connectionMade()
        clock = self.factory.clock
        self.session: Session | None = None
        self._request: Request | None = None
        self._default: str | None = None
        self._admitted = False
        self._searched = 0
        self._paused: set[str] = set()
        self._pace = Pace(self.factory.message_rate, clock.seconds())
        self._turn = TURN
        self._fragments = 0
        self._next_turn: IDelayedCall | None = None
        self._pong: bytes | None = None
        self._ended_by: Closed | None = None
        self._leaving = False
        self._lost: Failure | None = None
        self.pulse = Pulse(clock.seconds())
        self._outbox = Outbox(self.transport, self.factory.send_buffer, self._drained)
        self.transport.registerProducer(self._outbox, True)
        self._deadline: IDelayedCall | None = clock.callLater(HANDSHAKE_TIMEOUT, self._abandon)
        host = self._peer_host()
        if not self.factory.entrance.proxies.trusts(host) and not announced(self.transport):
            self._admit(host)

    def _peer_host(self) -> str:
        return getattr(self.transport.getPeer(), "host", "")

    # Reading

    def dataReceived(self, data: bytes) -> None:
        self.pulse.beat(self.factory.clock.seconds())
        self.data = self.data + data if self.data else data
        self._turn = TURN
        self.consumeData()

    def consumeData(self) -> None:
        """Read what was received, as far as there is room for it."""
        if self.state == self.STATE_OPEN or self.state == self.STATE_CLOSING:
            while not self._paused and self.processData() and self.state != self.STATE_CLOSED:
                pass
        elif self.state == self.STATE_CONNECTING:
            if self._request is None:
                self._read_head()
            elif len(self.data) >= MAX_EARLY:
                self._pause(_EARLY)
        else:
            self.data = b""

    def _read_head(self) -> None:
        end = self.data.find(END, self._searched)
        if end > MAX_HEAD or (end < 0 and len(self.data) > MAX_HEAD):
            self.failHandshake(f"the request has more than {MAX_HEAD} bytes of headers", 431)
        elif end < 0:
            self._searched = max(0, len(self.data) - len(END) + 1)
        else:
            try:
                self._request = self.factory.entrance.read(self.data[:end], self._peer_host())
            except Malformed as problem:
                self.failHandshake(str(problem))
            else:
                self.data = self._request.head + self.data[end:]
                self._ask(self._request)

    def _ask(self, request: Request) -> None:
        if not self._admitted and not self._admit(request.address):
            return
        if self.visit.refusal is not None:
            self.refuse(self.visit.refusal)
        else:
            self.processHandshake()

    def _admit(self, address: str) -> bool:
        """The client's address is known: whether it may stay, were it only to be refused."""
        self._admitted = True
        stays = self.visit.admit(
            address, not self.factory.entrance.proxies.trusts(address), self.factory.clock.seconds()
        )
        if self.visit.refusal is not None:
            self.factory.turned_away(address, self.visit.refusal.code)
        if not stays:
            self.transport.abortConnection()
        return stays

    def onConnect(self, request: ConnectionRequest) -> Any:
        """The handshake is sound: ask. The session answers by `accept` or `refuse`, so the Deferred never fires."""
        assert self._request is not None
        handshake = self.factory.entrance.handshake(self._request, self.http_request_uri, request)
        if not self.factory.entrance.allows(handshake.origin):
            self.refuse(Refused(403, "ORIGIN_NOT_ALLOWED"))
            return Deferred()
        busy = self.visit.ask()
        if busy is not None:
            self.factory.turned_away(handshake.remote_address, busy.code)
            self.refuse(busy)
            return Deferred()
        self._stop_deadline()
        self._default = self._request.default
        if self._request.carrier is not None and self._default == self._request.carrier:
            self.websocket_protocols.append(self._default)
        self.factory.gateway.connect(self, handshake)
        return Deferred()

    def onFrameBegin(self) -> None:
        super().onFrameBegin()
        self._turn -= 1
        self._pace.count()
        if self._turn <= 0 or self._pace.spent:
            wait = self._pace.pause(self.factory.clock.seconds()) if self._pace.spent else 0.0
            if self._turn <= 0 or wait:
                self._rest(wait)

    def _rest(self, seconds: float) -> None:
        """Nothing more is read for a while, not even of what has come; how TCP slows down a flood."""
        if _PACE not in self._paused:
            self._pause(_PACE)
            if self._lost is None:
                self._next_turn = self.factory.clock.callLater(seconds, self._go_on)

    def _go_on(self) -> None:
        self._next_turn = None
        self._turn = TURN
        self._resume(_PACE)

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._fragments = 0

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        self._fragments += 1
        if self._fragments > MAX_FRAGMENTS and self.message_data_total_length < WORTHWHILE * self._fragments:
            if not self.failedByMe:
                self._fail_connection(CloseCode.POLICY, "a message in too many small fragments")
        elif self.session is not None and not self.failedByMe:
            # How long a compressed message gets is known only when it is there.
            expected = self.maxMessagePayloadSize if self._isMessageCompressed else self.message_data_total_length
            self.session.announce(expected)

    def onMessageEnd(self) -> None:
        if not self.failedByMe and self.session is not None:
            payload = b"".join(self.message_data or ())
            self.message_data = None
            self.session.received(Frame(payload, self.message_is_binary))

    def pause_reading(self) -> None:
        self._pause(_LANE)

    def resume_reading(self) -> None:
        self._resume(_LANE)

    def _pause(self, reason: str) -> None:
        if not self._paused and self._lost is None:
            self.transport.pauseProducing()
        self._paused.add(reason)

    def _resume(self, reason: str) -> None:
        """What was received already comes first; only if there is still room the socket is read again."""
        if reason in self._paused:
            self._paused.discard(reason)
            self.pulse.beat(self.factory.clock.seconds())
            if not self._paused:
                self.consumeData()
            if not self._paused and not self._leaving:
                self.transport.resumeProducing()

    # Writing

    @property
    def waiting(self) -> int:
        return self._outbox.waiting

    @property
    def last_active_at(self) -> float:
        return self.factory.now() - (self.factory.clock.seconds() - self.last_heard)

    def accept(self, subprotocol: str | None) -> None:
        try:
            self.succeedHandshake((subprotocol, {}))
        except Exception:
            _log.failure("a handshake could not be completed")
            self._abandon()
        else:
            self._resume(_EARLY)

    def _onOpen(self) -> None:
        self.factory.keepalive.add(self)

    def refuse(self, refusal: Refused | Unclear) -> None:
        self.session = None
        headers = refusal.headers if isinstance(refusal, Refused) else ()
        self._answer(refused(refusal.status, {"code": refusal.code}, headers))

    def send(self, frame: Frame) -> bool:
        if not self._outbox.room(len(frame.payload), self.factory.clock.seconds()):
            return False
        self.sendMessage(frame.payload, frame.binary)
        return True

    def close(self, code: int, reason: str) -> None:
        self.sendCloseFrame(code, reason.encode())

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Everything that Autobahn writes goes through the outbox."""
        self._outbox.write(data)

    def onPing(self, payload: bytes) -> None:
        """Answered at once, or, for a client that does not read, only the last one when it does (RFC 6455, 5.5.3)."""
        if self._outbox.paused:
            self._pong = payload
        else:
            self.sendPong(payload)

    def _drained(self) -> None:
        if self._leaving:
            self._lose_connection()
            return
        if self._pong is not None:
            payload, self._pong = self._pong, None
            self.sendPong(payload)
        if self.session is not None:
            self.session.writable()

    # The end

    def look(self, silent: float, forgiven: bool) -> None:
        """The keepalive's look. A client that the gateway does not read from cannot be heard, so it is not given up."""
        timeout = self.factory.ws_timeout
        now = self.factory.clock.seconds()
        full_since = self._outbox.full_since
        if full_since is not None and now - full_since >= timeout and not forgiven:
            self._end(Cause.TOO_SLOW, CloseCode.POLICY, "")
        elif self._paused:
            self._look_for_hangup(now)
        elif silent >= timeout and not forgiven:
            self._end(Cause.TIMEOUT, CloseCode.ABNORMAL, "")
        elif silent >= timeout / 2 and self._pinged_at <= self.last_heard and not self._outbox.paused:
            self._pinged_at = now
            self.sendPing()

    def _look_for_hangup(self, now: float) -> None:
        """Nothing is read, so a client that closes is not noticed by reading. What it sent before may still be read
        when there is room again; if there is none for most of WS_TIMEOUT, it is given up.
        """
        if self._hung_up_at is None:
            if hung_up(self.transport):
                self._hung_up_at = now
        elif now - self._hung_up_at >= self.factory.ws_timeout * 3 / 4:
            self._end(Cause.NETWORK, CloseCode.ABNORMAL, "")

    def _end(self, cause: Cause, code: int, reason: str) -> None:
        self._ended_by = (cause, code, reason)
        self._abandon()

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        super().sendCloseFrame(code, reasonUtf8, isReply)
        if self._deadline is None:
            self._deadline = self.factory.clock.callLater(CLOSE_TIMEOUT, self._abandon)

    def _fail_connection(self, code: int = CloseCode.INTERNAL_ERROR, reason: str = "") -> None:
        """Autobahn found a violation: tell the session why before the closing handshake begins."""
        if self.session is not None and not self.failedByMe:
            cause = Cause.TOO_BIG if code == CloseCode.TOO_BIG else Cause.PROTOCOL_ERROR
            self.session.fail(cause, code, reason)
        super()._fail_connection(code, reason)

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        self._answer(malformed(code, reason, responseHeaders or ()))

    def _answer(self, answer: bytes) -> None:
        self.sendData(answer)
        self.dropConnection(abort=False)

    def unregisterProducer(self) -> None:
        """Autobahn does this as it drops a connection; the outbox goes on until it is empty."""

    def _closeConnection(self, abort: bool = False) -> None:
        """Close the transport once all is written, or at once; a client that does not let us is dropped in the end."""
        if abort and not self.wasClean:
            self.transport.abortConnection()
            return
        self._leaving = True
        self._stop_deadline()
        self._deadline = self.factory.clock.callLater(CLOSE_TIMEOUT, self._abandon)
        if not self._outbox.paused:
            self._lose_connection()

    def _lose_connection(self) -> None:
        self.transport.unregisterProducer()  # a TLS transport waits for its producer before it says goodbye
        self.transport.loseConnection()

    def _abandon(self) -> None:
        self._deadline = None
        self._digest()
        self.transport.abortConnection()

    def _digest(self) -> None:
        """What was read from the client is not dropped: the whole messages in it are handed over, room or not."""
        self._paused.clear()
        if self.data and self.state != self.STATE_CONNECTING:
            self.consumeData()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._digest()
        self._stop_deadline()
        self.factory.keepalive.remove(self)
        self._connectionLost(reason)  # type: ignore[arg-type]  # Autobahn says str and takes a Failure
        self.factory.gone(self)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        session, self.session = self.session, None
        if session is None:
            return
        if self._ended_by is not None:
            session.lost(*self._ended_by, clean=False)
        elif wasClean:
            session.lost(Cause.CLIENT, code or CloseCode.NO_STATUS, reason or "", clean=True)
        else:
            session.lost(Cause.NETWORK, CloseCode.ABNORMAL, "", clean=False)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
