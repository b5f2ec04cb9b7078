"""Settings that are about clients and what they send, from their text. ValueError says what would be right."""

from __future__ import annotations

import re
from ipaddress import ip_network

from wsaas.net.http_grammar import DEFAULT_PORTS, TOKEN, characters
from wsaas.net.webhook_headers import reserved
from wsaas.settings.values import SWITCH, items

_TOKEN = characters(TOKEN)


def header_names(text: str) -> tuple[str, ...]:
    """Header names in lower case, separated by commas or white space."""
    names = items(text.lower())
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"must be header names such as Cookie, X-Tenant; {name!r} is none")
        if name == "authorization":
            raise ValueError("must not name Authorization: it is always forwarded")
        if reserved(name):
            raise ValueError(f"must not name {name!r}: the gateway speaks for itself there")
    return tuple(dict.fromkeys(names))


def origins(text: str) -> tuple[str, ...]:
    """Origins (RFC 6454, 6.2) apart by commas or white space, in lower case without default ports; empty for any."""
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
    """The name of a query parameter; `off` for none."""
    if text.lower() in SWITCH:
        if not SWITCH[text.lower()]:
            return None
        raise ValueError("must be the name of a query parameter such as access_token: it is no switch")
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", text):
        raise ValueError(
            "must be the name of a query parameter such as access_token (letters, digits, . _ ~ -), or off"
        )
    return text


def proxies(text: str) -> tuple[str, ...]:
    """Addresses and networks, apart by commas or white space, as `ipaddress` spells networks; `unix` as it is."""
    return tuple(dict.fromkeys(_proxy(item) for item in items(text.lower())))


def _proxy(text: str) -> str:
    if text == "unix":
        return text
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:
        raise ValueError(f"must be addresses and networks such as 10.0.0.0/8, 2001:db8::1, or unix; {text!r} is none")
    if "/" in text and ip_network(text.partition("/")[0]).network_address != network.network_address:
        raise ValueError(f"has {text!r}, which is not the beginning of a network: {network} is")
    return str(network)
