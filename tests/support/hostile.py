"""Everything that reads a stranger's or a backend's bytes, as functions of bytes, and inputs made to be slow for them.

An input is a beginning, something repeated, and an end: `{}` in a frame is where the repetition stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from tests.support.api_fakes import HERE, FakeSession, router_of
from tests.support.client_harness import Harness
from tests.support.http_wire import Wire
from wsaas.api.server.fast_path import read_head
from wsaas.api.server.site import api_site
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.responses import read
from wsaas.core.events import Cause, Closed, Opened, Received
from wsaas.core.model import Frame, Handshake
from wsaas.http_client.exchange import HttpResponse
from wsaas.http_client.response_parser import ResponseParser
from wsaas.journal.repair import _records
from wsaas.net.pem import certificates_in
from wsaas.net.proxy_protocol import MAX_V2
from wsaas.net.proxy_protocol import read as read_proxy
from wsaas.net.trace_context import trace_id
from wsaas.settings import client_values, endpoints, values
from wsaas.telemetry.log_limit import LogLimit

# What is repeated: the most likely to be slow, and the others.
FEW = (
    " ",
    "a",
    ",",
    "&",
    "%41",
    "/",
    ":",
    '"\\',
    "\x85",
    "a,",
    "a=&",
    "a:\r\n",
    "\r\n",
    "10.0.0.1,",
    "[",
    "permessage-deflate;x,",
)
PUMPS = [
    *FEW,
    *("\t", "A", "0", "1", ";", "=", "%", ".", "-", '"', "\\", "@", "?", "#", "{", "\r", "\n", "\x00", "\xa0", "\xff"),
    *(
        "\r\n ",
        "a ",
        " ,",
        "a;",
        "a=",
        "a&",
        "a=;",
        "%4",
        "%2F",
        "%41&",
        '",',
        '\\"',
        "1.",
        "1:",
        "::",
        "1.1.1.1,",
        "[::1]:1,",
    ),
    *(
        "a/",
        "../",
        "a:",
        "\r\na:b",
        "13,",
        "websocket,",
        "upgrade,",
        "bearer.YQ,",
        "bearer.",
        "permessage-deflate,",
        "; a=b",
    ),
    *("client_max_window_bits;", "access_token=a&", "access_token", "://", "https://", "-----BEGIN CERTIFICATE-----"),
    *("[[", '{"a":', "[1,", '"\\u00', "1e", "\\ud800", "0\r\n\r\n", "1\r\na\r\n", "Mon, ", "GET / HTTP/1.1\r\n\r\n"),
]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_GOOD = (
    f"Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
)
_CLIENT_HEADERS = (
    "Host Origin Upgrade Connection Authorization Cookie Content-Length Transfer-Encoding X-Forwarded-For traceparent "
    "X-Any Sec-WebSocket-Key Sec-WebSocket-Version Sec-WebSocket-Protocol Sec-WebSocket-Extensions"
).split()
_TOKEN = "t" * 16
_API_HEADERS = (
    "Host Authorization Cookie Content-Type Content-Length Transfer-Encoding Content-Encoding Connection Expect X-Any"
).split()
_CLIENTS = Harness(
    auth_query="access_token",
    auth_subprotocol=True,
    allowed_origins=("https://app.example",),
    forward_headers=("cookie", "x-any"),
    trusted_proxies=("203.0.113.9", "10.0.0.0/8", "2001:db8::/32"),
    compression=True,
)
_CLOCK = MemoryReactorClock()
_SITE = api_site(_CLOCK, router_of(FakeSession()), tokens=(_TOKEN,), max_message_size=100_000, ready=lambda: True)


@dataclass(frozen=True)
class Target:
    """A parser, the frames of inputs for it, and the length of the longer of two inputs."""

    reads: Callable[[bytes], object]
    frames: list[str]
    longest: int


def client_port(data: bytes) -> None:
    """A connection of a client's, from its first byte to the 101 or the refusal."""
    client = _CLIENTS.client()
    client.say(data)
    if _CLIENTS.gateway.handshakes:
        client.peer.accept(None)
    client.vanish()
    _CLIENTS.clock.advance(0)
    _CLIENTS.gateway.handshakes.clear()
    _CLIENTS.gateway.sessions.clear()


