"""The log of a gateway whose backend answers webhooks wrongly, also at debug."""

from __future__ import annotations

import json
import re

from tests.support.backend_answers import Answer, accept, drop, reply, say
from tests.support.backend_server import Backend
from tests.support.gateway_process import Gateway
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import refused


class LogTestCase(SystemTestCase):
    def line(self, gateway: Gateway, *words: str) -> str:
        """The one line in which all of these are."""

        def found() -> list[str]:
            return [line for line in gateway.log().splitlines() if all(word in line for word in words)]

        lines = eventually(found)
        self.assertEqual(len(lines), 1, lines)
        return lines[0]


class WrongAnswerTests(LogTestCase):
    def refuse(self, answer: Answer, status: int, *words: str) -> None:
        """A client gets this status, and one line says why: with the id, the backend's address, and these words."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(answer)
        gateway = self.gateway(backend)
        for _ in range(3):
            self.assertEqual(refused(gateway.ws + "/").status, status)
        id = stage.connects[0].id
        self.line(gateway, *words, f"connection {id}", f"backend {backend.address}")

    def test_404(self) -> None:
        """A path of TARGET_ADDRESS that the backend does not know is told once for all the clients that it refuses."""
        self.refuse(
            reply(404, b"<h1>Not Found</h1>"), 404, " warn ", "answered 404", "which gets POST http://127.0.0.1:"
        )

    def test_301(self) -> None:
        """A redirect says where it leads."""
        moved = reply(301, b"", [("Location", "/elsewhere/")])
        self.refuse(moved, 502, "301 (Location: http://127.0.0.1:", "/elsewhere/): the client gets 502")

    def test_401(self) -> None:
        """A backend that wants credentials says so."""
        self.refuse(reply(401, b"", [("WWW-Authenticate", "Bearer")]), 401, "answered 401", "Authorization")

    def test_csrf_guard(self) -> None:
        """A framework's guard before the route is recognized."""
        self.refuse(reply(403, b"<p>CSRF verification failed. Request aborted.</p>"), 403, "csrf_exempt")

    def test_code_in_small_letters(self) -> None:
        """A code that is nearly OK says what is expected."""
        self.refuse(say({"code": "ok"}), 403, "the code ok", '{"code": "OK"}')

    def test_html(self) -> None:
        """A web page instead of JSON is recognized."""
        self.refuse(reply(200, b"<!doctype html>"), 502, "its body is not JSON", "a page for people")

    def test_disconnect(self) -> None:
        """A disconnect that is sent again says why, whatever the answer."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        stage.on_disconnect(reply(302, b"", [("Location", "/login")]), reply(429), reply())
        self.connect(gateway.ws + "/").close()
        eventually(lambda: len(stage.disconnects) == 3)
        id = stage.connects[0].id
        for words in (("answered 302 (Location: ", "/login): it is sent again"), ("answered 429: it is sent again",)):
            self.line(gateway, "a disconnect was", *words, f"connection {id}", f"backend {backend.address}")

    def test_one_line_for_many_messages(self) -> None:
        """A thousand messages that are refused are one line, and the connection goes on."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        stage.on_message(reply(400))
        client = self.connect(gateway.ws + "/")
        for number in range(1000):
            client.send(str(number))
        eventually(lambda: len(stage.messages) == 1000, 60)
        lines = [line for line in gateway.log().splitlines() if "a message was answered 400" in line]
        self.assertLess(len(lines), 10)
        self.assertIn("MESSAGE_CONTENT_TYPE", lines[0])

    def test_no_credentials(self) -> None:
        """Credentials in TARGET_ADDRESS, where it has any, and those of a Location are in no line."""
        backend = self.backend()
        backend.stage("/").on_connect(reply(302, b"", [("Location", "http://user:s3cret@elsewhere/?token=s3cret")]))
        gateway = self.gateway(backend)
        self.assertEqual(refused(gateway.ws + "/").status, 502)
        self.line(gateway, "Location: http://elsewhere/)")
        self.assertNotIn("s3cret", gateway.log())


