"""Logs a start: the settings, doubts about them, and the addresses on which the gateway listens, or why it cannot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from wsaas.settings.endpoints import BACKLOG, is_tls, wants_proxy_header
from wsaas.settings.table import Settings

Ports = Sequence[IListeningPort]


def log_settings(log: Logger, settings: Settings) -> None:
    """Log the settings that differ from their defaults, secrets masked, and then each doubt, one line each."""
    for name, value in settings.describe():
        if name in settings.changed:
            log.info("setting {name}={value}", name=name, value=value)
    log.info("the other settings are as by default: `wsaas check` shows all of them")
    for warning in settings.warnings:
        log.warn("{doubt}", doubt=warning)


def log_ports(log: Logger, settings: Settings, clients: Ports, api: Ports) -> None:
    """Log the addresses on which the gateway listens; of an API that is for this machine only, its console, and how to
    open it to others.
    """
    for what, ports in (("clients", clients), ("the API", api)):
        for port in ports:
            log.info("listening for {what} on {address}", what=what, address=format_address(port.getHost()))
    if not (settings.http_endpoint or settings.api_token):
        if settings.console != "off":
            place: Any = api[0].getHost()
            log.info("the console, for a browser: http://localhost:{port}/-/console", port=place.port)
        log.info("the API is for this machine only: to open it to others, set API_TOKEN_FILE or API_TOKEN")


def format_address(address: Any) -> str:
    """Return an address as text: 127.0.0.1:8080, [::1]:8080, or the path of a socket."""
    host = getattr(address, "host", None)
    if host is None:
        name = getattr(address, "name", None)
        return name.decode(errors="replace") if isinstance(name, bytes) else str(name or address)
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def client_url(endpoints: Sequence[str], ports: Ports) -> str | None:
    """Return the URL where a client on this machine connects, without a path, or None if there is none.

    `ports` are those that listen on `endpoints`, in the same order, but for the default, which may take two. One that
    wants a PROXY header first is left out.
    """
    for endpoint, port in zip(endpoints, ports, strict=False):
        address = port.getHost()
        if isinstance(address, IPv4Address | IPv6Address) and not wants_proxy_header(endpoint):
            everywhere = address.host in ("0.0.0.0", "::")
            place = f"localhost:{address.port}" if everywhere else format_address(address)
            return f"{'wss' if is_tls(endpoint) else 'ws'}://{place}"
    return None


def endpoint_label(settings: Settings, name: str, endpoint: str) -> str:
    """Return name and value of the setting that an endpoint comes from: the port's, unless endpoint strings are set."""
    if getattr(settings, name.lower()):
        return f"{name}={endpoint.removesuffix(f':backlog={BACKLOG}')}"  # which is our own addition
    by_port = name.replace("ENDPOINT", "PORT")
    return f"{by_port}={getattr(settings, by_port.lower())}"


def listening_flaw(error: BaseException | None) -> str:
    """Return why an endpoint cannot listen. If systemd did not pass a socket, Twisted's error has only its name."""
    if isinstance(error, CannotListenError):
        return f"cannot listen there: {getattr(error.socketError, 'strerror', None) or error.socketError}"
    if isinstance(error, KeyError | IndexError):
        passed = os.environ.get("LISTEN_FDNAMES") or "none"
        return f"systemd passed no such socket to this process; passed: {passed} (see FileDescriptorName=)"
    return str(error)
