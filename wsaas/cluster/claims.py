"""Claims: of a process that has gone, exactly one other tells the DELETEs.

    expired -> a moment at random -> does it answer? -> CLAIM -> WAIT for replicas -> its rows -> revived, told, removed

A claim that a replica does not have yet is told to nobody: a failover would undo it, and the process, if it lives,
would go on. Until then it is tried again, from the CLAIM on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel

from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.keys import Keys
from wsaas.cluster.scripts import Scripts
from wsaas.core.ids import PREFIX_LENGTH
from wsaas.core.records import Record
from wsaas.journal.rows import Unreadable, decode_closed, decode_record
from wsaas.telemetry.log_limit import LogLimit

SPREAD = 0.5
"""Seconds within which those who see that a process is over begin to claim it, at random."""
TRY_AGAIN = 1.0
"""Seconds between two attempts of a claim that a replica does not have yet."""
REPLICA_TIMEOUT = 250
"""Milliseconds of one wait for replicas. All other commands, the renewals too, wait behind it meanwhile."""
REPLICA_WAITS = 4
"""Waits in a row before a claim is begun anew."""
PAGE = 500
"""Rows that are revived in one turn of the reactor."""
MOST_REVIVED = 2000
"""Rows of others that are being told at once, at most."""
LOOK_AGAIN = 0.05
"""Seconds between two looks whether there is room for more."""
SAY_AFTER, SAY_EVERY = 600.0, 60.0
"""Seconds without a quorum after which it is said, and between two lines."""


class Claims:
    """The claims of process `own`.

    `answers(prefix)` asks a process if it lives. `revive(records)` sends the DELETEs. `replicas` must have a claim
    before it is told. `claimed()` is called after each claim. `random()` is a number from 0 to 1.

    Bounds: an entry for each process that the engine knows; of its connections, MOST_REVIVED and a page that are not
    told yet, and those of earlier lives that the disk had.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        engine: Engine,
        keys: Keys,
        own: str,
        *,
        answers: Callable[[str], Awaitable[bool]],
        revive: Callable[[Iterable[Record]], object],
        remove: Callable[[str], object],
        claimed: Callable[[], object],
        replicas: int,
        random: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._engine = engine
        self._keys = keys
        self._scripts = Scripts()
        self._own = own
        self._answers = answers
        self._revive = revive
        self._remove = remove
        self._claimed = claimed
        self._replicas = replicas
        self._random = random
        self._limit = LogLimit(reactor)
        self._under_way: dict[str, Deferred[None]] = {}
        self._telling: set[str] = set()
        self._untold: set[str] = set()
        self._no_quorum_since: dict[str, float] = {}
        self._on_disk: set[str] = set()
        """Connections of earlier lives that the disk had. Bound: the journals that this process found or adopted."""
        self.told_already: set[str] = set()
        """Connections of earlier lives that were told while the engine was away."""

    def expired(self, prefixes: Iterable[str]) -> None:
        """Claim these, unless that is under way."""
        for prefix in prefixes:
            if prefix != self._own and prefix not in self._under_way:
                self._begin(prefix, self._claim(prefix))

    def told(self, id: str) -> None:
        """Note that nothing is left to say of a connection."""
        self._untold.discard(id)

    def stop(self) -> None:
        """Claim nothing more; what is not told stays for another process."""
        while self._under_way:
            self._under_way.popitem()[1].cancel()

    async def by_word(self, prefix: str) -> str:
        """Claim a process of which the operator says that it is over; return the engine's word."""
        answer = await self._ask(prefix, "", "operator")
        if answer[0] == b"OK" and prefix not in self._under_way:
            self._begin(prefix, self._tell_all(prefix, answer[1]))
        return str(answer[0].decode("ascii"))

    async def own_life(self, prefix: str, token: str) -> bool:
        """Claim an earlier life of this node, which is over for certain; False if another process has claimed it."""
        answer = await self._ask(prefix, token)
        return bool(answer[0] != b"CLAIMED" or answer[1] == self._own.encode("ascii"))

    async def tell_own_life(self, prefix: str) -> None:
        """Tell of the connections that the engine has of an earlier life, and of those that it had claimed itself.

        Fails with EngineAway if that is to be tried again.
        """
        if not await self._replicated():
            raise EngineAway("too few replicas have the claim of an earlier life")
        await self._tell(prefix, await self._engine.call("SMEMBERS", self._keys.key("owned", self._own)))

    async def lacking(self, prefix: str, here: list[Record]) -> list[Record]:
        """Return those of an earlier life that the process which has claimed it does not tell of: the engine had lost
        them, or never had them.
        """
        there = set(await self._engine.call("HKEYS", self._keys.key("c", prefix)))
        there.update(await self._engine.call("SMEMBERS", self._keys.key("t", prefix)))
        return [record for record in here if record.id[PREFIX_LENGTH:].encode("ascii") not in there]

    def revive_here(self, records: list[Record]) -> None:
        """Tell of connections that the journal on disk has; the engine's rows of them are not told of again."""
        self._on_disk.update(record.id for record in records)
        self._untold.update(record.id for record in records)
        self._revive(records)

    # Steps

    def _begin(self, prefix: str, step: Any) -> None:
        claiming = self._under_way[prefix] = Deferred.fromCoroutine(step)
        claiming.addErrback(self._failed).addCallback(lambda _: self._under_way.pop(prefix, None))

    def _failed(self, failure: Any) -> None:
        if failure.check(CancelledError, EngineAway, EngineRefused) is None:
            self._log.failure("the claim of a process failed", failure)

    def _ask(self, prefix: str, token: str = "", word: str = "") -> Deferred[Any]:
        keys = self._keys.claim(self._own, prefix)
        return self._engine.run(self._scripts.claim, keys, (self._own, prefix, token, word))

    async def _claim(self, prefix: str) -> None:
        await deferLater(self._reactor, SPREAD * self._random())
        if await self._answers(prefix):
            self._limit.emit(
                self._log,
                LogLevel.warn,
                "alive",
                "{prefix} has not renewed its lease, but it answers: it has lost the engine, not its clients",
                prefix=prefix,
            )
            return
        answer = await self._ask(prefix)
        if answer[0] == b"OK":
            self._no_quorum_since.pop(prefix, None)
            await self._tell_all(prefix, answer[1])
        elif answer[0] == b"NO_QUORUM":
            self._say_no_quorum(prefix, answer[1], answer[2])

    async def _tell_all(self, prefix: str, owned: list[bytes]) -> None:
        """Tell what a claim brought, once enough replicas have the claim; if that fails, begin at the claim again."""
        self._log.warn("claimed {prefix}, which is over: telling the backend of its connections", prefix=prefix)
        self._claimed()
        while True:
            try:
                if await self._replicated():
                    await self._tell(prefix, owned)
                    return
            except (EngineAway, EngineRefused) as error:
                self._limit.emit(
                    self._log,
                    LogLevel.warn,
                    "unsafe",
                    "the claim of {prefix} waits for the engine: {reason}",
                    prefix=prefix,
                    reason=str(error),
                )
            await deferLater(self._reactor, TRY_AGAIN)
            try:
                answer = await self._ask(prefix)
            except (EngineAway, EngineRefused):
                continue
            mine = answer[0] == b"CLAIMED" and answer[1] == self._own.encode("ascii")
            if answer[0] == b"OK":
                owned = answer[1]
            elif not mine:
                return  # the failover undid the claim, or another process was quicker after it

    async def _replicated(self) -> bool:
        """Wait until enough replicas have the claim; return whether they do.

        WAIT asks for the writes of its own connection: on a new one the renewal, which Member sends first, stands for
        a claim that went over the one before.
        """
        if not self._replicas:
            return True
        count = 0
        for _ in range(REPLICA_WAITS):
            count = await self._engine.call("WAIT", self._replicas, REPLICA_TIMEOUT)
            if count >= self._replicas:
                return True
            await deferLater(self._reactor, LOOK_AGAIN)
        self._limit.emit(
            self._log,
            LogLevel.error,
            "replicas",
            "{count} of {wanted} replicas have a claim: the backend is not told before they have it",
            count=count,
            wanted=self._replicas,
        )
        return False

    async def _tell(self, prefix: str, owned: list[bytes]) -> None:
        """Revive the rows of a process, and of those that it had claimed itself and not told of; not those of a process
        that another step claims, which tells them itself.
        """
        for name in {prefix, *(each.decode("ascii") for each in owned)}:
            if name not in self._telling and (name == prefix or name not in self._under_way):
                self._telling.add(name)
                try:
                    await self._tell_rows(name, await self._rows(name))
                finally:
                    self._telling.discard(name)

    async def _rows(self, prefix: str) -> dict[bytes, bytes]:
        rows: dict[bytes, bytes] = {}
        cursor: Any = b"0"
        while True:
            cursor, flat = await self._engine.call("HSCAN", self._keys.key("c", prefix), cursor, "COUNT", PAGE)
            rows.update(zip(flat[::2], flat[1::2], strict=True))
            if cursor == b"0":
                return rows

    async def _tell_rows(self, prefix: str, rows: dict[bytes, bytes]) -> None:
        records = []
        for field, text in rows.items():
            if not field.endswith(b"."):
                record = _record(text, rows.get(field + b"."))
                id = prefix + field.decode("ascii") if record is None else record.id
                if record is None or id in self.told_already:
                    if record is None:
                        self._log.error("a row of {prefix} in the engine cannot be read", prefix=prefix)
                    self._remove(id)
                elif id not in self._untold and id not in self._on_disk:
                    records.append(record)
        for start in range(0, len(records), PAGE):
            page = records[start : start + PAGE]
            while len(self._untold) + len(page) > MOST_REVIVED:
                await deferLater(self._reactor, LOOK_AGAIN)
            self._untold.update(record.id for record in page)
            self._revive(page)
            await deferLater(self._reactor, 0)

    def _say_no_quorum(self, prefix: str, leased: int, seen: int) -> None:
        now = self._reactor.seconds()
        since = self._no_quorum_since.setdefault(prefix, now)
        if now - since >= SAY_AFTER:
            self._no_quorum_since[prefix] = now - SAY_AFTER + SAY_EVERY
            self._log.error(
                "{prefix} is silent, and {leased} of the {seen} nodes that it knew are there: too few to be sure that "
                "it is over. If it is, say so: wsaas cluster claim {prefix}",
                prefix=prefix,
                leased=leased,
                seen=seen,
            )


def _record(text: bytes, ended: bytes | None) -> Record | None:
    """Return the connection that a row describes; None if it cannot be read."""
    try:
        record = decode_record(text)
        if ended is None:
            return record
        return Record(record.id, record.connected_at, record.repeated, record.trace_id, decode_closed(ended))
    except Unreadable:
        return None


def by_prefix(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return the records by the prefixes of their ids."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.id[:PREFIX_LENGTH], []).append(record)
    return found
