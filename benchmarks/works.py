"""The kinds of work, each a function that runs on every system.

Each function opens its clients, warms up, measures the work, checks that everything has arrived and closes the clients.
The speed of the warm-up decides the amount of work, so that each takes about `Bench.seconds`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.accounting import cpu_seconds, memory_bytes, run_seconds
from benchmarks.driver import Load, Lost, Sink, Unable
from benchmarks.event_reader import Reader
from benchmarks.systems import System, Wsaas

KB = 1024
REST_TIMEOUT = 20.0
"""Seconds in which a system must be at rest after its work."""
REST_LOAD = 0.2
"""Processor load up to which a system counts as at rest: it may still ping its ten thousand clients."""
UNSTABLE = 0.9
"""The part of a system's highest rate from which on its latency grows with the duration of the measurement."""
RATES = (5000, 12_000)
"""Pushes a second at which latencies are compared."""
IN_TOUCH = 6.0
"""Seconds after which a node of a cluster has been in touch with the engine for long enough to believe it."""
STALL_TIMEOUT = 10.0
"""Seconds without a webhook after which missing webhooks count as lost."""


@dataclass
class Bench:
    """The load, the sink, and the amount of work."""

    load: Load
    sink: Sink
    seconds: float
    clients: int = 256
    crowd: int = 1000
    window: int = 64
    pushers: int = 16


@dataclass
class Measure:
    """One measurement of one work on one system.

    `cost` is microseconds of processor time for each operation; for memory it is bytes for each connection, for latency
    milliseconds at the 99th percentile.
    """

    cost: float
    operations: int
    seconds: float = 0.0
    system_cpu: float = 0.0
    load_cpu: float = 0.0
    sink_cpu: float = 0.0
    lost: int = 0
    engine_cpu: float | None = None
    details: dict[str, Any] = field(default_factory=dict)


Run = Callable[[Bench, System], Measure]


@dataclass(frozen=True)
class Work:
    """One kind of work: a row of the table."""

    name: str
    unit: str
    run: Run
    needs: frozenset[str] = frozenset()
    fresh: bool = False
    """True if the work needs a newly started system."""
    variant: str = ""
    """The variant of each system that does this work; see `Wsaas`."""

    @property
    def kind(self) -> str:
        return self.name.split()[0]


class Account:
    """Measures the processor time from its creation to `close`."""

    def __init__(self, bench: Bench, system: System) -> None:
        self._bench = bench
        engine = [system.engine.pid] if system.engine else []
        self._groups = (system.pids(), [bench.load.process.pid], [bench.sink.process.pid], engine)
        self._began = [cpu_seconds(each) for each in self._groups]

    def close(self, operations: int, seconds: float, lost: int, **details: Any) -> Measure:
        """Wait until the system is at rest, and return the measure."""
        before = -1.0
        deadline = time.monotonic() + REST_TIMEOUT
        while (now := cpu_seconds(self._groups[0])) - before > REST_LOAD * 0.1 and time.monotonic() < deadline:
            before = now
            time.sleep(0.1)
        cpu, load, sink, engine = (
            cpu_seconds(each) - began for each, began in zip(self._groups, self._began, strict=True)
        )
        measure = Measure(cpu / operations * 1e6, operations, seconds, cpu, load, sink, lost, details=details)
        measure.engine_cpu = engine if self._groups[3] else None
        return measure


def open_clients(bench: Bench, system: System, count: int, *, tls: bool = False, crowd: bool = False) -> list[str]:
    """Connect `count` clients. Return the ids of their connections."""
    before = bench.sink.counts(system.slug)["connect"]
    opened = bench.load.ask("open", url=system.url(tls=tls, crowd=crowd), count=count)["opened"]
    if opened != count:
        raise Lost(f"{opened} of {count} clients connected")
    _arrive(bench, system, "connect", before + count)
    time.sleep(system.subscribes_in)
    return [str(number) for number in range(count)] if system.clients_choose else bench.sink.ids(system.slug)[-count:]


def close_clients(bench: Bench, system: System) -> None:
    bench.load.ask("close")
    _arrive(bench, system, "disconnect", bench.sink.counts(system.slug)["connect"])


def _arrive(bench: Bench, system: System, event: str, expected: int) -> int:
    """Wait until the sink has received `expected` events. Return the number of missing ones."""
    before, deadline = expected, 0.0
    while (missing := expected - bench.sink.counts(system.slug)[event]) > 0:
        if missing < before or not deadline:
            before, deadline = missing, time.monotonic() + STALL_TIMEOUT
        elif time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return missing


