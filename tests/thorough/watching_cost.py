"""The cost of watching a busy gateway: `python -m tests.thorough.watching_cost`; three minutes and a half.

A real gateway has 5,000 connections, which send 2,000 messages a second in all. In turns nobody watches, and one of
these does: the console in Chromium, a reader that is shown 100 events a second of each kind, a reader of all of them.
It prints the processor time of each beside that of the turn before, when nobody watched, and how long the page's frames
are (by `--ways empty` those of an empty page). Then, among 10,000 connections, it asks for figures. What counts there
is the time of the main thread, in which the reactor runs: a scrape keeps all clients waiting for so long.

Needs Chromium and the wheel of playwright. Exit status 1 if the console costs MOST or more, a frame takes LONGEST, or a
scrape LONGEST_SCRAPE.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.accounting import PROC, run_seconds
from benchmarks.certificate import self_signed
from benchmarks.driver import Load, Sink
from benchmarks.event_reader import Reader
from benchmarks.systems import Place, Wsaas
from tests.support.chromium import Visit

MOST = 0.05
"""The share of a processor, and of the cost of a message, that the console may cost."""
LONGEST = 50.0
"""Milliseconds of a frame at most."""
LONGEST_SCRAPE = 20.0
"""Milliseconds of the reactor that a scrape may take."""
STEP = 0.05
"""Seconds between two bursts of messages."""
SIZE = 100
WARM_UP = 1.0
SCRAPES = 20
MANY = 10_000
FORMATS = {"text": "text/plain", "OpenMetrics": "application/openmetrics-text; version=1.0.0"}
RECORD = """() => {
    window.frames_ = []
    let last = performance.now()
    const next = now => { window.frames_.push(now - last); last = now; requestAnimationFrame(next) }
    requestAnimationFrame(next)
    window.tasks_ = []
    new PerformanceObserver(list => window.tasks_.push(...list.getEntries().map(each => each.duration)))
        .observe({entryTypes: ['longtask']})
}"""
Frames = list[float]


def speak(load: Load, rate: int, seconds: float) -> int:
    """Send messages at this rate; return how many there were, each answered."""
    burst, sent, began = max(1, int(rate * STEP)), 0, time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        due = began + sent / rate
        if now < due:
            time.sleep(due - now)
        load.ask("messages", total=burst, window=burst, size=SIZE)
        sent += burst
    return sent


def spend(system: Wsaas, load: Load, rate: int, seconds: float) -> tuple[float, float]:
    """Send messages; return the share of a processor that the gateway took, and its microseconds for each message."""
    before, began = run_seconds(system.pids()), time.monotonic()
    sent = speak(load, rate, seconds)
    spent, took = run_seconds(system.pids()) - before, time.monotonic() - began
    return spent / took, spent / sent * 1e6


class Console:
    """The console in Chromium, or an empty page, which notes its frames once `note` is called."""

    def __init__(self, system: Wsaas, picture: str | None = None, empty: bool = False) -> None:
        self._picture = picture
        self._visit = Visit()
        if not empty:
            self._visit.page.goto(f"http://127.0.0.1:{system.api_port}/-/console")
            self._visit.page.wait_for_selector(".state.good")

    def note(self) -> None:
        """Begin to note how long frames take."""
        self._visit.page.evaluate(RECORD)

    def stop(self) -> tuple[Frames, Frames]:
        """Leave; return how long each frame took, and each of the page's tasks over 50 ms."""
        page = self._visit.page
        found = page.evaluate("window.frames_"), page.evaluate("window.tasks_")
        if self._picture is not None:
            page.screenshot(path=self._picture)
        self._visit.close()
        return found


