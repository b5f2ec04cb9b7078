"""The report of a node of a cluster: the row by which the others know it, and the list of all in /-/cluster."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

from twisted.internet.interfaces import IListeningPort

from wsaas.cluster.member import Member
from wsaas.cluster.table import MemberRow, MemberState
from wsaas.core.gateway import Gateway
from wsaas.service.version import own_version
from wsaas.settings.endpoints import is_tls
from wsaas.settings.table import Settings


def name_of(settings: Settings) -> str:
    """Return the name of this node."""
    return settings.node or socket.gethostname()


class NodeReport:
    """Says of this node, and of the others, what is known. `ports` are those at which the others reach this one, worker
    `number` of the node if it has several.
    """

    def __init__(
        self,
        settings: Settings,
        number: int | None,
        gateway: Gateway,
        member: Member,
        ports: Sequence[IListeningPort],
        boottime: Callable[[], float],
        ready: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._number = number
        self._gateway = gateway
        self._member = member
        self._ports = ports
        self._boottime = boottime
        self._ready = ready
        self.name = name_of(settings)
        self.draining = False

    @property
    def address(self) -> str:
        """The URL by which the others reach this node."""
        if self._settings.cluster_address is not None:
            return self._settings.cluster_address
        host = self._member.engine.local_host or "127.0.0.1"
        secure = is_tls(self._settings.cluster_endpoint[0])
        port = getattr(self._ports[0].getHost(), "port", 0) if self._ports else 0
        return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def row(self) -> MemberRow:
        """Return what the others learn of this node from the engine."""
        state = MemberState.DRAINING if self.draining else MemberState.LIVE
        return MemberRow(self.address, self.name, state, own_version() or "")

    def about(self) -> dict[str, object]:
        """Return what this node says of itself in /-/cluster."""
        state, reason = self._state()
        return {
            "prefix": self._gateway.prefix,
            "node": self.name,
            **({} if self._number is None else {"worker": self._number}),
            "pid": os.getpid(),
            "address": self.address,
            "state": state,
            "reason": reason,
            "connections": self._gateway.registry.count,
            "version": own_version() or "",
        }

    @property
    def survivors(self) -> int:
        """The number of other processes to which the clients of this one can go, as far as is known; this one's part of
        them, if its node has several.
        """
        rows = [row for _, row in self._member.table.rows()]
        live = sum(row.state is MemberState.LIVE for row in rows)
        return min(live, max(1, live // (1 + sum(row.node == self.name for row in rows))))

    def members(
        self, answers: Iterable[Mapping[str, object]], trouble: Callable[[str], str | None]
    ) -> list[dict[str, object]]:
        """Return the list of all: `answers` are what the others say of themselves, the engine knows of the rest, and
        `trouble(prefix)` is the reason why one of these was not reached.
        """
        rows = {prefix: _engine_row(prefix, row, trouble(prefix)) for prefix, row in self._member.table.rows()}
        for about in (self.about(), *answers):
            rows[str(about["prefix"])] = {name: value for name, value in about.items() if name != "code"}
        return [rows[prefix] for prefix in sorted(rows)]

    def _state(self) -> tuple[str, str]:
        if self.draining:
            return "draining", "it was told to stop"
        right, trouble, now = self._member.right, self._member.trouble, self._boottime()
        if right.fenced:
            return "fenced", "another node has claimed it"
        if not right.joined:
            return "starting", f"it has not joined yet: {trouble}"
        if not right.leased(now):
            speaks = "it goes on, as most nodes have none" if right.may_speak(now) else "it is silent"
            return "unleased", f"its lease is out, and {speaks}: {trouble}"
        if not self._ready():
            return "unready", "it starts, or its journal cannot be written"
        return "ready", f"its lease runs for {right.until() - now:.1f} s"


def _engine_row(prefix: str, row: MemberRow, trouble: str | None) -> dict[str, object]:
    left = row.state is MemberState.LEFT
    return {
        "prefix": prefix,
        "node": row.node,
        "pid": None,
        "address": row.address,
        "state": "left" if left else "silent",
        "reason": "it stopped, and the backend has not heard of the end of all its connections yet"
        if left
        else f"it does not answer{'' if trouble is None else f': {trouble}'}",
        "connections": None,
        "version": row.version,
    }
