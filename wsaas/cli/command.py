"""One command: what its help says, its arguments, and the module that carries it out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from wsaas.cli.parser import Example, Parser


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `module` has the function `run(options)`, which returns the exit status.

    `raw` commands read their arguments themselves; the parser then serves help and completions only.
    """

    summary: str
    description: str
    examples: Sequence[Example]
    configure: Callable[[Parser], None]
    module: str
    raw: bool = False

    def parser(self, name: str) -> Parser:
        """Return the parser of this command's arguments."""
        parser = Parser(
            prog=f"wsaas {name}", description=self.description, examples=self.examples, summary=self.summary
        )
        self.configure(parser)
        return parser

    def run(self, options: argparse.Namespace) -> int:
        status: int = import_module(self.module).run(options)
        return status
