"""The gateway that a backend on trial may call: its real API, over the made-up clients instead of sockets.

A push is counted and read at once. A close is remembered: a client that was closed says nothing more.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTime

from wsaas.api.server.request_log import RequestLog
from wsaas.core.events import Closed
from wsaas.core.interfaces import Peer, SessionInput
from wsaas.core.model import Frame, Handshake, Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted, Kept
from wsaas.core.records import Record
from wsaas.core.refusal import Refusal
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session
from wsaas.core.states import LIVE

BUFFER = 1 << 20
"""Bytes of pushes that may wait for the answer to a connect."""
LOOPBACK = ("127.0.0.1", "::1")
_HERE = ("localhost", *LOOPBACK)
MAX_KINDS = 100
"""Kinds of refused requests that are remembered."""


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that the API refused: what it was, in a few words."""

    method: str
    status: int


class Calls(RequestLog):
    """The requests that came to the API, counted instead of logged."""

    def __init__(self) -> None:
        self.count = 0
        self.refused: Counter[RefusedRequest] = Counter()

    def answered(self, method: bytes, target: bytes, status: int, length: int, seconds: float, client: str) -> None:
        """Take note of an answer."""
        self.count += 1
        kind = RefusedRequest(method[:20].decode("latin-1"), status)
        if status >= 400 and (kind in self.refused or len(self.refused) < MAX_KINDS):
            self.refused[kind] += 1


class MadeUpPeer:
    """The client's end of a made-up connection: Peer."""

    waiting = 0
    last_active_at = 0.0
    session: SessionInput | None = None

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.pushed = 0
        self.closed = False

    def accept(self, subprotocol: str | None, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Do nothing: there is nobody to tell."""

    def refuse(self, refusal: Refusal) -> None:
        """Do nothing: there is nobody to tell."""

    def send(self, frame: Frame, ping: bytes | None = None) -> bool:
        """Count a message. A pong comes at once."""
        self.pushed += 1
        if ping is not None and self.session is not None:
            self._clock.callLater(0, self.session.outgoing.ponged, ping)
        return True

    def close(self, code: int, reason: str) -> None:
        """Say nothing more."""
        self.closed = True

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""


class MadeUpGateway:
    """Owns the sessions of made-up clients: SessionOwner."""

    def __init__(self, clock: IReactorTime, max_message_size: int) -> None:
        self.clock = clock
        self.calls = Calls()
        self.listening = False
        self._max_message_size = max_message_size
        self._registry = Registry()
        self._ports: list[IListeningPort] = []

    def session(self, record: Record, handshake: Handshake) -> tuple[Session, MadeUpPeer]:
        """Return the session of a new client, whose connect is about to be sent."""
        peer = MadeUpPeer(self.clock)
        limits = Limits(self._max_message_size, BUFFER, BUFFER)
        session = Session(record, handshake, peer, limits, self)
        peer.session = session
        self._registry.add(session)
        session.next_event()
        return session, peer

    def listen(self, reactor: Any, local_address: str, tokens: tuple[str, ...]) -> None:
        """Listen where backends look for the API, if that is on this machine and free."""
        url = urlsplit(local_address)
        if url.scheme != "http" or url.hostname not in _HERE or url.path.strip("/"):
            return
        from wsaas.api.server.site import api_site  # not before it is certain that it is needed: it is large

        site = api_site(
            reactor,
            Router(self._registry, self._max_message_size, Monitor()),
            tokens=tokens,
            local_address=local_address,
            max_message_size=self._max_message_size,
            ready=lambda: True,
            request_log=self.calls,
        )
        hosts = LOOPBACK if url.hostname == "localhost" else (url.hostname,)
        try:
            self._ports.append(reactor.listenTCP(url.port or 80, site, interface=hosts[0]))
        except CannotListenError:
            return
        for host in hosts[1:]:
            with suppress(CannotListenError):  # a machine without IPv6
                self._ports.append(reactor.listenTCP(url.port or 80, site, interface=host))
        self.listening = True

    async def stop(self) -> None:
        """Stop listening."""
        for port in self._ports:
            await maybeDeferred(port.stopListening)

    # SessionOwner

    def wake(self, session: Session) -> None:
        """Do nothing: the trial decides what is sent."""

    def accepted(self, session: Session, accepted: Accepted) -> None:
        """Let the client join its groups."""
        if accepted.groups and session.state in LIVE:
            self._registry.join(session, accepted.groups)
        if accepted.headers or accepted.groups:
            session.recorded(True)

    def kept(self, session: Session, kept: Kept) -> None:
        """Do nothing: the trial decides how long a connection lasts."""

    def refuse(self, peer: Peer, refusal: Refusal) -> None:
        """Do nothing: there is nobody to tell."""

    def opened(self, session: Session) -> None:
        """Do nothing."""

    def may_reply(self) -> bool:
        """Say that replies may be sent: SessionOwner."""
        return True

    def replied(self, session: Session, frame: Frame) -> None:
        """Do nothing."""

    def closing(self, session: Session) -> None:
        """Take the client out of its groups."""
        self._registry.leave_all(session)

    def ended(self, session: Session, closed: Closed) -> None:
        """Do nothing: the trial says how it ended."""

    def forget(self, session: Session) -> None:
        """Forget the client."""
        self._registry.remove(session)