def percentile(values: list[float], part: float) -> float:
    """Return the value below which this part of all is."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def reactor_seconds(pid: int) -> float:
    """Return the time for which the main thread of a process ran (schedstat in proc_pid(5))."""
    return int((PROC / str(pid) / "task" / str(pid) / "schedstat").read_text().split()[0]) / 1e9


def ask(port: int, path: str, accept: str) -> int:
    """Ask for figures; return the size of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{path} is answered {response.status}")
        return len(response.read())
    finally:
        connection.close()


def scrapes(system: Wsaas, connections: int) -> float:
    """Ask for figures again and again, print what an answer costs, and return the milliseconds of the dearest."""
    pid, dearest = system.processes[0].pid, 0.0
    asked = [(f"/-/metrics, {name}", "/-/metrics", accept) for name, accept in FORMATS.items()]
    for name, path, accept in (*asked, ("/-/stats", "/-/stats", "*/*")):
        ask(system.api_port, path, accept)  # the first one imports the library
        found = []
        for _ in range(SCRAPES):
            before = reactor_seconds(pid)
            size = ask(system.api_port, path, accept)
            found.append((reactor_seconds(pid) - before) * 1000)
        print(f"{name}: {median(found):.1f} ms of the reactor, {size} bytes, among {connections} connections")
        dearest = max(dearest, median(found))
    return dearest


def main() -> int:
    """Run it, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--ways", default="console,part,whole", help="of watching, with commas; may be empty")
    parser.add_argument("--picture", help="the file for a picture of the console")
    options = parser.parse_args()
    begin: dict[str, Callable[[Wsaas], Console | Reader]] = {
        "console": lambda system: Console(system, options.picture),
        "empty": lambda system: Console(system, empty=True),
        "part": lambda system: Reader(system, "?rate=100"),
        "whole": Reader,
    }
    ways = [each for each in options.ways.split(",") if each]
    more: dict[str, list[tuple[float, float]]] = defaultdict(list)
    frames: dict[str, Frames] = defaultdict(list)
    tasks: dict[str, Frames] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="wsaas-watching-") as directory:
        sink = Sink()
        load = Load(sink.port)
        system = Wsaas("wsaas:no-keepalive", Place(Path(directory), sink.port, self_signed(Path(directory))))
        try:
            system.start()
            load.ask("open", url=system.url(), count=options.connections)
            speak(load, options.rate, WARM_UP)
            for _ in range(options.rounds if ways else 0):
                for way in ways:
                    alone = spend(system, load, options.rate, options.seconds)
                    watching = begin[way](system)
                    speak(load, options.rate, WARM_UP)
                    if isinstance(watching, Console):
                        watching.note()
                    watched = spend(system, load, options.rate, options.seconds)
                    found = watching.stop()
                    if isinstance(watching, Console):
                        frames[way] += found[0]
                        tasks[way] += found[1]
                    more[way].append((watched[0] - alone[0], watched[1] / alone[1] - 1))
                    print(
                        f"{way}: {watched[0]:.1%} of a processor, {watched[1]:.1f} us a message; {alone[1]:.1f} alone"
                    )
            connections = options.connections
            if connections < MANY:
                load.ask("open", url=system.url(), count=MANY - connections)
            dearest = scrapes(system, MANY)
        finally:
            system.stop()
            load.stop()
            sink.stop()
    failed = dearest > LONGEST_SCRAPE
    for way, found in more.items():
        share, part = (median(each) for each in zip(*found, strict=True))
        print(f"{way}: {share:+.1%} of a processor, {part:+.1%} of what a message costs, medians of {len(found)} pairs")
        failed = failed or (way == "console" and max(share, part) >= MOST)
    for way, each in frames.items():
        slow, longest = percentile(each, 0.99), max(each)
        print(f"frames, {way}: median {median(each):.1f} ms, 99 of 100 within {slow:.1f} ms, longest {longest:.1f} ms")
        print(f"tasks of the page over 50 ms, {way}: {len(tasks[way])}, longest {max(tasks[way], default=0.0):.0f} ms")
        failed = failed or (way == "console" and longest >= LONGEST)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
