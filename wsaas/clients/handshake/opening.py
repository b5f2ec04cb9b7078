"""The beginning of a client's connection: from its first byte to the 101, or to the answer that there will be none.

accept -> (too many: cut off) -> head -> (malformed, too many, origin, busy: refused) -> gateway -> accept or refuse
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol, cast

from wsaas.clients.admission import AdmissionSlot
from wsaas.clients.context import ConnectionContext
from wsaas.clients.handshake.client_address import announced
from wsaas.clients.handshake.request import read
from wsaas.clients.handshake.request_head import END, MAX_HEAD, MalformedHandshake, RequestHead
from wsaas.clients.handshake.responses import malformed, message_of, response_to, serialize, switching, with_headers
from wsaas.core.interfaces import Peer, SessionInput
from wsaas.core.observer import RefusedHandshake
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.internals.autobahn import AutobahnCodec
from wsaas.net.handshake_response import HandshakeResponse

MAX_EARLY = 65536
"""Bytes that a client may send before its 101; over it they stay in its socket."""
_HEAD = b"HEAD ", b"\r\nHEAD "
_TLS_HANDSHAKE = b"\x16"  # RFC 8446, 5.1
MAX_REASON = 200
"""Characters of the reason that a request is told which is no handshake."""


class OpeningConnection(Protocol):
    """A client's connection as its handshake sees it."""

    transport: Any
    slot: AdmissionSlot
    session: SessionInput | None
    peer_host: str | None
    """The address of the socket's other end, empty for a UNIX socket; None if it is not known before it is asked for.
    """

    def reject(self, answer: bytes) -> None:
        """Write the answer to a handshake that fails, and let the client go."""


