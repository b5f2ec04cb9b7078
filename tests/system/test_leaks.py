"""Nothing leaks: no credential and no payload where another reads it, no text of one peer that another obeys."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from websockets.typing import Subprotocol

from tests.support.api_client import Api
from tests.support.backend_answers import accept, reply, say, stall
from tests.support.backend_server import Stage
from tests.support.gateway_process import TWISTD, Gateway
from tests.support.system_case import Settings, SharedTestCase, SystemTestCase, eventually
from tests.support.websocket_client import BINARY, TEXT, close_frame, frame, handshake

# One word for each place where a secret can be.
AUTHORIZATION = "CANARYauthorization"
COOKIE = "CANARYcookie"
QUERY = "CANARYquery"
SUBPROTOCOL = "CANARYsubprotocol"
PAYLOAD = "CANARYpayload"
TOKEN = "CANARYtoken0123456789"
KEY = b"CANARYsecret0123456789012345"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CARRIED = base64.urlsafe_b64encode(SUBPROTOCOL.encode()).decode().rstrip("=")
CANARIES = [b"CANARY", base64.b64encode(KEY), CARRIED.encode(), base64.b64encode(TOKEN.encode()).rstrip(b"=")]

LINE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z (debug|info |warn |error|critical) [\w.-]+: .*| {4}.*")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
HOSTILE = "\x1b[2J\x07\r\n2026-01-01T00:00:00.000Z info  forged: line\u2028\x85\x9b31m{0.__class__}%s"


def api_on_loopback(_: int, port: int) -> tuple[Settings, Api]:
    """With a token it would be open to the network."""
    return {"HTTP_ENDPOINT": f"tcp:{port}:interface=127.0.0.1"}, Api(port, token=TOKEN)


class LeakTestCase(SystemTestCase):
    def assert_nowhere(self, *texts: bytes) -> None:
        for text in texts:
            for canary in CANARIES:
                self.assertNotIn(canary, text)


class CanaryTests(LeakTestCase):
    """Secrets in every place where they can be, in good times and bad."""

    def life(self, gateway: Gateway, stage: Stage) -> Iterator[bytes]:
        """Connections that are let in, refused and broken, messages and pushes that work and that do not.

        Gives what those are told who have no business with any secret: the answers that are errors.
        """
        headers = [("Authorization", f"Bearer {AUTHORIZATION}"), ("Cookie", f"session={COOKIE}")]
        odd_reply = reply(200, b"\xff" + PAYLOAD.encode(), [("WSAAS-Reply", "text")])
        stage.on_message(
            reply(200, PAYLOAD.encode(), [("WSAAS-Reply", "text")]),
            odd_reply,
            reply(400),
            reply(503),
            reply(500),
            reply(),
        )
        stage.on_disconnect(reply(500, PAYLOAD.encode()), reply(418), reply())
        client = self.connect(gateway.ws + "/leak?a=1", additional_headers=headers, origin="https://app.example")
        id = self.only(lambda: stage.connects).id
        client.send(PAYLOAD)
        self.assertEqual(client.recv(timeout=10), PAYLOAD)
        for _ in range(4):
            client.send(PAYLOAD.encode())
        eventually(lambda: len(stage.messages) >= 6)
        self.assertEqual(gateway.api.push(id, PAYLOAD).status, 200)
        yield gateway.api.request("PUT", f"/{id}", PAYLOAD.encode() + b"\xff").body
        yield gateway.api.push("a" * 32, PAYLOAD).body
        yield gateway.api.request("POST", f"/{id}", PAYLOAD.encode()).body
        for authorization in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", AUTHORIZATION):
            yield gateway.api.request("PUT", f"/{id}", PAYLOAD.encode(), {"Authorization": authorization}).body
        with gateway.api.dial() as caller:
            caller.sendall(f"PUT /{id} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n{PAYLOAD}\r\n\r\n".encode())
            yield caller.recv(65536)
        client.close(1000, PAYLOAD)
        eventually(lambda: len(stage.disconnects) >= 2)
        yield from self.handshakes(gateway, stage)
        yield from self.violations(gateway)

    def handshakes(self, gateway: Gateway, stage: Stage) -> Iterator[bytes]:
        """Credentials in the query and in the subprotocol, used well and badly; backends that refuse them."""
        stage.requests.clear()
        for uri, offered in (
            (f"/leak?access_token={QUERY}", []),
            ("/leak", [Subprotocol(f"bearer.{CARRIED}"), Subprotocol("v1")]),
        ):
            self.connect(gateway.ws + uri, subprotocols=offered or None).close()
        credentials = [webhook.header("Authorization") for webhook in stage.connects]
        self.assertEqual(credentials, [f"Bearer {QUERY}", f"Bearer {SUBPROTOCOL}"])
        self.assert_nowhere(*(webhook.body for webhook in stage.requests))
        every = (
            f"Authorization: Bearer {AUTHORIZATION}",
            f"Cookie: {COOKIE}",
            f"Sec-WebSocket-Protocol: bearer.{CARRIED}, v1",
        )
        uri = f"/leak?access_token={QUERY}"
        for data in (
            handshake(uri, *every),
            handshake(uri, f"Authorization: {AUTHORIZATION}"),
            handshake(f"{uri}&access_token={QUERY}2"),
            handshake(f"{uri}%00"),
            handshake("/leak", f"Sec-WebSocket-Protocol: bearer.{CARRIED}!"),
            handshake(uri).replace(b"Version: 13", b"Version: 8"),
            handshake(uri, f"Authorization : {AUTHORIZATION}"),
            handshake(uri, f"Authorization: {AUTHORIZATION}\x85{AUTHORIZATION}"),
            handshake(uri).replace(b"Upgrade: websocket\r\n", b""),
            handshake(uri).replace(b"GET ", b"POST "),
            handshake(uri).replace(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key: x"),
            handshake(uri, f"X-Long: {AUTHORIZATION * 1000}"),
            handshake(uri, "Origin: https://evil.example"),
        ):
            yield self.answer(gateway, data)
        for answer in (
            # The body of a 4xx is the backend's own word to the client.
            reply(401, b"who is there?", [("WWW-Authenticate", "Basic")]),
            reply(502, AUTHORIZATION.encode()),
            reply(403),
            say({"code": "NO"}),
            reply(200, PAYLOAD.encode()),
            reply(500, PAYLOAD.encode()),
            stall(b"HTTP/1.1 200 " + PAYLOAD.encode() + b"\r\n\0"),
        ):
            stage.on_connect(answer)
            yield self.answer(gateway, handshake(uri))
        for flawed in (
            {"headers": {"Content-Length": PAYLOAD, "X Y": PAYLOAD, "X-Split": f"{PAYLOAD}\n"}},
            {"subprotocol": PAYLOAD},
        ):
            stage.on_connect(accept(**flawed))
            raw_client = self.raw(gateway.ws_port)
            raw_client.send(handshake(uri))
            answer = raw_client.read()
            self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
            yield answer
            raw_client.leave()
        stage.on_connect(accept())

    def violations(self, gateway: Gateway) -> Iterator[bytes]:
        """Messages that break a rule: the Close frame, and what is behind it."""
        text = PAYLOAD.encode()
        for data in (
            frame(TEXT, text + b"\xff"),
            frame(3, text),
            frame(BINARY, text, masked=False),
            close_frame(999, PAYLOAD),
        ):
            raw_client = self.raw(gateway.ws_port).open("/leak", [("Authorization", AUTHORIZATION)])
            raw_client.send(data)
            raw_client.half_close()
            yield raw_client.rest()

    def answer(self, gateway: Gateway, data: bytes) -> bytes:
        raw_client = self.raw(gateway.ws_port)
        raw_client.send(data)
        answer = raw_client.rest()
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer)
        self.assertFalse(answer.startswith(b"HTTP/1.1 101"), data)
        return answer

    def check(self, **settings: str) -> None:
        backend = self.backend()
        directory = self.directory()
        directory.mkdir(parents=True)
        for name, text in (("token", TOKEN), ("secret", SECRET)):
            (directory / name).write_text(text)
            (directory / name).chmod(0o600)
        gateway = self.watched(
            Gateway.start(
                directory,
                {
                    "TARGET_ADDRESS": backend.address,
                    "API_TOKEN_FILE": "token",
                    "WEBHOOK_SECRET_FILE": "secret",
                    "AUTH_QUERY": "access_token",
                    "AUTH_SUBPROTOCOL": "on",
                    "FORWARD_HEADERS": "Cookie",
                    "ALLOWED_ORIGINS": "https://app.example",
                    "JOURNAL_AUTHORIZATION": "no",
                    **settings,
                },
                make=api_on_loopback,
                program=TWISTD,
            )
        )
        errors = list(self.life(gateway, backend.stage("/leak")))
        self.assertGreater(len(errors), 25)
        self.assert_nowhere(*errors)
        proc = Path(f"/proc/{gateway.pid}")
        self.assert_nowhere((proc / "cmdline").read_bytes(), (proc / "environ").read_bytes())
        self.assertEqual(gateway.stop(), 0)
        self.assertIn("setting API_TOKEN=**** (set)", gateway.log())
        written = [path for path in directory.rglob("*") if path.is_file() and path.name not in ("token", "secret")]
        self.assertIn(directory / "gateway.log", written)
        for path in written:
            self.assert_nowhere(path.read_bytes())

    def test_debug(self) -> None:
        """At LOG_LEVEL=debug no credential, secret, cookie or payload is in any output, file, error or in /proc."""
        self.check(LOG_LEVEL="debug")

    def test_info(self) -> None:
        """At LOG_LEVEL=info no credential, secret, cookie or payload is in any output either."""
        self.check(LOG_LEVEL="info")

    def test_json(self) -> None:
        """The fields of the JSON log hold no credential, secret, cookie or payload either."""
        self.check(LOG_LEVEL="debug", LOG_STYLE="json")


class OptionTests(LeakTestCase):
    def test_options(self) -> None:
        """A secret that is given as an option is in the process list: the start says so, without repeating it."""
        gateway = self.watched(
            Gateway.start(
                self.directory(),
                {"TARGET_ADDRESS": "http://127.0.0.1:1"},
                arguments=["--api-token", TOKEN, "--webhook-secret", SECRET],
                make=api_on_loopback,
            )
        )
        for option, instead in (("--api-token", "API_TOKEN_FILE"), ("--webhook-secret", "WEBHOOK_SECRET_FILE")):
            self.assertRegex(gateway.log(), f"warn .*{option}: every user of this machine sees it .*{instead}")
        self.assert_nowhere(gateway.log().encode())

    def test_readable_file(self) -> None:
        """The start warns of a secret's file that every user may read."""
        directory = self.directory()
        directory.mkdir(parents=True)
        (directory / "token").write_text(TOKEN)
        (directory / "token").chmod(0o644)
        gateway = self.watched(
            Gateway.start(
                directory,
                {"TARGET_ADDRESS": "http://127.0.0.1:1", "API_TOKEN_FILE": "token"},
                make=api_on_loopback,
            )
        )
        self.assertRegex(gateway.log(), "warn .*API_TOKEN_FILE=token: every user of this machine can read it")
        self.assert_nowhere(gateway.log().encode())


