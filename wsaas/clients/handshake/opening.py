"""The beginning of a client's connection: from its first byte to the 101, or to the answer that there will be none.

accept -> (too many: cut off) -> head -> (malformed, too many, origin, busy: refused) -> ask -> accept or refuse
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.types import ConnectionRequest
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from wsaas.clients.admission import AdmissionSlot
from wsaas.clients.context import ConnectionContext
from wsaas.clients.handshake.client_address import announced
from wsaas.clients.handshake.fast_path import read_usual, switching
from wsaas.clients.handshake.pending import PendingHandshake
from wsaas.clients.handshake.request import HandshakeRequest, read
from wsaas.clients.handshake.request_head import END, MAX_HEAD, MalformedHandshake, RequestHead
from wsaas.clients.handshake.responses import malformed, refused
from wsaas.core.interfaces import Peer
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.session import Session
from wsaas.internals.autobahn import slimmed

_log = Logger()


class Opening(WebSocketServerProtocol):
    """A connection before it is open. Autobahn has the head only when it is whole, sound and admitted."""

    context: ConnectionContext
    """One for all connections of a factory, whose class of connections has it."""
    transport: Any
    visit: AdmissionSlot
    """Set before the connection is made."""
    _handshake: PendingHandshake | None = None
    """None from the 101 on."""

    def connectionMade(self) -> None:
        # Not by way of Autobahn's own, which first gathers details of the transport that nobody asks for here.
        with suppress(AttributeError, OSError):  # a UNIX socket may not know what that is
            self.transport.setTcpNoDelay(True)
        self._connectionMade()
        self.session: Session | None = None
        self._handshake = PendingHandshake()
        self._handshake.deadline = self.context.clock.callLater(self.context.handshake_timeout, self._too_slow)
        host = self._peer_host()
        if not self.context.policy.proxies.trusts(host) and not announced(self.transport):
            self._admit(self._handshake, host)

    def _connectionMade(self) -> None:
        """Set what Autobahn sets for each connection, as far as the class does not have it already."""
        self.state = self.STATE_CONNECTING
        self.send_state = self.SEND_STATE_GROUND
        self.data = b""
        self.utf8validator = Utf8Validator()
        self.factory.countConnections += 1

    def _peer_host(self) -> str:
        host: str = getattr(self.transport.getPeer(), "host", "")
        return host

    def _admit(self, handshake: PendingHandshake, address: str) -> bool:
        """The client's address is known: whether it may stay, were it only to be refused."""
        handshake.admitted = True
        limited = not self.context.policy.proxies.trusts(address)
        stays = self.visit.admit(address, limited, self.context.clock.seconds())
        if self.visit.refusal is not None:
            self.context.owner.log_rejection(address, self.visit.refusal.reason)
        if not stays:
            self.transport.abortConnection()
        return stays

    def _read_head(self, handshake: PendingHandshake) -> None:
        if self.data.startswith(b"HEAD "):
            handshake.body_wanted = False
        end = self.data.find(END, handshake.searched)
        if end > MAX_HEAD or (end < 0 and len(self.data) > MAX_HEAD):
            self.failHandshake(f"the request has more than {MAX_HEAD} bytes of headers", 431)
        elif end < 0:
            handshake.searched = max(0, len(self.data) - len(END) + 1)
        else:
            handshake.head_received = True
            self.context.owner.head_received(self)
            try:
                head = handshake.head = self.context.policy.read(self.data[:end], self._peer_host())
                self.data = self.data[end + len(END) :]
                self._enter(handshake, head)
            except MalformedHandshake as problem:
                self.failHandshake(str(problem), problem.status, problem.headers)

    def _enter(self, handshake: PendingHandshake, head: RequestHead) -> None:
        if not handshake.admitted and not self._admit(handshake, head.address):
            return
        if self.visit.refusal is not None:
            self.refuse(self.visit.refusal)
        else:
            asked = read_usual(head, self.context.compression)
            if asked is not None:
                self.websocket_protocols, self._wskey = list(asked.subprotocols), asked.key
                self.websocket_version = 13
                handshake.fast_path = True
                self._ask(handshake, head, asked)
            else:
                asked = handshake.asked = read(head, self.context.compression)
                self.data = asked.head() + self.data
                self.processHandshake()

    def onConnect(self, _: ConnectionRequest) -> Any:
        """Autobahn finds its head sound. The session answers by `accept` or `refuse`: the Deferred never fires."""
        handshake = self._handshake
        assert handshake is not None and handshake.head is not None and handshake.asked is not None
        self._ask(handshake, handshake.head, handshake.asked)
        return Deferred()

    def _ask(self, handshake: PendingHandshake, head: RequestHead, asked: HandshakeRequest) -> None:
        if not self.context.policy.allows(head):
            self.refuse(Refusal(RefusalReason.ORIGIN_NOT_ALLOWED))
        elif busy := self.visit.ask():
            self.context.owner.log_rejection(head.address, busy.reason)
            self.refuse(busy)
        else:
            handshake.stop_deadline()
            told = self.context.policy.handshake(head, asked)
            self.context.gateway.connect(cast(Peer, self), told)  # what builds on this is one

    def accept(self, subprotocol: str | None) -> None:
        self.visit.answered()
        handshake = self._handshake
        assert handshake is not None
        selected = handshake.subprotocol(subprotocol, self.websocket_protocols)
        if selected != subprotocol and selected is not None:
            if selected not in self.websocket_protocols:  # it carried the credential, and nobody has seen it since
                self.websocket_protocols.append(selected)
            elif self.session is not None:
                self.session.subprotocol = selected
        try:
            if handshake.fast_path:
                self._open(selected)
            else:
                self.succeedHandshake((selected, {}))
        except Exception:
            _log.failure("a handshake could not be completed")
            self._abandon()
        else:
            del self._handshake  # the class has None
            self.__dict__ = slimmed(self)

    def _open(self, subprotocol: str | None) -> None:
        """Do what Autobahn does in `succeedHandshake`, where there is no extension. Raises ValueError."""
        if subprotocol is not None and subprotocol not in self.websocket_protocols:
            raise ValueError(f"the client did not offer the subprotocol {subprotocol!r}")
        self.websocket_protocol_in_use, self.websocket_extensions_in_use = subprotocol, []
        self.sendData(switching(self._wskey, subprotocol))
        self.state = self.STATE_OPEN
        self._onOpen()
        if self.data:
            self.consumeData()

    def refuse(self, refusal: Refusal) -> None:
        self.visit.answered()
        self.session = None
        self._answer(refused(refusal, body_wanted=self._body_wanted))

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        self._answer(malformed(code, reason, responseHeaders or (), body_wanted=self._body_wanted))

    @property
    def _body_wanted(self) -> bool:
        return self._handshake is None or self._handshake.body_wanted

    def _answer(self, answer: bytes) -> None:
        self.wasClean = self.session is None  # Autobahn logs a warning otherwise, and these are many
        self.sendData(answer)
        self.dropConnection(abort=False)

    def _too_slow(self) -> None:
        """The head is not there in its time. A client that has not begun it is only cut off: it may be a browser's
        spare connection, which would show the answer to its user, or one that still is in the handshake of TLS.
        """
        handshake = self._handshake
        assert handshake is not None
        handshake.deadline = None
        if self.data and not handshake.head_received:
            handshake.head_received = True
            self.failHandshake(
                f"the request did not come whole within {self.context.handshake_timeout:g} s (HANDSHAKE_TIMEOUT): "
                "send it at once",
                408,
            )
        else:
            self.transport.abortConnection()

    def _abandon(self) -> None:
        self.transport.abortConnection()

    def _stop_deadline(self) -> None:
        if self._handshake is not None:
            self._handshake.stop_deadline()
