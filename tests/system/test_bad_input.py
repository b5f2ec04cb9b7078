"""Input that must not be: an answer that says no more than it must, no traceback anywhere, and the gateway lives on."""

from __future__ import annotations

import os
from typing import ClassVar

from tests.support.backend_answers import reply
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame

KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
GOOD = ["Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", KEY]


def request(first: str, lines: list[str], end: str = "\r\n") -> bytes:
    return (end.join([first, *lines]) + end + end).encode("latin-1")


def without(name: str) -> list[str]:
    return [line for line in GOOD if not line.startswith(name)]


def telling(line: str) -> bytes:
    return request("GET /bad HTTP/1.1", [*GOOD, line])


HANDSHAKES = {
    "no upgrade at all": request("GET /bad HTTP/1.1", ["Host: localhost"]),
    "another upgrade": request("GET /bad HTTP/1.1", [*without("Upgrade"), "Upgrade: h2c"]),
    "no Upgrade": request("GET /bad HTTP/1.1", without("Upgrade")),
    "no Connection": request("GET /bad HTTP/1.1", without("Connection")),
    "no key": request("GET /bad HTTP/1.1", without("Sec-WebSocket-Key")),
    "a short key": request("GET /bad HTTP/1.1", [*without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: AAAA"]),
    "a key that is none": request("GET /bad HTTP/1.1", [*without("Sec-WebSocket-K"), "Sec-WebSocket-Key: " + "!" * 24]),
    "two keys": telling(KEY),
    "no version": request("GET /bad HTTP/1.1", without("Sec-WebSocket-Version")),
    "an old version": request("GET /bad HTTP/1.1", [*without("Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"]),
    "a version that is none": request("GET /bad HTTP/1.1", [*without("Sec-WebSocket-V"), "Sec-WebSocket-Version: x"]),
    "no Host": request("GET /bad HTTP/1.1", without("Host")),
    "two Hosts": telling("Host: elsewhere"),
    "two Origins": request("GET /bad HTTP/1.1", [*GOOD, "Origin: https://a", "Origin: https://b"]),
    "two Authorizations": request("GET /bad HTTP/1.1", [*GOOD, "Authorization: a", "Authorization: b"]),
    "POST": request("POST /bad HTTP/1.1", GOOD),
    "PUT": request("PUT /bad HTTP/1.1", GOOD),
    "a method that is none": request("G\x80T /bad HTTP/1.1", GOOD),
    "HTTP/1.0": request("GET /bad HTTP/1.0", GOOD),
    "HTTP/9": request("GET /bad HTTP/9", GOOD),
    "two words": request("GET /bad", GOOD),
    "four words": request("GET /bad x HTTP/1.1", GOOD),
    "an absolute URI": request("GET http://elsewhere/bad HTTP/1.1", GOOD),
    "a fragment": request("GET /bad#part HTTP/1.1", GOOD),
    "a path that is none": request("GET bad HTTP/1.1", GOOD),
    "a raw byte in the path": request("GET /b\xe4d HTTP/1.1", GOOD),
    "NUL in the path": request("GET /b\0d HTTP/1.1", GOOD),
    "a line without a colon": telling("Whatever"),
    "a name with a space": telling("Bad Name: 1"),
    "a space before the colon": telling("Bad : 1"),
    "a folded line": telling("X-Folded: a\r\n b"),
    "NUL in a value": telling("X-Nul: a\0b"),
    "a bare CR in a value": telling("X-Cr: a\rX-Injected: 1"),
    "a bare LF in a value": telling("X-Lf: a\nX-Injected: 1"),
    "NEL in a value": telling("X-Nel: a\x85X-Injected: 1"),
    "bare LFs": request("GET /bad HTTP/1.1", GOOD, "\n"),
    "a body": telling("Content-Length: 5"),
    "a body in chunks": telling("Transfer-Encoding: chunked"),
    "a subprotocol that is none": telling("Sec-WebSocket-Protocol: a b, @"),
    "a subprotocol twice": telling("Sec-WebSocket-Protocol: a, a"),
    "too many headers": request("GET /bad HTTP/1.1", [*GOOD, *(f"X-{n}: {'x' * 100}" for n in range(1000))]),
    "too long a header": telling("X-Long: " + "x" * 100000),
    "too long a path": request("GET /bad" + "x" * 100000 + " HTTP/1.1", GOOD),
    "no end": b"x" * 100000,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "empty lines": b"\r\n\r\n\r\n\r\n",
    "a proxy's greeting": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + request("GET /bad HTTP/1.1", GOOD),
    "braces": telling("X-{0.__class__}: {log} {0!r} %s %(x)d"),
}
ALLOWED = {
    *(
        "a subprotocol twice",
        "a subprotocol that is none",
        "braces",
        "an absolute URI",
        "NEL in a value",
        "two Origins",
    ),
}
"""Odd handshakes that are let in all the same."""

FRAMES = {
    "not masked": (frame(TEXT, b"x", masked=False), 1002),
    "opcode 3": (frame(3, b"x"), 1002),
    "opcode 11": (frame(11, b"x"), 1002),
    "reserved bit 1": (frame(TEXT, b"x", reserved=4), 1002),
    "reserved bit 3": (frame(TEXT, b"x", reserved=1), 1002),
    "ping too long": (frame(PING, b"x" * 126), 1002),
    "ping in fragments": (frame(PING, b"x", final=False), 1002),
    "continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "text inside a message": (frame(TEXT, b"x", final=False) + frame(TEXT, b"x"), 1002),
    "close of one byte": (frame(CLOSE, b"x"), 1002),
    "close 999": (close_frame(999), 1002),
    "close 1005": (close_frame(1005), 1002),
    "close 1006": (close_frame(1006), 1002),
    "close 65535": (close_frame(65535), 1002),
    "close reason not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text not UTF-8": (frame(TEXT, b"ab\xc3\x28"), 1007),
    "text ending in half a character": (frame(TEXT, b"ab\xe2\x98"), 1007),
    "not UTF-8 across fragments": (frame(TEXT, b"\xe2", final=False) + frame(CONTINUATION, b"x"), 1007),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "too long by far": (b"\x82\xff\x7f" + b"\xff" * 7 + b"mask", 1009),
    "a length with the top bit": (b"\x82\xff\xff" + b"\xff" * 7 + b"mask", 1002),
    "a length longer than it need be": (b"\x82\xfe\x00\x01mask" + b"x", 1002),
}

ID = "a" * 32
API = {
    "garbage": (b"\x00\x01\x02\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", 400),
    "one word": (b"GET\r\n\r\n", 400),
    "a length that is none": (f"PUT /{ID} HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n".encode(), 400),
    "a negative length": (f"PUT /{ID} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".encode(), 400),
    "two lengths": (
        f"PUT /{ID} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".encode(),
        400,
    ),
    "length and chunks": (
        f"PUT /{ID} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".encode(),
        400,
    ),
    "a chunk that is none": (
        f"PUT /{ID} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n".encode(),
        400,
    ),
    "an unknown coding": (f"PUT /{ID} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n".encode(), 400),
    "a space before the colon": (f"GET /{ID} HTTP/1.1\r\nHost : x\r\n\r\n".encode(), 400),
    "too many headers": (f"GET /{ID} HTTP/1.1\r\nHost: localhost\r\n".encode() + b"X: y\r\n" * 3000 + b"\r\n", 400),
    "an unknown method": (f"FOO /{ID} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), 405),
    "a method that is none": (f"{{0}} /{ID} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), 400),
}

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

    def test_browser(self) -> None:
        """Whoever comes with a browser is told what this is: 426 with Upgrade: websocket, and no version of ours."""
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
        """What is odd but allowed is no error: pongs nobody asked for, empty fragments, text like a format string."""
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
        """What is no id is nobody: 404, or 405 where the path is nothing for this method, always in JSON."""
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
