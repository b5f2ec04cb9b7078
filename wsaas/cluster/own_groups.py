"""The groups of this process that are *known*: pushes to them, by other processes too, come here.

    first member -> the next batch takes the name along -> the engine has it: the group is known
    the engine is away -> each vouch of this process is over (vouches.py): it is known, as every push is sent here

The first member of a group gets its 101, or the answer to its join, once the group is known. A known group stays known
while it has members, whatever becomes of the engine: no engine lacks the group while its word is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from itertools import islice

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from wsaas.cluster.vouches import Vouches
from wsaas.core.registry import Registry


class _Waiter:
    """A join that waits until so many groups are known."""

    __slots__ = ("count", "done")

    def __init__(self, count: int, done: Callable[[], object]) -> None:
        self.count = count
        self.done = done


class OwnGroups:
    """Interest: groups that begin and end, for the next batches, and joins that wait for them.

    `boottime()` also counts while the machine is suspended. Bound: some entries for each group with members, and one
    for each group of a join that waits.
    """

    def __init__(
        self, clock: IReactorTime, boottime: Callable[[], float], vouches: Vouches, registry: Registry
    ) -> None:
        self._clock = clock
        self._boottime = boottime
        self._vouches = vouches
        self._here = registry.groups
        registry.interest = self
        self.changed: Callable[[bool], object] = bool
        """Called when there is something for the next batch; True if a join waits for that."""
        self._connection: int | None = None
        """The connection of the last batch or comparison; None until the engine's groups are compared."""
        self._compared = 0
        self._pending: dict[str, bool] = {}
        """Changes for the next batch: True for a group that has begun, False for one that has ended."""
        self._sent: dict[str, bool] = {}
        self._owed: set[str] = set()
        """Groups that a comparison missed, and that are not there yet."""
        self._there: set[str] = set()
        """Groups that the engine has, while another one may believe an earlier vouch and lack them."""
        self._known: set[str] = set()
        self._waiting: dict[str, list[_Waiter]] = {}
        self._timer: IDelayedCall | None = None

    def stop(self) -> None:
        """Begin nothing more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    # What the registry tells

    def begun(self, group: str) -> None:
        if group in self._known:
            self._pending.pop(group, None)  # its end was not sent
        elif self._connection is not None:
            self._pending[group] = True
            self.changed(True)

    def ended(self, group: str) -> None:
        if self._pending.get(group) and not self._sent.get(group):  # the engine lost it, and does not have it again
            del self._pending[group]
            self._known.discard(group)
        elif group in self._known or group in self._there or group in self._sent:
            if self._connection is not None:
                self._pending[group] = False
                self.changed(False)
        else:
            self._pending.pop(group, None)
        if group in self._owed:
            self._owed.discard(group)
            self._look()
        self._release(group)

    def when_known(self, groups: Collection[str], done: Callable[[], object]) -> None:
        here = self._here()
        unknown = [group for group in groups if group not in self._known and group in here]
        if unknown and self._connection is None and self._boottime() >= self._vouches.over:
            self._known.update(unknown)
            unknown = []
        if not unknown:
            done()
            return
        waiter = _Waiter(len(unknown), done)
        for group in unknown:
            self._waiting.setdefault(group, []).append(waiter)
        self._look_later()

    # What the copy of the rows tells

    @property
    def pending(self) -> bool:
        """Say if there is something for the next batch."""
        return bool(self._pending)

    def compare(self, found: Set[str], connection: int) -> None:
        """Hear which groups the engine has; the next batches change what differs."""
        here = set(self._here())
        self._connection = self._compared = connection
        self._pending = dict.fromkeys(sorted(here - found), True) | dict.fromkeys(found - here, False)
        self._owed = here - found
        self._known &= here
        self._there = here & found - self._known
        self._vouches.compared = 0
        self._look()

    def same(self, connection: int) -> None:
        """Hear that the engine has every batch that this process knows of, over another connection."""
        if self._connection is not None:
            self._connection = self._compared = connection
            self._look()

    def take(self, most: int, connection: int) -> tuple[list[str], list[str]]:
        """Return the groups that have begun, and those that have ended, for a batch over this connection."""
        self._connection = connection
        if not self._pending:
            return [], []
        self._sent = dict(islice(self._pending.items(), most))
        for group, begun in self._sent.items():
            del self._pending[group]
            if not begun:
                self._known.discard(group)
                self._there.discard(group)
        begins = [group for group, begun in self._sent.items() if begun]
        return begins, [group for group, begun in self._sent.items() if not begun]

    def written(self) -> None:
        """Hear that the engine has the batch."""
        if not self._sent and not self._there:
            return
        begins = [group for group, begun in self._sent.items() if begun]
        self._sent = {}
        self._owed.difference_update(begins)
        self._there.update(group for group in begins if group not in self._known)
        self._look()

    def away(self) -> None:
        """Hear that nothing can be written until a comparison."""
        self._connection, self._vouches.compared = None, 0
        for each in (self._pending, self._sent, self._owed, self._there):
            each.clear()
        self._look_later()

    # Steps

    def _look(self) -> None:
        """See what is known by now, and if this process may vouch."""
        connection, now = self._connection, self._boottime()
        if connection is None:
            if now >= self._vouches.over:
                self._learn(list(self._waiting))
        else:
            if not self._owed:
                self._vouches.compared = self._compared
            if now >= self._vouches.over_beside(connection):
                there, self._there = self._there, set()
                self._learn(there)
        self._look_later()

    def _learn(self, groups: Collection[str]) -> None:
        self._known.update(groups)
        for group in groups:
            self._release(group)

    def _release(self, group: str) -> None:
        for waiter in self._waiting.pop(group, ()):
            waiter.count -= 1
            if not waiter.count:
                waiter.done()

    def _look_later(self) -> None:
        """Look again when vouches are over, if a join waits for that."""
        connection = self._connection
        if self._timer is not None or not (self._there if connection is not None else self._waiting):
            return
        over = self._vouches.over if connection is None else self._vouches.over_beside(connection)
        self._timer = self._clock.callLater(max(0.0, over - self._boottime()), self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._look()
