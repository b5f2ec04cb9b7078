"""The processes that certainly have no member of a group, by the engine's word: a push to the group leaves them out.

    a push -> the engine is asked, with what came while the last question was under way -> who is left out

A process is left out only if it vouches for its groups (`vouches.py`) and the group is not among them. In doubt no
process is left out: while the engine is away or slow, for a moment after it said that all have members, and until this
process has been in touch with it for long enough. With one other process the engine is not asked: the question would
cost as much as the push.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from wsaas.cluster.engine_connection import EngineAway, EngineRefused, Word
from wsaas.cluster.member import Member

ANSWER_TIMEOUT = 0.25
"""Seconds for which a push waits for the engine's answer, beside the time that the question before it takes."""
MAX_GROUPS = 500
"""Groups of one question, at most, and groups that are remembered to have members everywhere."""
EVERYWHERE = 2.0
"""Seconds for which pushes to a group go to all, after the engine said that no process is to be left out."""
MIN_OTHERS = 2
"""Other processes for which the engine is asked, at least."""
NOBODY: Set[str] = frozenset()


class Interest:
    """Asks the engine for process `member`. `others()` are the prefixes of the processes that a push may go to.

    Bound: an entry for each push that waits, for twice ANSWER_TIMEOUT at most, and MAX_GROUPS groups.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        member: Member,
        boottime: Callable[[], float],
        others: Callable[[], list[str]],
    ) -> None:
        self._clock = clock
        self._member = member
        self._boottime = boottime
        self._others = others
        self._next: dict[str, list[Deferred[Set[str]]]] = {}
        self._asked: dict[str, list[Deferred[Set[str]]]] = {}
        self._asking = False
        self._timer: IDelayedCall | None = None
        self._everywhere: dict[str, float] = {}
        """Groups with members at all others when they were last asked about, and until when no question is asked."""

    def without(self, group: str) -> Deferred[Set[str]]:
        """Return the processes that certainly have no member of a group that is to hear of this push."""
        member, engine = self._member, self._member.engine
        believes = engine.there and member.vouches.believes(engine.connections, self._boottime())
        if not believes or (self._asking and self._timer is None) or len(self._others()) < MIN_OTHERS:
            return succeed(NOBODY)
        if self._everywhere and self._everywhere.get(group, 0.0) > self._clock.seconds():
            return succeed(NOBODY)
        answered: Deferred[Set[str]] = Deferred()
        self._next.setdefault(group, []).append(answered)
        if not self._asking:
            self._ask()
        return answered

    def _ask(self) -> None:
        """Ask for all groups that wait."""
        groups = list(self._next)[:MAX_GROUPS]
        self._asked = {group: self._next.pop(group) for group in groups}
        self._asking = True
        self._timer = self._clock.callLater(ANSWER_TIMEOUT, self._late)
        Deferred.fromCoroutine(self._question(self._others(), groups)).addErrback(self._failed)

    async def _question(self, others: list[str], groups: list[str]) -> None:
        member, known = self._member, self._member.table.version
        words: list[Word] = [known, len(others), *others, *groups]
        try:
            answer = await member.engine.run(member.scripts.interest, member.keys.interest(others), words)
        except (EngineAway, EngineRefused):
            self._over()
            return
        version, found, rows = answer
        table = dict(zip(rows[::2], rows[1::2], strict=True))
        if version != known and member.prefix.encode("ascii") in table:  # else it has lost what it knew
            member.table.replace(version, table, self._boottime())
            self._clock.callLater(0, member.hurry)
        asked, self._asked = self._asked, {}
        for number, group in enumerate(groups):
            without = frozenset(
                prefix for prefix, there in zip(others, found, strict=False) if there and not there[number]
            )
            if without:
                self._everywhere.pop(group, None)
            else:
                if len(self._everywhere) >= MAX_GROUPS:
                    self._everywhere.clear()
                self._everywhere[group] = self._clock.seconds() + EVERYWHERE
            for answered in asked.get(group, ()):
                answered.callback(without)
        self._over()

    def _over(self) -> None:
        """End a question: what it has not answered goes to all, and what has come meanwhile is asked."""
        self._asking = False
        self._give_up(self._asked)
        if self._timer is None:  # it was late: those behind it have waited for long enough
            self._give_up(self._next)
        else:
            self._timer.cancel()
            self._timer = None
        if self._next:
            self._ask()

    def _late(self) -> None:
        self._timer = None
        self._give_up(self._asked)
        self._give_up(self._next)

    def _give_up(self, waiting: dict[str, list[Deferred[Set[str]]]]) -> None:
        while waiting:
            for answered in waiting.popitem()[1]:
                answered.callback(NOBODY)

    def _failed(self, failure: Any) -> None:
        self._over()
        self._log.failure("the engine could not be asked for the members of groups", failure)
