"""The names of the keys of a cluster in the engine: `scripts.py` says what is in them."""

from __future__ import annotations

from collections.abc import Iterable


class Keys:
    """The names of the keys of a cluster, for each script in the order in which it counts them.

    The braces make all of them one slot, so that a server of Redis Cluster takes them, too.
    """

    def __init__(self, cluster: str) -> None:
        self._start = f"{{{cluster}}}:"

    def key(self, *parts: str) -> str:
        """Return one key."""
        return self._start + ":".join(parts)

    def all_of(self, *names: str) -> list[str]:
        """Return several keys."""
        return [self._start + name for name in names]

    def state(self, prefix: str) -> list[str]:
        """Return the keys of `join` and `renew`."""
        names = ("members", "since", "owner", "table", f"m:{prefix}", "version", "pulse", "calm", "schema", "vouched")
        return self.all_of(*names)

    def write(self, writer: str, prefix: str) -> list[str]:
        """Return the keys of `write`."""
        return self.all_of("owner", f"m:{prefix}", f"c:{prefix}", f"owned:{writer}", f"t:{prefix}", f"g:{prefix}")

    def claim(self, claimer: str, prefix: str) -> list[str]:
        """Return the keys of `claim`."""
        names = ("members", "since", "owner", "table", f"m:{prefix}", f"c:{prefix}", f"owned:{prefix}")
        return self.all_of(*names, f"owned:{claimer}", "version", "calm", "vouched", f"g:{prefix}")

    def leave(self, prefix: str) -> list[str]:
        """Return the keys of `leave`."""
        names = ("members", "since", "owner", "table", f"m:{prefix}", f"c:{prefix}", f"owned:{prefix}", "version")
        return self.all_of(*names, "vouched", f"g:{prefix}")

    def interest(self, prefixes: Iterable[str]) -> list[str]:
        """Return the keys of `interest`."""
        return self.all_of("vouched", "pulse", "version", "table", *(f"g:{prefix}" for prefix in prefixes))
