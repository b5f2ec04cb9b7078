"""The demo as a newcomer starts it: what its log has to copy is copied."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.support.gateway_process import environment, free_port
from tests.support.programs import Program, need
from tests.support.system_case import SystemTestCase, eventually

SCRIPTS = {
    "twistd": "from twisted.scripts.twistd import run; run()",
    "wsaas": "import sys; from wsaas.cli.main import main; sys.exit(main())",
}


class CopyTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.directory()
        scripts = self.place / ".venv" / "bin"
        scripts.mkdir(parents=True)
        for name, code in SCRIPTS.items():
            (scripts / name).write_text(f"#!{sys.executable}\n{code}\n")
            (scripts / name).chmod(0o755)
        self.ws_port, self.http_port, demo_port = free_port(), free_port(), free_port()
        settings = {
            "WS_PORT": str(self.ws_port),
            "HTTP_PORT": str(self.http_port),
            "TARGET_ADDRESS": f"http://localhost:{demo_port}/websocket",
            "STATE_DIR": "none",
        }
        self.settings = environment(settings)
        command = (".venv/bin/twistd", "-n", "--pidfile=", "wsaas", "--demo")
        self.gateway_process = Program(command, self.place, self.settings)
        self.addCleanup(self.gateway_process.stop)
        self.gateway_process.wait_for(self.ws_port)

    def command(self, what: str) -> str:
        """Return the command that the log shows behind these words."""
        pattern = re.compile(rf"{what}: +(.+)")
        match = eventually(lambda: pattern.search(self.gateway_process.log()), 20)
        assert match is not None
        return match[1]

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as it was copied, in the directory where the demo was started."""
        return subprocess.run(
            ["sh", "-c", command], cwd=self.place, env=self.settings, capture_output=True, text=True, timeout=60
        )

    def test_copied(self) -> None:
        """The commands of the start and of a connection work as they are, typed where the demo was started."""
        need("curl")
        connect = self.command("connect a client")
        self.assertEqual(connect, f".venv/bin/wsaas connect ws://localhost:{self.ws_port}/")
        client = subprocess.Popen(
            ["sh", "-c", f"exec {connect}"],
            cwd=self.place,
            env=self.settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        assert client.stdout is not None and client.stdin is not None
        self.assertIn("connected", client.stdout.readline())
        self.assertEqual(self.shell(self.command("push to all of them")).stdout[-1], "\n")
        self.assertEqual(client.stdout.readline(), "< hello\n")
        self.assertIn('"count": 1', self.shell(self.command("list the clients")).stdout)
        self.assertEqual(self.shell(self.command("push to it")).stdout, '{"code": "OK"}\n')
        self.assertEqual(client.stdout.readline(), "< hello\n")
        self.assertEqual(self.shell(self.command("to close it")).stdout, '{"code": "OK"}\n')
        self.assertIn("closed", client.stdout.readline())
        client.stdin.close()
        client.stdout.close()
