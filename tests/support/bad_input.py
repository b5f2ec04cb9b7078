"""Handshakes, frames and API requests that must not be, each by a name."""

from __future__ import annotations

from tests.support.websocket_client import CLOSE, CONTINUATION, PING, TEXT, close_frame, frame

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
