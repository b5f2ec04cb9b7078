"""The parsers that are ours, each as a function of bytes: whatever they are, it returns, and what it found makes sense.

An AssertionError, or any other exception, is a finding. Hypothesis calls these, and atheris does (`guided`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autobahn.websocket.protocol import parseHttpHeader
from twisted.internet.task import Clock

from wsaas.api.server.fast_path import read_head
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.responses import read as read_answer
from wsaas.clients.handshake.client_address import Proxies, network, parse
from wsaas.clients.handshake.credentials import Credentials
from wsaas.clients.handshake.fast_path import read_common
from wsaas.clients.handshake.policy import HandshakePolicy
from wsaas.clients.handshake.request import read as read_request
from wsaas.clients.handshake.request_head import MalformedHandshake, RequestHead, public
from wsaas.clients.handshake.request_head import parse as parse_head
from wsaas.core.events import Cause, Closed, Opened, Received
from wsaas.core.model import Frame, Handshake
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.response_parser import OVERHEAD_LIMIT, ResponseParser
from wsaas.internals.autobahn import handshake_head
from wsaas.net import proxy_protocol as proxy_header
from wsaas.settings.load import SettingsError, load
from wsaas.settings.table import TABLE
from wsaas.telemetry.log_limit import LogLimit

ANSWER_LOG = AnswerLog(LogLimit(Clock()), "http://backend")
EVENTS = (
    Opened(Handshake("/", "", None, "192.0.2.1", subprotocols=("v1",))),
    Received(1, Frame(b"hello", False)),
    Closed(Cause.CLIENT, 1000, "", True),
)
ENTRANCE = HandshakePolicy(
    proxies=Proxies(("10.0.0.0/8", "2001:db8::/32", "unix")),
    credentials=Credentials("access_token", True),
    allowed_origins=("https://app.example",),
    forward_headers=("cookie",),
)
ONCE = (b"host", b"authorization", b"sec-websocket-key")
# Settings that read files, or ask plugins, are not for random text by the million.
SETTINGS = [
    name for name in TABLE if name not in ("TARGET_CA", "TARGET_CERT", "TARGET_KEY", "WS_ENDPOINT", "HTTP_ENDPOINT")
]


def handshake(data: bytes) -> None:
    """wsaas.clients: head, credentials, address, request. What is sound has one reading, and Autobahn's is that too."""
    try:
        head = parse_head(data)
    except MalformedHandshake as error:
        head = None
        assert str(error) and error.status >= 400
    else:
        assert data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n") == sum(map(len, head.fields.values()))
        assert all(len(head.values(name)) <= 1 for name in ONCE)
        for name, value in public(head).items():
            assert name and not {"\r", "\n", "\0"} & {*name, *value}
    for host in ("10.0.0.1", "203.0.113.9", ""):
        try:
            presented = ENTRANCE.read(data)
        except MalformedHandshake as error:
            assert str(error)
        else:
            assert head is not None and presented.target.startswith(b"/")
            address = ENTRANCE.address(presented, host)
            assert address == host or (host != "203.0.113.9" and parse(address) is not None)
            assert network(address) or not address
            assert len(presented.values(b"authorization")) <= 1
            query = presented.target.partition(b"?")[2]
            assert not any(pair.startswith(b"access_token=") for pair in query.split(b"&"))
            if ENTRANCE.allows(presented):
                for origin in presented.values(b"origin"):
                    assert origin.lower() in (b"https://app.example", b"https://app.example:443")
            _asked(presented)


def _asked(head: RequestHead) -> None:
    """What is read of a sound head is the same on both paths, and Autobahn's parser finds nothing else in its own."""
    for compression in (False, True):
        fast = read_common(head, compression)
        try:
            asked = read_request(head, compression)
        except MalformedHandshake as error:
            assert str(error) and fast is None
        else:
            assert fast is None or fast == asked
            key, subprotocols, offer = asked
            for selected in (None, *subprotocols):
                line, fields, counts = parseHttpHeader(handshake_head(key, selected, offer))
                assert line == "GET / HTTP/1.1" and fields["sec-websocket-key"] == key
                assert all(count == 1 for count in counts.values()) and "origin" not in fields
                assert fields.get("sec-websocket-protocol") == selected
                assert fields.get("sec-websocket-extensions") == offer