class LogTests(SystemTestCase):
    """Text from a peer can neither begin a line of the log nor control the terminal of its reader."""

    def check(self, style: str) -> str:
        backend = self.backend()
        settings = {"TRUSTED_PROXIES": "127.0.0.1", "STATE_DIR": "state\x1b[2J\u2028\x9b31m"}
        gateway = self.gateway(backend, LOG_LEVEL="debug", LOG_STYLE=style, **settings)
        stage = backend.stage("/log")
        raw = HOSTILE.encode()
        for data in (
            handshake("/log").replace(b"/log", b"/log?" + raw),
            handshake("/log").replace(b"/log", raw),
            handshake("/log").replace(b"GET", raw),
            handshake("/log", f"User-Agent: \x9b31m\x84{HOSTILE.encode().decode('latin-1')}"),
            handshake("/log", f"X-Forwarded-For: {raw.decode('latin-1')}"),
            handshake("/log", "Origin: \x9b31m\x1b[2J"),
            handshake("/log", "Sec-WebSocket-Protocol: \x9b31m, \x84"),
            raw + b"\r\n\r\n",
        ):
            raw_client = self.raw(gateway.ws_port)
            raw_client.send(data)
            raw_client.half_close()
            raw_client.rest()
        stage.on_message(reply(200, b"", [("WSAAS-Reply", "\x9b31m\x84")]), reply())
        raw_client = self.raw(gateway.ws_port)
        raw_client.ask("/log", [("User-Agent", "\x9b31m\x84 \xe2\x80\xa8"), ("X-Forwarded-For", "\x9b31m, \x84")])
        raw_client.accepted()
        raw_client.send(frame(TEXT, raw) + frame(TEXT, b"\x1b[2J"))
        eventually(lambda: len(stage.messages) == 2)
        raw_client.send(close_frame(4000, HOSTILE[:60]))
        end = self.only(lambda: stage.disconnects)
        self.assertEqual(end.json()["close_reason"], HOSTILE[:60])
        stage.on_connect(
            say({"code": "OK", "headers": {f"wsaas-{'x' * 20}": "\x9b"}}),
            say({"code": HOSTILE}),
            stall(b"HTTP/1.1 200 \x1b[2J\r\n\x1b[2J\x00: x\r\n\r\n"),
        )
        for _ in range(3):
            raw_client = self.raw(gateway.ws_port)
            raw_client.ask("/log")
            raw_client.next()
            raw_client.leave()
        for id in ("a" * 31 + "\x9b", "%1b%5b2J%0d%0a"):
            with gateway.api.dial() as caller:
                caller.sendall(f"DELETE /{id}?reason=%1b%5b2J%0d%0a&code=x HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n".encode())
                caller.recv(65536)
        log = gateway.log()
        self.assertIn("WSAAS-Reply is none of text, binary, lines and events", log)
        self.assertEqual(CONTROL.findall(log), [])
        self.assertNotIn("\n2026-01-01", log)
        return log

    def test_text(self) -> None:
        """In the log as text, every line is one of ours; control characters in a peer's text are escaped."""
        for line in self.check("never").splitlines():
            self.assertTrue(LINE.fullmatch(line), line)

    def test_json(self) -> None:
        """In the log as JSON, every line is one object."""
        for line in self.check("json").splitlines():
            self.assertEqual(
                set(json.loads(line)) & {"time", "level", "namespace", "message"},
                {"time", "level", "namespace", "message"},
            )


