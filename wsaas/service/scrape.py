"""A scrape of /-/metrics: the readings of this process, and with several workers those of all of them.

one process      its readings, without a label that names it
workers          the readings of each, labelled with its number; one that does not answer in time is left out,
                 and wsaas_unreached_workers says how many those are
nodes            the readings of the process or the workers of one node, all labelled with its name
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

from wsaas.telemetry.exposition import Exposition
from wsaas.telemetry.families import Family, Readings, merged

if TYPE_CHECKING:
    from wsaas.api.merging import Gathered

T = TypeVar("T")


class InThread(Protocol):
    """Calls a function in a thread."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]: ...


class Scrape:
    """Answers scrapes. `families()` are the readings of this process.

    prometheus_client is imported for the first scrape: a start without one does not pay for it, and the reactor goes on
    meanwhile. `worker` is the number of this process, if it is one of several, and `node` the name of its node.
    """

    def __init__(
        self,
        families: Callable[[], list[Family]],
        in_thread: InThread,
        worker: int | None = None,
        node: str | None = None,
    ) -> None:
        self._families = families
        self._in_thread = in_thread
        self._worker = {} if worker is None else {"worker": str(worker)}
        self._node = {} if node is None else {"node": node}
        self._exposition: Exposition | None = None
        self.gather: Callable[[], Awaitable[Gathered]] | None = None
        """Asks all other workers for their `samples`; set where there are any."""

    async def answer(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition that an Accept header asks for, and its media type."""
        exposition = await self._library()
        families, unreached = await self._own(exposition), Readings()
        if self.gather is None:
            unreached.put("wsaas_unreached_workers", 0)
        else:
            gathered = await self.gather()
            missing = gathered.unreached
            for answer in gathered.answers:
                try:
                    families += [Family.decode(each) for each in answer["families"]]  # type: ignore[attr-defined]
                except (KeyError, TypeError, ValueError):  # of another release
                    missing += 1
            unreached.put("wsaas_unreached_workers", missing)
        families += [family.labelled(**self._node) for family in unreached.families()]
        return exposition.render(merged(families), accept)

    async def samples(self) -> Mapping[str, object]:
        """Return the readings of this process for another."""
        own = await self._own(await self._library())
        return {"families": [family.encode() for family in own]}

    async def _own(self, exposition: Exposition) -> list[Family]:
        # To count ten thousand open files takes Linux longer than all the rest: not in the reactor's thread.
        process = await self._in_thread(exposition.process)
        families, labels = [*self._families(), *process], {**self._worker, **self._node}
        return [family.labelled(**labels) for family in families] if labels else families

    async def _library(self) -> Exposition:
        if self._exposition is None:
            self._exposition = await self._in_thread(Exposition)
        return self._exposition
