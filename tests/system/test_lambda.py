"""wsaas lambda behind a real gateway: functions in Python, the real emulator, a stand-in for AWS, and run --lambda."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from tests.support.emulator import emulated
from tests.support.gateway_process import CHECKOUT, Gateway, free_port
from tests.support.programs import Program
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import refused

START = "import sys; from wsaas.cli.main import main; sys.exit(main())"
APP = """
import json
import os
import time

def connect(event, context):
    query = event.get("queryStringParameters") or {}
    if query.get("token") == "wrong":
        return {"statusCode": 401, "body": "who are you?"}
    if query.get("token") == "broken":
        raise ValueError("broken")
    protocol = event["headers"].get("Sec-WebSocket-Protocol", "").partition(",")[0]
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": protocol} if protocol else {}}

def message(event, context):
    body = event["body"]
    if body == "fail":
        raise ValueError("as asked for")
    if body == "sleep":
        time.sleep(30)
    if body == "wait":
        open("began", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        return {"body": "waited"}
    if body == "context":
        return {"statusCode": 200, "body": json.dumps(event["requestContext"])}
    return {"statusCode": 200, "body": body, "isBase64Encoded": event["isBase64Encoded"]}

def chat(event, context):
    return {"statusCode": 200, "body": "chat: " + json.loads(event["body"])["text"]}

def disconnect(event, context):
    with open("gone", "a") as file:
        file.write(json.dumps(event["requestContext"]) + "\\n")

def handler(event, context):
    kinds = {"CONNECT": connect, "MESSAGE": message, "DISCONNECT": disconnect}
    return kinds[event["requestContext"]["eventType"]](event, context)
"""
ALL = ("$connect=app:connect", "$default=app:message", "$disconnect=app:disconnect", "chat=app:chat")


class LambdaCase(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.directory()
        self.place.mkdir(parents=True)
        (self.place / "app.py").write_text(APP)
        self.port = free_port()

    def start(self, *routes: str, arguments: tuple[str, ...] = (), **environ: str) -> Gateway:
        """Start the backend with these routes, and a gateway in front of it."""
        target = {"TARGET_ADDRESS": f"http://localhost:{self.port}/websocket", **environ}
        command = [sys.executable, "-c", START, "lambda", *(f"--route={route}" for route in routes), *arguments]
        self.backend_program = Program(command, self.place, {"PYTHONPATH": str(CHECKOUT), **target})
        self.addCleanup(self.backend_program.stop)
        self.backend_program.wait_for(self.port)
        return self.watched(Gateway.start(self.directory(), target))

    def check_all(self, gateway: Gateway) -> None:
        """A client is let in with its subprotocol, echoed, told of errors, and its end is told."""
        client = self.connect(f"{gateway.ws}/room?token=right", subprotocols=["v2.chat", "v1.chat"])
        self.assertEqual(client.subprotocol, "v2.chat")
        for sent in ("grüße", '{"action": "other"}', b"\xff\x00"):
            client.send(sent)
            self.assertEqual(client.recv(timeout=30), sent)
        client.send("context")
        context = json.loads(client.recv(timeout=30))
        self.assertEqual((context["stage"], context["eventType"]), ("local", "MESSAGE"))
        self.assertEqual(context["domainName"], f"localhost:{gateway.http_port}")
        self.assertEqual(context["identity"]["sourceIp"], "127.0.0.1")
        self.assertLess(abs(context["connectedAt"] / 1000 - time.time()), 300)
        client.send("fail")
        told = json.loads(client.recv(timeout=30))
        self.assertEqual((told["message"], told["connectionId"]), ("Internal server error", context["connectionId"]))
        client.send("still here")
        self.assertEqual(client.recv(timeout=30), "still here")
        client.close(4001, "bye")
        gone = eventually(self.gone, 30)[0]
        self.assertEqual((gone["connectionId"], gone["disconnectStatusCode"]), (context["connectionId"], 4001))
        self.assertEqual(gone["connectedAt"], context["connectedAt"])
        refusal = refused(f"{gateway.ws}/?token=wrong")
        self.assertEqual((refusal.status, refusal.body), (401, b"who are you?"))
        self.assertEqual(refused(f"{gateway.ws}/?token=broken").status, 503)

    def takes_connections(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def gone(self) -> list[dict[str, Any]]:
        path = self.place / "gone"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class PythonTests(LambdaCase):
    def test_all(self) -> None:
        """Functions in Python serve a client from its connect to its end, with signed webhooks too."""
        secret = "whsec_" + "c2VjcmV0" * 6
        self.check_all(self.start(*ALL, WEBHOOK_SECRET=secret))

    def test_routes(self) -> None:
        """A message selects its route, by the default expression and by another one."""
        client = self.connect(f"{self.start(*ALL).ws}/")
        client.send('{"action": "chat", "text": "hi"}')
        self.assertEqual(client.recv(timeout=30), "chat: hi")

    def test_changed(self) -> None:
        """A change of the file counts from the next message on; a mistake in it is an error until it is mended."""
        client = self.connect(f"{self.start(*ALL).ws}/")
        path = self.place / "app.py"
        for text, answer in (
            (APP.replace('"body": body,', '"body": "changed",'), "changed"),
            (APP + "\ndef (:", None),
            (APP, "hi"),
        ):
            before = path.stat().st_mtime_ns
            path.write_text(text)
            os.utime(path, ns=(before + 10**9, before + 10**9))
            client.send("hi")
            received = client.recv(timeout=30)
            if answer is None:
                self.assertEqual(json.loads(received)["message"], "Internal server error")
            else:
                self.assertEqual(received, answer)

    def test_timeout(self) -> None:
        """A function that takes too long is an error to the client, once: nothing is sent again."""
        gateway = self.start(*ALL, arguments=("--timeout=0.5", "--no-route-response"))
        client = self.connect(f"{gateway.ws}/")
        client.send("hi")  # no answer: route responses are off
        client.send("sleep")
        self.assertEqual(json.loads(client.recv(timeout=30))["message"], "Internal server error")
        eventually(lambda: "took longer than 0.5 s" in self.backend_program.log(), 30)
        self.backend_program.stop()
        self.assertEqual(self.backend_program.process.returncode, 0, "the function still sleeps, and was waited for")

    def test_stopped(self) -> None:
        """A stop waits for a function that runs, and its reply reaches the client."""
        client = self.connect(f"{self.start(*ALL).ws}/")
        client.send("wait")
        eventually((self.place / "began").exists, 30)
        self.backend_program.process.terminate()
        eventually(lambda: not self.takes_connections(), 30)
        (self.place / "go").touch()
        self.assertEqual(client.recv(timeout=30), "waited")
        self.assertEqual(self.backend_program.process.wait(30), 0)

    def test_paused(self) -> None:
        """A pause of the whole backend is not held against a handler that is at work."""
        client = self.connect(f"{self.start(*ALL, arguments=('--timeout=1',)).ws}/")
        client.send("wait")
        eventually((self.place / "began").exists, 30)
        process = self.backend_program.process
        process.send_signal(signal.SIGSTOP)
        self.addCleanup(process.send_signal, signal.SIGCONT)
        time.sleep(1.1)
        (self.place / "go").touch()
        process.send_signal(signal.SIGCONT)
        self.assertEqual(client.recv(timeout=30), "waited")

    def test_restarted(self) -> None:
        """The backend can be restarted while clients are connected: it has no state of its own."""
        gateway = self.start(*ALL)
        client = self.connect(f"{gateway.ws}/")
        client.send("context")
        before = json.loads(client.recv(timeout=30))
        self.backend_program.stop()
        client.send("context")  # is repeated until the backend is back
        command = [sys.executable, "-c", START, "lambda", "--route=$default=app:message"]
        target = f"http://localhost:{self.port}/websocket"
        again = Program(command, self.place, {"PYTHONPATH": str(CHECKOUT), "TARGET_ADDRESS": target})
        self.addCleanup(again.stop)
        after = json.loads(client.recv(timeout=60))
        for name in ("connectedAt", "connectionId", "identity", "domainName"):
            self.assertEqual(before[name], after[name])

    def test_log_that_nobody_reads(self) -> None:
        """A log whose pipe is full stops nothing: webhooks are answered. Once it is read, no line is missing."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writer, b"x" * 4096):
                pass
        os.set_blocking(writer, True)
        command = [sys.executable, "-c", START, "lambda", "--route=$default=app:message", f"--listen={self.port}"]
        environ = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        program = subprocess.Popen(command, cwd=self.place, env=environ, stderr=writer)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        os.close(writer)
        eventually(self.takes_connections, 30)
        request = Request(f"http://localhost:{self.port}/x", b"{}", {"WSAAS-Event": "connect"}, method="POST")
        with urlopen(request, timeout=10) as answer:
            self.assertEqual(json.loads(answer.read())["code"], "OK")
        read = b""
        while b"calling Lambda handlers" not in read:
            read += os.read(reader, 65536)
        program.terminate()
        self.assertEqual(program.wait(30), 0)

    def test_mistakes(self) -> None:
        """Wrong options, and a place that is taken, are one line and an exit status."""
        for arguments, said in (
            (("--route", "x"), "'x' is no route"),
            (("--route", "x=y"), "'y' is no target"),
            (("--route", "x=a:b", "--route", "x=a:c"), "x has two targets"),
            (("--route", "x=a:b", "--select", "action"), "no route selection expression"),
            (("--route", "x=lambda:f"), "needs AWS_REGION"),
            (("--route", "x=a:b", "--timeout", "0"), "no number of seconds"),
            ((), "--route"),
        ):
            program = Program(
                [sys.executable, "-c", START, "lambda", *arguments],
                self.place,
                {"PYTHONPATH": str(CHECKOUT), "AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
            )
            self.assertEqual(program.process.wait(60), 2, arguments)
            self.assertIn(said, program.log().splitlines()[-1])
        self.start(*ALL)
        for place in (self.port, "tcp:99999", f"unix:{self.place}/none/x"):
            taken = [sys.executable, "-c", START, "lambda", "--route=x=os:listdir", f"--listen={place}"]
            program = Program(taken, self.place, {"PYTHONPATH": str(CHECKOUT)})
            self.assertEqual(program.process.wait(60), 1)
            self.assertIn("cannot listen at", program.log().splitlines()[-1])


class EmulatorTests(LambdaCase):
    def test_all(self) -> None:
        """A real handler under the real emulator serves a client from its connect to its end."""
        port = free_port()
        program = emulated(self.place, "app.handler", port)
        self.addCleanup(program.stop)
        program.wait_for(port)
        url = f"http://localhost:{port}"
        gateway = self.start(*(f"{key}={url}" for key in ("$connect", "$default", "$disconnect")))
        self.check_all(gateway)
        clients = [self.connect(f"{gateway.ws}/") for _ in range(10)]
        for client in clients:
            client.send("at once")  # the emulator dies of a second request while it answers a first
        self.assertEqual({client.recv(timeout=60) for client in clients}, {"at once"})
        clients[0].send("sleep")  # longer than its timeout, 3 s
        self.assertEqual(json.loads(clients[0].recv(timeout=60))["message"], "Internal server error")
        clients[1].send("after it")
        self.assertEqual(clients[1].recv(timeout=60), "after it")


class AwsTests(LambdaCase):
    def test_signed(self) -> None:
        """lambda:name calls AWS's interface with a signed request; throttled calls are repeated."""
        calls: list[tuple[str, dict[str, str], Any]] = []

        class Functions(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                calls.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                throttled = len(calls) == 2
                answer = b"{}" if throttled else json.dumps({"statusCode": 200, "body": body.get("body", "")}).encode()
                self.send_response(429 if throttled else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Functions)
        Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        gateway = self.start(
            "$connect=lambda:auth",
            "$default=lambda:chat",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
            AWS_REGION="eu-central-1",
            AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
            AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            AWS_SESSION_TOKEN="session",
        )
        client = self.connect(f"{gateway.ws}/")
        client.send("hello")
        self.assertEqual(client.recv(timeout=30), "hello")
        paths = [f"/2015-03-31/functions/{name}/invocations" for name in ("auth", "chat", "chat")]
        self.assertEqual([path for path, _, _ in calls], paths)
        first, again = (body["requestContext"]["requestId"] for _, _, body in calls[1:])
        self.assertEqual(first, again)
        for _, headers, _ in calls:
            self.assertRegex(headers["authorization"], "^AWS4-HMAC-SHA256 .*/eu-central-1/lambda/aws4_request,")
            self.assertEqual(headers["x-amz-security-token"], "session")


class RunTests(LambdaCase):
    def test_run(self) -> None:
        """wsaas run --lambda starts both, and ends both: Ctrl-C, which a terminal sends to the processes of its group,
        ends the gateway first, so that the functions hear of the end of its clients.
        """
        ports = {"WS_PORT": str(free_port()), "HTTP_PORT": str(free_port())}
        target = f"http://localhost:{self.port}/websocket"
        routes = [word for route in ALL for word in ("--lambda", route)]
        command = [sys.executable, "-c", START, "run", f"--target-address={target}", *routes]
        program = Program(command, self.place, {"PYTHONPATH": str(CHECKOUT), **ports})
        self.addCleanup(program.stop)
        program.wait_for(self.port)
        program.wait_for(int(ports["WS_PORT"]))
        client = self.connect(f"ws://127.0.0.1:{ports['WS_PORT']}/")
        client.send("hello")
        self.assertEqual(client.recv(timeout=30), "hello")
        children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
        for process in (program.process.pid, *map(int, children)):
            if os.getpgid(process) == os.getpgid(program.process.pid):
                os.kill(process, signal.SIGINT)
        self.assertEqual(program.process.wait(30), 0)
        self.assertEqual(len(self.gone()), 1)
        self.assertEqual([child for child in children if Path(f"/proc/{child}").exists()], [])
        self.assertNotIn("Traceback", program.log())

    def test_killed(self) -> None:
        """A gateway that is killed leaves no backend behind, which would keep the port from the next start."""
        command = [sys.executable, "-c", START, "run", f"--target-address=http://localhost:{self.port}/websocket"]
        ports = {"WS_PORT": "0", "HTTP_PORT": "0", "STATE_DIR": "none"}
        environ = {"PYTHONPATH": str(CHECKOUT), **ports}
        program = Program([*command, "--lambda", "$default=app:message"], self.place, environ)
        self.addCleanup(program.stop)
        program.wait_for(self.port)
        program.process.kill()
        eventually(lambda: not self.takes_connections(), 30)

    def test_backend_that_ends(self) -> None:
        """The gateway does not stay without its backend: it ends with the backend's status, and the log says so."""
        command = [sys.executable, "-c", START, "run", f"--target-address=http://localhost:{self.port}/websocket"]
        ports = {"WS_PORT": "0", "HTTP_PORT": "0", "STATE_DIR": "none"}
        program = Program([*command, "--lambda", "x"], self.place, {"PYTHONPATH": str(CHECKOUT), **ports})
        self.addCleanup(program.stop)
        self.assertEqual(program.process.wait(20), 2)
        self.assertIn("'x' is no route", program.log())
        self.assertIn("`wsaas lambda` has ended (status 2): stopping, too", program.log())
