"""Input that must not be: an answer that says no more than it must, no traceback anywhere, and the gateway lives on."""

from __future__ import annotations

import json
import os
from typing import ClassVar

from tests.support.backend_answers import reply
from tests.support.bad_input import ALLOWED, API, FRAMES, GOOD, HANDSHAKES, request
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import BINARY, CONTINUATION, PING, PONG, TEXT, close_frame, frame

NO_IDS = [
    *("", "a", "a" * 31, "a" * 33, "a" * 31 + "-", "a" * 31 + "%00", "a" * 32 + "%00", "a" * 32 + "%0A", "%61" * 31),
    *("..", "%2e%2e", "../" * 5, "%2F", "a" * 16 + "%2F" + "a" * 15, "%FF" * 32, "%C3%A9" * 32, "%", "%zz", "*"),
    *("a" * 4000, "{0.__class__}", "%7Bid%7D", "<script>", "'", "a" * 31 + "%D9%A1", "a" * 32 + ";x", "a" * 32 + "/"),
]


class BadInputTests(SharedTestCase):
    """All of it at LOG_LEVEL=info. That no log has a traceback is asserted after every test (see `case`)."""

    settings: ClassVar[Settings] = {"LOG_LEVEL": "info"}

    def assert_alive(self) -> None:
        """The gateway still does its work, for a client that came before and for one that comes now."""
        self.client().send("still here")
        eventually(lambda: self.stage.bodies[-1:] == [b"still here"])

    def test_handshakes(self) -> None:
        """A malformed handshake is a 4xx or a closed connection; the backend does not hear of it."""
        bad, let_in = self.pair.backend.stage("/bad"), []
        for name, data in HANDSHAKES.items():
            before = len(bad.connects) + len(self.pair.backend.strays.connects)
            raw_client = self.raw(self.gw.ws_port)
            try:
                raw_client.send(data)
                raw_client.half_close()
            except ConnectionError:
                pass
            answer = raw_client.rest(20)
            raw_client.leave()
            if name in ALLOWED:
                continue
            if answer and not answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505 ")):
                let_in.append((name, answer[:100]))
            self.assertNotIn(b"Traceback", answer, name)
            self.assertNotIn(b"utobahn", answer, name)
            heard = len(bad.connects) + len(self.pair.backend.strays.connects)
            self.assertEqual(heard, before, f"the backend heard of: {name}")
        self.assertEqual(let_in, [])
        self.assert_alive()

    def test_still_sends(self) -> None:
        """A client that sends more than it is heard gets the whole answer all the same, and no reset."""
        raw_client = self.raw(self.gw.ws_port)
        raw_client.send(b"GET / HTTP/1.1\r\nHost: gateway\r\nX: " + b"x" * 200_000)
        received = b""
        while data := raw_client.socket.recv(65536):  # a reset is an error here
            received += data
            raw_client.send(b"x" * 1000)
        head, _, body = received.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 431 "), head)
        self.assertEqual(json.loads(body)["code"], "HEADERS_TOO_LARGE")

    def test_browser(self) -> None:
        """A browser's plain request gets 426 with Upgrade: websocket, and no version of the software."""
        raw_client = self.raw(self.gw.ws_port)
        raw_client.send(HANDSHAKES["no upgrade at all"])
        answer = raw_client.rest()
        self.assertTrue(answer.startswith(b"HTTP/1.1 426 "), answer)
        self.assertIn(b"\r\nupgrade: websocket\r\n", answer.lower())
        self.assertNotIn(b"utobahn", answer)

    def test_hangs_up(self) -> None:
        """A client that hangs up in the middle of its handshake, however far it was, is no news."""
        whole = request("GET /bad HTTP/1.1", GOOD)
        for length in range(0, len(whole), 7):
            raw_client = self.raw(self.gw.ws_port)
            raw_client.send(whole[:length])
            raw_client.reset() if length % 2 else raw_client.leave()
        self.assert_alive()

    def test_frames(self) -> None:
        """A frame that must not be closes with the code of RFC 6455; the connection has its DELETE."""
        for name, (data, code) in FRAMES.items():
            self.stage.requests.clear()
            raw_client = self.raw_client()
            raw_client.send(data)
            self.assertEqual(raw_client.close_code(), code, name)
            raw_client.leave()
            end = self.ended()
            self.assertEqual(end["cause"], "too_big" if code == 1009 else "protocol_error", name)
            self.assertEqual(self.stage.messages, [], name)
        self.assert_alive()

    def test_noise(self) -> None:
        """Random bytes instead of frames end the connection, and nothing else."""
        for _ in range(20):
            raw_client = self.raw_client()
            raw_client.send(b"\xf3" + os.urandom(500))
            self.assertIn(raw_client.close_code(), (1002, 1006))
            raw_client.leave()
        eventually(lambda: len(self.stage.disconnects) == 20)
        self.assert_alive()

    def test_odd_but_good(self) -> None:
        """Odd but allowed input is no error: unsolicited pongs, empty fragments, text like a format string."""
        self.stage.on_message(reply())
        raw_client = self.raw_client()
        raw_client.send(frame(PONG, b"unasked") + frame(PING, b"x" * 125))
        raw_client.send(frame(BINARY, b"", final=False) + frame(CONTINUATION, b"", final=False))
        raw_client.send(frame(CONTINUATION, b"x"))
        raw_client.send(frame(TEXT, b"{0.__class__} %s %(x)d\x1b[31m\r\n"))
        eventually(lambda: len(self.stage.messages) == 2)
        self.assertEqual(self.stage.bodies, [b"x", b"{0.__class__} %s %(x)d\x1b[31m\r\n"])
        raw_client.send(close_frame(4000, "{0.__class__} %s\x1b[31m\r\n2026-01-01 forged"))
        self.assertEqual(self.ended()["close_reason"], "{0.__class__} %s\x1b[31m\r\n2026-01-01 forged")
        self.assertNotIn("\x1b[31m", self.gw.log())
        self.assertNotIn("\n2026-01-01 forged", self.gw.log())
        self.assertNotIn("Unable to format", self.gw.log())

    def test_api(self) -> None:
        """A malformed API request is a 4xx or a closed connection."""
        for name, (data, status) in API.items():
            with self.api.dial() as plain:
                try:
                    plain.sendall(data)
                    answer = plain.recv(65536)
                except ConnectionError:
                    answer = b""
            self.assertTrue(answer == b"" or answer.startswith(f"HTTP/1.1 {status} ".encode()), f"{name}: {answer!r}")
            self.assertNotIn(b"Traceback", answer, name)
        self.assert_alive()

    def test_no_ids(self) -> None:
        """A path that is no id gets 404, or 405 where the path has another method, always in JSON."""
        for id in NO_IDS:
            for method in ("PUT", "DELETE", "GET"):
                answer = self.api.request(method, f"/{id}")
                self.assertIn(answer.status, (400, 404, 405), (method, id))
                self.assertTrue(answer.code, (method, id))
                self.assertNotIn(b"Traceback", answer.body)
        self.assert_alive()

    def test_hangs_up_on_api(self) -> None:
        """A caller that hangs up in the middle of its request is no news."""
        self.client()
        whole = f"PUT /{self.connection_id()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf".encode()
        for length in range(0, len(whole), 5):
            with self.api.dial() as plain:
                plain.sendall(whole[:length])
        self.assert_alive()
