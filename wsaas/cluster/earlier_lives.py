"""The earlier lives of this node: what they left on this disk, and in the engine, is told by exactly one process.

the engine has the life              this process claims it with its token, and tells of it
another node has claimed it          that one tells; this process tells what the engine lacked, and forgets the rest
the engine knows nothing of it       this process tells what is on the disk
the engine stays away                likewise; should it come back with rows, those are not told of again
"""

from __future__ import annotations

from twisted.logger import Logger

from wsaas.cluster.claims import Claims, by_prefix
from wsaas.cluster.cluster_journal import ClusterJournal
from wsaas.cluster.lives import Life, Lives


class EarlierLives:
    """Settles the earlier lives, once. `own` is the prefix of this one."""

    _log = Logger()

    def __init__(self, journal: ClusterJournal, lives: Lives, claims: Claims, own: str) -> None:
        self._journal = journal
        self._lives = lives
        self._claims = claims
        self._own = own
        self._earlier: dict[str, Life] = {}
        self.settled = False

    def begin(self, token: str) -> None:
        """Begin this life, which `token` will prove."""
        self._earlier = self._lives.begin(token)

    async def settle(self) -> None:
        """Settle all with the engine. Fails with EngineAway if it goes away meanwhile: to be tried again."""
        if self.settled:
            return
        here = by_prefix(self._journal.earlier)
        for prefix, life in reversed(self._earlier.items()):
            records = here.pop(prefix, [])
            if not await self._claims.own_life(prefix, life.token, records):
                lacking = await self._claims.lacking(prefix, records)
                kept = {record.id for record in lacking}
                self._journal.disown([record.id for record in records if record.id not in kept])
                self._claims.revive_here(lacking)
                records = lacking
            self._journal.earlier = [record for rest in here.values() for record in rest]
            if not records:
                self._lives.settled(prefix)
        for records in here.values():
            self._claims.revive_here(records)
        self._journal.earlier = []
        self.settled = True

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
