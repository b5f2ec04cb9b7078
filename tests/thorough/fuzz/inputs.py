"""Input of hostile peers, as hypothesis strategies: good bytes, bad ones, and good ones spoilt a little.

Every example is also cut somewhere: TCP has no messages.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.support.api_fakes import HERE

PATIENCE = 20.0
"""Seconds after which an input counts as one that hangs its parser."""

SPICES = [bytes([byte]) for byte in b'\r\n\t :\x00\x0b\x0c\x1c\x1e\x85\xff%/0?;,"{}='] + [
    *(b"\r\n", b"\n", b"\r\n\r\n", b"9" * 30, b"chunked", b"-1", b"\x1b[2J", b"\xe2\x80\xa8", b"x" * 300),
]


class Guard:
    """Fails if what it encloses takes so long that it must be called a hang."""

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *error: object) -> None:
        assert time.monotonic() - self._began < PATIENCE, "this input hangs its parser"


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """The data, cut at these places (taken modulo its length)."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return (data[start:stop] for start, stop in pairwise(places))


CUTS = st.lists(st.integers(0, 1 << 16), max_size=6)


@st.composite
def spoilt(draw: Any, good: SearchStrategy[bytes], most: int = 3) -> bytes:
    """Good bytes, with up to `most` places replaced by something else, or cut out."""
    data = bytearray(draw(good))
    for _ in range(draw(st.integers(0, most))):
        place = draw(st.integers(0, len(data)))
        spice = draw(st.sampled_from(SPICES) | st.binary(max_size=8))
        data[place : place + draw(st.integers(0, 4))] = spice
    return bytes(data)


# Handshakes

