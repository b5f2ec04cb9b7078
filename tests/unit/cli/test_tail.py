"""`wsaas tail`: what it asks the gateway for. tests.system.test_cli_tail has what it shows."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cli.arguments import add_tail_arguments
from wsaas.cli.parser import Parser
from wsaas.cli.tail import Tail
from wsaas.cli.terminal import Output

ID = "a" * 32


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FakeApi:
    """Answers with one event."""

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []

    def stream(self, path: list[str], query: list[tuple[str, str]]) -> Iterator[bytes]:
        self.queries.append(dict(query))
        yield b'{"event":"sampled","count":9,"shown":1,"duration":1000}'
        yield b'{"event":"reply","bytes":4}'


def options_of(*arguments: str) -> argparse.Namespace:
    parser = Parser(prog="wsaas tail")
    add_tail_arguments(parser)
    return parser.parse_args([*arguments, "-n", "1"])


class QueryTests(SynchronousTestCase):
    def asked(self, out: io.StringIO, *arguments: str, as_json: bool = False) -> Any:
        api = FakeApi()
        output = Output(as_json, out, io.StringIO())
        self.assertEqual(Tail(options_of(*arguments), api, output).run(), 0)  # type: ignore[arg-type]
        (query,) = api.queries
        return query

    def test_terminal(self) -> None:
        """A terminal asks for as many events as a person can follow, with a filter for ten times as many; by --all for
        each one. What is not shown is said, and is no event that counts.
        """
        out = Terminal()
        self.assertEqual(self.asked(out), {"rate": "100"})
        self.assertIn("9 of 10 events in 1.00 s are not shown", out.getvalue())
        self.assertEqual(len(out.getvalue().splitlines()), 3)
        self.assertEqual(self.asked(Terminal(), ID), {"id": ID, "rate": "1000"})
        self.assertEqual(self.asked(Terminal(), "--status", "5xx"), {"status": "5xx", "rate": "1000"})
        self.assertEqual(self.asked(Terminal(), "--all"), {})

    def test_programs(self) -> None:
        """A program, and a file, get every event."""
        self.assertEqual(self.asked(io.StringIO()), {})
        self.assertEqual(self.asked(Terminal(), as_json=True), {})
