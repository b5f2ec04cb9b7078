"""Finds what is wrong, or doubtful, with settings that are each right by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from wsaas.net import pem
from wsaas.net.http_grammar import DEFAULT_PORTS
from wsaas.settings.endpoints import is_private, listens_at
from wsaas.settings.sources import Given
from wsaas.settings.units import format_size

_UNSPECIFIED = frozenset(("0.0.0.0", "::"))
_THIS_MACHINE = frozenset(("localhost", "127.0.0.1", "::1", "")) | _UNSPECIFIED
"""Hosts by which a machine means itself, and interfaces on which it hears itself; empty is every interface."""


def contradictions(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Mistakes that no setting makes alone; `values` lacks those that are wrong by themselves."""

    def known(*names: str) -> bool:
        return all(name in values for name in names)

    for name in ("RECEIVE_BUFFER", "SEND_BUFFER"):
        if known(name, "MAX_MESSAGE_SIZE") and values[name] < values["MAX_MESSAGE_SIZE"]:
            yield given[name].line(f"must be at least MAX_MESSAGE_SIZE, {format_size(values['MAX_MESSAGE_SIZE'])}")
    by_port = not (given["WS_ENDPOINT"].text or given["HTTP_ENDPOINT"].text)
    if by_port and known("WS_PORT", "HTTP_PORT") and values["WS_PORT"] == values["HTTP_PORT"] != 0:
        yield given["HTTP_PORT"].line("must not be WS_PORT as well")
    if known("TARGET_KEY") and given["TARGET_KEY"].text and not given["TARGET_CERT"].text:
        yield given["TARGET_KEY"].line("must come with TARGET_CERT, its certificate")
    if values.get("TARGET_CERT") and not given["TARGET_KEY"].text:
        if not pem.holds(values["TARGET_CERT"], "PRIVATE KEY"):
            yield given["TARGET_CERT"].line("must hold the private key too, or come with TARGET_KEY")
    if known("TARGET_ADDRESS"):
        for name, what in (("WS_ENDPOINT", "clients"), ("HTTP_ENDPOINT", "the API")):
            heard_at = _name_and_ports(name, values) if known(name) else None
            if heard_at and _port_of_this_machine(values["TARGET_ADDRESS"]) in heard_at[1]:
                yield given["TARGET_ADDRESS"].line(
                    f"must be where the backend listens; this is the gateway's own port for {what}, {heard_at[0]}"
                )
    if known("FORWARD_HEADERS", "ALLOWED_ORIGINS"):
        if "cookie" in values["FORWARD_HEADERS"] and not values["ALLOWED_ORIGINS"]:
            yield given["FORWARD_HEADERS"].line(
                "must not name Cookie unless ALLOWED_ORIGINS lists who may connect: browsers send cookies from any page"
            )


def doubts(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Find what works, but perhaps not as it was meant."""
    if (given["LOG_STYLE"].text or "").lower() == "info":
        yield "LOG_STYLE=info is read as auto; what to log is for LOG_LEVEL to say"
    public = [each for each in values["HTTP_ENDPOINT"] if not is_private(each)]
    if public and not values["API_TOKEN"]:
        yield f"HTTP_ENDPOINT={public[0]}: API_TOKEN is not set, so whoever can reach this may push to every client"
    local = values["LOCAL_ADDRESS"]
    if values["HTTP_ENDPOINT"] and given["LOCAL_ADDRESS"].default:
        yield f"LOCAL_ADDRESS is not set: backends are told {local}, which HTTP_ENDPOINT need not be"
    elif local.startswith("https:") and not values["HTTP_ENDPOINT"]:
        yield f"LOCAL_ADDRESS={local}: the API itself listens without TLS; set HTTP_ENDPOINT unless a proxy adds it"
    url = urlsplit(local)
    clients, client_ports = _name_and_ports("WS_ENDPOINT", values)
    api, api_ports = _name_and_ports("HTTP_ENDPOINT", values)
    if url.port == 0:
        yield f"LOCAL_ADDRESS={local}: no backend can push to port 0; give HTTP_PORT or LOCAL_ADDRESS a port"
    elif (_port_of_this_machine(local) or url.port) in client_ports - api_ports:
        yield f"LOCAL_ADDRESS={local}: that port is for clients ({clients}); pushes must reach the API's ({api})"
    for name in ("TARGET_ADDRESS", "LOCAL_ADDRESS"):
        host = urlsplit(values[name]).hostname or ""
        if host in _UNSPECIFIED:
            yield f"{given[name].label}={values[name]}: {host} is where to listen, not where to connect: name the host"
    for name in ("TARGET_CA", "TARGET_CERT"):
        if values[name] and values["TARGET_ADDRESS"].startswith("http:"):
            yield f"{name} has no effect: TARGET_ADDRESS is not https"


def _name_and_ports(name: str, values: Mapping[str, Any]) -> tuple[str, frozenset[int]]:
    """Say which setting decides where the gateway listens, and give the ports on which this machine reaches it."""
    if values[name]:
        places = [place for place in map(listens_at, values[name]) if place is not None]
        return name, frozenset(port for interface, port in places if interface in _THIS_MACHINE) - {0}
    by_port = name.replace("ENDPOINT", "PORT")
    port = values.get(by_port)
    return f"{by_port}={port}", frozenset((port,) if port else ())


def _port_of_this_machine(address: str) -> int | None:
    """Give the port of a URL whose host is this machine, by any of the names that mean so."""
    url = urlsplit(address)
    return (url.port or DEFAULT_PORTS[url.scheme]) if url.hostname in _THIS_MACHINE else None
