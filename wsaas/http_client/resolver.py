"""Connects to a host name: remembers its IP addresses, and tries several at a time (RFC 8305).

The reactor resolves names in a few threads and remembers nothing, so that a name server that hangs would stop every
new connection. Here a name has at most one lookup under way, and the addresses that it gave last are used until newer
ones are known.

Twisted's HostnameEndpoint tries several addresses, too, but waits attemptDelay before each, also when the one before
was refused: of a backend on localhost that listens on IPv4 only the first connection would take a quarter of a second
more, and an error with several addresses a quarter of a second for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

# Seconds for which addresses are fresh.
FRESH = 30.0
# Seconds to wait for fresh addresses while old ones are known.
LOOKUP_TIMEOUT = 1.0
# Seconds after which the next address is tried beside the ones before it (RFC 8305, 5).
STAGGER = 0.25
# Addresses of one name that are used, of however many a name server says.
MAX_ADDRESSES = 32

Address = IPv4Address | IPv6Address


class Addresses:
    """The IP addresses of one name; the one that a connection was made to last comes first.

    Bound: MAX_ADDRESSES, and one Deferred for each connection that is being made, which the pool's user bounds.
    """

    def __init__(self, reactor: Any, host: str, port: int) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._known: list[Address] = []
        self._fresh_until = 0.0
        self._lookup: _Lookup | None = None
        self._waiting: list[Deferred[list[Address]]] = []
        self._patience: IDelayedCall | None = None

    def get(self) -> Deferred[list[Address]]:
        """Return the addresses, none if the name is unknown. Fires at once while they are fresh, and after
        LOOKUP_TIMEOUT at the latest while any are known.
        """
        now = self._reactor.seconds()
        if self._known and now < self._fresh_until:
            return succeed(list(self._known))
        if self._lookup is None or now >= self._lookup.given_up_at:
            self._lookup = lookup = _Lookup(now + FRESH, self._found)
            if self._known:
                self._patience = self._reactor.callLater(LOOKUP_TIMEOUT, self._serve)
            self._reactor.nameResolver.resolveHostName(lookup, self._host, self._port)
        elif self._known and self._patience is None:
            return succeed(list(self._known))
        if self._lookup is None:  # the resolver answered before it returned
            return succeed(list(self._known))
        waiting: Deferred[list[Address]] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def worked(self, address: Address) -> None:
        """Put an address to which a connection was made before the others."""
        if address in self._known:
            self._known.remove(address)
            self._known.insert(0, address)

    def _found(self, lookup: _Lookup) -> None:
        if lookup is not self._lookup:
            return  # given up, and another lookup is under way
        self._lookup = None
        found = lookup.addresses
        if found:
            best = self._known[0] if self._known else None
            self._known = sorted(found, key=lambda address: address != best)
            self._fresh_until = self._reactor.seconds() + FRESH
        self._serve()

    def _serve(self) -> None:
        """Fire all Deferreds that wait, with the known addresses."""
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(list(self._known))


@implementer(IResolutionReceiver)
class _Lookup:
    """One question to the reactor's resolver. Bound: the first MAX_ADDRESSES of the answer are kept."""

    def __init__(self, given_up_at: float, done: Callable[[_Lookup], None]) -> None:
        self.given_up_at = given_up_at
        self.addresses: list[Address] = []
        self._done = done

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Do nothing: IResolutionReceiver."""

    def addressResolved(self, address: IAddress) -> None:
        """Note an address: IResolutionReceiver."""
        if isinstance(address, Address) and len(self.addresses) < MAX_ADDRESSES and address not in self.addresses:
            self.addresses.append(address)

    def resolutionComplete(self) -> None:
        """End the lookup: IResolutionReceiver."""
        self._done(self)


@implementer(IStreamClientEndpoint)
class NamedEndpoint:
    """An endpoint that connects to the first of a name's addresses that answers (RFC 8305, in small)."""

    def __init__(self, reactor: Any, host: str, port: int, timeout: float) -> None:
        self._reactor = reactor
        self._host = host
        self._timeout = timeout
        self._addresses = Addresses(reactor, host, port)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect: IStreamClientEndpoint. Fails with DNSLookupError for an unknown name."""
        return self._addresses.get().addCallback(self._race, protocolFactory)

    def _race(self, addresses: list[Address], factory: IProtocolFactory) -> Deferred[IProtocol]:
        if not addresses:
            raise DNSLookupError(f"no address for {self._host}")
        race = _Race(self._reactor, addresses, self._connect, factory, self._addresses.worked)
        return race.run()

    def _connect(self, address: Address, factory: IProtocolFactory) -> Deferred[IProtocol]:
        kind = TCP6ClientEndpoint if isinstance(address, IPv6Address) else TCP4ClientEndpoint
        return kind(self._reactor, address.host, address.port, self._timeout).connect(factory)


class _Race:
    """Attempts to connect to several addresses. Each starts when the one before has failed, or STAGGER after it.

    Bound: one attempt for each address.
    """

    def __init__(
        self,
        reactor: Any,
        addresses: list[Address],
        connect: Callable[[Address, IProtocolFactory], Deferred[IProtocol]],
        factory: IProtocolFactory,
        worked: Callable[[Address], None],
    ) -> None:
        self._reactor = reactor
        self._left = addresses
        self._connect = connect
        self._factory = factory
        self._worked = worked
        self._running: list[Deferred[IProtocol]] = []
        self._timer: IDelayedCall | None = None
        self._over = False
        self._result: Deferred[IProtocol] = Deferred(lambda _: self._stop())

    def run(self) -> Deferred[IProtocol]:
        """Return the first connection, or fail as the last attempt did. Cancelling cancels all attempts."""
        self._next()
        return self._result

    def _next(self) -> None:
        address = self._left.pop(0)
        self._timer = self._reactor.callLater(STAGGER, self._next) if self._left else None
        attempt = self._connect(address, self._factory)
        self._running.append(attempt)
        attempt.addCallbacks(self._won, self._failed, callbackArgs=(attempt, address), errbackArgs=(attempt,))

    def _won(self, connected: IProtocol, attempt: Deferred[IProtocol], address: Address) -> None:
        self._running.remove(attempt)
        if self._over:
            return
        self._stop()
        self._worked(address)
        self._result.callback(connected)

    def _failed(self, failure: Failure, attempt: Deferred[IProtocol]) -> None:
        self._running.remove(attempt)
        if self._over:
            return
        if self._left:
            if self._timer is not None:
                self._timer.cancel()
            self._next()
        elif not self._running:
            self._over = True
            self._result.errback(failure)

    def _stop(self) -> None:
        self._over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for attempt in list(self._running):
            attempt.cancel()
