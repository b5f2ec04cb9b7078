"""The rows of a process, and its groups, as the engine has them: read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import Word
from wsaas.cluster.keys import Keys
from wsaas.cluster.row_fields import Change, words_of
from wsaas.cluster.scripts import Scripts


class EngineRows:
    """The engine's rows of process `own`, and of those that it has claimed. Calls fail as those of the Engine."""

    def __init__(self, engine: Engine, keys: Keys, own: str, keep_authorization: bool) -> None:
        self._engine = engine
        self._keys = keys
        self._own = own
        self._keep_authorization = keep_authorization
        self._script = Scripts().write
        self._own_keys = keys.write(own, own)

    async def fields(self) -> set[str]:
        """Return the fields of this process."""
        found = await self._engine.call("HKEYS", self._keys.key("c", self._own))
        return {field.decode("ascii") for field in found}

    async def groups(self) -> set[str]:
        """Return the groups of this process."""
        found = await self._engine.call("SMEMBERS", self._keys.key("g", self._own))
        return {group.decode() for group in found}

    async def sequence(self) -> int | None:
        """Return the number of the last batch of this process; None if the engine does not know the process."""
        found = await self._engine.call("HGET", self._keys.key("m", self._own), "seq")
        return None if found is None else int(found)

    def write(
        self, prefix: str, sequence: int, changes: Mapping[str, Change], begun: Sequence[str], ended: Sequence[str]
    ) -> Deferred[Any]:
        """Write a batch of a process's rows, with the groups that have begun and ended; fires with the answer of the
        script `write`.
        """
        puts, removals = words_of(changes, self._keep_authorization)
        counts = len(puts) // 2, len(begun), len(ended)
        words: list[Word] = [self._own, prefix, sequence, *counts, *puts, *begun, *ended, *removals]
        keys = self._own_keys if prefix == self._own else self._keys.write(self._own, prefix)
        return self._engine.run(self._script, keys, words)
