"""The right of a process to speak: to send webhooks and replies, and to say that a push was written.

    it never joined            nobody can claim what the engine does not know: it may speak
    its lease runs             nobody may claim it before the lease is out
    votes                      the engine is lost, and more than half of the nodes that it last saw have no lease, too:
                               then nobody has a quorum to claim it, and it may speak for VOTE seconds
    fenced                     it was claimed, and never speaks again

Moments are seconds of a clock that also counts while the machine is suspended (CLOCK_BOOTTIME). No I/O happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import inf

from wsaas.cluster import scripts
from wsaas.cluster.view import NOBODY, View

MARGIN = 0.2
LEASE = scripts.LEASE / 1000 - MARGIN
"""Seconds from the sending of a renewal until the lease is out; a margin for clocks that run at different rates."""
CLAIM_AFTER = scripts.CLAIM_AFTER / 1000
VOTE = 2.0
"""Seconds for which votes are good, from when they were asked for."""
LATCH = CLAIM_AFTER - 1.0
"""Seconds after the last renewal after which only the engine gives the right back: a claim may have come meanwhile."""
UNBROKEN = 1.5
"""Seconds after the last votes ran out within which others still count."""


class Right:
    """The right of one process, by the moments of its renewals and votes.

    It keeps the views that the engine may have as this one's last: that of the last renewal that was answered, and
    those sent since. Bound: one for each second without an answer, at most MAX_VIEWS different ones.
    """

    MAX_VIEWS = 64

    def __init__(self) -> None:
        self._lease_until = self._votes_until = -inf
        self._renewed = -inf
        self._views: list[View] = []
        self.joined = False
        self.fenced = False

    def may_speak(self, now: float) -> bool:
        """Say if the process has the right at this moment."""
        return (now < self._lease_until or now < self._votes_until or not self.joined) and not self.fenced

    def by(self, clock: Callable[[], float]) -> Callable[[], bool]:
        """Return a function that says if the process has the right when it is called: `may_speak` of the moment."""

        def may_speak() -> bool:
            now = clock()  # then as the method does, uncalled: each webhook asks
            return (now < self._lease_until or now < self._votes_until or not self.joined) and not self.fenced

        return may_speak

    def leased(self, now: float) -> bool:
        """Say if the lease runs: the answer to those that ask for a vote is the opposite."""
        return now < self._lease_until and not self.fenced

    def until(self) -> float:
        """Return the moment at which the right ends as things are."""
        return max(self._lease_until, self._votes_until) if self.joined else inf

    def unsure(self, now: float) -> bool:
        """Say if a claim may have come: an engine that does not know this process may have forgotten that, too."""
        return self.joined and not self.may_speak(now) and not self.votes_count(now)

    def sending(self, now: float, view: View = NOBODY) -> None:
        """Note that a renewal is sent, with the members that this process knows of.

        Before the first one nobody can have claimed it: it has a lease already when that is sent.
        """
        if not self.joined:
            self.joined = True
            self._renewed, self._lease_until = now, now + LEASE
        if view not in self._views:
            self._views.append(view)
            del self._views[: -self.MAX_VIEWS]

    def renewed(self, sent: float, view: View = NOBODY) -> None:
        """Note that the engine has the renewal that was sent at this moment with this view."""
        if sent + LEASE > self._lease_until:
            self._renewed, self._lease_until = sent, sent + LEASE
        self._views = [view]

    def refused(self) -> None:
        """Note that this process was claimed."""
        self.fenced = True

    def votes_count(self, now: float) -> bool:
        """Say if votes can give the right: not once a claim may have come in a time without it.

        For a claim, the engine must know others that this process knew: none ever comes to one that knew nobody.
        """
        return now < self._renewed + LATCH or now < self._votes_until + UNBROKEN or not self.voters()

    def voters(self) -> frozenset[str]:
        """Return the processes whose votes count."""
        return frozenset().union(*(view.prefixes() for view in self._views))

    def voted(self, asked: float, now: float, without_lease: Collection[str]) -> bool:
        """Note which processes said that their leases are out, when asked at this moment; return if that is enough."""
        if self.fenced or now < self._lease_until or not self.votes_count(now):
            return False
        enough = all(view.is_majority(without_lease) for view in self._views)
        if enough:
            self._votes_until = max(self._votes_until, asked + VOTE)
        return enough
