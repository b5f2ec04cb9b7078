"""A cluster of processes without processes, whose clients join and leave groups, and pushes to these: whatever happens
to the engine, a push leaves no process out that has a member. The parts that decide are those that ship (`OwnGroups`,
`RowCopy`, `Vouches`, `Member`, `Interest`), and the twin of the scripts.

Words to the engine and back take their time. The engine stops and goes on, comes back empty or as it was, and steps its
clock; a replica takes over, while the master before it goes on for some, until it is a replica. Processes are cut off
from it, and pause; their clocks run at different rates.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.support.engine_fake import FakeEngine
from tests.support.engine_twin import Rules, Twin
from wsaas.cluster.engine_connection import CALL_TIMEOUT, EngineAway
from wsaas.cluster.interest import Interest
from wsaas.cluster.keys import Keys
from wsaas.cluster.member import Member
from wsaas.cluster.own_groups import OwnGroups
from wsaas.cluster.right import Right
from wsaas.cluster.row_copy import RowCopy
from wsaas.cluster.table import MemberRow, MemberState, Table
from wsaas.cluster.vouches import Vouches
from wsaas.core.groups import NO_GROUPS
from wsaas.core.records import Record
from wsaas.core.registry import Registry
from wsaas.core.session import Session

STEP = 0.05
QUIET = 11.0
"""Seconds in which nothing happens to the engine: the processes get to know each other."""
NAMES = [letter * 8 for letter in "ABC"]
GROUPS = "wxyz"
KINDS = ("cut", "stop", "pause", "clock", "empty", "earlier", "replica")
"""All that may happen. Most runs have some of it only, and more of that."""


@dataclass(frozen=True)
class Variant:
    """The rules of a run; by default those that ship. Without `refused`, a replica answers a question."""

    rules: Rules = field(default_factory=Rules)
    groups: type[OwnGroups] = OwnGroups
    vouches: type[Vouches] = Vouches
    refused: bool = True


class Server:
    """One server of the engine. While it is stopped, words wait in it."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.replica = False
        self.stopped_until = 0.0
        self.words: list[Callable[[], object]] = []