OURS = {
    *(
        "host",
        "content-length",
        "content-type",
        "wsaas-event",
        "wsaas-connection-id",
        "webhook-id",
        "webhook-timestamp",
    ),
    *("traceparent", "authorization", "x-user", "connection", "accept", "accept-encoding", "user-agent"),
}
ANSWERED = {
    *("content-type", "content-length", "connection", "upgrade", "sec-websocket-accept", "sec-websocket-protocol"),
    *("www-authenticate", "retry-after", "allow", "date", "cache-control", "sec-websocket-version"),
}
BREAK = "\r\nX-Injected: 1\r\n\r\nDELETE /x HTTP/1.1\r\n"


class InjectionTests(SharedTestCase):
    """Text from one peer is a value to the next one, never a header or a request."""

    def names(self, answer: bytes) -> set[str]:
        head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
        return {line.partition(":")[0].lower() for line in re.split("[\r\n]+", head)[1:]}

    def test_handshake(self) -> None:
        """A handshake's text goes into webhooks as values and JSON only."""
        for lines in (
            [
                "Authorization: Bearer a%0d%0aX-Injected: 1",
                "X: %0d%0aX-Injected: 1",
                "Origin: https://a%0d%0aX-Injected:1",
            ],
            [
                "Authorization: a\tb \xe9 X-Injected: 1",
                "traceparent: 00-0-0-0 X-Injected: 1",
                "User-Agent: \\r\\nX-Injected: 1",
            ],
        ):
            self.stage.requests.clear()
            raw_client = self.raw(self.gw.ws_port)
            raw_client.send(handshake(self.path + "?%0d%0aX-Injected:%201", *lines))
            self.assertTrue(raw_client.read().startswith(b"HTTP/1.1 101 "))
            raw_client.send(frame(TEXT, BREAK.encode()) + close_frame(4000, BREAK))
            eventually(lambda: len(self.stage.requests) == 3)
            for webhook in self.stage.requests:
                self.assertLessEqual({name.lower() for name, _ in webhook.headers}, OURS)
                self.assertEqual(webhook.header("Authorization"), lines[0].removeprefix("Authorization: "))
            self.assertEqual(self.stage.messages[0].body, BREAK.encode())
            self.assertEqual(self.ended()["close_reason"], BREAK)

    def test_split_handshake(self) -> None:
        """A handshake that another server may read as having other headers is refused; the backend hears nothing."""
        for byte in "\r\n\0\x0b\x0c\x1c\x1d\x1e":
            raw_client = self.raw(self.gw.ws_port)
            raw_client.send(handshake(self.path, f"Authorization: a{byte}X-Injected: 1"))
            self.assertTrue(raw_client.rest().startswith(b"HTTP/1.1 400 "), repr(byte))
        self.assertEqual(self.stage.requests, [])

    def test_no_line_end(self) -> None:
        """A byte that ends lines for Python's str.splitlines, and for Autobahn, is one of the value and reaches the
        backend there."""
        raw_client = self.raw(self.gw.ws_port)
        raw_client.send(handshake(self.path, "Authorization: a\x85X-Injected: 1"))
        self.assertTrue(raw_client.read().startswith(b"HTTP/1.1 101 "))
        [webhook] = self.stage.connects
        self.assertEqual(webhook.header("authorization"), "a\x85X-Injected: 1")
        self.assertIsNone(webhook.header("x-injected"))

    def test_connect_answer(self) -> None:
        """A connect answer's text is a header's value or JSON to whom it reaches, client or later webhook."""
        for fields in (
            {"code": "OK", "headers": {"X-User": f"42{BREAK}"}},
            {"code": "OK", "headers": {f"X-User: 42{BREAK}X": "1"}},
            {"code": "OK", "headers": {"X-User": "a\0b"}},
            {"code": "OK", "subprotocol": f"v1{BREAK}"},
            {"code": BREAK},
        ):
            self.stage.requests.clear()
            self.stage.on_connect(say(fields, headers=[("X-Injected", "1"), ("Set-Cookie", "a=b")]))
            raw_client = self.raw(self.gw.ws_port)
            raw_client.send(handshake(self.path, "Sec-WebSocket-Protocol: v1"))
            answer = raw_client.read()
            if fields["code"] == "OK":
                self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
                raw_client.half_close()
                eventually(lambda: self.stage.disconnects)
            else:
                answer += raw_client.rest()
                self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
                json.loads(answer.partition(b"\r\n\r\n")[2])
            self.assertLessEqual(self.names(answer), ANSWERED)
            for webhook in self.stage.requests:
                self.assertLessEqual({name.lower() for name, _ in webhook.headers}, OURS)

    def test_api(self) -> None:
        """Ids, groups and reasons of the API's callers come back as JSON and in Close frames, and nowhere else."""
        connection = self.client()
        id, coded = self.connection_id(), "%0d%0aX-Injected:%201%0d%0a%0d%0a"
        for method, path in (
            ("PUT", f"/{coded}"),
            ("DELETE", f"/{id}?code=1{coded}"),
            ("GET", f"/groups/{coded}"),
            ("PUT", f"/groups/{coded}/{id}"),
            ("POST", f"/groups/{coded}/{id}"),
            ("PUT", f"/broadcast?except={coded}"),
            ("DELETE", f"/{id}?code=4000&reason={coded}"),
        ):
            with self.api.dial() as caller:
                caller.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
                answer = caller.recv(65536)
            self.assertLessEqual(self.names(answer), ANSWERED, answer)
            json.loads(answer.partition(b"\r\n\r\n")[2])
        self.assertEqual(self.ended()["close_reason"], "\r\nX-Injected: 1\r\n\r\n")
        del connection