def quick(data: bytes) -> None:
    """wsaas.api.server.fast_path: what the fast path takes has one length, and no coding."""
    head = read_head(data)
    if head is not None:
        names = [line.partition(b":")[0].lower() for line in data.split(b"\r\n")]
        assert 0 <= head.length < 10**9
        assert names.count(b"content-length") == names.count(b"host") == 1
        assert not {b"transfer-encoding", b"expect", b"connection", b""} & {*names}
        assert all(name == name.strip() for name in names)
        assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")


def answer(data: bytes) -> None:
    """wsaas.backend: the bytes as the body of a good answer, and as an answer, whole and in two pieces."""
    for status in (200, 403, 503):
        for event in EVENTS:
            headers = ((b"wsaas-reply", b"text"), (b"retry-after", data[:40]))
            read_answer("a" * 32, event, HttpResponse(status, headers, data, False), float, ANSWER_LOG)
    found = []
    for cut in (len(data), len(data) // 2):
        parser = ResponseParser()
        parser.expect((100, None))
        faults: list[Fault | None] = [parser.feed(data[:cut])]
        if faults == [None] and not parser.whole and cut < len(data):
            faults.append(parser.feed(data[cut:]))
        result = parser.answer()
        assert len(result.body) <= 100 and parser.received <= len(data) <= max(len(data), OVERHEAD_LIMIT)
        found.append((str(faults[-1]), result if parser.whole else None))
        if faults[-1] is None and parser.whole:
            for event in EVENTS:
                read_answer("a" * 32, event, result, float, ANSWER_LOG)
        parser.stop()
    assert found[0] == found[1], found


def settings(data: bytes) -> None:
    """wsaas.settings.table: lines of NAME=text; a name that is none is made one by its first byte."""
    environ = {}
    for line in data.decode("utf-8", "surrogateescape").replace("\0", "").split("\n"):
        name, _, text = line.partition("=")
        environ[name if name in SETTINGS else SETTINGS[len(name) % len(SETTINGS)]] = text
    try:
        load({}, environ).describe()
    except SettingsError as error:
        assert error.problems and all(problem.isprintable() for problem in error.problems)


def proxy(data: bytes) -> None:
    """wsaas.net.proxy_protocol: a header, no header, or more to come; and more to come only as long as one may be."""
    try:
        header = proxy_header.read(data)
    except ValueError:
        return
    if header is None:
        try:
            assert proxy_header.read(data + bytes(16 + proxy_header.MAX_V2)) is not None
        except ValueError:
            pass
    else:
        assert 0 < header.length <= len(data)


PARSERS: Mapping[str, Callable[[bytes], None]] = {
    parse.__name__: parse for parse in (handshake, quick, answer, settings, proxy)
}

SEEDS: Mapping[str, list[bytes]] = {
    "handshake": [
        b"GET /a?b=1&access_token=abc HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1",
        b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: bearer.YWJj, v1\r\nOrigin: https://app.example:443",
        b"GET / HTTP/1.1\r\nAuthorization: Bearer abc\r\nX-Forwarded-For: [2001:db8::1]:9",
        b"GET ws://x:80/a?b HTTP/1.1\r\nHost: y\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: v1, v2\r\n"
        b'Sec-WebSocket-Extensions: x; a="b,c", permessage-deflate; client_max_window_bits; server_max_window_bits=10',
        *(b"GET / HTTP/1.1\r\nX: y\r\n%b:\r\n%b: 1" % (name, name.title()) for name in ONCE),
    ],
    "quick": [
        b"Host: x\r\nContent-Length: 5\r\nContent-Type: application/octet-stream; x=y\r\nAuthorization: Bearer t",
        b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"Host: x\r\nContent-Length: 5\r\ncontent-length: 6",
    ],
    "answer": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
        b"HTTP/1.1 103 Early\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nOK\r\n0\r\nA: b\r\n\r\n",
        b'{"code": "OK", "groups": ["a"], "headers": {"X-User": "42"}, "subprotocol": "v1"}',
        b"Mon, 23 Nov 2026 10:00:00 GMT",
    ],
    "settings": [
        b"TARGET_ADDRESS=https://[::1]:8080/x\nWS_TIMEOUT=30000\nALLOWED_ORIGINS=https://a, null",
        b"TRUSTED_PROXIES=10.0.0.0/8 unix\nFORWARD_HEADERS=Cookie\nWEBHOOK_SECRET=whsec_AAAA\nAUTH_QUERY=token",
    ],
    "proxy": [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nrest",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12),
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8" + bytes(216),
    ],
}