class Link(FakeEngine):
    """The connections of one process to the engine: one server after the other."""

    def __init__(self, model: InterestModel, name: str) -> None:
        super().__init__(model.server.twin)
        self.model, self.name = model, name
        self.there, self.connections = False, 0
        self.server = model.server
        self.cut_until = 0.0
        self.open: list[tuple[float, Deferred[Any]]] = []
        self.words = self.answers = 0.0

    def start(self) -> None:
        """Connect with the model's next step."""

    def run(self, script: Any, keys: Any, arguments: Any) -> Deferred[Any]:
        return self._send(lambda: super(Link, self).run(script, keys, arguments))

    def call(self, *words: Any, within: float | None = None) -> Deferred[Any]:
        return self._send(lambda: super(Link, self).call(*words, within=within))

    def connect(self) -> None:
        self.server, self.there = self.model.server, True
        self.connections += 1
        self.events.engine_there()

    def drop(self) -> None:
        self.there = False
        waiting, self.open = self.open, []
        for _, answered in waiting:
            answered.errback(EngineAway("lost"))

    def _send(self, ask: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        answered: Deferred[Any] = Deferred()
        if not self.there:
            answered.errback(EngineAway("away"))
            return answered
        model, server = self.model, self.server
        self.open.append((model.time + CALL_TIMEOUT, answered))

        def heard() -> None:
            if server.replica and model.variant.refused:
                got: list[Any] = []
            else:
                there, before, self.there, self.twin = self.there, self.twin, True, server.twin
                got = []
                ask().addCallback(got.append)
                self.there, self.twin = there, before
            self.answers = model.later(self.answers, lambda: model.deliver(self.name, lambda: come(got)))

        def come(got: list[Any]) -> None:
            if all(each is not answered for _, each in self.open):
                return
            self.open = [each for each in self.open if each[1] is not answered]
            if got:
                answered.callback(got[0])
            else:
                answered.errback(EngineAway("READONLY"))
                self.drop()

        def reach() -> None:
            if server.stopped_until > model.time:
                server.words.append(heard)
            else:
                heard()

        self.words = model.later(self.words, reach)
        return answered


@dataclass(eq=False)
class Client:
    """A client, and the groups of which it was told that it is a member."""

    id: str
    groups: Set[str] = NO_GROUPS
    told: set[str] = field(default_factory=set)


class Process:
    """One process: the parts that ship, its clients, and what happens to it."""

    def __init__(self, model: InterestModel, name: str) -> None:
        variant, rng = model.variant, model.rng
        self.name, self.rate = name, 1 + rng.uniform(-0.01, 0.01)
        self.clock = Clock()
        self.boottime = rng.uniform(0, 100)
        self.paused_until = 0.0
        self.inbox: list[Callable[[], object]] = []
        self.link = Link(model, name)
        self.table, self.right = Table(name), Right()
        engine: Any = self.link
        keys = Keys("x")
        row = MemberRow("http://" + name, name, MemberState.LIVE, "")
        self.member = Member(self.clock, self.now, engine, keys, name, "t" + name, lambda: row, self.right, self.table)
        self.member.events = self
        self.member.vouches = variant.vouches()
        self.registry = Registry()
        self.groups = variant.groups(self.clock, self.now, self.member.vouches, self.registry)
        self.copy = RowCopy(
            self.clock,
            engine,
            keys,
            name,
            self,
            self.groups,
            keep_authorization=True,
            alone=True,
            gathering=0.004,
            most=1,
        )
        self.copy.connections = self
        self.member.sequence = lambda: self.copy.sequence
        self.interest = Interest(self.clock, self.member, self.now, self.table.others)
        self.clients = [Client(name + str(number)) for number in range(3)]
        self.member.start()

    def now(self) -> float:
        return self.boottime

    # What it tells itself: MemberEvents, CopyEvents, Connections

    def joined(self) -> None:
        self.copy.joined()

    def renewed(self, expired: list[str]) -> None:
        self.copy.renewed()

    def unanswered(self) -> None:
        """Go on: votes are another model's."""

    def fenced(self, sure: bool) -> None:
        self.right.fenced = False  # no claims here: it joins again

    def copy_fenced(self) -> None:
        self.member.hurry()

    def copy_unknown(self) -> None:
        self.member.forget()

    def copy_complete(self, complete: bool) -> None:
        """Do nothing."""

    def records(self) -> list[Record]:
        return []

    def minted(self, id: str) -> bool:
        return id.startswith(self.name)

    def revive(self, records: Any) -> None:
        raise AssertionError

    # What its clients do

    def join(self, client: Client, group: str) -> None:
        def known() -> None:
            if group in client.groups:
                client.told.add(group)

        self.registry.join(cast(Session, client), (group,))
        self.registry.when_known((group,), known)

    def leave(self, client: Client, group: str) -> None:
        client.told.discard(group)
        self.registry.leave(cast(Session, client), group)


class InterestModel:
    """One run, from a seed."""

    def __init__(self, seed: int, variant: Variant = Variant(), seconds: float = 60.0) -> None:
        self.rng = random.Random(seed)
        self.variant = variant
        self.kinds = self.rng.sample(KINDS, self.rng.choice([1, 2, 3, len(KINDS)]))
        self.slow = self.rng.choice([0.02, 0.1, 0.5])
        self.seconds = seconds
        self.time = 0.0
        self.server = Server(Twin(variant.rules, now=1_000_000_000))
        self.servers = [self.server]
        self.snapshot = self.server.twin.snapshot()
        self.violation: str | None = None
        self.pushes = self.left_out = self.waits = 0
        self._steps: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self.processes = {name: Process(self, name) for name in NAMES}

    def later(self, behind: float, step: Callable[[], object]) -> float:
        """Do this in a while, behind what was to be done at the moment `behind`; return the moment."""
        delay = self.rng.choice([0.001, 0.001, 0.002, 0.01, 0.3 if self.rng.random() < 0.1 else self.slow])
        at = max(behind, self.time + delay)
        self._count += 1
        heappush(self._steps, (at, self._count, step))
        return at

    def deliver(self, name: str, step: Callable[[], object]) -> None:
        """Have a process do this, once it does not pause."""
        process = self.processes[name]
        if process.paused_until > self.time:
            process.inbox.append(step)
        else:
            step()

    def run(self) -> InterestModel:
        """Run until a violation, or to the end."""
        while self.time < self.seconds and self.violation is None:
            self._advance()
            if self.time > QUIET:
                self._happen()
            for process in self.processes.values():
                if process.paused_until <= self.time:
                    self._live(process)
        return self

    def _advance(self) -> None:
        """Let STEP seconds pass."""
        until = self.time + STEP
        for server in self.servers:
            server.twin.now += round(STEP * 1000)
        while self._steps and self._steps[0][0] <= until:
            self.time, _, step = heappop(self._steps)
            step()
        self.time = until
        for server in self.servers:
            if server.words and server.stopped_until <= self.time:
                words, server.words = server.words, []
                for step in words:
                    step()
        for process in self.processes.values():
            process.boottime += STEP * process.rate
            if process.paused_until <= self.time:
                inbox, process.inbox = process.inbox, []
                for step in inbox:
                    step()
                link = process.link
                if link.there and (link.cut_until > self.time or any(due < self.time for due, _ in link.open)):
                    link.drop()
                elif not link.there and link.cut_until <= self.time and self.server.stopped_until <= self.time:
                    if self.rng.random() < 0.2:
                        link.connect()
                process.clock.advance(STEP * process.rate)
        if self.rng.random() < STEP / 0.7:
            self.snapshot = self.server.twin.snapshot()

    def _live(self, process: Process) -> None:
        rng = self.rng
        if rng.random() < 0.1:
            client, group = rng.choice(process.clients), rng.choice(GROUPS)
            if group in client.groups:
                process.leave(client, group)
            elif rng.random() < 0.3:
                process.join(client, group)
                self.waits += group not in client.told
        if rng.random() < 0.2 and self.time > QUIET:
            self._push(process, rng.choice(GROUPS))

    def _push(self, pusher: Process, group: str) -> None:
        others = [process for process in self.processes.values() if process is not pusher]
        members = [(process, client) for process in others for client in process.clients if group in client.told]
        self.pushes += 1

        def answered(left_out: Set[str]) -> None:
            self.left_out += len(left_out)
            for process, client in members:
                if group not in client.told:
                    continue
                if process.name in left_out:
                    self.violation = f"{pusher.name} leaves out {process.name} at {self.time:.1f} s for {group}"
                elif process.name not in pusher.table.others() and self._is_reachable(process):
                    self.violation = f"{pusher.name} does not know {process.name} at {self.time:.1f} s"

        pusher.interest.without(group).addCallback(answered)

    def _is_reachable(self, process: Process) -> bool:
        """Say if the others must know a process: it was not away from the one engine for long."""
        return {"replica", "cut"}.isdisjoint(self.kinds) and process.right.leased(process.boottime)

    def _happen(self) -> None:
        rng = self.rng
        if rng.random() > 0.02:
            return
        process, server = rng.choice(list(self.processes.values())), rng.choice(self.servers)
        match rng.choice(self.kinds):
            case "cut":
                process.link.cut_until = self.time + rng.choice([0.0, 0.3, 2.0, 6.0, 9.0])
            case "stop":
                server.stopped_until = self.time + rng.choice([0.3, 2.0, 6.0])
            case "pause":
                process.paused_until = self.time + rng.choice([0.5, 2.0, 6.0])
            case "clock":
                server.twin.now += rng.choice([-10_000, -3000, -1000, -700, 3000, 20_000])
            case "empty":
                self._restart(Twin(self.variant.rules, now=self.server.twin.now))
            case "earlier":
                self._restart(self.snapshot)
            case "replica" if len(self.servers) == 1:
                self._fail_over()
            case "replica":
                (old,) = (server for server in self.servers if server is not self.server)
                old.replica, old.twin = True, self.snapshot.snapshot()
                self.servers.remove(old)
                if rng.random() < 0.5:
                    self._drop(old, 1.0)

    def _restart(self, twin: Twin) -> None:
        """Every process's connection is lost, and the server has what this twin has."""
        now = self.server.twin.now
        self._drop(self.server, 1.0)
        self.server.twin = twin.snapshot()
        self.server.twin.now = now
        self.snapshot = self.server.twin.snapshot()
        self.server.words.clear()

    def _fail_over(self) -> None:
        """A replica takes over; its clock is another one. Some stay with the master that was."""
        old, twin = self.server, self.snapshot.snapshot()
        twin.now = old.twin.now + self.rng.choice([-2000, -500, 0, 0, 500, 2000])
        self.server = Server(twin)
        self.servers.append(self.server)
        self._drop(old, 0.6)

    def _drop(self, server: Server, part: float) -> None:
        for process in self.processes.values():
            if process.link.server is server and self.rng.random() < part:
                process.link.drop()