class ElsewhereTests(SharedTestCase):
    """An answer to one webhook does not affect the target and the headers of another one."""

    settings: ClassVar[Settings] = {"FORWARD_HEADERS": "Cookie", "ALLOWED_ORIGINS": "https://app.example"}

    def test_redirects(self) -> None:
        """No redirect is followed: not by any of the three webhooks, whatever its status."""
        strays = self.pair.backend.strays
        elsewhere = [("Location", f"http://127.0.0.1:{self.pair.backend.port}/elsewhere")]
        for status in (300, 301, 302, 303, 307, 308):
            self.stage.on_connect(reply(status, b'{"code": "OK"}', elsewhere))
            self.assertEqual(self.refused().status, 502, status)
        self.stage.on_connect(accept())
        self.stage.on_message(*(reply(status, b"", elsewhere) for status in (301, 302, 303, 307, 308)), reply())
        connection = self.client(additional_headers={"Authorization": "Bearer secret"})
        for number in range(6):
            connection.send(str(number))
        eventually(lambda: len(self.stage.messages) == 6)
        self.stage.on_disconnect(*(reply(status, b"", elsewhere) for status in (301, 308)), reply())
        connection.close()
        eventually(lambda: len(self.stage.disconnects) == 3, 20)
        self.assertEqual([request for request in strays.requests if "elsewhere" in request.path], [])
        self.assertEqual([request for request in self.stage.requests if "elsewhere" in request.path], [])

    def test_cookies(self) -> None:
        """A cookie that is set in the answer to one connection's webhook is on no later webhook, of any connection."""
        setting = [("Set-Cookie", "session=stolen; Path=/"), ("Set-Cookie", "b=stolen; Domain=127.0.0.1")]
        self.stage.on_connect(reply(200, b'{"code": "OK"}', setting))
        self.stage.on_message(reply(200, b"", setting))
        self.stage.on_disconnect(reply(200, b"", setting))
        cookies = [None, "own=1", None]
        for cookie in cookies:
            connection = self.client(additional_headers={"Cookie": cookie} if cookie else {})
            connection.send("hello")
            connection.send("hello")
            eventually(lambda: len(self.stage.messages) == 2)
            connection.close()
            self.ended()
            self.assertEqual(
                [webhook.every("Cookie") for webhook in self.stage.requests], [[cookie] if cookie else []] * 4
            )
            self.stage.requests.clear()
