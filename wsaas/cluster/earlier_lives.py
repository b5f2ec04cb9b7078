"""The earlier lives of this node: what they left on this disk, and in the engine, is told by exactly one process.

the engine has the life              this process claims it with its token, and tells of it
another node has claimed it          that one tells; this process tells what the engine lacked, and forgets the rest
the engine knows nothing of it       this process tells what is on the disk
the engine stays away                likewise; should it come back with rows, those are not told of again

A worker also settles the lives of workers that there are no more (WORKERS was lowered), and of the time in which one
process served: it has adopted their directories (`service/adoption.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from twisted.logger import Logger

from wsaas.cluster.claims import Claims, by_prefix
from wsaas.cluster.cluster_journal import ClusterJournal
from wsaas.cluster.lives import Life, Lives
from wsaas.core.records import Record


class EarlierLives:
    """Settles the earlier lives, each once. `own` is the prefix of this one. Bound: those that the disk has."""

    _log = Logger()

    def __init__(self, journal: ClusterJournal, lives: Lives, claims: Claims, own: str) -> None:
        self._journal = journal
        self._lives = lives
        self._claims = claims
        self._own = own
        self._earlier: dict[str, Life] = {}
        self._taken: dict[str, Life] = {}
        self._claimed: list[str] = []
        """Lives that are this process's now, and of which the engine may have more connections than the disk."""
        self.settled = False

    def begin(self, token: str) -> None:
        """Begin this life, which `token` will prove."""
        self._earlier |= self._lives.begin(token)

    def take(self, directory: Path) -> None:
        """Note the lives in a directory that is adopted. Its lock is held: they are over."""
        self._taken |= self._lives.take(directory)

    def adopt(self, records: Iterable[Record]) -> None:
        """Have the lives that were taken settled, too. This process's journal has their connections."""
        self._earlier |= self._taken
        self._taken = {}
        self._journal.earlier = [*self._journal.earlier, *records]
        self.settled = False

    async def settle(self) -> None:
        """Settle all with the engine. Fails with EngineAway if it goes away meanwhile: to be tried again."""
        while self._earlier or self._journal.earlier or self._claimed:
            while self._earlier:
                prefix = next(reversed(self._earlier))
                mine = await self._claims.own_life(prefix, self._earlier[prefix].token)
                here = by_prefix(self._journal.earlier).get(prefix, [])
                self._settle_disk(prefix, here if mine else await self._claims.lacking(prefix, here))
                if mine:
                    self._claimed.append(prefix)
            records, self._journal.earlier = self._journal.earlier, []
            self._claims.revive_here(records)
            while self._claimed:
                await self._claims.tell_own_life(self._claimed[-1])
                self._claimed.pop()
        self.settled = True

    def _settle_disk(self, prefix: str, mine: list[Record]) -> None:
        """Tell of those connections of a life that are this process's to tell, and forget the others on the disk."""
        here, kept = by_prefix(self._journal.earlier), {record.id for record in mine}
        self._journal.disown([record.id for record in here.pop(prefix, []) if record.id not in kept])
        self._journal.earlier = [record for rest in here.values() for record in rest]
        del self._earlier[prefix]
        self._claims.revive_here(mine)
        if not mine:
            self._lives.settled(prefix)

    def tell_alone(self) -> None:
        """Tell what is on the disk: the engine is away for too long."""
        records, self._journal.earlier = self._journal.earlier, []
        if records:
            self._log.warn(
                "telling the backend of {count} connections of an earlier process without the engine: if another node "
                "has told of them, these DELETEs are repeats, with the same webhook-id",
                count=len(records),
            )
            self._claims.told_already.update(record.id for record in records)
            self._claims.revive_here(records)
