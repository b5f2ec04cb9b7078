"""A client's address: that of its socket's peer, or the one that a trusted proxy names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from wsaas.net.proxy_protocol import Proxied

Address = IPv4Address | IPv6Address

MAX_HOPS = 32
"""Entries of one X-Forwarded-For that are read, from the right."""
LONGEST_ADDRESS = 64
"""Characters of an address in X-Forwarded-For, with its port; a longer entry counts as no address."""

_DISTINCT = 64
"""Characters of a path that tell parties apart."""
# Some proxies add the port.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}|\[([0-9a-fA-F:.]+)\](?::[0-9]{1,5})?")


@lru_cache(maxsize=1024)  # asked several times in a handshake
def parse(text: str) -> Address | None:
    """Return an IP address, or None; an IPv4-mapped IPv6 address (::ffff:192.0.2.1) becomes the IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def announced(transport: Any) -> bool:
    """Say if a PROXY header names, or will name, the peer of this transport."""
    while transport is not None:
        if isinstance(transport, Proxied):
            return True
        transport = getattr(transport, "transport", None)
    return False


class Proxies:
    """The proxies whose X-Forwarded-For is believed: networks, and `unix` for the peers of UNIX sockets."""

    def __init__(self, names: Collection[str]) -> None:
        self._networks = [ip_network(name) for name in names if name != "unix"]
        self._unix = "unix" in names

    def trusts(self, host: str) -> bool:
        """Say if the peer is such a proxy; `host` is as Twisted gives it, empty for a UNIX socket."""
        if not host:
            return self._unix
        address = parse(host) if self._networks else None
        return address is not None and self._trusts(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def client(self, host: str, forwarded: Iterable[bytes]) -> str:
        """Return the client's address, given the peer's (`host`) and the values of X-Forwarded-For in their order.

        Each proxy appends the address of its own peer. The entries are read from the right, at most MAX_HOPS, up to the
        first one that is no trusted proxy; an entry that is no address ends the chain.
        """
        found = _spelled(host)
        if not self.trusts(host):
            return found
        for item in reversed(b",".join(forwarded).decode("latin-1").rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
            address = _item(item.strip(" \t"))
            if address is None:
                break
            found = str(address)
            if not self._trusts(address):
                break
        return found


@lru_cache(maxsize=1024)
def _spelled(host: str) -> str:
    address = parse(host)
    return host if address is None else str(address)


def _item(text: str) -> Address | None:
    if len(text) > LONGEST_ADDRESS:
        return None
    match = _WITH_PORT.fullmatch(text)
    if match is not None:
        text = match[1] or match[2]
    return None if "%" in text else parse(text)


@lru_cache(maxsize=1024)
def network(host: str) -> str:
    """Return the network whose clients are counted as one: an IPv4 address, or the /64 that a household has of IPv6."""
    address = parse(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return host if address is None else str(address)


def party(host: str, path: str) -> str:
    """Return the name of the party: the clients that are counted as one when the backend fails for them.

    That is a network. An address that is not public may stand for many clients, and counts together with the path.
    """
    return network(host) if is_public(host) else f"{network(host)} {path[:_DISTINCT]}"


@lru_cache(maxsize=1024)  # asked twice in a handshake, and the answer is a search in tables
def is_public(host: str) -> bool:
    """Say if it is an address of the internet. Another may stand for many: a proxy, a container's bridge."""
    address = parse(host)
    return address is not None and address.is_global
