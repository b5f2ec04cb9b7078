"""The files that the build makes for shells and man(1), and the commands that print them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.command_line import wsaas
from tests.support.source import ROOT
from wsaas.cli import completion
from wsaas.cli.commands import COMMANDS
from wsaas.cli.completion import FILES

MANUAL = "share/man/man1/wsaas.1"
COMPLETE = """
source "$1"
wsaas() { [ "$*" = ls ] && echo "aaaabbbb aaaacccc"; }
function_of_wsaas=$(complete -p wsaas | sed 's/.*-F \\([^ ]*\\).*/\\1/')
while IFS= read -r COMP_LINE; do
    read -ra COMP_WORDS <<< "$COMP_LINE"
    [[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    "$function_of_wsaas" wsaas "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    echo "${COMPREPLY[*]}"
done
"""


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SkipTest(f"{name} is not installed")
    return found


def run(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "1795824000"}
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environ)


class ShippedTests(SynchronousTestCase):
    folder: Path | None = None

    def shipped(self, file: str) -> str:
        """Return the path of a file that the build made; it is made once for all tests."""
        if ShippedTests.folder is None:
            ShippedTests.folder = Path(tempfile.mkdtemp())
            made = run(sys.executable, "setup.py", "-q", "build_share", f"--folder={ShippedTests.folder}")
            self.assertEqual(made.returncode, 0, made.stderr)
        return str(ShippedTests.folder / file)

    def test_bash(self) -> None:
        """bash completes commands, options, words of a choice, and ids that the gateway lists."""
        typed = {
            "wsaas pu": "push",
            "wsaas push --bi": "--binary",
            "wsaas completion ": "bash zsh fish",
            "wsaas ls --sort wa": "waiting",
            "wsaas close aaaa": "aaaabbbb aaaacccc",
            "wsaas run --ws-po": "--ws-port",
        }
        ended = run(program("bash"), "-c", COMPLETE, "bash", self.shipped(FILES["bash"]), stdin="\n".join(typed) + "\n")
        self.assertEqual(ended.stderr, "")
        self.assertEqual(dict(zip(typed, ended.stdout.splitlines(), strict=True)), typed)

    def test_zsh(self) -> None:
        """zsh understands its file, which begins with the name of the command."""
        path = self.shipped(FILES["zsh"])
        self.assertTrue(Path(path).read_text().startswith("#compdef wsaas\n"))
        ended = run(program("zsh"), "-n", path)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    def test_fish(self) -> None:
        """fish completes commands with their summary."""
        ended = run(
            program("fish"), "--no-config", "-c", f"source {self.shipped(FILES['fish'])}; complete -C 'wsaas pu'"
        )
        self.assertEqual((ended.stdout, ended.stderr), ("push\tsend a message to clients\n", ""))

    def test_everything(self) -> None:
        """Each file has every command and every option."""
        for file in (*FILES.values(), MANUAL):
            text = Path(self.shipped(file)).read_text().replace("\\-", "-")
            for name, command in COMMANDS.items():
                self.assertIn(name, text)
                for action in command.parser(name).declared:
                    for option in {*action.option_strings[-1:]} - {"--help"}:
                        self.assertTrue(option in text or f"-l {option[2:]}" in text, (file, option))

    def test_man(self) -> None:
        """man prints the page without a warning: its name, each command's options and examples."""
        ended = run(program("man"), "--warnings", "-l", self.shipped(MANUAL))
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        for line in ("NAME", "WSAAS PUSH", "EXIT STATUS"):
            self.assertIn(f"\n{line}\n", ended.stdout)
        self.assertIn("    wsaas push --group room:7 @news.json", ended.stdout)

    def test_mandoc(self) -> None:
        """mandoc, the other reader of such pages, finds nothing to warn of."""
        ended = run(program("mandoc"), "-Tlint", "-Wwarning", self.shipped(MANUAL))
        self.assertEqual((ended.returncode, ended.stdout), (0, ""))

    def test_completion(self) -> None:
        """completion prints the file of the installed package; without one it says where they come from."""
        installed = Path(self.mktemp())
        (installed / "wsaas-9.dist-info").mkdir(parents=True)
        (installed / "wsaas-9.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: wsaas\nVersion: 9\n")
        records = "".join(f"../prefix/{file},,\n" for file in FILES.values())
        (installed / "wsaas-9.dist-info/RECORD").write_text(records)
        self.patch(completion, "CHECKOUT", installed)
        self.patch(sys, "path", [str(installed.resolve()), *sys.path])
        for shell, file in FILES.items():
            ended = wsaas("completion", shell)
            self.assertEqual((ended.status, ended.out), (1, ""))
            self.assertIn("when the package is installed", ended.err)
            path = installed.parent / "prefix" / file
            path.parent.mkdir(parents=True)
            path.write_text(f"for {shell}\n")
            self.assertEqual(wsaas("completion", shell).out, f"for {shell}\n")

    def test_of_a_checkout(self) -> None:
        """An editable installation prints the file that was made in the checkout."""
        self.patch(completion, "CHECKOUT", Path(self.shipped("")))
        self.patch(completion, "distribution", lambda name: type("Distribution", (), {"files": None}))
        self.assertIn("_shtab", wsaas("completion", "bash").out)