def _total(bench: Bench, warm: int, seconds: float, most: int = 200_000) -> int:
    """Return the number of operations that take about `Bench.seconds`, if `warm` of them took `seconds`."""
    return int(min(max(warm / seconds * bench.seconds, warm), most))


def message(size: int, tls: bool = False, among: int = 0, depth: int = 1) -> Run:
    """Measure a client's message until its webhook is answered, with `among` connections.

    Each client that sends has `depth` messages under way.
    """

    def run(bench: Bench, system: System) -> Measure:
        open_clients(bench, system, among or bench.clients, tls=tls)
        job = {"size": size, "window": bench.window, "depth": depth}
        warm = min(bench.window, bench.clients) * 5 * depth
        total = _total(bench, warm, bench.load.ask("messages", total=warm, **job)["seconds"])
        before = bench.sink.counts(system.slug)
        account = Account(bench, system)
        figures = bench.load.ask("messages", total=total, **job)
        missing = _arrive(bench, system, "message", before["message"] + total)
        cut = (total - missing) * size != bench.sink.counts(system.slug)["bytes"] - before["bytes"]
        measure = account.close(total, figures["seconds"], abs(missing) + cut)
        close_clients(bench, system)
        return measure

    return run


def watched(size: int) -> Run:
    """Measure a client's message while one reader has all events. The reader's own time is not counted."""

    def run(bench: Bench, system: System) -> Measure:
        assert isinstance(system, Wsaas)
        reader = Reader(system)
        try:
            measure = message(size)(bench, system)
        finally:
            lines = reader.stop()
        if lines["message"] < measure.operations or lines["skipped"]:
            raise Lost(f"{lines['message']} events of {measure.operations} messages, {lines['skipped']} times skipped")
        return measure

    return run


def push(size: int, tls: bool = False, among: int = 0) -> Run:
    """Measure a push until its frame is at the client."""

    def run(bench: Bench, system: System) -> Measure:
        ids = open_clients(bench, system, among or bench.clients, tls=tls)
        job = {
            "port": system.api_port,
            "requests": [system.push(id, "p" * size) for id in ids],
            "frames": 1,
            "connections": bench.pushers,
        }
        return _pushes(bench, system, job, bench.clients)

    return run


def broadcast(size: int, among: int = 0) -> Run:
    """Measure a push to all, for each frame. The next one is sent when all clients have the last."""

    def run(bench: Bench, system: System) -> Measure:
        open_clients(bench, system, among or bench.crowd, crowd=True)
        measure = _one_to_many(bench, system, system.broadcast("b" * size), among or bench.crowd)
        close_clients(bench, system)
        return measure

    return run


def group(size: int, members: int, among: int) -> Run:
    """Measure a push to a group, for each frame."""

    def run(bench: Bench, system: System) -> Measure:
        assert isinstance(system, Wsaas)
        ids = open_clients(bench, system, among, crowd=True)
        joins = [system.join("some", id) for id in ids[:members]]
        job = {"port": system.api_port, "frames": 0, "connections": bench.pushers}
        statuses = bench.load.ask("pushes", requests=joins, total=members, **job)["statuses"]
        if statuses != {"200": members}:
            raise Lost(f"joining a group: {statuses}")
        measure = _one_to_many(bench, system, system.group("some", "g" * size), members)
        close_clients(bench, system)
        return measure

    return run


def lone_member(size: int) -> Run:
    """Measure a push to a group with one member, at the node of the clients; there are such pushes at the same time."""

    def run(bench: Bench, system: System) -> Measure:
        assert isinstance(system, Wsaas)
        (id,) = open_clients(bench, system, 1)
        job = {"port": system.api_port, "requests": [system.join("alone", id)], "frames": 0, "connections": 1}
        bench.load.ask("pushes", total=1, **job)
        time.sleep(IN_TOUCH)
        job |= {"requests": [system.group("alone", "g" * size)], "frames": 1, "connections": bench.pushers}
        return _pushes(bench, system, job, 64)

    return run


