"""Listening on endpoints, on IPv4 where there is no IPv6, and on a port that the system chooses."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsaas.internals.accepting import accept_quickly
from wsaas.net.endpoints import server_endpoint
from wsaas.settings.table import Settings

_log = Logger()

_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


def with_real_port(settings: Settings) -> Settings:
    """Return the settings with a free port in the place of an HTTP_PORT of 0, and of the 0 in LOCAL_ADDRESS.

    Backends are told of LOCAL_ADDRESS, and the API listens on two addresses of this machine: both must have one port.
    """
    address = urlsplit(settings.local_address)
    if settings.http_port or settings.http_endpoint or address.port != 0:
        return settings
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    place = f"{address.scheme}://{address.netloc.removesuffix(':0')}:{port}{address.path}"
    return replace(settings, http_port=port, local_address=place)


def listen(reactor: Any, endpoint: str, factory: Any, ports: list[IListeningPort]) -> None:
    """Listen on an endpoint, and add its port to `ports`. Raises the error that keeps it from listening."""
    failures: list[Failure] = []
    server_endpoint(reactor, endpoint).listen(factory).addCallbacks(ports.append, failures.append)
    if failures:
        failures[0].raiseException()
    accept_quickly(ports[-1])


def listen_by_default(reactor: Any, endpoint: str, factory: Any, ports: list[IListeningPort]) -> None:
    """Listen on an endpoint that is a default, not a setting: a machine without IPv6 listens on IPv4 instead.

    `tcp6:{port}` stands for every interface. Most systems let one socket hear both IPv6 and IPv4; where IPv4 needs a
    socket of its own, it gets one.
    """
    everywhere = endpoint.startswith("tcp6:") and "interface=" not in endpoint
    try:
        listen(reactor, endpoint, factory, ports)
    except CannotListenError as error:
        if not endpoint.startswith("tcp6:") or getattr(error.socketError, "errno", None) not in _NO_IPV6:
            raise
        _log.debug("no IPv6 on this machine: {endpoint}: {reason}", endpoint=endpoint, reason=error.socketError)
        ipv4_too = everywhere
    else:
        ipv4_too = everywhere and _only_ipv6(ports[-1])
    if ipv4_too:
        listen(reactor, endpoint.replace("tcp6:", "tcp:", 1), factory, ports)


def _only_ipv6(port: IListeningPort) -> bool:
    handle = getattr(port, "socket", None)
    return isinstance(handle, socket.socket) and handle.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) != 0
