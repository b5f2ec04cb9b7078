"""docs/scaling.rst, followed to the letter: a cluster on one machine in three commands, in an empty folder.

Only the ports are others: those of the page may be taken on this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.api_client import Api
from tests.support.gateway_process import CHECKOUT, environment, free_port
from tests.support.pages import DOCS
from tests.support.redis_process import MISSING
from tests.support.system_case import SystemTestCase, eventually

PORTS = ("6379", "8080", "8081", "8082", "9080", "9081", "9082", "3000")
PATIENCE = 60.0


class PageTests(SystemTestCase):
    skip = MISSING or (None if shutil.which("curl") and shutil.which("redis-server") else "curl or redis is missing")

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.directory()
        self.folder.mkdir(parents=True)
        self.ports = {port: str(free_port()) for port in PORTS}
        bin = self.folder / "bin"
        bin.mkdir()
        command = bin / "wsaas"
        command.write_text(f"#!{sys.executable}\nimport sys\nfrom wsaas.cli.main import main\nsys.exit(main())\n")
        command.chmod(0o755)
        self.environ = {**environment({}), "PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT)}

    def moved(self, command: str) -> str:
        for port, other in self.ports.items():
            command = re.sub(rf"\b{port}\b", other, command)
        return command

    def begin(self, command: str, name: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.folder / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec env {self.moved(command)}"],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.addCleanup(_end, process)
        return process, log

    def run_once(self, command: str) -> str:
        return subprocess.run(
            ["bash", "-c", self.moved(command)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    def test_page(self) -> None:
        """The commands of the page make a cluster: a push through the second node reaches the client of the first, and
        the DELETE of a client of the killed node reaches the backend.
        """
        page = (DOCS / "scaling.rst").read_text()
        commands = [block.strip() for block in re.findall(r"code-block:: bash\n\n((?:    .*\n)+)", page)]
        redis, first, second, listing, push, tail = commands[:6]
        connect = re.search(r"``(wsaas connect [^`]*)``", page)
        assert connect is not None
        self.begin(redis, "redis")
        victim, _ = self.begin(first, "n1")
        _, log = self.begin(second, "n2")
        for port in ("8081", "9081"):
            api = Api(int(self.ports[port]), token="an-example-of-a-token")
            eventually(lambda api=api: _ready(api), PATIENCE)  # type: ignore[misc]
        _, heard = self.begin(connect[1], "client")
        ids: list[Any] = eventually(lambda: re.findall("[A-Za-z0-9]{32}", self.run_once(listing)), PATIENCE)
        self.assertIn('"OK"', self.run_once(push.replace("{id}", ids[0])))
        eventually(lambda: "hello" in heard.read_text(), PATIENCE)
        _, told = self.begin(tail, "tail")
        time.sleep(2)  # tail says nothing while nothing happens
        os.killpg(victim.pid, signal.SIGKILL)
        shutil.rmtree(self.folder / "n1")
        eventually(lambda: "claimed" in log.read_text(), PATIENCE)
        eventually(lambda: "DELETE restart" in told.read_text(), PATIENCE)
        self.assertIn(ids[0][8:16], told.read_text())


def _ready(api: Api) -> bool:
    try:
        return api.get("/-/ready").status == 200
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
    time.sleep(0)
