"""The vouches of this process: its word, given with its renewals, that the engine has each group of its members.

A push to a group is sent to each process but those that vouch for their groups and do not have this one there. So that
no member is missed, a group counts as known (`own_groups.py`) once each engine that may believe a vouch of this process
has it. There can be two: the master that was, and the one that took its place.

    a vouch is good until a moment of the engine's clock, VOUCH after the engine's time in the last answer: however late
    the engine reads it, it is over UNVOUCHED seconds after that answer came
    it is given over a connection to the engine only once all groups were compared over the same one
    what an engine says of others is believed UNVOUCHED seconds after the first renewal over this connection: all that
    it had from a master before it is over by then

Moments are seconds of a clock that also counts while the machine is suspended. No I/O happens here.
"""

from __future__ import annotations

from math import inf

from wsaas.cluster import scripts

MARGIN = 0.1
UNVOUCHED = (scripts.VOUCH + scripts.FRESH) / 1000 + MARGIN
"""Seconds after an answer of the engine's after which a vouch that counts from its time is over, although the clock was
set back by less than can be noticed; a margin for clocks that run at different rates."""


class Vouches:
    """The vouches of one process, by the connections over which it reaches the engine, which are numbered."""

    def __init__(self) -> None:
        self.compared = 0
        """The connection over which the engine was found to have all groups; 0 for none."""
        self._connection = 0
        self._believed_from = inf
        self._engine_time = 0
        self._answered = -inf
        self._given = 0
        self._over = self._over_elsewhere = -inf

    def renewed(self, connection: int, engine_time: int, now: float) -> None:
        """Hear of an answer to a renewal of this process itself: the engine's time in milliseconds."""
        if connection != self._connection:
            self._connection, self._believed_from = connection, now + UNVOUCHED
        self._engine_time, self._answered = engine_time, now

    def vouch(self, connection: int) -> int:
        """Return the moment until which this process vouches with a renewal that is sent now; 0 if it does not."""
        if connection != self._connection or connection != self.compared:
            return 0
        if connection != self._given:
            self._given, self._over_elsewhere = connection, max(self._over, self._over_elsewhere)
        self._over = self._answered + UNVOUCHED
        return self._engine_time + scripts.VOUCH

    @property
    def over(self) -> float:
        """The moment at which all vouches are over, if none follows."""
        return max(self._over, self._over_elsewhere)

    def over_beside(self, connection: int) -> float:
        """Return the moment at which all vouches are over that were given over other connections than this one."""
        return self._over_elsewhere if connection == self._given else self.over

    def believes(self, connection: int, now: float) -> bool:
        """Say if this process may believe what the engine says of the others' vouches."""
        return connection == self._connection and now >= self._believed_from