def api_port(data: bytes) -> None:
    """A connection to the API, in the turn in which the bytes come: what is behind a request waits for another."""
    wire = Wire(_SITE)
    wire.send(data, turns=False)
    wire.hang_up()
    _CLOCK.advance(0)


def answer(data: bytes) -> None:
    """An answer of the backend's."""
    parser = ResponseParser()
    parser.expect((65536, None))
    if parser.feed(data) is None and parser.whole:
        for event in _EVENTS:
            read(HERE, event, parser.answer(), time.time, _ANSWER_LOG)
    parser.stop()


def decision(data: bytes) -> None:
    """The body of an answer of the backend's."""
    for event in _EVENTS:
        read(HERE, event, HttpResponse(200, ((b"wsaas-reply", b"text"),), data, False), time.time, _ANSWER_LOG)


def retry_after(data: bytes) -> None:
    """A header of an answer of the backend's."""
    headers = ((b"retry-after", data), (b"wsaas-reply", data))
    for event in _EVENTS:
        read(HERE, event, HttpResponse(503, headers, b"", False), time.time, _ANSWER_LOG)


def proxy_header(data: bytes) -> None:
    with suppress(ValueError):
        read_proxy(data)


def setting(parse: Callable[[str], Any]) -> Callable[[bytes], None]:
    def reads(data: bytes) -> None:
        with suppress(ValueError, UnicodeDecodeError):
            parse(data.decode())

    return reads


_ANSWER_LOG = AnswerLog(LogLimit(Clock()), "http://backend")
_EVENTS = (
    Opened(Handshake("/", "", None, "192.0.2.1", subprotocols=("v1",))),
    Received(1, Frame(b"hello", False)),
    Closed(Cause.CLIENT, 1000, "", True),
)


def _request(method: str, path: str, *lines: str) -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {_TOKEN}", *lines, "", ""])


def _headers(names: Iterable[str], frame: str) -> Iterator[str]:
    return (frame.replace("NAME", name) for name in names)


_CHUNKED = _request("PUT", f"/{HERE}", "Transfer-Encoding: chunked")
_ANSWER = "HTTP/1.1 200 OK\r\n"

