"""The systems under test, as far as they start none."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.systems import Place, Wsaas


class VariantTests(SynchronousTestCase):
    def started(self, name: str) -> tuple[list[str], Mapping[str, str]]:
        """The command that a system of this name is started by, and its environment."""
        commands: list[tuple[list[str], Mapping[str, str]]] = []

        class Recorded(Wsaas):
            def spawn(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
                commands.append(([str(each) for each in command], environment or {}))

        directory = Path(self.mktemp())
        directory.mkdir()
        Recorded(name, Place(directory, 1, Path("none.pem"))).launch()
        ((command, environment),) = commands
        return command, environment

    def test_interpreter(self) -> None:
        """`wsaas:python=FILE` runs under that interpreter, with other variants, and `wsaas` under this one."""
        self.assertEqual(self.started("wsaas")[0][0], sys.executable)
        command, environment = self.started("wsaas:python=/opt/other/bin/python+batches+2-workers")
        self.assertEqual(command[0], "/opt/other/bin/python")
        self.assertEqual((environment["WEBHOOK_BATCH"], environment["WORKERS"]), ("8", "2"))
