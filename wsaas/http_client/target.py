"""The address to which requests go, taken apart, and the endpoint that connects to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from wsaas.http_client.acknowledging import acknowledging_tls
from wsaas.http_client.resolver import NamedEndpoint
from wsaas.net.http_grammar import DEFAULT_PORTS
from wsaas.net.tls_client import ClientFiles, TlsEndpoint, Verifier

# Seconds for one IP address to answer. The pool ends the attempt as a whole earlier.
ADDRESS_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """A backend's address. `url` is all of it without a slash at its end.

    `host` is the Host header's value; each request's path begins with `base_path` (empty for the root). `tls` is there
    for https.
    """

    endpoint: IStreamClientEndpoint
    url: str
    host: bytes
    base_path: bytes
    tls: Verifier | None = None

    @classmethod
    def from_address(cls, reactor: Any, address: str, files: ClientFiles) -> Target:
        """Take the address apart. ValueError, naming the setting, if it or a file is no good; http reads no file."""
        url = urlsplit(address)
        if url.scheme not in DEFAULT_PORTS or url.hostname is None:
            raise ValueError("TARGET_ADDRESS must be an http or https URL")
        default_port = DEFAULT_PORTS[url.scheme]
        port = default_port if url.port is None else url.port
        endpoint = _tcp(reactor, url.hostname, port)
        tls = None
        if url.scheme == "https":
            tls = Verifier(files, url.hostname)
            endpoint = TlsEndpoint(reactor, endpoint, tls, acknowledging_tls())
        name = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        host = name if port == default_port else f"{name}:{port}"
        path = url.path.rstrip("/")
        return cls(endpoint, f"{url.scheme}://{host}{path}", host.encode("ascii"), path.encode("ascii"), tls)


def _tcp(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, ADDRESS_TIMEOUT)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, ADDRESS_TIMEOUT)
    return NamedEndpoint(reactor, host, port, ADDRESS_TIMEOUT)
