"""The backends of docs/recipes.rst and README.rst, each run behind a gateway."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.support.gateway_process import Gateway, free_port
from tests.support.pages import DOCS, ROOT, block_of, example, read
from tests.support.programs import Program, need, node_modules
from tests.support.system_case import SystemTestCase, eventually

PAGE = DOCS / "recipes.rst"
MESSAGES = ("grüße", "", "{not json", '{"json": true}', bytes(range(256)), b"", bytes(range(256)) * 1024)
PARSED = "(id: str, request: Request, said: str = Body()):\n    binary"
DJANGO = """
SECRET_KEY = "x" * 50
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "backend"
APPEND_SLASH = True
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
"""


class Recipe(SystemTestCase):
    """Runs an example and talks to it through a gateway."""

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.place = self.directory()
        self.place.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        """Write a file of the example, which listens on our port instead of 3000."""
        self.place.joinpath(name).write_text(text.replace("3000", str(self.port)))

    def run_program(self, *command: str, **environ: str) -> Program:
        program = Program(command, self.place, environ)
        self.addCleanup(program.stop)
        program.wait_for(self.port)
        return program

    def start_gateway(self, **settings: str) -> Gateway:
        target = f"http://localhost:{self.port}/websocket"
        return self.watched(Gateway.start(self.directory(), {"TARGET_ADDRESS": target, **settings}))

    def assert_echo(self, subprotocols: Sequence[str] = ("v2.chat", "v1.chat"), **settings: str) -> None:
        """Every message comes back as what it was, the client has its subprotocol, and the gateway no complaint."""
        gateway = self.start_gateway(**settings)
        for offered in dict.fromkeys((tuple(subprotocols), ())):
            client = self.connect(f"{gateway.ws}/", subprotocols=list(offered) or None)
            self.assertEqual(client.subprotocol, offered[0] if offered else None)
            for message in MESSAGES:
                client.send(message)
                self.assertEqual(client.recv(20), message)
            client.close()
        eventually(lambda: gateway.api.get("/connections").json()["count"] == 0)
        self.assertEqual(re.findall(r".* (?:warn|error) .*", gateway.log()), [])


class PageTests(Recipe):
    def test_flask(self) -> None:
        """The Flask example echoes every message."""
        self.write("backend.py", example(PAGE, "flask"))
        self.run_program(sys.executable, "-m", "flask", "--app", "backend", "run", "--port", str(self.port))
        self.assert_echo()

    def test_fastapi(self) -> None:
        """The FastAPI example echoes every message."""
        self.write("backend.py", example(PAGE, "fastapi"))
        self.run_program(sys.executable, "-m", "uvicorn", "backend:app", "--port", str(self.port))
        self.assert_echo()

    def test_fastapi_with_a_parser(self) -> None:
        """A parameter that is the body answers 422 to text that is no JSON, unless text is announced as text."""
        text = example(PAGE, "fastapi").replace("import FastAPI,", "import Body, FastAPI,")
        self.write("backend.py", text.replace("(id: str, request: Request):\n    binary", PARSED))
        self.run_program(sys.executable, "-m", "uvicorn", "backend:app", "--port", str(self.port))
        for content_type in ("application/json", "text/plain; charset=utf-8"):
            gateway = self.start_gateway(MESSAGE_CONTENT_TYPE=content_type)
            client = self.connect(f"{gateway.ws}/")
            client.send("not JSON")
            if content_type == "application/json":
                eventually(lambda log=gateway.log: " 422" in log())
            else:
                self.assertEqual(client.recv(20), "not JSON")

    def test_django(self) -> None:
        """The Django example echoes every message, with the guard against CSRF in place."""
        self.write("backend.py", example(PAGE, "django"))
        self.django()
        self.assert_echo()

    def test_django_without_exemption(self) -> None:
        """Without csrf_exempt every client gets 403, as the page says."""
        self.write("backend.py", example(PAGE, "django").replace("@csrf_exempt\n", ""))
        self.django()
        gateway = self.start_gateway()
        client = self.raw(gateway.ws_port)
        client.ask("/")
        self.assertEqual(client.refusal(), 403)

    def django(self) -> None:
        self.write("settings.py", DJANGO)
        command = ("-m", "django", "runserver", "--noreload", f"127.0.0.1:{self.port}")
        self.run_program(sys.executable, *command, DJANGO_SETTINGS_MODULE="settings", PYTHONPATH=str(self.place))

    def test_express(self) -> None:
        """The Express example echoes every message."""
        self.write("backend.js", example(PAGE, "express"))
        self.run_program(need("node"), "backend.js", NODE_PATH=node_modules("express@5"))
        self.assert_echo()

    def test_express_with_a_parser(self) -> None:
        """A parser of JSON for all routes answers 400 to text that is none, unless text is announced as text."""
        text = example(PAGE, "express")
        self.write(
            "backend.js", text.replace("const app = express()\n", "const app = express()\napp.use(express.json())\n")
        )
        self.run_program(need("node"), "backend.js", NODE_PATH=node_modules("express@5"))
        gateway = self.start_gateway()
        client = self.connect(f"{gateway.ws}/")
        client.send("not JSON")
        eventually(lambda: " 400" in gateway.log())
        self.assert_echo(MESSAGE_CONTENT_TYPE="text/plain; charset=utf-8")

    def test_go(self) -> None:
        """The Go example echoes every message."""
        self.write("backend.go", example(PAGE, "go"))
        subprocess.run([need("go"), "build", "-o", "backend", "backend.go"], cwd=self.place, check=True, timeout=300)
        self.run_program(str(self.place / "backend"))
        self.assert_echo()

    def test_php(self) -> None:
        """The PHP example echoes every message."""
        self.write("backend.php", example(PAGE, "php"))
        self.run_program(need("php"), "-S", f"127.0.0.1:{self.port}", "backend.php")
        self.assert_echo()

    def test_rails(self) -> None:
        """The files of the Rails example are right for Ruby."""
        for name in ("rails", "rails-routes"):
            self.write(f"{name}.rb", example(PAGE, name))
            ran = subprocess.run(
                [need("ruby"), "-wc", f"{name}.rb"], cwd=self.place, capture_output=True, text=True, check=False
            )
            self.assertEqual((ran.stdout, ran.stderr), ("Syntax OK\n", ""))

    def test_all(self) -> None:
        """No example of the page is without a test here."""
        named = {name for block in read(PAGE).findall(nodes.literal_block) for name in block["names"]}
        self.assertEqual(named, set("flask fastapi django express go php rails rails-routes lambda".split()))


class ReadmeTests(Recipe):
    def test_flask(self) -> None:
        """The README's Flask example echoes every message as what it was."""
        self.write("backend.py", block_of(ROOT / "README.rst", "python", "Flask"))
        self.run_program(sys.executable, "-m", "flask", "--app", "backend", "run", "--port", str(self.port))
        self.assert_echo(())

    def test_express(self) -> None:
        """The README's Express example echoes every message as what it was."""
        self.write("backend.js", block_of(ROOT / "README.rst", "javascript", "express"))
        self.run_program(need("node"), "backend.js", NODE_PATH=node_modules("express@5"))
        self.assert_echo(())


