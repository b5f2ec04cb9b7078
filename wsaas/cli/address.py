"""Parses the address of a WebSocket as people type it.

localhost:8080           ws://localhost:8080/      the default scheme is ws
:8080                    ws://localhost:8080/
https://example.com/a    wss://example.com/a       http and https stand for ws and wss
ws://user:pw@host/       ws://host/ and Authorization: Basic
ws://bücher.example/ü    ws://xn--bcher-kva.example/%C3%BC       (RFC 3987, 3.1; RFC 5890)
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import idna
from twisted.internet.abstract import isIPAddress, isIPv6Address

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_PORTS = {"ws": 80, "wss": 443}
# Characters that stay as they are in a path and a query (RFC 3986, 3.3 and 3.4), and % for parts already encoded.
_PATH = "/:@!$&'()*+,;=~%"
_QUERY = _PATH + "?"


class NoAddress(ValueError):
    """The typed text is not the address of a WebSocket; the exception's text says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address. `host` is ASCII, without brackets; `credentials` is the value for Authorization, if any."""

    scheme: str
    host: str
    port: int
    target: str
    credentials: str | None = None

    @property
    def secure(self) -> bool:
        return self.scheme == "wss"

    @property
    def authority(self) -> str:
        """The value of the Host header: host and port, without the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_address(typed: str) -> Address:
    """Parse a typed address. Raises NoAddress."""
    scheme = _SCHEME.match(typed)
    text = typed if scheme else f"ws://localhost{typed}" if typed.startswith(":") else f"ws://{typed}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise NoAddress(f"{typed}: {error}") from None
    if parts.scheme not in _SCHEMES:
        raise NoAddress(f"{typed}: the scheme of a WebSocket is ws or wss, not {parts.scheme}")
    if parts.fragment or text.endswith("#"):
        raise NoAddress(f"{typed}: a WebSocket has no #fragment; for a # in the address write %23")
    if not parts.hostname:
        raise NoAddress(f"{typed}: the address names no host; write ws://localhost:8080/ or just localhost:8080")
    if port == 0:
        raise NoAddress(f"{typed}: no server has port 0")
    kind = _SCHEMES[parts.scheme]
    path, query = quote(parts.path or "/", _PATH), quote(parts.query, _QUERY)
    return Address(
        kind,
        _host(parts.hostname),
        port or _PORTS[kind],
        f"{path}?{query}" if query else path,
        _basic(parts.username, parts.password),
    )


def _host(host: str) -> str:
    if isIPAddress(host) or isIPv6Address(host):
        return host
    try:
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise NoAddress(f"{host} is not a host name: {error}") from None
    if not _HOST.fullmatch(ascii_host):
        raise NoAddress(f"{host} is not a host name")
    if ascii_host == "unix":
        raise NoAddress("UNIX sockets are not supported")
    return ascii_host


def _basic(user: str | None, password: str | None) -> str | None:
    """Return the value of Authorization for Basic (RFC 7617), in UTF-8."""
    if user is None:
        return None
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