def _pushes(bench: Bench, system: System, job: Mapping[str, object], warm: int) -> Measure:
    total = _total(bench, warm, bench.load.ask("pushes", total=warm, **job)["seconds"])
    account = Account(bench, system)
    figures = bench.load.ask("pushes", total=total, **job)
    lost = figures["expected"] - figures["frames"]
    measure = account.close(total, figures["seconds"], lost, statuses=figures["statuses"])
    close_clients(bench, system)
    return measure


def _one_to_many(bench: Bench, system: System, request: str, members: int) -> Measure:
    job = {"port": system.api_port, "requests": [request], "frames": members, "connections": 1}
    total = _total(bench, 3, bench.load.ask("pushes", total=3, **job)["seconds"])
    account = Account(bench, system)
    figures = bench.load.ask("pushes", total=total, **job)
    lost = figures["expected"] - figures["frames"]
    return account.close(total * members, figures["seconds"], lost, statuses=figures["statuses"])


def connect(tls: bool = False, among: int = 0) -> Run:
    """Measure a connection that opens and closes, until both its webhooks are answered."""

    def run(bench: Bench, system: System) -> Measure:
        if among:
            open_clients(bench, system, among)
        job = {"url": system.url(tls=tls), "width": 16}
        warm = 64
        total = _total(bench, warm, bench.load.ask("cycles", total=warm, **job)["seconds"], most=10_000)
        before = bench.sink.counts(system.slug)
        account = Account(bench, system)
        figures = bench.load.ask("cycles", total=total, **job)
        missing = _arrive(bench, system, "connect", before["connect"] + total)
        missing += _arrive(bench, system, "disconnect", before["connect"] + total - among)
        measure = account.close(total, figures["seconds"], abs(missing))
        close_clients(bench, system)
        return measure

    return run


