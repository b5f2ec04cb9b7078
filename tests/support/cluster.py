"""A cluster on this machine: a real engine, a backend, and gateways that are its nodes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support.api_client import Api
from tests.support.gateway_process import Gateway, free_port
from tests.support.redis_process import Redis
from tests.support.same_answers import rows
from tests.support.system_case import SystemTestCase, eventually
from tests.support.workers import ApiLine, line_to, resume
from wsaas.core.ids import PREFIX_LENGTH

TOKEN = "the-token-of-the-cluster"
PATIENCE = 60.0
"""Seconds in which things happen that must happen, on however slow a machine."""


class NodeLine(ApiLine):
    """A kept-alive connection of the API to one node, with the token."""

    def send(self, method: str, target: str, body: bytes = b"", headers: str = "") -> None:
        super().send(method, target, body, f"Authorization: Bearer {TOKEN}\r\n{headers}")


class Cluster:
    """Nodes n1, n2, ... that share `redis` and a backend, each with as many processes as WORKERS says.

    `settings` are those of all; `program` is what they run.
    """

    def __init__(
        self,
        case: SystemTestCase,
        count: int,
        redis: Redis,
        backend: Any,
        *,
        program: str | None = None,
        **settings: str,
    ) -> None:
        self._case = case
        self.redis = redis
        self.backend = backend
        self._settings = settings
        self._program = program
        self._own: dict[str, dict[str, str]] = {}
        self.each = int(settings.get("WORKERS", "1"))
        self.nodes: list[Gateway] = []
        for _ in range(count):
            self.add()

    def add(self, program: str | None = None, **settings: str) -> Gateway:
        """Start one more node, and wait until it is ready. It may run another program than the rest."""
        name = f"n{len(self.nodes) + 1}"
        node = self._case.watched(
            Gateway.start(
                self._case.directory() / name,
                self.settings_of(name),
                make=lambda ws_port, http_port: self._place(name, ws_port, http_port, settings),
                program=program or self._program,
                within=self.within(name),
            )
        )
        self.nodes.append(node)
        return node

    def begin(self, **settings: str) -> Gateway:
        """Start one more node, and do not wait for it: `all_ready` does."""
        name, ws_port, http_port = f"n{len(self.nodes) + 1}", free_port(), free_port()
        more, api = self._place(name, ws_port, http_port, settings)
        node = self._case.watched(
            Gateway(
                self._case.directory() / name,
                self.settings_of(name) | dict(more),
                ws_port=ws_port,
                http_port=http_port,
                api=api,
                program=self._program,
                within=self.within(name),
            )
        )
        self.nodes.append(node)
        return node

    def again(self, at: int, **settings: str) -> Gateway:
        """Start a node that has ended again: in its directory, with its settings and ports, and these. Do not wait for
        it.
        """
        old, name = self.nodes[at], f"n{at + 1}"
        node = self._case.watched(
            Gateway(
                old.directory,
                self.settings_of(name) | self._own[name] | settings,
                ws_port=old.ws_port,
                http_port=old.http_port,
                api=old.api,
                program=self._program,
                within=self.within(name),
            )
        )
        self.nodes[at] = node
        return node

    def own_settings(self, name: str, ws_port: int, http_port: int) -> dict[str, str]:
        """The settings of one node that depend on its ports."""
        return {"CLUSTER_ENDPOINT": f"tcp:{free_port(self.each)}:interface=127.0.0.1"}

    def within(self, name: str) -> Sequence[str]:
        """The command that runs a node."""
        return ()

    def _place(
        self, name: str, ws_port: int, http_port: int, settings: Mapping[str, str]
    ) -> tuple[Mapping[str, str], Api]:
        self._own[name] = {**self.own_settings(name, ws_port, http_port), **settings}
        return self._own[name], Api(http_port, token=TOKEN)

    def settings_of(self, name: str) -> dict[str, str]:
        """The settings of a node."""
        return {
            "TARGET_ADDRESS": self.backend.address,
            "CLUSTER": self.redis.address,
            "API_TOKEN": TOKEN,
            "NODE": name,
            **self._settings,
        }

    def rows(self, at: int = 0) -> list[dict[str, Any]]:
        """What /-/cluster of a node lists."""
        rows: list[dict[str, Any]] = self.nodes[at].api.get("/-/cluster").json()["members"]
        return rows

    def all_ready(self) -> None:
        """Wait until each node knows all others, and nothing is calm any more."""
        for at in range(len(self.nodes)):
            eventually(lambda at=at: self._ready(lambda: self.rows(at)), PATIENCE)  # type: ignore[misc]
        for line in self.process_lines() if self.each > 1 else ():
            eventually(lambda line=line: self._ready(lambda: rows(line.ask("GET", "/-/cluster"))["members"]), PATIENCE)  # type: ignore[misc]

    def _ready(self, members: Callable[[], list[dict[str, Any]]]) -> bool:
        try:
            if [row["state"] for row in members()] == ["ready"] * len(self.nodes) * self.each:
                return True
        except OSError:  # it does not listen yet
            pass
        time.sleep(0.05)  # each question goes to all nodes
        return False

    def settled(self) -> None:
        """Wait until the engine is not calm any more."""
        unknown = "0" * 32
        eventually(lambda: self.nodes[0].api.get(f"/{unknown}").status == 404, PATIENCE)

    def prefix(self, node: Gateway) -> str:
        """The prefix of a node's ids."""
        (found,) = (row["prefix"] for row in self.rows(self.nodes.index(node)) if row["pid"] == node.pid)
        return str(found)

    def line(self, node: Gateway) -> NodeLine:
        """A connection of the API to a node."""
        line = NodeLine(node.http_port, node.pid, node.api.dial(PATIENCE))
        self._case.addCleanup(line.close)
        return line

    def lines(self) -> list[NodeLine]:
        """A connection of the API to each node."""
        return [self.line(node) for node in self.nodes]

    def process_lines(self) -> list[ApiLine]:
        """A connection of the API to each worker of each node."""
        nodes = {f"n{number}": node for number, node in enumerate(self.nodes, 1)}
        return [line_to(self._case, nodes[row["node"]], row["pid"], NodeLine) for row in self.rows()]

    def owner(self, id: str) -> Gateway:
        """The node that has the connection."""
        pids = {row["prefix"]: row["pid"] for row in self.rows()}
        return next(node for node in self.nodes if node.pid == pids[id[:PREFIX_LENGTH]])

    def stop(self, node: Gateway) -> None:
        """Stop a node where it stands; it goes on after the test, whatever happens."""
        os.kill(node.pid, signal.SIGSTOP)
        self._case.addCleanup(resume, node.pid)

    def resume(self, node: Gateway) -> None:
        """Let a stopped node go on."""
        os.kill(node.pid, signal.SIGCONT)
