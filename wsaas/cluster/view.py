"""The view of a process: which others it knew when it renewed its lease, and on which nodes they run.

The processes of one node (WORKERS) share a machine and its network, so that they count as one: for a vote as for the
quorum of a claim. Both count by the view that the engine has of the process, so that they never contradict each other:

    a node has a vote to give       if any of its processes says that it has no lease
    a node is there for a claim     if all of its processes have one                    (the script `claim`)

The process itself is left out of its own node; a node of which nothing else is known votes for it, and is not there
for a claim.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """The others that a process knew: those `beside` it on its own node, and those of each other node."""

    beside: frozenset[str] = frozenset()
    nodes: frozenset[frozenset[str]] = frozenset()

    @classmethod
    def of(cls, own_node: str, others: Iterable[tuple[str, str]]) -> View:
        """Make it of the prefixes of the others, each with the name of its node."""
        found: dict[str, set[str]] = {}
        for prefix, node in others:
            found.setdefault(node, set()).add(prefix)
        beside = frozenset(found.pop(own_node, ()))
        return cls(beside, frozenset(frozenset(prefixes) for prefixes in found.values()))

    def encode(self, own: str) -> str:
        """Return the text that the engine keeps: a word for each node, with commas between its processes."""
        nodes = sorted(",".join(sorted(node)) for node in self.nodes)
        return " ".join([",".join([own, *sorted(self.beside)]), *nodes])

    def prefixes(self) -> frozenset[str]:
        """Return the prefixes of all others."""
        return self.beside.union(*self.nodes)

    def is_majority(self, without_lease: Collection[str]) -> bool:
        """Say if more than half of the nodes have a process that says that it has no lease."""
        votes = sum(not node.isdisjoint(without_lease) for node in self.nodes)
        votes += not self.beside or not self.beside.isdisjoint(without_lease)
        return 2 * votes > 1 + len(self.nodes)


NOBODY = View()
"""The view of a process that knows no other."""