def mixed(bench: Bench, system: System) -> Measure:
    """Measure a mix: twenty messages, ten pushes and one connection that opens and closes are one operation."""
    ids = open_clients(bench, system, bench.clients)

    def job(total: int) -> dict[str, Any]:
        return {
            "messages": {"total": total * 20, "size": 100, "window": bench.window // 2},
            "pushes": {
                "total": total * 10,
                "port": system.api_port,
                "requests": [system.push(id, "p" * 100) for id in ids],
                "frames": 1,
                "connections": bench.pushers // 2,
            },
            "cycles": {"total": total, "url": system.url(), "width": 2},
        }

    total = _total(bench, 20, bench.load.ask("mixed", **job(20))["seconds"])
    before = bench.sink.counts(system.slug)
    account = Account(bench, system)
    figures = bench.load.ask("mixed", **job(total))
    lost = figures["expected"] - figures["frames"]
    lost += abs(_arrive(bench, system, "message", before["message"] + total * 20))
    lost += abs(_arrive(bench, system, "connect", before["connect"] + total))
    measure = account.close(total, figures["seconds"], lost, statuses=figures["statuses"])
    close_clients(bench, system)
    return measure


def idle(tls: bool = False, among: int = 0) -> Run:
    """Measure the memory of an idle connection."""

    def run(bench: Bench, system: System) -> Measure:
        count = among or bench.crowd
        bench.load.ask("cycles", total=64, url=system.url(tls=tls), width=16)
        before = memory_bytes(system.pids())
        began = time.monotonic()
        open_clients(bench, system, count, tls=tls)
        # Some systems free a handshake's memory only later.
        time.sleep(1)
        used = memory_bytes(system.pids()) - before
        measure = Measure(used / count, count, time.monotonic() - began)
        close_clients(bench, system)
        return measure

    return run


def rest(bench: Bench, system: System) -> Measure:
    """Measure a second of one process without clients: renewals of its lease, and all else that it does on its own."""
    close_clients(bench, system)
    pids, engine = system.pids(), [system.engine.pid] if system.engine else []
    began, before, engine_before = time.monotonic(), run_seconds(pids), run_seconds(engine)
    time.sleep(bench.seconds * 5)
    seconds, cpu = time.monotonic() - began, run_seconds(pids) - before
    each = seconds * len(system.processes)
    measure = Measure(cpu / each * 1e6, max(1, round(each)), seconds, cpu)
    measure.engine_cpu = run_seconds(engine) - engine_before if engine else None
    return measure


def latency(rate: float = 0.0) -> Run:
    """Measure the time from a push's due moment to its frame at the client, at this many pushes a second.

    A rate of 0 is half of the system's highest. A system that cannot do a fixed rate raises Unable.
    """

    def run(bench: Bench, system: System) -> Measure:
        ids = open_clients(bench, system, bench.clients)
        job = {"port": system.api_port, "connections": bench.pushers * 2}
        requests = [system.push(id, "@number@" + "p" * 92) for id in ids]
        full = bench.load.ask("pushes", total=bench.clients * 8, requests=requests, frames=1, **job)
        most = bench.clients * 8 / full["seconds"]
        if rate > most * UNSTABLE:
            close_clients(bench, system)
            raise Unable(f"it does {most:.0f} pushes a second at most")
        wanted = rate or most / 2
        account = Account(bench, system)
        figures = bench.load.ask("latency", requests=requests, rate=wanted, seconds=bench.seconds, **job)
        lost = figures["expected"] - figures["frames"]
        measure = account.close(
            figures["expected"], figures["seconds"], lost, statuses=figures["statuses"], rate=wanted
        )
        measure.details |= {name: figures[name] * 1000 for name in ("p50", "p99", "p999", "max")}
        measure.cost = figures["p99"] * 1000
        close_clients(bench, system)
        return measure

    return run


def all_works(sizes: Sequence[int]) -> list[Work]:
    """Return all works, in the order in which they run."""
    needs_tls, needs_broadcast = frozenset(("tls",)), frozenset(("broadcast",))
    return [
        Work("idle", "KB", idle(), fresh=True),
        Work("idle TLS", "KB", idle(tls=True), needs_tls, fresh=True),
        Work("connect", "us", connect()),
        Work("connect TLS", "us", connect(tls=True), needs_tls),
        *(Work(f"message {spell(size)}", "us", message(size)) for size in sizes),
        Work(f"watched message {spell(sizes[0])}", "us", watched(sizes[0]), frozenset(("events",))),
        Work(f"message {spell(sizes[0])} TLS", "us", message(sizes[0], tls=True), needs_tls),
        *(Work(f"push {spell(size)}", "us", push(size)) for size in sizes),
        Work(f"push {spell(sizes[0])} TLS", "us", push(sizes[0], tls=True), needs_tls),
        *(Work(f"broadcast {spell(size)}", "us", broadcast(size), needs_broadcast) for size in sizes),
        Work("mixed", "us", mixed),
        Work("latency", "ms", latency()),
        *(Work(f"latency {rate}/s", "ms", latency(rate)) for rate in RATES),
        Work("batch of 8", "us", message(sizes[0], depth=8), frozenset(("batch",)), variant="batches"),
        *(
            Work(f"workers {name}", "us", run, frozenset(("workers", *needs)), variant="2-workers")
            for name, run, *needs in (
                ("connect", connect()),
                (f"message {spell(sizes[0])}", message(sizes[0])),
                (f"push {spell(sizes[0])}", push(sizes[0])),
                (f"broadcast {spell(sizes[0])}", broadcast(sizes[0]), "broadcast"),
            )
        ),
    ]


def cluster_works(members: int) -> list[Work]:
    """Return the works of --cluster. The clients are at the last node, and pushes go to the first one."""
    grouped = frozenset(("group",))
    return [
        Work("connect", "us", connect()),
        Work("push 100 B", "us", push(100)),
        Work("push 16 KB", "us", push(16 * KB)),
        Work(f"group of {members}", "us", group(100, members, members), grouped),
        Work("group of 1", "us", lone_member(100), grouped),
        Work("latency", "ms", latency()),
        Work("rest", "us", rest, grouped),
    ]


def growing_works(counts: Sequence[int], groups: Sequence[int]) -> list[Work]:
    """Return the works of --growth: with each number of connections, and with groups among the highest number."""
    size = 100
    works = []
    for count in counts:
        works += [
            Work(f"idle of {count}", "KB", idle(among=count), fresh=True),
            # Without pings: those of ten thousand clients would stand on the account of the connects.
            Work(f"connect among {count}", "us", connect(among=count), variant="no-keepalive"),
            Work(f"message among {count}", "us", message(size, among=count)),
            Work(f"push among {count}", "us", push(size, among=count)),
            Work(f"broadcast to {count}", "us", broadcast(size, among=count), frozenset(("broadcast",))),
        ]
    grouped = frozenset(("group",))
    return works + [Work(f"group of {each}", "us", group(size, each, max(counts)), grouped) for each in groups]


def spell(size: int) -> str:
    return f"{size // KB} KB" if size % KB == 0 else f"{size} B"
