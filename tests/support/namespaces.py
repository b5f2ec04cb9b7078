"""A network of the kernel's own for each node: namespaces on a bridge. Needs root, and a kernel that lets it.

A cut link drops packets without a word: each of its two ends has a hardware address for the other that nobody has.
The test itself stands on the bridge, and is never cut off.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache

NOBODY = "02:00:00:00:00:01"


class Networks:
    """The namespaces of these names. Their addresses are 10.x.y.1 and so on, `here` is that of the test."""

    def __init__(self, names: Sequence[str]) -> None:
        self._start = f"wsaas{os.getpid()}"
        subnet = f"10.{random.randrange(64, 255)}.{random.randrange(256)}"
        self.here = f"{subnet}.254"
        self.hosts = {name: f"{subnet}.{number}" for number, name in enumerate(names, 1)}
        self._cut: set[tuple[str, str]] = set()
        self._made: list[str] = []
        bridge = f"{self._start}b"[-15:]
        try:
            _ip("link", "add", bridge, "type", "bridge")
            self._bridge = bridge
            _ip("addr", "add", f"{self.here}/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for number, (name, host) in enumerate(self.hosts.items()):
                space, port = self._space(name), f"{self._start}p{number}"[-15:]
                _ip("netns", "add", space)
                self._made.append(name)
                _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
                _ip("link", "set", port, "master", bridge, "up")
                _ip("-n", space, "addr", "add", f"{host}/24", "dev", "eth0")
                _ip("-n", space, "link", "set", "eth0", "up")
                _ip("-n", space, "link", "set", "lo", "up")
        except BaseException:
            self.end()
            raise

    def command(self, name: str) -> list[str]:
        """The beginning of a command that is to run in a namespace."""
        return ["ip", "netns", "exec", self._space(name)]

    def cut(self, links: Iterable[tuple[str, str]]) -> None:
        """Cut these links, and heal all others."""
        wanted = {link for a, b in links for link in ((a, b), (b, a))}
        for source, target in wanted - self._cut:
            self._neighbour("replace", source, target, "lladdr", NOBODY, "nud", "permanent")
        for source, target in self._cut - wanted:
            self._neighbour("del", source, target)
        self._cut = wanted

    def end(self) -> None:
        """Remove all. Can be repeated."""
        for number in range(len(self._made)):  # those of a namespace would go with it only after a while
            subprocess.run(["ip", "link", "del", f"{self._start}p{number}"[-15:]], capture_output=True)
        while self._made:
            subprocess.run(["ip", "netns", "del", self._space(self._made.pop())], capture_output=True)
        subprocess.run(["ip", "link", "del", self._bridge], capture_output=True)

    def _space(self, name: str) -> str:
        return f"{self._start}-{name}"

    def _neighbour(self, what: str, source: str, target: str, *more: str) -> None:
        _ip("-n", self._space(source), "neigh", what, self.hosts[target], *more, "dev", "eth0")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@cache
def refused() -> str | None:
    """The reason why there can be no namespaces here; None if there can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    if shutil.which("ip") is None:
        return "namespaces need ip (on Debian: apt-get install iproute2)"
    try:
        networks = Networks(["a", "b"])
        try:
            networks.cut([("a", "b")])
        finally:
            networks.end()
    except OSError as error:
        return f"the kernel refuses namespaces: {error}"
    return None