TARGETS: dict[str, Target] = {
    "client port": Target(
        client_port,
        [
            *_headers(_CLIENT_HEADERS, f"GET / HTTP/1.1\r\n{_GOOD}NAME: {{}}\r\n\r\n"),
            *_headers(("X-Any", "Origin"), f"GET / HTTP/1.1\r\n{_GOOD}NAME: {{}}\x00\r\n\r\n"),
            *_headers(("/{}", "/?{}", "http://{}", "http://{}/", "{}"), f"GET NAME HTTP/1.1\r\n{_GOOD}\r\n"),
            *_headers(("{}", "{}: a", "a{}", " {}", "\r\n{}"), f"GET / HTTP/1.1\r\n{_GOOD}NAME\r\n\r\n"),
            *("{} / HTTP/1.1\r\n" + _GOOD + "\r\n", "GET / {}\r\n" + _GOOD + "\r\n", "{}", "{}\r\n\r\n"),
        ],
        15000,
    ),
    "API port": Target(
        api_port,
        [
            *_headers(_API_HEADERS, _request("PUT", f"/{HERE}", "NAME: {}")),
            *_headers(
                ("/{}", "/groups/{}", f"/groups/{{}}/{HERE}", f"/{HERE}?{{}}", "/@connections/{}"),
                _request("GET", "NAME"),
            ),
            *_headers(("reason=", "code=", ""), _request("DELETE", f"/{HERE}?NAME{{}}")),
            *_headers(("except=", ""), _request("PUT", "/broadcast?NAME{}")),
            *_headers(("{}", "{}: a", "a{}", "a: b\r\n {}"), _request("GET", "/", "NAME")),
            *_headers(("Cookie", "Authorization", "X-Any"), f"GET /{HERE} HTTP/1.1\r\nHost: x\r\nNAME: {{}}\r\n\r\n"),
            *(_CHUNKED + "{}", _CHUNKED + "1;{}\r\na\r\n0\r\n\r\n", _CHUNKED + "0\r\n{}"),
            *(_request("PUT", f"/{HERE}", "Content-Length: 0", "X-Any: {}\x85"), _request("GET", "/connections?{}")),
            *(_request("{}", "/"), _request("GET", "http://{}"), "{}", "{}\r\n\r\n"),
            f"GET /{HERE}?{{}} HTTP/1.1\r\nHost: x\r\n\r\n",
        ],
        15000,
    ),
    "API fast path": Target(
        read_head,
        [*_headers(("X-Any: {}", "X-Any: {}\x85", "{}: a", "{}"), "Host: x\r\nContent-Length: 5\r\nNAME")],
        4000,
    ),
    "answer": Target(
        answer,
        [
            *_headers(("X", "Retry-After", "WSAAS-Reply"), _ANSWER + "Content-Length: 2\r\nNAME: {}\r\n\r\nOK"),
            *("HTTP/1.1 200 {}\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 {} OK\r\n\r\n", "{}"),
            *(_ANSWER + "{}: a\r\n\r\n", _ANSWER + "{}\r\n\r\n", _ANSWER + "Transfer-Encoding: {}\r\n\r\n"),
            *_headers(("{}", "1;{}\r\n", "0\r\n{}"), _ANSWER + "Transfer-Encoding: chunked\r\n\r\nNAME"),
        ],
        60000,
    ),
    "decision": Target(
        decision,
        [
            *("{}", '{{"code": "OK", "groups": [{}]}}', '{{"code": "{}"}}', '{{"code": "OK", "groups": ["{}"]}}'),
            *('{{"code": "OK", "headers": {{"X-A": "{}"}}}}', '{{"code": "OK", "headers": {{"{}": "a"}}}}'),
            *('{{"code": "OK", "subprotocol": "{}"}}', '{{"code": "OK", "groups": [{}1]}}', '"{}"'),
        ],
        60000,
    ),
    "Retry-After": Target(
        retry_after, ["{}", "Mon, 23 Nov 2026 {}", "Mon, {} GMT", "{}0", "Mon, 23 Nov 2026 10:00:00 {}"], 60000
    ),
    "PROXY header": Target(
        proxy_header,
        [
            *_headers(("{}", "UNKNOWN {}", "TCP4 {}", "TCP4 {}\r\n"), "PROXY NAME"),
            "{}",
            "\r\n\r\n\0\r\nQUIT\n!\x11\x0f\xff{}",
        ],
        MAX_V2 * 2,
    ),
    "traceparent": Target(
        lambda data: trace_id([data]),
        ["{}", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-{}"],
        15000,
    ),
    "PEM": Target(certificates_in, ["{}", "-----BEGIN CERTIFICATE-----{}", "{}-----END CERTIFICATE-----"], 60000),
    "journal": Target(lambda data: list(_records(data)), ["{}", '00000000["{}', '00000000["a", {}]'], 60000),
    **{
        f"setting: {name}": Target(setting(parse), ["{}", "a{}", "https://{}", "https://a/{}", "{}@"], 20000)
        for name, parse in {
            "origins": client_values.origins,
            "header_names": client_values.header_names,
            "proxies": client_values.proxies,
            "query_parameter": client_values.query_parameter,
            "address": values.address(),
            "media_type": values.media_type,
            "tokens": values.tokens,
            "webhook_keys": values.webhook_keys,
            "endpoints": endpoints.endpoints,
            "with_backlog": endpoints.with_backlog,
            "is_private": endpoints.is_private,
        }.items()
    },
}


def made(frame: str, pump: str, size: int) -> bytes:
    """An input of about so many bytes."""
    begin, _, end = frame.partition("{}")
    begin, end = begin.replace("{{", "{").replace("}}", "}"), end.replace("{{", "{").replace("}}", "}")
    return (begin + pump * max(1, (size - len(begin) - len(end)) // len(pump)) + end).encode("latin-1")
