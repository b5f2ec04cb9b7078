"""PROXY headers as balancers send them, and some that must not be believed.

https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
"""

from __future__ import annotations

import struct

BALANCER = "10.0.0.1"
"""The peer of the connection itself, which counts where the header names no client."""
V2 = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21

_INET = bytes([203, 0, 113, 9, 10, 0, 0, 2]) + struct.pack("!HH", 4000, 443)
_INET6 = bytes.fromhex("20010db8" + "0" * 23 + "9" + "0" * 31 + "1") + struct.pack("!HH", 4000, 443)
_MAPPED = bytes(10) + b"\xff\xff\xcb\x00\x71\x09" + bytes(10) + b"\xff\xff\x0a\0\0\x02" + struct.pack("!HH", 4000, 443)
_UNIX = b"/a".ljust(108, b"\0") + b"/b".ljust(108, b"\0")


def v2(command: int, family: int, body: bytes) -> bytes:
    return V2 + struct.pack("!BBH", command, family, len(body)) + body


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


# Name -> header, and the client that it names; "unix" for one that came by a UNIX socket.
GOOD: dict[str, tuple[bytes, str]] = {
    "1, TCP4": (b"PROXY TCP4 203.0.113.9 10.0.0.2 4000 443\r\n", "203.0.113.9"),
    "1, TCP4, the longest": (b"PROXY TCP4 255.255.255.254 255.255.255.255 65535 65535\r\n", "255.255.255.254"),
    "1, TCP6": (b"PROXY TCP6 2001:db8::9 ::1 4000 443\r\n", "2001:db8::9"),
    "1, TCP6, the longest": (
        b"PROXY TCP6 2001:0db8:ffff:ffff:ffff:ffff:ffff:fff9 2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
        "2001:0db8:ffff:ffff:ffff:ffff:ffff:fff9",
    ),
    "1, IPv4 in IPv6": (b"PROXY TCP6 ::ffff:203.0.113.9 ::ffff:10.0.0.2 4 443\r\n", "::ffff:203.0.113.9"),
    "1, UNKNOWN, short": (b"PROXY UNKNOWN\r\n", BALANCER),
    "1, UNKNOWN, with addresses": (b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n", BALANCER),
    "1, UNKNOWN, the longest": (
        b"PROXY UNKNOWN " + b" ".join([b":".join([b"ffff"] * 8)] * 2) + b" 65535 65535\r\n",
        BALANCER,
    ),
    "2, TCP over IPv4": (v2(PROXY, 0x11, _INET), "203.0.113.9"),
    "2, HAProxy 2.6, captured": (
        V2 + bytes.fromhex("211100167f0000017f000001938826ba0300045928220f050000"),
        "127.0.0.1",
    ),
    "2, TCP over IPv6": (v2(PROXY, 0x21, _INET6), "2001:db8::9"),
    "2, IPv4 in IPv6": (v2(PROXY, 0x21, _MAPPED), "::ffff:203.0.113.9"),
    "2, what a balancer heard over QUIC": (v2(PROXY, 0x12, _INET), "203.0.113.9"),
    "2, the same over IPv6": (v2(PROXY, 0x22, _INET6), "2001:db8::9"),
    "2, AWS, an endpoint's name": (v2(PROXY, 0x11, _INET + tlv(0xEA, b"\x01vpce-08d2bf15fac5001c9")), "203.0.113.9"),
    "2, GCP, a connection's number": (v2(PROXY, 0x11, _INET + tlv(0xE0, bytes(8))), "203.0.113.9"),
    "2, HAProxy with TLS": (
        v2(
            PROXY,
            0x11,
            _INET
            + tlv(0x01, b"http/1.1")
            + tlv(0x02, b"gateway.example")
            + tlv(0x03, bytes(4))
            + tlv(0x04, bytes(100))
            + tlv(0x05, b"unique-id")
            + tlv(0x20, b"\x07\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"client") + tlv(0x28, bytes(2000))),
        ),
        "203.0.113.9",
    ),
    "2, something unknown behind the addresses": (v2(PROXY, 0x21, _INET6 + b"more"), "2001:db8::9"),
    "2, UNIX": (v2(PROXY, 0x31, _UNIX), "unix"),
    "2, UNIX, datagrams": (v2(PROXY, 0x32, _UNIX), "unix"),
    "2, unspecified": (v2(PROXY, 0x00, b""), BALANCER),
    "2, unspecified, with vectors": (v2(PROXY, 0x00, tlv(0x05, b"id")), BALANCER),
    "2, a family but no transport": (v2(PROXY, 0x10, _INET), BALANCER),
    "2, LOCAL": (v2(LOCAL, 0x00, b""), BALANCER),
    "2, LOCAL with addresses": (v2(LOCAL, 0x11, _INET), BALANCER),
    "2, LOCAL with vectors": (v2(LOCAL, 0x00, tlv(0x04, bytes(20))), BALANCER),
}

BAD = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"GET / HTTP/1.1\r\n\r\n",
    b"proxy TCP4 203.0.113.9 10.0.0.2 4000 443\r\n",
    b"PROXY  TCP4 203.0.113.9 10.0.0.2 4000 443\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.2 4000 443\n\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.2 4000 443 \r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.2 port 443\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.2 65536 443\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.2 +1 443\r\n",
    b"PROXY TCP4 203.0.113.999 10.0.0.2 1 443\r\n",
    b"PROXY TCP4 2001:db8::9 ::1 1 443\r\n",
    b"PROXY TCP6 203.0.113.9 10.0.0.2 1 443\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 443\r\n",
    b"PROXY TCP4 203.0.113.9 10.0.0.2 1\r\n",
    b"PROXY UNIX /a /b\r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY \xff\xff\r\n",
    b"PROXY UNKNOWN" + b"x" * 100,
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    v2(PROXY, 0x11, b"short"),
    v2(PROXY, 0x21, _INET),
    v2(PROXY, 0x31, _INET6),
    v2(PROXY, 0x41, bytes(12)),
    v2(PROXY, 0x13, _INET),
    v2(PROXY, 0x77, bytes(12)),
    v2(0x22, 0x11, bytes(12)),
    v2(0x11, 0x11, bytes(12)),
    V2 + b"\x21\x11\xff\xff",
]
