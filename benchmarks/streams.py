"""The works of streamed replies (WSAAS-Reply: lines), and a paced push beside which they stand."""

from __future__ import annotations

from benchmarks.systems import System
from benchmarks.works import Account, Bench, Measure, Work, close_clients, open_clients

RATE = 1000
"""Lines a second of one stream."""


def interval(bench: Bench) -> float:
    """Return the seconds between two lines of one of many streams; less for a quick try."""
    return min(1.0, bench.seconds)


def one_stream(bench: Bench, system: System) -> Measure:
    """Measure the time from a line of one stream, as the backend writes it, to its frame at the client."""
    open_clients(bench, system, 1)
    lines = round(RATE * bench.seconds)
    account = Account(bench, system)
    bench.load.ask("streams", count=1, lines=lines, interval=1 / RATE)
    figures = bench.load.ask("lines", total=lines)
    measure = account.close(lines, figures["seconds"], lines - figures["lines"], rate=RATE)
    measure.details |= {name: figures[name] * 1000 for name in ("p50", "p99", "p999", "max")}
    measure.cost = figures["p99"] * 1000
    close_clients(bench, system)
    return measure


def many_streams(bench: Bench, system: System) -> Measure:
    """Measure a line of many streams, each of which has one a second. They have all begun before, and end after it."""
    open_clients(bench, system, bench.crowd)
    each = max(3, round(bench.seconds * 4))
    lines = each + 10
    begun = bench.load.ask("streams", count=bench.crowd, lines=lines, interval=interval(bench))["lines"]
    account = Account(bench, system)
    total = bench.crowd * each
    figures = bench.load.ask("lines", total=total)
    lost = max(0, total - figures["lines"])  # a few of the next second may be there as well
    measure = account.close(total - begun, figures["seconds"], lost, begun=begun)
    close_clients(bench, system)
    return measure


def paced_push(bench: Bench, system: System) -> Measure:
    """Measure a push at as many a second as there are lines of all these streams, to as many clients."""
    ids = open_clients(bench, system, bench.crowd)
    requests = [system.push(id, "@number@" + "p" * 92) for id in ids]
    rate, seconds = bench.crowd / interval(bench), max(3, round(bench.seconds * 4)) * interval(bench)
    account = Account(bench, system)
    figures = bench.load.ask(
        "latency", port=system.api_port, connections=bench.pushers, requests=requests, rate=rate, seconds=seconds
    )
    lost = figures["expected"] - figures["frames"]
    measure = account.close(figures["expected"], figures["seconds"], lost, statuses=figures["statuses"])
    close_clients(bench, system)
    return measure


def stream_works() -> list[Work]:
    """Return the works of streams. Only the gateway has these."""
    needs = frozenset(("streams",))
    return [
        Work(f"stream {RATE}/s", "ms", one_stream, needs),
        Work("stream of many", "us", many_streams, needs, variant="streams"),
        Work("stream pushes", "us", paced_push, needs, variant="streams"),
    ]
