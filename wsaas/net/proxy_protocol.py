"""The PROXY protocol, versions 1 and 2: the header with which a balancer says whose connection it forwards.

It comes first, before TLS: `Proxied` stands between the socket and the TLS layer. (Twisted's `haproxy:` endpoint
around a TLS endpoint wants it inside TLS, where no balancer that forwards TCP can put it; a malformed header makes it
log a traceback, and one whose first packet is short makes it hang up.)
https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

MAX_V1 = 107
MAX_V2 = 4096
"""Bytes of a header. Version 2 could say 65551; balancers send some hundred at most, certificates' names included."""

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = re.compile(rb"PROXY (TCP[46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ([0-9]{1,5}) ([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. Without addresses it is about the balancer itself, or about something that has none."""

    length: int
    peer: IAddress | None = None
    host: IAddress | None = None


def read(data: bytes) -> Header | None:
    """The header at the beginning of `data`, or None if more of it must come; ValueError if it is none."""
    if data.startswith(_SIGNATURE):
        return _read_v2(data)
    if data.startswith(b"PROXY "):
        return _read_v1(data)
    if _SIGNATURE.startswith(data) or b"PROXY ".startswith(data):
        return None
    raise ValueError("no PROXY header")


def _read_v1(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, MAX_V1)
    if end < 0:
        if len(data) >= MAX_V1:
            raise ValueError("a PROXY header without end")
        return None
    line = data[:end]
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return Header(end + 2)
    found = _V1.fullmatch(line)
    if found is None:
        raise ValueError("a malformed PROXY header")
    family, *hosts, peer_port, host_port = (each.decode("ascii") for each in found.groups())
    return Header(end + 2, _ip(family, hosts[0], int(peer_port)), _ip(family, hosts[1], int(host_port)))


def _ip(family: str, host: str, port: int) -> IAddress:
    known = isIPAddress(host) if family == "TCP4" else isIPv6Address(host)
    if not known or port > 65535:
        raise ValueError("a PROXY header with an impossible address")
    return IPv4Address("TCP", host, port) if family == "TCP4" else IPv6Address("TCP", host, port)


def _read_v2(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    command, family, size = struct.unpack_from("!BBH", data, 12)
    if command not in (0x20, 0x21) or size > MAX_V2:
        raise ValueError("a malformed PROXY header")
    end = 16 + size
    if len(data) < end:
        return None
    body = data[16:end]
    if command == 0x20 or family == 0x00:  # LOCAL: the balancer's own, a health check; or of no family
        return Header(end)
    try:
        if family == 0x11:
            peer, host, peer_port, host_port = struct.unpack_from("!4s4sHH", body)
            return Header(
                end,
                IPv4Address("TCP", socket.inet_ntop(socket.AF_INET, peer), peer_port),
                IPv4Address("TCP", socket.inet_ntop(socket.AF_INET, host), host_port),
            )
        if family == 0x21:
            peer, host, peer_port, host_port = struct.unpack_from("!16s16sHH", body)
            return Header(
                end,
                IPv6Address("TCP", socket.inet_ntop(socket.AF_INET6, peer), peer_port),
                IPv6Address("TCP", socket.inet_ntop(socket.AF_INET6, host), host_port),
            )
        if family == 0x31:
            peer, host = struct.unpack_from("!108s108s", body)
            return Header(end, UNIXAddress(peer.rstrip(b"\0")), UNIXAddress(host.rstrip(b"\0")))
    except struct.error:
        raise ValueError("a PROXY header that is too short for its addresses") from None
    raise ValueError("a PROXY header of an unknown family")


class Proxied(ProtocolWrapper):
    """A connection that begins with a PROXY header; without a good one it is cut at once.

    The wrapped protocol is connected before the header came, so its own time limit covers it. Until then it sees the
    balancer's address.
    """

    _data: bytes | None = b""
    _header = Header(0)

    def dataReceived(self, data: bytes) -> None:
        if self._data is None:
            self.wrappedProtocol.dataReceived(data)
            return
        self._data += data
        try:
            header = read(self._data)
        except ValueError:
            self.abortConnection()
            return
        if header is not None:
            rest, self._data, self._header = self._data[header.length :], None, header
            if rest:
                self.wrappedProtocol.dataReceived(rest)

    def getPeer(self) -> IAddress:
        return self._header.peer or super().getPeer()

    def getHost(self) -> IAddress:
        return self._header.host or super().getHost()


class ProxiedFactory(WrappingFactory[Proxied]):
    """Adds the header to what another factory makes."""

    protocol = Proxied
    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Proxied | None:  # type: ignore[override]
        wrapped: IProtocol | None = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else Proxied(self, wrapped)
