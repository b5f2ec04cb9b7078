"""The command `wsaas` as a process, with the settings in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.gateway_process import CHECKOUT
from tests.support.python_process import run
from wsaas.settings.table import TABLE

MAIN = "import sys; from wsaas.cli.main import main; sys.exit(main())"


WITHOUT_TWISTED = """
import sys
from wsaas.cli.main import main
status = main()
large = {"twisted", "autobahn", "klein", "treq", "zope", "OpenSSL", "cryptography", "werkzeug", "idna"}
print("imported:", *sorted(large & set(sys.modules)))
sys.exit(status)
"""


class StartTests(SynchronousTestCase):
    def test_without_twisted(self) -> None:
        """Commands that need no Twisted do not import it, nor another library that takes long."""
        nowhere = ("--url", "http://127.0.0.1:1")
        for arguments, status in (
            (("help",), 0),
            (("version",), 0),
            (("help", "run"), 0),
            (("ls", *nowhere), 5),
            (("push", "a" * 32, "x", *nowhere), 5),
            (("cluster", *nowhere), 5),
            (("tail", *nowhere), 5),
            (("replay", f"{'a' * 32}_1_message", "--edit", *nowhere), 5),
            (("nothing",), 2),
        ):
            result = run(WITHOUT_TWISTED.replace("main()", f"main({[*arguments]!r})"))
            self.assertEqual(result.stdout.splitlines()[-1], "imported:", arguments)
            self.assertEqual(result.returncode, status, result.stderr)


class ProcessTests(SynchronousTestCase):
    """The command in a process, with the settings in the environment."""

    def test_check(self) -> None:
        """check prints the settings in effect and says what is doubtful; no secret is shown; nothing is left behind."""
        path = self.mktemp()
        os.mkdir(path)
        result = run(
            f"import os; os.chdir({path!r}); {MAIN}",
            *("check", "--ws-port=1", "--drain-timeout=20s"),
            API_TOKEN="t" * 16,
            LOG_STYLE="info",
            WEBHOOK_SECERT="whsec_x",
        )
        lines = result.stdout.splitlines()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([line.partition("=")[0] for line in lines], list(TABLE))
        for line in ("WS_PORT=1", "DRAIN_TIMEOUT=20s", "DISCONNECT_PATIENCE=24h", "MAX_MESSAGE_SIZE=1MiB"):
            self.assertIn(line, lines)
        self.assertIn("API_TOKEN=**** (set)", lines)
        self.assertEqual(
            result.stderr,
            "wsaas: warning: WEBHOOK_SECERT is no setting and has no effect: did you mean WEBHOOK_SECRET?\n"
            "wsaas: warning: LOG_STYLE=info is read as auto; LOG_LEVEL sets the level\n",
        )
        self.assertEqual(list(Path(path).iterdir()), [])

    def test_check_of_hostile_text(self) -> None:
        """No control character of a value reaches the terminal, nor does a byte that is no UTF-8 end the listing."""
        odd = "\x1b[2J\r\n\x9b31m\u2028\udcff"
        path = self.mktemp()
        os.mkdir(path)
        token = os.path.join(path, "token\x1b[2J")
        Path(token).write_text("t" * 16)
        os.chmod(token, 0o644)
        result = run(
            MAIN,
            "check",
            STATE_DIR=f"/{odd}/state",
            API_TOKEN_FILE=token,
            HTTP_ENDPOINT="unix:/\x1b[2J",
            PYTHONUTF8="1",
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("\nSTATE_DIR=/\\x1b[2J\\r\\n\\x9b31m\\u2028\\udcff/state\n", result.stdout)
        self.assertIn("\nHTTP_ENDPOINT=unix:/\\x1b[2J\n", result.stdout)
        self.assertIn("token\\x1b[2J: every user of this machine can read it", result.stderr)
        self.assertNotIn("\x1b", result.stdout + result.stderr)

    def test_hostile_arguments(self) -> None:
        """No control character of an argument or an error reaches the terminal either."""
        for arguments, settings in (
            (["check", "--\x1b[2J"], {}),
            (["check"], {"WS_PORT": "\x1b[2J"}),
            (
                ["run"],
                {"TARGET_ADDRESS": "https://b.example", "TARGET_CA": self.pem("\x1b[2J.pem"), "STATE_DIR": "none"},
            ),
        ):
            result = run(MAIN, *arguments, **settings)
            self.assertIn("\\x1b[2J", result.stderr)
            self.assertNotIn("\x1b", result.stdout + result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def pem(self, name: str) -> str:
        """A file that is PEM only at first sight."""
        path = Path(self.mktemp())
        path.mkdir()
        (path / name).write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        return str((path / name).absolute())

    def test_check_of_mistakes(self) -> None:
        """check prints what is wrong, all of it, and the status is 1."""
        result = run(MAIN, "check", WS_PORT="x", HTTP_PORT="y")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(
            result.stderr,
            "wsaas: WS_PORT='x': must be a whole number from 0 to 65535\n"
            "wsaas: HTTP_PORT='y': must be a whole number from 0 to 65535\n",
        )

    def test_standard_streams(self) -> None:
        """A standard stream that is closed is as good as /dev/null, and output that cannot be written is a failure."""
        nowhere = ("ls", "--url", "http://127.0.0.1:1")
        for streams, arguments, status, said in (
            ("2>&-", nowhere, 5, ""),
            ("2>/dev/full", nowhere, 5, ""),
            (">&- 2>&-", ("check",), 0, ""),
            ("<&- >&-", nowhere, 5, "wsaas ls: no gateway answers at "),
            (">/dev/full", ("version",), 1, "wsaas version: No space left on device\n"),
            (">/dev/full", ("check",), 1, "wsaas check: No space left on device\n"),
            ("<&- >&2", ("connect", "ws://127.0.0.1:1"), 1, "* no connection: no server listens at "),
        ):
            program = subprocess.run(
                ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-c", MAIN, *arguments],
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual((program.returncode, program.stdout), (status, ""), (streams, program.stderr))
            self.assertTrue(program.stderr.startswith(said), program.stderr)
            self.assertLessEqual(len(program.stderr.splitlines()), 1)

    def test_run(self) -> None:
        """run is twistd with the gateway; what keeps that from being made is one line and status 1."""
        result = run(MAIN, "run", "--demo", TARGET_ADDRESS="https://backend.example", STATE_DIR="none")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("wsaas: TARGET_ADDRESS=https://backend.example"), result.stderr)

    def test_connect(self) -> None:
        """connect is the interactive client, with its own arguments."""
        result = run(MAIN, "connect", "--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("\nusage: wsaas connect ", result.stdout)
