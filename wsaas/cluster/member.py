"""The membership of this process: it joins, renews its lease each second, knows the others, and leaves.

JOIN -> OK -> RENEW, each RENEW_EVERY -> OK        the lease runs on
                                      -> UNKNOWN   the engine has lost it: JOIN again, and upload what lives
                                      -> FENCED    another process has claimed it: it must end
                                      -> an error  as without an answer: the others are asked
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.keys import Keys
from wsaas.cluster.right import Right
from wsaas.cluster.scripts import SCHEMA, Scripts
from wsaas.cluster.table import MemberRow, Table
from wsaas.cluster.view import View
from wsaas.cluster.vouches import Vouches
from wsaas.telemetry.log_limit import LogLimit

RENEW_EVERY = 1.0
"""Seconds between two renewals."""


class Fate(Enum):
    """The engine's word on a process that this one does not know, or could not reach."""

    MEMBER = "it is a member"
    OVER = "it is over: it left, was claimed, or never was"
    UNSURE = "the engine is away, or does not know all processes yet"


class MemberEvents(Protocol):
    """Hears of the steps of the membership."""

    def joined(self) -> None:
        """Hear that the engine has this process, for the first time or anew: what lives is to be uploaded."""

    def renewed(self, expired: list[str]) -> None:
        """Hear that the lease is renewed, and which processes have not renewed theirs for long."""

    def unanswered(self) -> None:
        """Hear that a renewal was due, and had no answer, or an error for one."""

    def fenced(self, sure: bool) -> None:
        """Hear that another process has claimed this one, or may have, and the engine has forgotten it."""