class LambdaTests(SynchronousTestCase):
    def setUp(self) -> None:
        names: dict[str, Any] = {}
        exec(example(PAGE, "lambda"), names)
        self.handler = names["handler"]

    def call(self, method: str, **event: object) -> Any:
        return self.handler({"requestContext": {"http": {"method": method}}, "isBase64Encoded": False, **event}, None)

    def test_connect(self) -> None:
        """The handler lets clients in, and selects a subprotocol of those that they offer."""
        for offered, selected in ((["a", "b"], {"subprotocol": "a"}), ([], {})):
            body = json.dumps({"subprotocols": offered})
            coded = base64.b64encode(body.encode()).decode()
            for answer in (self.call("POST", body=body), self.call("POST", body=coded, isBase64Encoded=True)):
                self.assertEqual((answer["statusCode"], json.loads(answer["body"])), (200, {"code": "OK", **selected}))

    def test_message(self) -> None:
        """The handler echoes text as text and binary as binary."""
        for body, coded, kind in (("grüße", False, "text"), ("aGVsbG8=", True, "binary")):
            answer = self.call("PUT", body=body, isBase64Encoded=coded)
            self.assertEqual((answer["body"], answer["isBase64Encoded"]), (body, coded))
            self.assertEqual(answer["headers"], {"WSAAS-Reply": kind})
        self.assertEqual(self.call("PUT")["body"], "")

    def test_disconnect(self) -> None:
        """The handler accepts a disconnect."""
        self.assertEqual(json.loads(self.call("DELETE", body="{}")["body"]), {"code": "OK"})
