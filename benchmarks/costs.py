"""The costs of single operations, from which the size of a cluster is worked out.

They are near those of docs/performance. Measure yours (`python -m benchmarks`), and give them as options.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Costs:
    """The cost of each. Times are seconds of one core, sizes bytes, rates are a second."""

    connection: float = 4.2e3
    tls: float = 27.7e3
    process: float = 60e6
    per_process: float = 25_000
    per_cell: float = 1_000_000
    message: float = 30e-6
    push: float = 36e-6
    hop: float = 114e-6
    """A push that takes a hop, at both processes together."""
    connect: float = 500e-6
    """From the handshake to the answered DELETE."""
    delete: float = 110e-6
    """A DELETE of a connection of another process that is lost."""
    rate: float = 0.1
    """Messages of each connection, and as many pushes."""
    life: float = 1800
    """Seconds for which a connection lives."""
    row: float = 214 + 1000
    """A connection in the engine, with 1 KB of Authorization."""
    engine: float = 37e-6
    """The engine's time for a connection's life."""
    renewal: float = 1e-3
    """The engine's time for one process's renewals, for each second."""
    machine: float = 8
    """Processes of one machine."""
    ask: float = 100e-6
    """One question whether a lease is out, at each of its two ends."""

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add an option for each of them."""
        for each in fields(cls):
            parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, default=each.default, dest=each.name)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Costs:
        """Take them from the options."""
        return cls(**{each.name: getattr(options, each.name) for each in fields(cls)})
