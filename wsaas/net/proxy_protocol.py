"""The PROXY protocol, versions 1 and 2: a header by which a balancer names the client of a forwarded connection.

The header comes first, before TLS: `Proxied` stands between the socket and the TLS layer. (`haproxy:` around a TLS
endpoint expects the header inside TLS, where a balancer that forwards TCP cannot put it.)
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
"""Maximum bytes of a version 1 header, line end included."""
MAX_V2 = 4096
"""Maximum bytes behind the first 16 of a version 2 header.

The protocol allows 65535. Balancers send some hundred, the names from a client's certificate included.
"""

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC, _INET, _UNIX = 0, 1, 3  # and 2 for IPv6
_V1 = re.compile(rb"PROXY (TCP[46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ([0-9]{1,5}) ([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header of `length` bytes.

    Without addresses, the connection is the balancer's own, or the balancer cannot express its addresses.
    """

    length: int
    peer: IAddress | None = None
    host: IAddress | None = None


def read(data: bytes) -> Header | None:
    """Parse the header at the beginning of `data`. Return None if it is incomplete; ValueError if it is malformed."""
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
    command, kind, size = struct.unpack_from("!BBH", data, 12)
    if command not in (_LOCAL, _PROXY) or size > MAX_V2:
        raise ValueError("a malformed PROXY header")
    end = 16 + size
    if len(data) < end:
        return None
    family, transport = kind >> 4, kind & 15
    if family > _UNIX or transport > 2:
        raise ValueError("a PROXY header of an unknown family")
    # The balancer's own connection, such as a health check, or a connection whose addresses it cannot express.
    if command == _LOCAL or family == _UNSPEC or transport == _UNSPEC:
        return Header(end)
    try:
        return Header(end, *_addresses(family, data[16:end]))
    except struct.error:
        raise ValueError("a PROXY header that is too short for its addresses") from None


def _addresses(family: int, body: bytes) -> tuple[IAddress, IAddress]:
    """Return peer and host. The type-length-value vectors that follow are ignored."""
    if family == _UNIX:
        peer, host = struct.unpack_from("!108s108s", body)
        return UNIXAddress(peer.rstrip(b"\0")), UNIXAddress(host.rstrip(b"\0"))
    if family == _INET:
        peer, host, peer_port, host_port = struct.unpack_from("!4s4sHH", body)
        return (
            IPv4Address("TCP", socket.inet_ntop(socket.AF_INET, peer), peer_port),
            IPv4Address("TCP", socket.inet_ntop(socket.AF_INET, host), host_port),
        )
    peer, host, peer_port, host_port = struct.unpack_from("!16s16sHH", body)
    return (
        IPv6Address("TCP", socket.inet_ntop(socket.AF_INET6, peer), peer_port),
        IPv6Address("TCP", socket.inet_ntop(socket.AF_INET6, host), host_port),
    )


class Proxied(ProtocolWrapper):
    """A connection that begins with a PROXY header. It is aborted if the header is malformed.

    The wrapped protocol is connected before the header arrives, so that its time limit covers the header, too. Until
    the header arrives, `getPeer` returns the balancer's address. Bound: the longest header, and one read (64 KiB).
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
    """Puts `Proxied` below the protocols of another factory."""

    protocol = Proxied
    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Proxied | None:  # type: ignore[override]
        wrapped: IProtocol | None = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else Proxied(self, wrapped)
