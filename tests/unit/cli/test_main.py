"""wsaas.cli.main: the command `wsaas`."""

from __future__ import annotations

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cli.main import COMMANDS, USAGE, main
from wsaas.tap import versions


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.stdout)
        self.patch(sys, "stderr", self.stderr)

    def ended(self, *arguments: str) -> tuple[int, str, str]:
        """Status, output and complaints; the buffers are emptied."""
        status = main(arguments)
        found = status, self.stdout.getvalue(), self.stderr.getvalue()
        for stream in (self.stdout, self.stderr):
            stream.truncate(stream.seek(0))
        return found

    def test_usage(self) -> None:
        """Without a command, and with help, it says what there is: every command."""
        for arguments in ((), ("help",), ("--help",), ("-h",)):
            self.assertEqual(self.ended(*arguments), (0, USAGE, ""))
        for name in COMMANDS:
            self.assertIn(f"\n  wsaas {name} ", USAGE)

    def test_version(self) -> None:
        """version says which."""
        self.assertEqual(self.ended("version"), (0, versions() + "\n", ""))
        self.assertEqual(self.ended("--version"), (0, versions() + "\n", ""))

    def test_unknown(self) -> None:
        """An unknown command is one line and status 2."""
        self.assertEqual(
            self.ended("start", "--ws-port=1"), (2, "", "wsaas: there is no command 'start'; see wsaas help\n")
        )

    def test_wrong_options(self) -> None:
        """An unknown option is one line and status 2, for run as for check."""
        for name in ("run", "check"):
            self.assertEqual(
                self.ended(name, "--bogus"), (2, "", f"wsaas: option --bogus not recognized; see wsaas {name} --help\n")
            )

    def test_mistakes_in_settings(self) -> None:
        """Mistakes in the settings are status 1, for run as for check."""
        for name in ("run", "check"):
            end = self.assertRaises(SystemExit, self.ended, name, "--ws-port=x")
            self.assertEqual(end.code, 1)
            self.assertEqual(self.stdout.getvalue(), "")
        self.assertEqual(self.stderr.getvalue(), "wsaas: --ws-port='x': must be a whole number from 0 to 65535\n" * 2)

    def test_help_of_commands(self) -> None:
        """Each command that has options lists them under its own name."""
        for name in ("run", "check"):
            end = self.assertRaises(SystemExit, self.ended, name, "--help")
            self.assertEqual(end.code, 0)
            self.assertTrue(self.stdout.getvalue().startswith(f"Usage: wsaas {name} [options]\nOptions:\n"))
            self.stdout.truncate(self.stdout.seek(0))