_LINES = [
    *(b"Host: gateway", b"Upgrade: websocket", b"Connection: Upgrade", b"Connection: keep-alive, Upgrade"),
    *(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Key: !", b"Sec-WebSocket-Version: 13"),
    *(b"Sec-WebSocket-Version: 8", b"Sec-WebSocket-Version: 13, 8", b"Origin: https://app.example", b"Origin: null"),
    *(b"Origin: https://[", b"Origin: http://a:99999", b"Origin: x", b"Sec-WebSocket-Protocol: v1, v2"),
    *(b"Sec-WebSocket-Protocol: bearer.YWJj, v1", b"Sec-WebSocket-Protocol: bearer.YWJj", b"Sec-WebSocket-Protocol: ,"),
    *(b"Sec-WebSocket-Protocol: a, a", b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    *(b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99", b"Sec-WebSocket-Extensions: ;;=,"),
    *(b"Authorization: Bearer abc", b"authorization:x", b"Cookie: a=b", b"Content-Length: 5", b"Host: a:b", b"Host:"),
    *(b"Transfer-Encoding: chunked", b"X-Forwarded-For: 192.0.2.1, [2001:db8::1]:99, unknown", b"X: a\x85Origin: b"),
    *(b"X-Forwarded-For: 10.0.0.1:99999, ::ffff:1.2.3.4, fe80::1%eth0", b"traceparent: 00-0-0-00", b"X : y", b" x"),
    *(b"X:" + b"y" * 17000, b"X: \xff\xfe", b"noise", b": x", b"X: {0.__class__} %s \x1b[2J"),
]
_GOOD = [0, 1, 2, 4, 6]
_ODD = [  # of which none makes a handshake bad, as long as it is there once
    *(b"Origin: https://app.example:443", b"Origin: null", b"Sec-WebSocket-Protocol: v1, v2", b"Cookie: a=\xe4"),
    *(b"Sec-WebSocket-Protocol: bearer.YWJj, v1", b"Sec-WebSocket-Protocol: bearer.YWJjZ, v1", b"authorization:x"),
    *(b"X-Forwarded-For: \xff, 10.0.0.999, ::1%eth0, [::1]:9", b"X-Forwarded-For: 192.0.2.1", b"X: \xff\xfe\x80"),
    *(b"Content-Length: 0", b"Origin: app://", b"Origin: https://app.example\xa0", b"Cookie: a=\x85", b"X: \x85"),
    *(b'Sec-WebSocket-Extensions: x; a="b, permessage-deflate"', b"Sec-WebSocket-Protocol: v1,, v1", b"Upgrade: h2c"),
    *(b"X:  {0.__class__} \t", b"X:", b"traceparent: \xe9", b"User-Agent: \xf0\x9f\x98\x80"),
]
_TARGETS = [
    *(b"/", b"/room/7?a=1", b"/?access_token=abc", b"/?access_token=abc&access_token=d", b"/?a&access_token=%00", b"*"),
    *(b"//evil.example/", b"http://x/", b"/%zz?%", b"/#x", b"/\xff", b"/a b", b"", b"/?redirect=https://evil", b"/;x"),
    *(b"http://a", b"ws://a?b", b"wss://[::1]:8/a?b#", b"HTTPS://a:/", b"http://a:b/", b"http://u@a/", b"ftp://a/"),
]


@st.composite
def handshakes(draw: Any) -> bytes:
    """A request head, one in three good, and what may come behind it."""
    good = [_LINES[index] for index in _GOOD]
    if draw(st.integers(0, 7)) == 0:
        good.pop(draw(st.integers(0, len(good) - 1)))
    odd = draw(st.lists(st.sampled_from(_ODD), max_size=3))
    if draw(st.booleans()):
        odd += draw(st.lists(st.sampled_from(_LINES), max_size=3))
    lines = draw(st.permutations(good + odd))
    if draw(st.integers(0, 7)) == 0:
        name = draw(st.sampled_from(lines)).partition(b":")[0]
        lines = [*lines, name + b": another", name.upper() + b":another"][: len(lines) + draw(st.integers(1, 2))]
    method = draw(st.sampled_from([b"GET"] * 30 + [b"POST", b"G(T", b"", b"PRI"]))
    version = draw(st.sampled_from([b"HTTP/1.1"] * 30 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 ", b"http/1.1", b""]))
    target = draw(st.sampled_from([b"/"] * 20 + _TARGETS))
    end = draw(st.sampled_from([b"\r\n"] * 30 + [b"\n", b"\r"]))
    rest = draw(st.sampled_from([b"", b"\x81\x80\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n", b"x" * 70000]))
    return end.join([b" ".join((method, target, version)), *lines]) + end + end + rest


HANDSHAKES = handshakes() | spoilt(handshakes(), most=1) | spoilt(handshakes()) | st.binary(max_size=200)


# Frames


def frame(
    opcode: int,
    payload: bytes,
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x00mas",
    width: int | None = None,
    announced: int | None = None,
) -> bytes:
    """A frame's bytes (RFC 6455, 5.2), correct or not: `width` is its length field's, `announced` what it says."""
    size = len(payload) if announced is None else announced
    width = width or (7 if size < 126 else 16 if size < 65536 else 64)
    bit = 0 if mask is None else 0x80
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    if width == 7:
        head += bytes([bit | size & 0x7F])
    elif width == 16:
        head += bytes([bit | 126]) + struct.pack("!H", size & 0xFFFF)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", size & (1 << 64) - 1)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


_TEXTS = [
    b"",
    b"hello",
    "gr\xfc\xdf \N{SNOWMAN}\U0001f600".encode(),
    b"\xe2\x98",
    b"\x83",
    b"\xed\xa0\x80",
    b"\xff",
    b"x" * 500,
    b"\x81\x80\0\0\0\0" * 20,
]
_EDGES = [*range(122, 131), *range(250, 259)]
"""Sizes beside those at which a header changes: among random ones they are hardly ever."""
PAYLOADS = st.sampled_from(_TEXTS) | st.sampled_from(_EDGES).map(bytes) | st.binary(max_size=200)
_CODES = st.sampled_from([0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 2999, 3000, 4999, 5000, 65535])


@st.composite
def frames(draw: Any) -> bytes:
    """One frame: mostly a good one."""
    kind = draw(st.sampled_from(["data"] * 6 + ["control"] * 3 + ["close"] * 2 + ["odd"]))
    mask = draw(st.sampled_from([b"\0\0\0\0", b"mask", b"\xff\xff\xff\xff"] * 4 + [None]))
    if kind == "data":
        opcode, width = draw(st.sampled_from([0, 1, 2])), draw(st.sampled_from([None] * 5 + [16]))
        return frame(opcode, draw(PAYLOADS), final=draw(st.booleans()), mask=mask, width=width)
    if kind == "control":
        return frame(draw(st.sampled_from([9, 10])), draw(PAYLOADS)[: draw(st.sampled_from([125, 126]))], mask=mask)
    if kind == "close":
        return frame(8, draw(st.just(b"") | _CODES.map(lambda code: struct.pack("!H", code)) | PAYLOADS), mask=mask)
    return frame(
        draw(st.integers(0, 15)),
        draw(PAYLOADS),
        final=draw(st.booleans()),
        reserved=draw(st.integers(0, 7)),
        mask=draw(st.sampled_from([b"mask", None])),
        width=draw(st.sampled_from([7, 16, 64])),
        announced=draw(st.none() | st.sampled_from([0, 1, 125, 126, 65536, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63])),
    )


@st.composite
def conversations(draw: Any) -> bytes:
    """Whole messages, each in one frame or in several with pings between them; and perhaps a frame that has no place
    there."""
    said = []
    for _ in range(draw(st.integers(1, 4))):
        opcode, payload = draw(st.sampled_from([1, 2, 2])), draw(PAYLOADS)
        parts, mask = list(pieces(payload, draw(CUTS)[:2])) or [b""], draw(st.sampled_from([b"\0\0\0\0", b"mask"]))
        for number, part in enumerate(parts):
            said.append(frame(opcode if number == 0 else 0, part, final=number == len(parts) - 1, mask=mask))
            if draw(st.integers(0, 3)) == 0:
                said.append(frame(9, b"ping"))
    if draw(st.booleans()):
        said.insert(draw(st.integers(0, len(said))), draw(frames()))
    return b"".join(said)


READS = st.lists(st.builds(frame, st.sampled_from([1, 2]), PAYLOADS) | frames(), max_size=8)
"""Frames that come each by itself, as one read."""
STREAMS = (
    conversations() | spoilt(conversations(), most=1) | spoilt(st.lists(frames(), max_size=8).map(b"".join), most=2)
)


# Requests to the API

_API_LINES = [
    *(b"Host: x", b"Host: x", b"Content-Type: application/octet-stream", b"Content-Type: text/plain", b"X: y"),
    *(
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"Content-Length: +5",
        b"Content-Length: 5, 5",
        b"Content-Length: 0x5",
    ),
    *(b"Content-Length: 99999999999999999999", b"Content-Length : 5", b"Content-Length:\t5", b"content-length:5"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked"),
    *(b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: chunked, chunked", b"Transfer_Encoding: chunked"),
    *(b"Expect: 100-continue", b"Connection: close", b"Connection: upgrade, http2-settings", b"Upgrade: h2c"),
    *(
        b"Authorization: Bearer " + b"t" * 16,
        b"Authorization: bearer  " + b"t" * 16 + b" ",
        b"Authorization: Basic eDp5",
    ),
    *(b" folded", b"X: a\rContent-Length: 5", b"X: a\nTransfer-Encoding: chunked", b"noise", b"X: " + b"y" * 5000),
]
_API_TARGETS = [
    *(b"/" + HERE.encode(), b"/" + HERE.encode() + b"?code=4000&reason=bye", b"/" + HERE.encode() + b"?code=%FF"),
    *(
        b"/-/ready",
        b"/connections?limit=2&after=x",
        b"/broadcast?except=x",
        b"/groups/a%2Fb",
        b"/groups/g/" + HERE.encode(),
    ),
    *(
        b"/groups/%FF",
        b"/%FF",
        b"//",
        b"*",
        b"http://x/",
        b"/\xff",
        b"/" + b"x" * 3000,
        b"/?&&&",
        b"/connections?limit=-1",
    ),
]
_BODIES = [
    b"",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"5\r\nhello\r\n0\r\nA: b\r\nnoise\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
]


@st.composite
def requests(draw: Any) -> bytes:
    """One request to the API, good or ambiguous."""
    lines = [b"Host: x"] if draw(st.integers(0, 7)) else []
    if draw(st.integers(0, 7)):
        lines.append(b"Authorization: Bearer " + b"t" * 16)
    body = draw(st.sampled_from([*_BODIES, b"hello", b"hello"]))
    length, chunks = b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked"
    right = length if body in (b"", b"hello") else chunks
    lines += draw(
        st.sampled_from([[right]] * 8 + [[length, chunks], [chunks, length], [length, b"Content-Length: 3"], []])
    )
    lines += draw(st.lists(st.sampled_from(_API_LINES), max_size=2))
    method = draw(
        st.sampled_from([b"PUT"] * 18 + [b"DELETE", b"GET", b"HEAD", b"POST", b"OPTIONS", b"CONNECT", b"p(t"])
    )
    version = draw(st.sampled_from([b"HTTP/1.1"] * 10 + [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b""]))
    target = draw(st.sampled_from(_API_TARGETS[:1] * 40 + _API_TARGETS))
    return b"\r\n".join([b" ".join((method, target, version)), *lines, b"", b""]) + body


REQUESTS = spoilt(st.lists(requests(), min_size=1, max_size=3).map(b"".join), most=2) | st.binary(max_size=100)


# Answers of the backend

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    [*["X-User"] * 6, "Authorization", "content-length", "X Y", "", "WSAAS-Event", "X\r\nY"]
) | st.text(max_size=8)
_VALUES = st.sampled_from(["42", "a\r\nX: b", "\x00", "\x85", "\u20ac", " x ", "\t"]) | st.text(max_size=20)


@st.composite
def decisions(draw: Any) -> bytes:
    """The JSON of a connect answer, with members of any kind."""
    found = {"code": draw(st.sampled_from(["OK"] * 6 + ["NO", "", 7, None, "\r\n\ud800"]))}
    for name, good in (
        ("groups", st.lists(st.text(st.characters(), max_size=10), max_size=3)),
        ("headers", st.dictionaries(_NAMES, _VALUES, max_size=2)),
        ("subprotocol", st.sampled_from([*["v1"] * 8, "v9", "\r\n"])),
    ):
        if draw(st.booleans()):
            found[name] = draw(st.one_of(good, good, good, JSON))
    if draw(st.integers(0, 7)):
        return json.dumps(found).encode()
    return draw(JSON.map(lambda value: json.dumps(value).encode()) | st.just(b"[" * 100_000))


_ANSWER_LINES = [
    *(
        b"Retry-After: 5",
        b"Retry-After: -1",
        b"Retry-After: Mon, 23 Nov 2026 10:00:00 GMT",
        b"Retry-After: 9" + b"9" * 400,
    ),
    *(
        b"Retry-After: Mon, 99 Foo 99999 99:99:99 +9999",
        b"WSAAS-Reply: text",
        b"WSAAS-Reply: binary",
        b"WSAAS-Reply: \xff",
    ),
    *(b"WWW-Authenticate: Basic realm=x", b"WWW-Authenticate: a\x00b", b"Set-Cookie: a=b", b"Location: http://evil/"),
    *(
        b"Content-Encoding: gzip",
        b"Connection: close",
        b"Connection: keep-alive",
        b"X: " + b"y" * 70000,
        b"X: \x85 \xff",
    ),
    *(
        b"Transfer-Encoding: chunked",
        b"Content-Length: 5",
        b"Content-Length: 1000000000000",
        b"Content-Length: -1",
        b"noise",
    ),
]


@st.composite
def answers(draw: Any) -> bytes:
    """One answer of the backend's, framed well or badly, perhaps behind an informational one."""
    status = draw(
        st.sampled_from(
            [b"200"] * 6
            + [b"100", b"101", b"103", b"204", b"301", b"304", b"401", b"403", b"404"]
            + [b"410", b"429", b"500", b"503", b"599", b"600", b"999", b"1000", b"0", b"-1", b"x"]
        )
    )
    body = draw(decisions() | st.sampled_from([b"", b"OK", b"x" * 2000, b"\xff", b"[" * 3000]) | st.binary(max_size=50))
    lines = draw(st.lists(st.sampled_from(_ANSWER_LINES), max_size=2))
    framing = draw(st.sampled_from(["length"] * 5 + ["chunks"] * 2 + ["none"]))
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunks":
        lines.append(b"Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    version = draw(st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"ICY"]))
    before = draw(
        st.sampled_from([b""] * 6 + [b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
    )
    return before + b"\r\n".join([version + b" " + status + b" Reason", *lines, b"", b""]) + body


ANSWERS = spoilt(st.lists(answers(), min_size=1, max_size=2).map(b"".join), most=2) | st.binary(max_size=100)
