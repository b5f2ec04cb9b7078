"""A search for inputs that cost more than their length is worth.

    python -m tests.thorough.fuzz.cost [PORT [INPUTS [SEED]]]
    python -m tests.thorough.fuzz.cost "client port" 2000000

An input is a beginning, something that is repeated, and an end. Those that take longest are kept and varied, so that
the search climbs towards what is dear. What takes much longer than most is looked at in two lengths: if it grows faster
than its length, that is a finding.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.support.growth import FOLD, grows
from tests.support.hostile import PUMPS, TARGETS, Target

PORTS = ("client port", "API port")
SIZE = 4000
"""Bytes of an input when it is tried; four times as many when it is looked at."""
DEAR = 5.0
"""An input is looked at if it takes so many times as long as half of all do."""
SAMPLED = 20
"""One in so many inputs is looked at of those that are dear, but not the dearest."""
KEPT = 100
"""The dearest inputs, which are varied further."""
ALIKE = 4
"""Those of them whose repetition stands in the same place."""
ENOUGH = 10
"""Findings after which the search ends."""
SAMPLE = 500
"""Inputs whose times say how long an input takes."""


@dataclass(frozen=True)
class Input:
    begin: bytes
    pump: bytes
    end: bytes

    @property
    def place(self) -> bytes:
        """The beginning of the line in which the repetition stands; all that repeat lines are in one place."""
        return b"\n" if b"\n" in self.pump else self.begin[self.begin.rfind(b"\n") + 1 :][:12]

    def of(self, size: int) -> bytes:
        """As many repetitions as fit, one at least."""
        return self.begin + self.pump * max(1, (size - len(self.begin) - len(self.end)) // len(self.pump)) + self.end


@dataclass(frozen=True)
class Report:
    """The result of a search: findings, as inputs with the ratio of times, and the most expensive input with its
    seconds at four times SIZE.
    """

    inputs: int
    looked_at: int
    findings: list[tuple[Input, float]]
    dearest: Input
    seconds: float


class Search:
    """One search, the same for the same seed but for what the machine's noise changes in the order of the dearest."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._random = Random(seed)
        self._words = [pump.encode("latin-1") for pump in PUMPS]
        for frame in target.frames:
            self._words += frame.encode("latin-1").split(b"{}")
            self._words += [line + b"\r\n" for line in frame.encode("latin-1").split(b"\r\n")]
        self._words = sorted({word for word in self._words if word})
        self._kept: list[tuple[float, Input]] = []

    def run(self, inputs: int, tell: Callable[[str], None] = lambda line: None) -> Report:
        """Try so many inputs."""
        sample = [self._time(self._fresh()) for _ in range(SAMPLE)]
        findings: list[tuple[Input, float]] = []
        looked_at = 0
        usual = statistics.median(sample)
        longest = 0.0
        for number in range(inputs):
            if number % 10_000 == 0:  # in between, it would be counted as an input's
                gc.collect()
                gc.disable()
            candidate = self._next()
            seconds = self._time(candidate)
            self._keep(seconds, candidate)
            # Of those that take no longer than one that was seen to be linear, one in so many is enough.
            if seconds > DEAR * usual and (seconds > longest or self._random.randrange(SAMPLED) == 0):
                longest = max(longest, seconds)
                looked_at += 1
                ratio = grows(self._target.reads, candidate.of, SIZE)
                if ratio is not None:
                    findings.append((candidate, ratio))
                    tell(f"{ratio:.1f} times as long for {FOLD} times the length: {candidate}")
                    if len(findings) == ENOUGH:
                        break
            if number % 100_000 == 99_999:
                tell(f"{number + 1} inputs, {looked_at} looked at, {len(findings)} found")
        gc.enable()
        worst = max((each for _, each in self._kept), key=lambda each: self._time(each, FOLD * SIZE, 5))
        return Report(inputs, looked_at, findings, worst, self._time(worst, FOLD * SIZE, 5))

    def _time(self, candidate: Input, size: int = SIZE, times: int = 1) -> float:
        data = candidate.of(size)
        taken = []
        for _ in range(times):
            began = time.thread_time()
            self._target.reads(data)
            taken.append(time.thread_time() - began)
        return min(taken)

    def _keep(self, seconds: float, candidate: Input) -> None:
        alike = [pair for pair in self._kept if pair[1].place == candidate.place]
        if len(alike) == ALIKE and seconds > alike[-1][0]:
            self._kept.remove(alike.pop())
        if len(alike) < ALIKE and (len(self._kept) < KEPT or seconds > self._kept[-1][0]):
            self._kept.append((seconds, candidate))
            self._kept.sort(key=lambda pair: -pair[0])
            # Times fade: one that was long by chance makes room.
            self._kept = [(seconds * 0.999, each) for seconds, each in self._kept[:KEPT]]

    def _next(self) -> Input:
        if not self._kept or self._random.random() < 0.5:
            return self._fresh()
        _, one = self._random.choice(self._kept)
        begin, pump, end = one.begin, one.pump, one.end
        for _ in range(self._random.randint(1, 3)):
            match self._random.randrange(6):
                case 0:
                    begin = self._vary(begin, 1000)
                case 1:
                    pump = self._vary(pump, 60) or pump
                case 2:
                    end = self._vary(end, 1000)
                case 3:
                    pump = self._random.choice(self._words)[:60]
                case 4:
                    end = self._random.choice(self._kept)[1].end
                case 5:
                    begin = self._random.choice(self._kept)[1].begin
        return Input(begin, pump, end)

    def _fresh(self) -> Input:
        begin, _, end = self._random.choice(self._target.frames).encode("latin-1").partition(b"{}")
        pump = b"".join(self._random.choice(self._words)[:30] for _ in range(self._random.randint(1, 2)))
        return Input(begin, pump, end)

    def _vary(self, data: bytes, longest: int) -> bytes:
        at = self._random.randint(0, len(data))
        until = min(len(data), at + self._random.choice((0, 0, 1, 4, 20)))
        new = self._random.choice((b"", self._random.choice(self._words), bytes([self._random.randrange(256)])))
        if self._random.random() < 0.1:
            new = data[at : at + 20] * 2
        return (data[:at] + new + data[until:])[:longest]


def main(arguments: list[str]) -> int:
    ports = arguments[:1] or list(PORTS)
    inputs = int(arguments[1]) if len(arguments) > 1 else 100_000
    seed = int(arguments[2]) if len(arguments) > 2 else time.time_ns()
    found = 0
    for port in ports:
        print(f"{port}: {inputs} inputs, seed {seed}", flush=True)
        report = Search(TARGETS[port], seed).run(inputs, lambda line: print(line, flush=True))
        print(
            f"{port}: {report.inputs} inputs, {report.looked_at} looked at, {len(report.findings)} found; "
            f"the dearest of {FOLD * SIZE} bytes takes {report.seconds * 1000:.1f} ms: {report.dearest}",
            flush=True,
        )
        found += len(report.findings)
    return min(found, 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
