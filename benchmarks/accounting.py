"""Processor time and memory of a system's processes and their children, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
TICK = 1.0 / os.sysconf("SC_CLK_TCK")
_PPID, _UTIME, _CUTIME = 1, 11, 13


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on: number 0 is the state; see proc_pid_stat(5)."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def family(roots: Iterable[int]) -> list[int]:
    """Return these processes and all their descendants."""
    parents: dict[int, int] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat(int(entry.name))[_PPID])
            except OSError:
                continue
    members = {pid for pid in roots if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in members and pid not in members}:
        members |= more
    return sorted(members)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return user and system time, children that have ended included, in steps of TICK."""
    total = 0
    for pid in pids:
        fields = _stat(pid)
        total += sum(map(int, fields[_UTIME : _CUTIME + 2]))
    return total * TICK


def run_seconds(pids: Iterable[int]) -> float:
    """Return the time for which the threads of these processes ran, to the nanosecond; not that of ended children."""
    total = 0
    for pid in pids:
        for thread in (PROC / str(pid) / "task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def memory_bytes(pids: Iterable[int]) -> int:
    """Return the proportional set size: shared memory counts once."""
    total = 0
    for pid in pids:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total
