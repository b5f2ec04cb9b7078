"""Parsers of settings that concern clients and their requests. ValueError says what would be valid."""

from __future__ import annotations

import re
from ipaddress import ip_network

from wsaas.net.http_grammar import DEFAULT_PORTS, TOKEN, characters
from wsaas.net.webhook_headers import reserved
from wsaas.settings.values import SWITCH, items

_TOKEN = characters(TOKEN)


def header_names(text: str) -> tuple[str, ...]:
    """Parse header names, separated by commas or white space. Return them in lower case, each once."""
    names = items(text.lower())
    for name in names:
        if not _TOKEN.fullmatch(name) or "*" in name:  # an asterisk is allowed in a name, but is meant for a pattern
            raise ValueError(f"must be header names such as Cookie, X-Tenant; {name!r} is not one")
        if name == "authorization":
            raise ValueError("must not name Authorization: it is always forwarded")
        if reserved(name):
            raise ValueError(f"must not name {name!r}: the gateway sets that header itself")
    return tuple(dict.fromkeys(names))


def origins(text: str) -> tuple[str, ...]:
    """Parse origins (RFC 6454, 6.2), separated by commas or white space. Return them in lower case, without default
    ports; an empty tuple for `*`, any origin.
    """
    found = tuple(dict.fromkeys(_origin(item) for item in items(text.lower())))
    if "*" in found:
        if len(found) > 1:
            raise ValueError("must be origins, or * alone for any")
        return ()
    return found


def _origin(text: str) -> str:
    if text in ("*", "null"):
        return text
    match = re.fullmatch(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", text)
    if match is None or int(match[3] or 1) not in range(1, 65536):
        raise ValueError(f"must be origins such as https://app.example, without path and trailing slash; not {text!r}")
    scheme, host, port = match.groups()
    if port is None or int(port) == DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


def query_parameter(text: str) -> str | None:
    """Parse the name of a query parameter; None for `off` and `none`."""
    if text.lower() == "none":
        return None
    if text.lower() in SWITCH:
        if not SWITCH[text.lower()]:
            return None
        raise ValueError("must be the name of a query parameter such as access_token, or off")
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", text):
        raise ValueError(
            "must be the name of a query parameter such as access_token (letters, digits, . _ ~ -), or off"
        )
    return text


def proxies(text: str) -> tuple[str, ...]:
    """Parse addresses, networks and `unix`, separated by commas or white space. Return networks as `ipaddress` writes
    them.
    """
    return tuple(dict.fromkeys(_proxy(item) for item in items(text.lower())))


def _proxy(text: str) -> str:
    if text == "unix":
        return text
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:
        raise ValueError(f"must be addresses and networks such as 10.0.0.0/8, 2001:db8::1, or unix; {text!r} is not")
    if "/" in text and ip_network(text.partition("/")[0]).network_address != network.network_address:
        raise ValueError(f"has {text!r}, which has bits beyond its prefix; the network is {network}")
    return str(network)
