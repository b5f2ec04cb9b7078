"""Admits clients: so many in all, so many from one address, so fast, and so many waiting for their answer.

    accept -> acquire (an AdmissionSlot) -> admit, once the address is known -> reserve, when the handshake is sound
    -> answered -> release

One over a limit is told so after its handshake (503, come back later), as long as there are not too many of that
kind here; the others are cut off at once. Plain rules: no sockets, and the time is passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from wsaas.clients.handshake.client_address import is_public, network
from wsaas.core.rate_limit import Rates
from wsaas.core.refusal import Refusal, RefusalReason

BURST = 10
"""Seconds' worth of connections that may come at once after a rest: a company behind one address reconnects."""
ADDRESSES = 10_000
"""Addresses whose rate is remembered."""
ASKING_PER_WEBHOOK = 32
"""Clients that wait for the answer to their connect, for each webhook that may be in flight: the last one waits as long
as the backend takes for so many answers."""
LATEST = 15
"""A client that is turned away is told to come back after 1 to so many seconds: not all at once."""


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
        """What it is to be answered, if it may not come in."""

    def admit(self, host: str, limited: bool, now: float) -> bool:
        """Count the connection against its address, `limited` unless that is a proxy's. False: cut it off."""
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
        """Note that its handshake is sound and waits until `answered`; or return what it is to be answered now."""
        if self.refusal is None:
            self._asking = self._admission.begin_to_ask(self._network if self._public else None)
            if not self._asking:
                self._refuse(RefusalReason.BUSY)
        return self.refusal

    def answered(self) -> None:
        if self._asking:
            self._asking = False
            self._admission.answered(self._network if self._public else None)

    def release(self) -> None:
        """Release the slot: the connection is gone. Idempotent."""
        if not self._gone:
            self._gone = True
            self.answered()
            self._admission.left(self, self._network)

    def _refuse(self, reason: RefusalReason) -> None:
        self.refusal = self._admission.refusal(reason)


class Admission:
    """The counts and their limits; 0 for no limit per address. `below(n)` is a random number from 0 to n - 1.

    `connect_rate` is how many a second may come from one public address. Others may stand for many: proxies, bridges.

    `refused` counts those that are turned away, by reason.

    The tables are bounded: those of the networks by the connections, that of the rates by itself.
    """

    def __init__(
        self,
        *,
        most_per_address: int,
        most_asking: int,
        connect_rate: int,
        below: Callable[[int], int],
        refused: Counter[RefusalReason],
    ) -> None:
        self.most: int | None = None
        self.most_surplus = 64
        self.most_asking = most_asking
        self.present = self.surplus = self.asking = 0
        self.rates = Rates(connect_rate, connect_rate * BURST, ADDRESSES) if connect_rate else None
        self.refused = refused
        self._most_per_address = most_per_address
        self._networks: Counter[str] = Counter()
        self._asking: Counter[str] = Counter()
        self._below = below

    def limit(self, most: int, surplus: int) -> None:
        """From now on at most so many clients, and so many more that are only told so."""
        self.most, self.most_surplus = most, surplus

    @property
    def full(self) -> bool:
        return self.most is not None and self.present - self.surplus >= self.most

    def acquire(self) -> AdmissionSlot | None:
        """Somebody connects; None if there is no room even to say that there is none."""
        if self.most is not None and self.present >= self.most + self.most_surplus:
            self.refused[RefusalReason.TOO_MANY_CONNECTIONS] += 1
            return None
        slot = AdmissionSlot(self)
        if self.full:
            slot.refusal = self.refusal(RefusalReason.TOO_MANY_CONNECTIONS)
        self.present += 1
        return slot

    def too_many_from(self, network: str) -> bool:
        """Count one more from there."""
        self._networks[network] += 1
        return 0 < self._most_per_address < self._networks[network]

    def begin_to_ask(self, network: str | None) -> bool:
        """Count one more that waits for its answer, unless too many do: of one public network no more than half of all,
        so that nobody's connects, however long they take, keep others out.
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
        """One waits no more."""
        self.asking -= 1
        if network is not None:
            self._asking[network] -= 1
            if not self._asking[network]:
                del self._asking[network]

    def refusal(self, reason: RefusalReason) -> Refusal:
        """One more that is over a limit."""
        self.surplus += 1
        self.refused[reason] += 1
        return Refusal(reason, retry_after=1 + self._below(LATEST))

    def left(self, slot: AdmissionSlot, network: str | None) -> None:
        self.present -= 1
        if slot.refusal is not None:
            self.surplus -= 1
        if network is not None:
            self._networks[network] -= 1
            if not self._networks[network]:
                del self._networks[network]
