"""Tells of a start: the settings, what is doubtful about them, and where the gateway listens, or why it cannot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from wsaas.settings.endpoints import BACKLOG
from wsaas.settings.table import Settings

Ports = Sequence[IListeningPort]
_TLS = ("wsaas-tls:", "ssl:", "tls:")


def log_settings(log: Logger, settings: Settings) -> None:
    """Log the settings that are not as by default, secrets masked, and then each doubt, one line each."""
    for name, value in settings.describe():
        if name in settings.changed:
            log.info("setting {name}={value}", name=name, value=value)
    log.info("the other settings are as by default: `wsaas check` shows all of them")
    for warning in settings.warnings:
        log.warn("{doubt}", doubt=warning)


def log_ports(log: Logger, settings: Settings, clients: Ports, api: Ports) -> None:
    """Log where the gateway listens, and how to open the API if it is for this machine only."""
    for what, ports in (("clients", clients), ("the API", api)):
        for port in ports:
            log.info("listening for {what} on {address}", what=what, address=format_address(port.getHost()))
    if not (settings.http_endpoint or settings.api_token):
        log.info("the API is for this machine only: to open it to others, set API_TOKEN_FILE or API_TOKEN")


def format_address(address: Any) -> str:
    """Write an address as people do: 127.0.0.1:8080, [::1]:8080, or the path of a socket."""
    host = getattr(address, "host", None)
    if host is None:
        name = getattr(address, "name", None)
        return name.decode(errors="replace") if isinstance(name, bytes) else str(name or address)
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def client_url(endpoints: Sequence[str], ports: Ports) -> str | None:
    """Give the URL where a client on this machine connects, without a path; None if there is none that would do.

    `ports` are those that listen on `endpoints`, in the same order, but for the default, which may take two. One that
    wants a PROXY header first is left out.
    """
    for endpoint, port in zip(endpoints, ports, strict=False):
        address = port.getHost()
        if isinstance(address, IPv4Address | IPv6Address) and not endpoint.startswith("haproxy:"):
            everywhere = address.host in ("0.0.0.0", "::")
            place = f"localhost:{address.port}" if everywhere else format_address(address)
            return f"{'wss' if endpoint.startswith(_TLS) else 'ws'}://{place}"
    return None


def endpoint_label(settings: Settings, name: str, endpoint: str) -> str:
    """Name the setting that an endpoint comes from, as it was set: the port's, unless there are endpoint strings."""
    if getattr(settings, name.lower()):
        return f"{name}={endpoint.removesuffix(f':backlog={BACKLOG}')}"  # which is our own addition
    by_port = name.replace("ENDPOINT", "PORT")
    return f"{by_port}={getattr(settings, by_port.lower())}"


def listening_flaw(error: BaseException | None) -> str:
    """Say why an endpoint cannot listen. Of a socket that systemd has not passed, Twisted says the name only."""
    if isinstance(error, CannotListenError):
        return f"cannot listen there: {getattr(error.socketError, 'strerror', None) or error.socketError}"
    if isinstance(error, KeyError | IndexError):
        passed = os.environ.get("LISTEN_FDNAMES") or "none"
        return f"systemd passed no such socket to this process; passed: {passed} (see FileDescriptorName=)"
    return str(error)
