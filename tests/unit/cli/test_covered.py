"""Every command that calls the API, and every option of it, is tried against a gateway."""

from __future__ import annotations

import ast

from twisted.trial.unittest import SynchronousTestCase

from tests.support.source import ROOT
from wsaas.cli.api_commands import API_COMMANDS


def tried() -> dict[str, set[str]]:
    """The options with which each command is run in tests/system/test_cli_*.py, by the literals of the calls."""
    found: dict[str, set[str]] = {}
    for path in sorted(ROOT.glob("tests/system/test_cli_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call | ast.Tuple):
                words = [
                    each.value.partition("=")[0]
                    for each in ast.walk(node)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                name = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
                command = name if name in ("ls", "tail") else "tail" if name == "Tail" else words[0] if words else ""
                found.setdefault(command, set()).update(words)
                found.setdefault("any", set()).update(words)
    return found


class CoveredTests(SynchronousTestCase):
    def test_covered(self) -> None:
        """Each option stands in a call of a system test; those that all commands share, in one command's."""
        runs = tried()
        shared = {"--url", "--token-file", "--ca"}
        for name, command in API_COMMANDS.items():
            self.assertIn(name, runs)
            for action in command.parser(name).declared:
                for option in {*action.option_strings} - shared - {"-h", "--help"}:
                    self.assertIn(option, runs[name], f"wsaas {name} {option} has no system test")
        for option in shared:
            self.assertIn(option, runs["any"])
