"""Decides when each webhook is sent: a bounded number at once, shared by kind and party, and few in an outage.

Each kind of event has a breaker of its own. While that of connects is open, connects are turned away but for a few
probes. Deliveries of the other kinds wait to be probes; all are sent when a webhook of their kind is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsaas.backend.breaker import LONGEST_PAUSE
from wsaas.backend.concurrency import Shares
from wsaas.backend.delivery import Delivery, Load, Traffic
from wsaas.backend.health import Change, Health
from wsaas.core.events import EventKind
from wsaas.http_client.exchange import Fault, HttpResponse

_CONNECT = EventKind.CONNECT  # Enum looks its members up anew each time


class Dispatcher:
    """Sends deliveries in turn: by `send`, or by what their traffic has instead. One that was sent has a place in
    flight until it is `released`.

    What waits for its turn is bounded by what is submitted: the courier has one delivery for each connection at most.
    Connects that must not wait are `turned_away`; what has waited for all of its patience, while the backend could not
    be reached at all, is `given_up`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        random: Callable[[], float],
        concurrency: int,
        traffic: tuple[Traffic, ...],
        *,
        send: Callable[[Delivery], object],
        turn_away: Callable[[Delivery], object],
        give_up: Callable[[Delivery, str], object],
    ) -> None:
        self._clock = clock
        self._seconds = clock.seconds  # each message reads it
        self._shares = Shares(concurrency)
        self._health = Health(random)
        self._traffic = traffic
        self._turn_away = turn_away
        self._give_up = give_up
        for at, each in enumerate(traffic):
            each.send = send
            each.earlier = tuple([other.ready.parties for other in traffic[:at]])
            each.may_go = partial(self._shares.allow, each.kind)
            # A connect is admitted, or turned away, before it waits.
            each.may_probe = each.may_go if each.kind is _CONNECT else partial(self._may_probe, each)
        self._waiting = tuple([each.ready.parties for each in traffic])
        self._probing: IDelayedCall | None = None
        self._outages = 0
        """Breakers that are open."""
        self._busy = False
        """True while deliveries are being sent: those that are submitted meanwhile have their turn after that."""
        self.release = self._shares.release
        """To be called with kind and party of a delivery that is in flight no more, and then `pump`."""

    def stop(self) -> None:
        """Send nothing more."""
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None
        for traffic in self._traffic:
            traffic.ready.remove_all()

    def load(self) -> dict[EventKind, Load]:
        """Return the webhooks of each kind at this moment."""
        in_flight = dict(self._shares.in_flight)
        in_flight[EventKind.MESSAGE] -= in_flight[EventKind.REFRESH]
        return {
            each.kind: Load(in_flight[each.kind], each.ready.size + each.pausing, each.breaker.open)
            for each in self._traffic
        }

    def submit(self, delivery: Delivery) -> None:
        """Send a delivery, now or in its turn; a connect may be turned away instead."""
        traffic, party = delivery.traffic, delivery.party
        ready, outage = traffic.ready, traffic.breaker.open
        if traffic.kind is _CONNECT and not self._health.admits(traffic, party, self._clock.seconds()):
            self._turn_away(delivery)
        elif (
            self._busy
            or party in ready.parties
            or (ready.size and (self._shares.offers or outage))
            or (outage and not traffic.may_probe(party))
            or not self._shares.try_acquire(traffic.kind, party)
        ):
            delivery.began = self._seconds()
            # In an outage a new one comes before those that have failed: the fault may be theirs.
            ready.append(delivery, outage)
            if self._busy or outage:
                self._pump_all()
        else:
            # None of those that wait may be sent now: each place that becomes free is offered to them.
            self._busy = True
            try:
                traffic.send(delivery)
            finally:
                self._busy = False
            if self._shares.offers or self._outages:
                self.pump()

    def submit_again(self, delivery: Delivery) -> None:
        """Send a delivery that has failed before, in its turn behind all others."""
        delivery.traffic.ready.append(delivery)
        self._pump_all()

    def pump(self) -> None:
        """Send what may be sent. Deliveries that are submitted meanwhile have their turn in the same call."""
        if self._busy:
            return
        shares = self._shares
        if not any(self._waiting):
            shares.offers = 0
            return
        self._busy = True
        try:
            while shares.offers > 0:
                for traffic in self._traffic:
                    ready = traffic.ready
                    if (
                        ready.size
                        and shares.room(traffic.kind)  # or each of many parties would be asked for in vain
                        and (delivery := ready.take(traffic.may_probe if traffic.breaker.open else traffic.may_go))
                        is not None
                    ):
                        shares.offers -= 1
                        shares.acquire(traffic.kind, delivery.party)
                        traffic.send(delivery)
                        break
                else:
                    shares.offers = 0
        finally:
            self._busy = False
        if self._outages:
            self._plan_round()

    def pass_on(self, delivery: Delivery, following: Delivery | None) -> bool:
        """Give the place of a delivery, which is in flight no more, to the next one of its kind, and send that.

        `following` is the next event of the same session, if it has one of this kind; it is submitted as well.

        Fast path: as `release`, `submit` and `pump`, where a place goes from one delivery to the next. Return False,
        with nothing changed, where these must decide.
        """
        shares, traffic = self._shares, delivery.traffic
        if self._busy:
            return False
        ready = traffic.ready
        if ready.size:
            if any(traffic.earlier):
                return False
            party = next(iter(ready.parties))
            if not shares.pass_on(traffic.kind, delivery.party, party):
                return False
            following = ready.take_of(party) if following is None else ready.exchange(party, following)
        elif following is None or not shares.pass_on(traffic.kind, delivery.party, following.party):
            return False
        self._busy = True
        try:
            traffic.send(following)
        finally:
            self._busy = False
        if shares.offers:  # that one was not sent, or not by itself
            self.pump()
        return True

    def note(self, delivery: Delivery, answer: HttpResponse | Fault) -> Sequence[Change]:
        """Judge the backend by an answer, and act on what that changes."""
        traffic = delivery.traffic
        if isinstance(answer, Fault) or answer.status >= 500:
            changes = self._health.failed(delivery, answer, self._clock.seconds())
            if traffic.kind is _CONNECT:
                traffic.plain_answer = None  # each OK is read, as it counts for its party
        elif traffic.breaker.failures or traffic.kind is _CONNECT:
            changes = self._health.well(delivery)
        else:
            return ()
        for change in changes:
            if change is Change.CLOSED:
                self._outages -= 1
                self._shares.offers = inf
            elif change is Change.OPENED:
                self._outages += 1
                self._turn_all_away(traffic.ready.remove_all() if traffic.kind is _CONNECT else ())
            else:
                self._turn_all_away(traffic.ready.remove_party(delivery.party))
        return changes

    def note_plain(self, traffic: Traffic, answer: object) -> None:
        """Let an answer that had the plain outcome be the plain one, unless each must be judged by its party."""
        if traffic.kind is not _CONNECT or not self._health.failing:
            traffic.plain_answer = answer

    # Steps

    def _turn_all_away(self, connects: Iterable[Delivery]) -> None:
        for delivery in connects:
            self._turn_away(delivery)

    def _may_probe(self, traffic: Traffic, party: str) -> bool:
        """Return whether a delivery of this party may be sent although the breaker is open."""
        return self._shares.allow(traffic.kind, party) and traffic.breaker.admit(None, self._clock.seconds())

    def _pump_all(self) -> None:
        """Send what may be sent, after a change that concerns more than the places that became free."""
        self._shares.offers = inf
        self.pump()

    def _plan_round(self) -> None:
        due = [each.breaker.next_round for each in self._traffic if each.breaker.open and each.ready.size]
        if due and self._probing is None:
            left = min(due) - self._clock.seconds()
            # If the round has begun and there is no place in flight, the next answer makes one.
            self._probing = self._clock.callLater(left if left > 0 else LONGEST_PAUSE, self._begin_round)

    def _begin_round(self) -> None:
        self._probing = None
        now = self._clock.seconds()
        for traffic in self._traffic:
            breaker, patience = traffic.breaker, traffic.patience
            if breaker.open and patience and now - breaker.opened_at >= patience:
                for delivery in traffic.ready.remove(partial(_over, now - patience)):
                    self._give_up(delivery, f"nothing was sent for {patience:g} s: the backend cannot be reached")
        self._pump_all()


def _over(began: float, delivery: Delivery) -> bool:
    """Return whether a delivery was tried first at this moment or earlier."""
    return delivery.began <= began
