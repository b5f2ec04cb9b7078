"""The console while a gateway is busy: `python -m tests.thorough.console_load`; a minute and a half.

A real gateway has 5,000 connections, which send 2,000 messages a second in all: with nobody watching, and with the
console open in Chromium, in turns. It prints the gateway's processor time for both, and how long the page's frames are.
Needs Chromium and the wheel of playwright. Exit status 1 if a frame in a hundred takes more than 50 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.accounting import cpu_seconds
from benchmarks.certificate import self_signed
from benchmarks.driver import Load, Sink
from benchmarks.systems import Place, Wsaas
from tests.support.chromium import Visit

SLOWEST = 50.0
"""Milliseconds that 99 of 100 frames take, at most."""
STEP = 0.05
"""Seconds between two bursts of messages."""
SIZE = 100
RECORD = """() => {
    window.frames_ = []
    let last = performance.now()
    const next = now => { window.frames_.push(now - last); last = now; requestAnimationFrame(next) }
    requestAnimationFrame(next)
    window.tasks_ = []
    new PerformanceObserver(list => window.tasks_.push(...list.getEntries().map(each => each.duration)))
        .observe({entryTypes: ['longtask']})
}"""


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


def percentile(values: list[float], part: float) -> float:
    """Return the value below which this part of all is."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def main() -> int:
    """Run it, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each of the phases")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wsaas-console-") as directory:
        sink = Sink()
        load = Load(sink.port)
        system = Wsaas("wsaas", Place(Path(directory), sink.port, self_signed(Path(directory))))
        try:
            system.start()
            load.ask("open", url=system.url(), count=options.connections)
            speak(load, options.rate, 2.0)
            shares: dict[str, list[float]] = {"alone": [], "watched": []}
            costs: dict[str, list[float]] = {"alone": [], "watched": []}
            frames: list[float] = []
            tasks: list[float] = []
            for _ in range(options.rounds):
                for phase in shares:
                    visit = None
                    if phase == "watched":
                        visit = Visit()
                        visit.page.goto(f"http://127.0.0.1:{system.api_port}/-/console")
                        visit.page.wait_for_selector(".state.good")
                        speak(load, options.rate, 1.0)
                        visit.page.evaluate(RECORD)
                    before, began = cpu_seconds(system.pids()), time.monotonic()
                    sent = speak(load, options.rate, options.seconds)
                    spent, took = cpu_seconds(system.pids()) - before, time.monotonic() - began
                    shares[phase].append(spent / took)
                    costs[phase].append(spent / sent * 1e6)
                    if visit is not None:
                        frames += visit.page.evaluate("window.frames_")
                        tasks += visit.page.evaluate("window.tasks_")
                        print("the page shows:", visit.page.inner_text("#event-count"), file=sys.stderr)
                        visit.close()
                    print(f"{phase}: {sent / took:.0f} messages a second, {spent / took:.1%} of a processor")
        finally:
            system.stop()
            load.stop()
            sink.stop()
    more = [watched - alone for alone, watched in zip(shares["alone"], shares["watched"], strict=True)]
    dearer = [watched / alone - 1 for alone, watched in zip(costs["alone"], costs["watched"], strict=True)]
    slow = percentile(frames, 0.99)
    print(f"watched: {median(more):.1%} of a processor more, {median(dearer):.1%} of what a message costs")
    print(f"frames: median {median(frames):.1f} ms, 99 of 100 within {slow:.1f} ms, longest {max(frames):.1f} ms")
    print(f"tasks of the page over 50 ms: {len(tasks)}, longest {max(tasks, default=0.0):.0f} ms")
    return 1 if slow > SLOWEST else 0


if __name__ == "__main__":
    sys.exit(main())
