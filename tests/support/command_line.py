"""The command `wsaas`, run in this process: its standard streams are in memory, its environment is made up."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

from wsaas.cli.main import main


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Screen(io.StringIO):
    """Standard output or error; a terminal if `columns` is not 0."""

    encoding = "utf-8"

    def __init__(self, columns: int = 0) -> None:
        super().__init__()
        self.columns = columns

    def isatty(self) -> bool:
        return self.columns > 0


class Keyboard(io.TextIOWrapper):
    """Standard input, a terminal or not."""

    def __init__(self, typed: bytes, terminal: bool) -> None:
        super().__init__(io.BytesIO(typed), "utf-8")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def wsaas(*arguments: str, stdin: bytes = b"", columns: int = 0, environ: Mapping[str, str] | None = None) -> Ended:
    """Run the command. With `columns`, its input and output are a terminal of that width."""
    out, err, typed = Screen(columns), Screen(columns), Keyboard(stdin, columns > 0)
    variables = {"PATH": os.environ.get("PATH", ""), "TERM": "xterm", "COLUMNS": str(columns or 80), **(environ or {})}
    with (
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", err),
        mock.patch.object(sys, "stdin", typed),
        mock.patch.dict(os.environ, variables, clear=True),
    ):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return Ended(status, out.getvalue(), err.getvalue())
