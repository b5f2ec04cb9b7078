"""From a host name to a connection: what is remembered, and which address is tried when."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IResolutionReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsaas.http_client.resolver import FRESH, LOOKUP_TIMEOUT, MAX_ADDRESSES, STAGGER, Address, Addresses, NamedEndpoint

ONE, TWO = IPv4Address("TCP", "192.0.2.1", 80), IPv4Address("TCP", "192.0.2.2", 80)
SIX = IPv6Address("TCP", "2001:db8::1", 80)


class Resolver:
    """Keeps what is asked until the test answers it; with `at_once`, answers before it returns."""

    def __init__(self) -> None:
        self.asked: list[IResolutionReceiver] = []
        self.at_once: list[Address] | None = None

    def resolveHostName(self, receiver: IResolutionReceiver, name: str, port: int) -> None:
        assert (name, port) == ("backend.example", 80)
        receiver.resolutionBegan(None)
        self.asked.append(receiver)
        if self.at_once is not None:
            self.answer(*self.at_once)

    def answer(self, *addresses: Address, question: int = -1) -> None:
        for address in addresses:
            self.asked[question].addressResolved(address)
        self.asked[question].resolutionComplete()


class NamesTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.resolver = Resolver()
        self.reactor = MemoryReactorClock()
        self.reactor.nameResolver = self.resolver
        self.addresses = Addresses(self.reactor, "backend.example", 80)

    def known(self, *addresses: Address) -> None:
        """These were learnt, and have just become old."""
        self.addresses.get()
        self.resolver.answer(*addresses)
        self.reactor.advance(FRESH)


class AddressesTests(NamesTestCase):
    def test_one_lookup(self) -> None:
        """Many who ask at once share one lookup; for FRESH seconds nobody looks again."""
        first, second = self.addresses.get(), self.addresses.get()
        self.assertNoResult(first)
        self.resolver.answer(ONE, SIX, ONE)
        self.assertEqual(self.successResultOf(first), [ONE, SIX])
        self.assertEqual(self.successResultOf(second), [ONE, SIX])
        self.reactor.advance(FRESH - 0.1)
        self.assertEqual(self.successResultOf(self.addresses.get()), [ONE, SIX])
        self.assertEqual(len(self.resolver.asked), 1)

    def test_at_once(self) -> None:
        """A resolver that answers before it returns is fine."""
        self.resolver.at_once = [ONE]
        self.assertEqual(self.successResultOf(self.addresses.get()), [ONE])
        self.reactor.advance(FRESH)
        self.resolver.at_once = [TWO]
        self.assertEqual(self.successResultOf(self.addresses.get()), [TWO])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_refresh(self) -> None:
        """Old addresses are looked up again, and the new ones are used."""
        self.known(ONE)
        asked = self.addresses.get()
        self.assertNoResult(asked)
        self.resolver.answer(TWO)
        self.assertEqual(self.successResultOf(asked), [TWO])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_refresh_fails(self) -> None:
        """When the name has no addresses any more, the old ones are still used, and each asks again."""
        self.known(ONE)
        for _ in range(2):
            asked = self.addresses.get()
            self.resolver.answer()
            self.assertEqual(self.successResultOf(asked), [ONE])
        self.assertEqual(len(self.resolver.asked), 3)

    def test_refresh_hangs(self) -> None:
        """While a lookup hangs, the first caller waits LOOKUP_TIMEOUT, later ones do not wait; there is one lookup."""
        self.known(ONE)
        asked = self.addresses.get()
        self.reactor.advance(LOOKUP_TIMEOUT)
        self.assertEqual(self.successResultOf(asked), [ONE])
        self.assertEqual(self.successResultOf(self.addresses.get()), [ONE])
        self.assertEqual(len(self.resolver.asked), 2)
        self.resolver.answer(TWO)
        self.assertEqual(self.successResultOf(self.addresses.get()), [TWO])

    def test_lookup_given_up(self) -> None:
        """A lookup that hangs for FRESH seconds is given up; if it answers after all, nobody listens."""
        lost = self.addresses.get()
        self.reactor.advance(FRESH)
        asked = self.addresses.get()
        self.assertEqual(len(self.resolver.asked), 2)
        self.resolver.answer(TWO, question=0)
        self.assertNoResult(asked)
        self.resolver.answer(ONE)
        self.assertEqual(self.successResultOf(asked), [ONE])
        self.assertEqual(self.successResultOf(lost), [ONE])

    def test_many(self) -> None:
        """Of a name server that says very many addresses, the first MAX_ADDRESSES are used."""
        many = [IPv4Address("TCP", f"10.0.0.{number}", 80) for number in range(MAX_ADDRESSES + 5)]
        asked = self.addresses.get()
        self.resolver.answer(*many)
        self.assertEqual(self.successResultOf(asked), many[:MAX_ADDRESSES])

    def test_unknown(self) -> None:
        """A name that never had an address has none, and is looked up each time."""
        asked = self.addresses.get()
        self.resolver.answer()
        self.assertEqual(self.successResultOf(asked), [])
        self.addresses.get()
        self.assertEqual(len(self.resolver.asked), 2)

    def test_cancel(self) -> None:
        """One who waits no longer is not told."""
        asked, other = self.addresses.get(), self.addresses.get()
        asked.cancel()
        self.failureResultOf(asked)
        self.resolver.answer(ONE)
        self.assertEqual(self.successResultOf(other), [ONE])

    def test_best_first(self) -> None:
        """The address that worked comes first, also after the next lookup, unless that has lost it."""
        self.known(SIX, ONE, TWO)
        self.addresses.worked(ONE)
        asked = self.addresses.get()
        self.resolver.answer(SIX, ONE, TWO)
        self.assertEqual(self.successResultOf(asked), [ONE, SIX, TWO])
        self.reactor.advance(FRESH)
        asked = self.addresses.get()
        self.resolver.answer(SIX, TWO)
        self.assertEqual(self.successResultOf(asked), [SIX, TWO])
        self.addresses.worked(ONE)
        self.assertEqual(self.successResultOf(self.addresses.get()), [SIX, TWO])


class NamedEndpointTests(NamesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.endpoint = NamedEndpoint(self.reactor, "backend.example", 80, 10.0)
        self.connecting = self.endpoint.connect(Factory.forProtocol(Protocol))

    def attempts(self) -> list[str]:
        return [attempt[0] for attempt in self.reactor.tcpClients]

    def succeed(self, number: int) -> None:
        self.reactor.tcpClients[number][2].buildProtocol(None).makeConnection(StringTransport())

    def refuse(self, number: int) -> None:
        self.reactor.tcpClients[number][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))

    def test_unknown(self) -> None:
        """A name without addresses is DNSLookupError."""
        self.resolver.answer()
        self.failureResultOf(self.connecting, DNSLookupError)

    def test_next_at_once(self) -> None:
        """When an address refuses, the next one is tried at once; the one that worked is first the next time."""
        self.resolver.answer(SIX, ONE)
        self.assertEqual(self.attempts(), [SIX.host])
        self.refuse(0)
        self.assertEqual(self.attempts(), [SIX.host, ONE.host])
        self.succeed(1)
        self.assertIsInstance(self.successResultOf(self.connecting), Protocol)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.endpoint.connect(Factory.forProtocol(Protocol))
        self.assertEqual(self.attempts()[2:], [ONE.host])

    def test_next_after_a_while(self) -> None:
        """After STAGGER the next address is tried as well; the first to connect wins, the other attempts end."""
        self.resolver.answer(SIX, ONE, TWO)
        self.reactor.advance(STAGGER)
        self.assertEqual(self.attempts(), [SIX.host, ONE.host])
        self.succeed(1)
        self.successResultOf(self.connecting)
        self.assertTrue(self.reactor.connectors[0].stoppedConnecting)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_all_refuse(self) -> None:
        """When none connects, the last failure is told."""
        self.resolver.answer(SIX, ONE)
        self.refuse(0)
        self.refuse(1)
        self.failureResultOf(self.connecting, ConnectionRefusedError)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_slow_one_wins(self) -> None:
        """The failure of a later address does not end an earlier one that is still trying."""
        self.resolver.answer(SIX, ONE)
        self.reactor.advance(STAGGER)
        self.refuse(1)
        self.assertNoResult(self.connecting)
        self.succeed(0)
        self.successResultOf(self.connecting)

    def test_cancel(self) -> None:
        """Cancelling ends every attempt, and no further one starts."""
        self.resolver.answer(SIX, ONE, TWO)
        self.reactor.advance(STAGGER)
        self.connecting.cancel()
        self.failureResultOf(self.connecting)
        self.assertTrue(all(connector.stoppedConnecting for connector in self.reactor.connectors))
        self.assertEqual((len(self.attempts()), self.reactor.getDelayedCalls()), (2, []))

    def test_cancel_the_lookup(self) -> None:
        """Cancelling while the name is looked up connects to nothing."""
        self.connecting.cancel()
        self.failureResultOf(self.connecting)
        self.resolver.answer(ONE)
        self.assertEqual(self.attempts(), [])
