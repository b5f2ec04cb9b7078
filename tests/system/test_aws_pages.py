"""docs/lambda.rst and docs/api_gateway.rst, followed to the letter in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from tests.support.api_client import Api
from tests.support.gateway_process import CHECKOUT, free_port
from tests.support.pages import DOCS, example
from tests.support.programs import Program, need, node_modules
from tests.support.system_case import SystemTestCase, eventually

LAMBDA, MOVE = DOCS / "lambda.rst", DOCS / "api_gateway.rst"
JS_SDK = "@aws-sdk/client-apigatewaymanagementapi@3.1169.0"
WSAAS = f"""#!/bin/sh
exec {sys.executable} -c 'import sys; from wsaas.cli.main import main; sys.exit(main())' "$@"
"""


class PageCase(SystemTestCase):
    """The command `wsaas` is on the path; ports of the page are replaced by free ones."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.directory()
        tools = self.directory()
        for each in (self.folder, tools):
            each.mkdir(parents=True)
        (tools / "wsaas").write_text(WSAAS)
        (tools / "wsaas").chmod(0o755)
        self.clients, self.api, self.backend_port = free_port(), free_port(), free_port()
        self.environ = {
            "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
            "PYTHONPATH": str(CHECKOUT),
            "WS_PORT": str(self.clients),
            "HTTP_PORT": str(self.api),
            "TARGET_ADDRESS": f"http://localhost:{self.backend_port}/websocket",
        }

    def own(self, text: str) -> str:
        """The text with this test's ports."""
        for there, here in (("8080", self.clients), ("8081", self.api), ("3000", self.backend_port)):
            text = text.replace(f":{there}", f":{here}").replace(f" {there}", f" {here}")
        return text

    def start(self, command: str, *ports: int) -> Program:
        """Run a command in the folder, and wait until these ports are served."""
        program = Program(["bash", "-c", f"exec {self.own(command)}"], self.folder, self.environ)
        self.addCleanup(program.stop)
        for port in ports:
            program.wait_for(port)
        return program

    def talk(self) -> list[str]:
        """Do as the page says in the other terminal."""
        command = self.own(example(LAMBDA, "talk"))
        environ = {**os.environ, **self.environ}
        ran = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [line[2:] for line in ran.stdout.splitlines() if line.startswith("< ")]


class LambdaPageTests(PageCase):
    def test_five_minutes(self) -> None:
        """The handler of the page answers as the page says, and its change counts at once."""
        path = self.folder / "app.py"
        path.write_text(example(LAMBDA, "app"))
        program = self.start(example(LAMBDA, "run"), self.backend_port, self.clients)
        self.assertEqual(self.talk(), ["HELLO", "you are in 7"])
        eventually(lambda: "gone:" in program.log(), 30)
        path.write_text(example(LAMBDA, "app").replace("upper", "title"))
        self.assertEqual(self.talk()[0], "Hello")

    def test_two_programs(self) -> None:
        """The two programs work by themselves."""
        (self.folder / "app.py").write_text(example(LAMBDA, "app"))
        backend, gateway = example(LAMBDA, "programs").splitlines()
        self.start(backend, self.backend_port)
        self.environ["TARGET_ADDRESS"] = self.own(gateway.split()[0].partition("=")[2])
        self.start(gateway.partition(" ")[2], self.clients)
        self.assertEqual(self.talk()[0], "HELLO")


class MovePageTests(PageCase):
    def setUp(self) -> None:
        super().setUp()
        (self.folder / "app.py").write_text(example(LAMBDA, "app"))
        exports, command = example(MOVE, "gateway").splitlines()
        self.environ |= dict(each.partition("=")[::2] for each in exports.split()[1:])
        self.start(command, self.backend_port, self.clients)
        self.client = self.connect(f"ws://127.0.0.1:{self.clients}/")
        [self.connection_id] = eventually(self.ids, 30)

    def ids(self) -> Any:
        return Api(self.api).get("/connections").json()["connections"]

    def test_boto3(self) -> None:
        """The page's Python pushes, and tells a connection that is gone."""
        names: dict[str, Any] = {}
        exec(self.own(example(MOVE, "boto3")), names)
        self.assertTrue(names["push"](self.connection_id, b"from Python"))
        self.assertEqual(self.client.recv(timeout=30), "from Python")
        self.assertFalse(names["push"]("L0SM9cOFvHcCIhw=", b"nobody"))

    def test_javascript(self) -> None:
        """The page's JavaScript pushes, and tells a connection that is gone."""
        node, modules = need("node"), node_modules(JS_SDK)
        code = self.own(example(MOVE, "javascript")) + (
            "(async () => console.log(await push(process.argv[1], 'from JavaScript'), await push('gone', 'x')))();"
        )
        environ = {**os.environ, "NODE_PATH": modules}
        ran = subprocess.run(
            [node, "--no-warnings", "-e", code, self.connection_id],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((ran.stdout, ran.stderr), ("true false\n", ""))
        self.assertEqual(self.client.recv(timeout=30), "from JavaScript")