class OpeningHandshake:
    """One handshake that is not answered with 101 yet; the connection has it until then, and drops it.

    Bound: `data` holds a head of at most MAX_HEAD bytes, or MAX_EARLY bytes behind it, and one read (64 KiB).
    """

    __slots__ = (
        "_admitted",
        "_connection",
        "_context",
        "_head",
        "_head_received",
        "_key",
        "_offer",
        "_peer",
        "_searched",
        "_subprotocols",
        "body_wanted",
        "data",
        "paused",
    )

    def __init__(self, connection: OpeningConnection, context: ConnectionContext) -> None:
        self._connection = connection
        self._context = context
        self._peer: str | None = None
        """The address of the socket's other end, once it is certain; empty for a UNIX socket."""
        self.data = b""
        self._searched = 0
        """Bytes of the head that do not hold its end."""
        self._head_received = False
        """Set when the head is there, or not waited for any more."""
        self.paused = False
        """Set while the client is not read from, as it has sent too much before the 101."""
        self.body_wanted = True
        """False for a HEAD, whose answer has no body."""
        self._admitted = False
        """Set when the client's address is known and counted."""
        self._head: RequestHead | None = None
        """The head, once it is read."""
        self._key = ""
        self._subprotocols: tuple[str, ...] = ()
        self._offer: str | None = None
        """The parts of the head that the 101 depends on, once they are found sound; see `request.read`."""

    def begin(self, now: float) -> None:
        """Count the client's time, and the connection against the client's address, if that is known by now."""
        self._context.pending.set(self, now)
        if not announced(self._connection.transport):
            known = self._connection.peer_host
            host = self._peer = self._peer_host() if known is None else known
            if not self._context.policy.proxies.trusts(host):
                self._admit(host, now, limited=True)

    def receive(self, data: bytes) -> None:
        """Take what the client sent: the head, or what comes early behind it."""
        self.data += data
        if not self._head_received:
            self._read_head()
        elif len(self.data) >= MAX_EARLY and not self.paused:
            self.paused = True
            self._connection.transport.pauseProducing()

    def accept(
        self, subprotocol: str | None, headers: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[bytes, AutobahnCodec | None]:
        """Return the 101, and Autobahn's side of the connection if messages are compressed.

        Subprotocol and headers are the backend's choice. Raises ValueError if the client did not offer that one.
        """
        selected = self._select(subprotocol)
        if self._offer is None:
            answer, codec = switching(self._key, selected), None
        else:
            codec = self._context.make_codec(self._key, selected, self._offer)
            answer = codec.answer
            if not codec.compressing:
                codec.close()
                codec = None
        return with_headers(answer, headers) if headers else answer, codec

    def refuse(self, refusal: Refusal, session: SessionInput | None = None) -> None:
        """Answer that the client may not connect; `session` is the one that it had, if it had one."""
        response = response_to(refusal)
        self._reject(response, message_of(response), session)

    def linger(self) -> None:
        """Wait for the client, which is refused, to close; it goes on making room for newcomers."""
        self._head_received = True
        self.data = b""
        self._context.pending.set(self)

    def stop(self) -> None:
        """Wait for nothing any more: the connection is over."""
        self._context.pending.drop(self)

    def too_slow(self) -> None:
        """Answer 408, since the head is not there in its time. A client that has not begun it is cut off: it may be a
        browser's spare connection, which would show the answer to its user, or one still in the handshake of TLS.
        """
        if self.data and not self._head_received:
            self._fail(
                f"the request did not come whole within {self._context.handshake_timeout:g} s (HANDSHAKE_TIMEOUT): "
                "send it at once",
                408,
            )
        else:
            self._connection.transport.abortConnection()

    def evict(self) -> None:
        """Cut off the client, whose head has not come, to make room for a newcomer."""
        self._connection.slot.release()
        self._connection.transport.abortConnection()

    def _peer_host(self) -> str:
        if self._peer is not None:
            return self._peer
        host: str = getattr(self._connection.transport.getPeer(), "host", "")
        return host

    def _admit(self, address: str, now: float, *, limited: bool) -> bool:
        """Count the connection against the client's address; return False if it is cut off, not even to be refused."""
        self._admitted = True
        slot = self._connection.slot
        stays = slot.admit(address, limited, now)
        if slot.refusal is not None:
            self._context.owner.log_rejection(address, slot.refusal.reason)
        if not stays:
            self._connection.transport.abortConnection()
        return stays

    def _read_head(self) -> None:
        if self.data.startswith(_HEAD):
            self.body_wanted = False
        end = self.data.find(END, self._searched)
        if end > MAX_HEAD or (end < 0 and len(self.data) > MAX_HEAD):
            self._fail(f"the request has more than {MAX_HEAD} bytes of headers", 431)
        elif end < 0 and self.data.startswith(_TLS_HANDSHAKE):
            self._fail("the client speaks TLS, and this endpoint does not: ask for ws://, or see WS_ENDPOINT", 400)
        elif end < 0:
            self._searched = max(0, len(self.data) - len(END) + 1)
        else:
            self._head_received = True
            self._context.pending.drop(self)
            try:
                head = self._head = self._context.policy.read(self.data[:end], self._context.scan_fast_path)
                self.data = self.data[end + len(END) :]
                self._enter(head)
            except MalformedHandshake as problem:
                self._fail(str(problem), problem.status, problem.headers)

    def _enter(self, head: RequestHead) -> None:
        slot, context = self._connection.slot, self._context
        address = context.policy.address(head, self._peer_host())
        if not self._admitted:
            limited = not context.policy.proxies.trusts(address)
            if not self._admit(address, context.seconds(), limited=limited):
                return
        if slot.refusal is not None:
            self.refuse(slot.refusal)
            return
        usual = None if context.head_fast_path is None else context.head_fast_path(head, context.compression)
        self._key, self._subprotocols, self._offer = usual or read(head, context.compression)
        peer = cast(Peer, self._connection)  # a connection is one
        if not context.policy.allows(head):
            context.gateway.refuse(peer, Refusal(RefusalReason.ORIGIN_NOT_ALLOWED))
        elif busy := slot.reserve():
            context.owner.log_rejection(address, busy.reason)
            self.refuse(busy)
        else:
            handshake = context.policy.handshake(head, address, self._subprotocols)
            context.gateway.connect(peer, handshake)

    def _select(self, chosen: str | None) -> str | None:
        """Return the subprotocol for the 101, given the backend's choice.

        If the client carried its credential in a subprotocol and the backend chose none, the first other subprotocol
        that the client offered is selected, or else the one with the credential: a browser that has offered
        subprotocols gives up if none is selected.
        """
        carrier = None if self._head is None else self._head.carrier
        if chosen is None and carrier is not None:
            if not self._subprotocols:
                return carrier
            chosen = self._subprotocols[0]
            if self._connection.session is not None:
                self._connection.session.subprotocol = chosen
        if chosen is not None and chosen not in self._subprotocols:
            raise ValueError(f"the client did not offer the subprotocol {chosen!r}")
        return chosen

    def _fail(self, reason: str, status: int, headers: Any = ()) -> None:
        """Answer a request that is no handshake."""
        self._context.gateway.monitor.counters.malformed += 1
        self._reject(malformed(status, headers), reason[:MAX_REASON])

    def _reject(self, response: HandshakeResponse, message: str, session: SessionInput | None = None) -> None:
        observer = self._context.gateway.observer
        if observer is not None:
            observer.refused(RefusedHandshake(*self._origin(), response, message, session))
        self._connection.reject(serialize(response, message, body_wanted=self.body_wanted))

    def _origin(self) -> tuple[str, str | None]:
        """Return the address of the client, as far as it is known, and the path that it asked for."""
        address = self._peer_host()
        if self._head is None:
            return address, None
        with suppress(MalformedHandshake):
            address = self._context.policy.address(self._head, address)
        return address, self._head.target.decode("ascii").partition("?")[0]