class DebugTests(LogTestCase):
    def test_every_step(self) -> None:
        """At debug there is a line for each connect, message, reply, push and close, with status and time."""
        backend: Backend = self.backend()
        stage = backend.stage("/")
        stage.on_message(reply(200, b"pong", [("WSAAS-Reply", "text")]), reply(503), drop(), reply(204))
        gateway = self.gateway(backend, LOG_LEVEL="debug")
        client = self.connect(gateway.ws + "/")
        client.send("ping")
        self.assertEqual(client.recv(10), "pong")
        client.send("not ready")
        eventually(lambda: len(stage.messages) == 4)
        id = stage.connects[0].id
        self.assertEqual(gateway.api.push(id, b"hello").status, 200)
        self.assertEqual(gateway.api.push("x" * 32, b"hello").status, 404)
        self.assertEqual(gateway.api.request("PUT", "/broadcast", b"hi").status, 200)
        self.assertEqual(gateway.api.close(id, "?code=4001").status, 200)
        eventually(lambda: stage.disconnects)
        time = r"after [0-9.]+ ms"
        for words in (
            rf"connect of \d+ bytes: 200 {time}; connection {id}, backend {backend.address}",
            rf"message of 4 bytes: 200 {time}, with a text reply of 4 bytes; connection {id}",
            rf"message of 9 bytes: 503 {time}; connection {id}",
            rf"message of 9 bytes: 204 {time}, sent again; connection {id}",
            rf"push of 5 bytes: 200; connection {id}",
            r"push of 5 bytes: 404; connection x",
            r"push of 2 bytes: 200; all connections",
            rf"close with 4001: 200; connection {id}",
            rf"disconnect of \d+ bytes: 200 {time}, cause api, close code 4001; connection {id}",
        ):
            eventually(lambda words=words: re.search(words, gateway.log()))

    def test_not_at_info(self) -> None:
        """At info there is none of them."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(accept())
        gateway = self.gateway(backend)
        client = self.connect(gateway.ws + "/")
        client.send("ping")
        client.close()
        eventually(lambda: stage.disconnects)
        self.assertNotRegex(gateway.log(), "bytes: 200 after")


class LineTests(LogTestCase):
    """Lines that are wished for."""

    def test_connections(self) -> None:
        """With LOG_CONNECTIONS each connection has a line at its end, and without it none."""
        backend = self.backend()
        for settings, lines in (({"LOG_CONNECTIONS": "on", "LOG_STYLE": "json"}, 1), ({}, 0)):
            gateway = self.gateway(backend, **settings)
            stage = backend.stage(f"/{lines}")
            with self.connect(f"{gateway.ws}/{lines}") as client:
                client.send("hello")
                eventually(lambda stage=stage: stage.messages)
            eventually(lambda stage=stage: stage.disconnects)
            id = stage.connects[0].id
            if lines:
                fields = json.loads(self.line(gateway, "the connection ended"))
                self.assertEqual(fields["connection"], id)
                self.assertEqual((fields["cause"], fields["close_code"], fields["messages_in"]), ("client", 1000, 1))
                self.assertEqual((fields["bytes_in"], fields["client"]), (5, "127.0.0.1"))
            else:
                self.assertNotIn("the connection ended", gateway.log())

    def test_requests(self) -> None:
        """With LOG_API each request has a line, in which no id is whole; without it none."""
        backend = self.backend()
        gateway = self.gateway(backend, LOG_API="on", MAX_MESSAGE_SIZE="1000")
        stage = backend.stage("/")
        self.connect(gateway.ws + "/")
        id = stage.connects[0].id
        self.assertEqual(gateway.api.push(id, "hello").status, 200)
        self.assertEqual(gateway.api.push(id, "x" * 1001).status, 413)
        self.assertEqual(gateway.api.get(f"/{id}?nonsense=1").status, 400)
        shown = f"{id[:12]}..."
        self.line(gateway, f" info  api.server.request_log: PUT /{shown}: 200, ", "; client 127.0.0.1")
        self.line(gateway, f"PUT /{shown}: 413, ")
        self.line(gateway, f"GET /{shown}: 400, ")
        self.assertEqual([line for line in gateway.log().splitlines() if id in line], [])
        plain = self.gateway(backend)
        self.assertEqual(plain.api.push("0" * 32, "hello").status, 404)
        self.assertNotIn("request_log", plain.log())
