"""Admits clients within four limits: in all, from one address, per second, and waiting for the backend's answer.

    accept -> acquire (an AdmissionSlot) -> admit, once the address is known -> reserve, when the handshake is sound
    -> answered -> release

A client over a limit gets 503 after its handshake, as long as not too many such clients are connected; the others are
cut off at once. These are plain rules: they know no sockets, and the time is passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from wsaas.clients.handshake.client_address import is_public, network
from wsaas.core.rate_limit import Rates
from wsaas.core.refusal import Refusal, RefusalReason

BURST = 10
"""Seconds' worth of connections that one address may open at once after a pause: a company behind it reconnects."""
ADDRESSES = 10_000
"""Addresses whose rate is remembered."""
ASKING_PER_WEBHOOK = 32
"""Clients that may wait for the answer to their connect, for each webhook that may be in flight. The last of them waits
as long as the backend takes for so many answers."""
MAX_RETRY_AFTER = 15
"""Seconds: the longest Retry-After of a client that is refused. Each gets a random one, so that they do not all return
at once."""


class AdmissionSlot:
    """One connection's part in the counts of an Admission."""

    __slots__ = ("_admission", "_asking", "_gone", "_network", "_public", "refusal")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._network: str | None = None
        self._public = False
        self._asking = False
        self._gone = False
        self.refusal: Refusal | None = None
        """The refusal that the client is to be answered, if it is over a limit."""

    def admit(self, host: str, limited: bool, now: float) -> bool:
        """Count the connection against its address; return False if it is to be cut off.

        `limited` is False for the address of a trusted proxy, which is exempt.
        """
        admission = self._admission
        if self.refusal is None and limited and host:
            self._network = network(host)
            self._public = is_public(host)
            if admission.too_many_from(self._network):
                self._refuse(RefusalReason.TOO_MANY_FROM_ADDRESS)
            elif self._public and admission.rates is not None and not admission.rates.allows(self._network, now):
                self._refuse(RefusalReason.TOO_FAST)
        return self.refusal is None or admission.surplus <= admission.most_surplus

    def reserve(self) -> Refusal | None:
        """Reserve a place among the clients that wait for the backend's answer; or return the refusal for this one."""
        if self.refusal is None:
            self._asking = self._admission.begin_to_ask(self._network if self._public else None)
            if not self._asking:
                self._refuse(RefusalReason.BUSY)
        return self.refusal

    def answered(self) -> None:
        """Give the reserved place back: the backend has answered. Idempotent."""
        if self._asking:
            self._asking = False
            self._admission.answered(self._network if self._public else None)

    def release(self) -> None:
        """Release the slot: the connection is gone. Idempotent."""
        if not self._gone:
            self._gone = True
            self.answered()
            self._admission.release(self, self._network)

    def _refuse(self, reason: RefusalReason) -> None:
        self.refusal = self._admission.refusal(reason)


class NetworkCounts(Protocol):
    """The numbers of clients by network."""

    def add(self, network: str) -> int:
        """Count one more client of the network, and return how many there are."""

    def remove(self, network: str) -> None:
        """Count one client less."""


class LocalCounts:
    """The numbers of the clients of this process: NetworkCounts. It has one number for each network with clients."""

    def __init__(self) -> None:
        self.numbers: Counter[str] = Counter()

    def add(self, network: str) -> int:
        """Count one more client of the network, and return how many there are."""
        self.numbers[network] += 1
        return self.numbers[network]

    def remove(self, network: str) -> None:
        """Count one client less."""
        self.numbers[network] -= 1
        if not self.numbers[network]:
            del self.numbers[network]


class Admission:
    """The counts of connections, and their limits.

    `most_per_address` of 0 is no limit. `connect_rate` is in connections a second from one public address, 0 for no
    limit; addresses that are not public may stand for many clients (proxies, bridges), and are exempt. `below(n)` is a
    random number from 0 to n - 1. `refused` counts the refused clients by reason.

    `networks` counts the clients by network, by default those of this process. The tables are bounded: those of the
    networks by the connections, that of the rates by itself.
    """

    def __init__(
        self,
        *,
        most_per_address: int,
        most_asking: int,
        connect_rate: int,
        below: Callable[[int], int],
        refused: Counter[RefusalReason],
        networks: NetworkCounts | None = None,
    ) -> None:
        self.most: int | None = None
        self.most_surplus = 64
        self.most_asking = most_asking
        self.present = self.surplus = self.asking = 0
        self.rates = Rates(connect_rate, connect_rate * BURST, ADDRESSES) if connect_rate else None
        self.refused = refused
        self._most_per_address = most_per_address
        self._networks: NetworkCounts = networks or LocalCounts()
        self._asking: Counter[str] = Counter()
        self._below = below

    def limit(self, most: int, surplus: int) -> None:
        """Set the most clients in all, and the most beyond those that are answered with 503."""
        self.most, self.most_surplus = most, surplus

    @property
    def full(self) -> bool:
        return self.most is not None and self.present - self.surplus >= self.most

    def acquire(self) -> AdmissionSlot | None:
        """Take a slot for a new connection, or return None when even the surplus is used up."""
        if self.most is not None and self.present >= self.most + self.most_surplus:
            self.refused[RefusalReason.TOO_MANY_CONNECTIONS] += 1
            return None
        slot = AdmissionSlot(self)
        if self.full:
            slot.refusal = self.refusal(RefusalReason.TOO_MANY_CONNECTIONS)
        self.present += 1
        return slot

    def too_many_from(self, network: str) -> bool:
        """Count one more connection of a network; return True if that is too many."""
        count = self._networks.add(network)
        return 0 < self._most_per_address < count

    def begin_to_ask(self, network: str | None) -> bool:
        """Count one more client that waits for the backend's answer; return False, uncounted, if too many wait.

        One public network has at most half of the places, so that its connects, however long they take, keep no other
        client out.
        """
        if self.asking >= self.most_asking:
            return False
        if network is not None:
            if self._asking[network] * 2 >= self.most_asking:
                return False
            self._asking[network] += 1
        self.asking += 1
        return True

    def answered(self, network: str | None) -> None:
        """Count one client less that waits for the backend's answer."""
        self.asking -= 1
        if network is not None:
            self._asking[network] -= 1
            if not self._asking[network]:
                del self._asking[network]

    def refusal(self, reason: RefusalReason) -> Refusal:
        """Count one more client over a limit, and return its refusal."""
        self.surplus += 1
        self.refused[reason] += 1
        return Refusal(reason, retry_after=1 + self._below(MAX_RETRY_AFTER))

    def release(self, slot: AdmissionSlot, network: str | None) -> None:
        """Count one connection less."""
        self.present -= 1
        if slot.refusal is not None:
            self.surplus -= 1
        if network is not None:
            self._networks.remove(network)
