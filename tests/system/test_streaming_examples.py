"""The backends of docs/streaming.rst, each run behind a gateway, with a model that this test puts in place of yours."""

from __future__ import annotations

import json
import sys

from tests.support.gateway_process import Gateway, free_port
from tests.support.pages import DOCS, block_of
from tests.support.programs import Program, need, node_modules
from tests.support.system_case import SystemTestCase, eventually

PAGE = DOCS / "streaming.rst"
PYTHON_MODEL = """
import asyncio

async def model(prompt):
    yield "Once"
    yield "upon"
    if prompt == "forever":
        await asyncio.Event().wait()
"""
JS_MODEL = """
async function* model(prompt) {
  yield 'Once'
  yield 'upon'
  if (prompt === 'forever') await new Promise(() => {})
}
"""
EXPRESS = f"""
const express = require('express')
const app = express()
{JS_MODEL}
app.post('/websocket/:id', (request, response) => response.json({{code: 'OK'}}))
app.delete('/websocket/:id', (request, response) => response.end())
"""
FUNCTION_URL = f"""
import http from 'node:http'
{JS_MODEL}
globalThis.model = model
globalThis.awslambda = {{
  streamifyResponse: handler => handler,
  HttpResponseStream: {{from: (stream, head) => stream.writeHead(head.statusCode, head.headers)}},
}}
const {{handler}} = await import('./handler.mjs')
http.createServer(async (request, response) => {{
  let body = ''
  for await (const part of request) body += part
  if (request.method === 'PUT') await handler({{body}}, response)
  else response.end('{{"code": "OK"}}')
}}).listen(PORT)
"""
"""A Lambda function URL as its handler sees it."""


class StreamingExampleTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.place = self.directory()
        self.place.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        self.place.joinpath(name).write_text(text)

    def assert_streams(self, tokens: list[object], *command: str, **environ: str) -> None:
        """The tokens come one by one, while the answer goes on; the gateway has no complaint."""
        program = Program(command, self.place, environ)
        self.addCleanup(program.stop)
        program.wait_for(self.port)
        target = f"http://localhost:{self.port}/websocket"
        gateway = self.watched(Gateway.start(self.directory(), {"TARGET_ADDRESS": target}))
        for prompt in ("a story", "forever"):
            client = self.connect(gateway.ws + "/")
            client.send(prompt)
            self.assertEqual([client.recv(20) for _ in tokens], tokens, prompt)
            client.close()
        eventually(lambda: gateway.api.get("/connections").json()["count"] == 0)
        for word in (" warn ", " error "):
            self.assertNotIn(word, gateway.log())

    def test_fastapi(self) -> None:
        """The FastAPI example sends each token as it comes."""
        self.write("backend.py", PYTHON_MODEL + block_of(PAGE, "python", "FastAPI"))
        self.assert_streams(["Once", "upon"], sys.executable, "-m", "uvicorn", "backend:app", "--port", str(self.port))

    def test_express(self) -> None:
        """The Express example sends each token as it comes, as the data of an event."""
        code = EXPRESS + block_of(PAGE, "javascript", "app.put") + f"app.listen({self.port})\n"
        self.write("backend.js", code)
        expected: list[object] = [json.dumps({"token": token}, separators=(",", ":")) for token in ("Once", "upon")]
        self.assert_streams(expected, need("node"), "backend.js", NODE_PATH=node_modules("express@5"))

    def test_function_url(self) -> None:
        """The handler of a Lambda function URL sends each token as it comes."""
        self.write("handler.mjs", block_of(PAGE, "javascript", "streamifyResponse"))
        self.write("backend.mjs", FUNCTION_URL.replace("PORT", str(self.port)))
        self.assert_streams(["Once", "upon"], need("node"), "backend.mjs")