class Member:
    """This process as a member. `own_row()` is what others learn of it; `boottime()` its clock, in seconds."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        boottime: Callable[[], float],
        engine: Engine,
        keys: Keys,
        prefix: str,
        token: str,
        own_row: Callable[[], MemberRow],
        right: Right,
        table: Table,
    ) -> None:
        self._clock = clock
        self._boottime = boottime
        self.engine = engine
        self.keys = keys
        self.scripts = Scripts()
        self.prefix = prefix
        self._token = token
        self.own_row = own_row
        self.right = right
        self.table = table
        self._read_over = 0
        """The connection to the engine over which the table was read."""
        self.vouches = Vouches()
        self.events: MemberEvents | None = None
        self.known = False
        """True while the engine has this process as a member, as far as is known."""
        self.sequence: Callable[[], int] = int
        """The number of the last batch of rows that was sent."""
        self._beating: IDelayedCall | None = None
        self._asking: Deferred[None] | None = None
        self._stopped = False
        self._refusal: str | None = None
        """The error that the engine last gave for an answer; None once it renews the lease again."""
        self._limit = LogLimit(clock)
        engine.events = self

    @property
    def trouble(self) -> str:
        """The reason why the lease is not renewed, if it is not."""
        if self.engine.trouble is None and self._refusal is not None:
            return f"the engine refuses it: {self._refusal}"
        return self.engine.trouble or "the engine does not answer"

    def start(self) -> None:
        """Begin to join."""
        self.engine.start()
        self._beating = self._clock.callLater(RENEW_EVERY, self._beat)

    def stop(self) -> None:
        """Renew no more."""
        self._stopped = True
        if self._beating is not None and self._beating.active():
            self._beating.cancel()
        if self._asking is not None:
            self._asking.cancel()
        self.engine.stop()

    def engine_there(self) -> None:
        """Renew at once: EngineEvents."""
        self.hurry()

    def engine_lost(self) -> None:
        """Do nothing: the next renewal tells: EngineEvents."""

    def hurry(self) -> None:
        """Renew or join now, unless that is under way."""
        if self._asking is None and not self._stopped and not self.right.fenced:
            self._asking = Deferred.fromCoroutine(self._renew() if self.known else self._join())
            self._asking.addBoth(self._asked)

    def forget(self) -> None:
        """Note that the engine does not know this process, or lost rows of it: it is to join again."""
        self.known = False
        self.hurry()

    async def leave(self) -> None:
        """Be a member no more; what the engine does not answer, the lease's end will say."""
        self._stopped = True
        if self._beating is not None and self._beating.active():
            self._beating.cancel()
        if self.known:
            try:
                keys = self.keys.leave(self.prefix)
                await self.engine.run(self.scripts.leave, keys, (self.prefix, self.own_row().encode()))
            except (EngineAway, EngineRefused) as error:
                self._log.warn("the engine did not hear that this process leaves: {reason}", reason=str(error))

    async def look_up(self, prefix: str) -> Fate:
        """Ask the engine of a process, and put what it says into the table."""
        try:
            state, row, mine = await self._about(prefix)
        except (EngineAway, EngineRefused):
            return Fate.UNSURE
        if state in (b"claimed", b"left"):
            self.table.remove(prefix)
            return Fate.OVER
        if state is None:
            if not mine:  # it has lost all that it knew
                self.forget()
            now = self._boottime()
            if not self.known or now < self.table.calm_until or not self.right.leased(now):
                return Fate.UNSURE
            self.table.remove(prefix)
            return Fate.OVER
        read = None if row is None else MemberRow.decode(row)
        if read is not None:
            self.table.put(prefix, read)
        return Fate.MEMBER

    async def _about(self, prefix: str) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Return the state and the row of a process, and the state of this one."""
        calls = [
            self.engine.call("HGET", self.keys.key("m", prefix), "state"),
            self.engine.call("HGET", self.keys.key("table"), prefix),
            self.engine.call("HGET", self.keys.key("m", self.prefix), "state"),
        ]
        for call in calls[1:]:
            call.addErrback(lambda failure: failure.trap(EngineAway, EngineRefused) and None)
        return await calls[0], await calls[1], await calls[2]

    # Steps

    def _beat(self) -> None:
        self._beating = self._clock.callLater(RENEW_EVERY, self._beat)
        if self._asking is not None or not self.engine.there:
            self._unanswered()
        self.hurry()

    def _unanswered(self) -> None:
        if self.events is not None:
            self.events.unanswered()

    def _asked(self, failure: Failure | None) -> None:
        self._asking = None
        if failure is None or failure.check(CancelledError, EngineAway) is not None:
            return
        if failure.check(EngineRefused) is not None:
            self._refusal = str(failure.value)
            self._unanswered()
            self._limit.emit(
                self._log,
                LogLevel.error,
                "refused",
                "the engine refuses this process: {reason}",
                reason=self._refusal,
            )
        else:
            self._log.failure("the lease could not be renewed", failure)

    async def _join(self) -> None:
        sent = self._boottime()
        if self.right.unsure(sent):
            self._fenced(sure=False)
            return
        if self.engine.there:
            self.right.sending(sent)
        words = (self.prefix, self._token, self.own_row().encode(), self.sequence())
        answer = await self.engine.run(self.scripts.join, self.keys.state(self.prefix), words)
        if answer[0] == b"OK":
            # Its view is itself alone for the engine, until the next renewal, which follows at once.
            self.right.renewed(sent)
            self._read_table(answer)
            self.known, self._refusal = True, None
            self._log.info(
                "joined the cluster as {prefix}; processes in it: {count}",
                prefix=self.prefix,
                count=len(self.table.others()) + 1,
            )
            if self.events is not None:
                self.events.joined()
            await self._renew()
        elif answer[0] == b"SCHEMA":
            self._limit.emit(
                self._log,
                LogLevel.error,
                "schema",
                "the engine holds a cluster of schema {found}, and this version has {ours}: give this one another "
                "CLUSTER_NAME, or run one version everywhere",
                found=answer[1].decode("latin-1"),
                ours=SCHEMA.decode("ascii"),
            )
        else:
            self._fenced()

    def renewal(self) -> tuple[float, View, tuple[str, str, str, int]]:
        """Return a renewal to be sent now: its moment, its view, and the words for the script.

        These are this prefix, the view as text, the row, and the version of the table. Over a new connection that is
        -1, and the whole table comes: an engine that came back may have given the same number to another table.
        """
        sent, row = self._boottime(), self.own_row()
        version = self.table.version if self.engine.connections == self._read_over else -1
        view = View.of(row.node, self.table.nodes())
        self.right.sending(sent, view)
        return sent, view, (self.prefix, view.encode(self.prefix), row.encode(), version)

    def relayed(self, sent: float, view: View, answer: list[Any]) -> bool:
        """Take the engine's answer to a renewal, perhaps sent on by another process; return if it renewed the lease."""
        if answer[0] == b"OK":
            self.right.renewed(sent, view)
            self._read_table(answer)
            self._refusal = None
        elif answer[0] == b"FENCED":
            self._fenced()
        return bool(answer[0] == b"OK")

    async def _renew(self) -> None:
        sent, view, words = self.renewal()
        known, connection = self.table.version, self.engine.connections
        words_and_vouch = (*words, self.vouches.vouch(connection))
        answer = await self.engine.run(self.scripts.renew, self.keys.state(self.prefix), words_and_vouch)
        if self.relayed(sent, view, answer):
            self._read_over = connection
            self.vouches.renewed(connection, answer[1], self._boottime())
            if self.table.version != known:  # the view was older: a quorum would count those that are no more
                self._clock.callLater(0, self.hurry)
            if self.events is not None:
                self.events.renewed([prefix.decode("ascii") for prefix in answer[4]])
        elif answer[0] == b"UNKNOWN":
            self._log.warn("the engine does not know this process any more: joining again")
            self.known = False
            self._clock.callLater(0, self.hurry)

    def _read_table(self, answer: list[Any]) -> None:
        version, flat, now = answer[2], answer[5], self._boottime()
        self.table.heard(now, answer[3] / 1000)
        if flat:  # another version than the one that was sent
            self.table.replace(version, dict(zip(flat[::2], flat[1::2], strict=True)), now)

    def _fenced(self, sure: bool = True) -> None:
        if not self.right.fenced and not self._stopped:
            self.right.refused()
            if self.events is not None:
                self.events.fenced(sure)
