"""Checks across settings: errors and warnings about settings that are valid each by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from wsaas.net import pem
from wsaas.net.http_grammar import DEFAULT_PORTS
from wsaas.settings.endpoints import is_private, is_tls, listens_at
from wsaas.settings.sources import Given
from wsaas.settings.units import format_size

_UNSPECIFIED = frozenset(("0.0.0.0", "::"))
_THIS_MACHINE = frozenset(("localhost", "127.0.0.1", "::1", "")) | _UNSPECIFIED
"""Hosts that mean this machine, and interfaces on which it reaches itself; empty means every interface."""


def contradictions(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Yield one line for each error that concerns several settings. `values` holds only the settings that are valid."""

    def known(*names: str) -> bool:
        return all(name in values for name in names)

    for name in ("RECEIVE_BUFFER", "SEND_BUFFER"):
        if known(name, "MAX_MESSAGE_SIZE") and values[name] < values["MAX_MESSAGE_SIZE"]:
            yield given[name].line(f"must be at least MAX_MESSAGE_SIZE, {format_size(values['MAX_MESSAGE_SIZE'])}")
    by_port = not (given["WS_ENDPOINT"].text or given["HTTP_ENDPOINT"].text)
    if by_port and known("WS_PORT", "HTTP_PORT") and values["WS_PORT"] == values["HTTP_PORT"] != 0:
        yield given["HTTP_PORT"].line("must not be WS_PORT as well")
    for cert, key in (("TARGET_CERT", "TARGET_KEY"), ("CLUSTER_CERT", "CLUSTER_KEY")):
        if known(key) and given[key].text and not given[cert].text:
            yield given[key].line(f"needs {cert}, the certificate of the key")
        if values.get(cert) and not given[key].text and not pem.has_block(values[cert], "PRIVATE KEY"):
            yield given[cert].line(f"must hold the private key too, unless {key} names its file")
    pair = ("API_AWS_ACCESS_KEY_ID", "API_AWS_SECRET_ACCESS_KEY")
    for name, other in (pair, pair[::-1]):
        if known(name, other) and given[name].text and not given[other].text:
            yield given[name].line(f"needs {other}: the two are a pair")
    if known("TARGET_ADDRESS"):
        for name, what in (("WS_ENDPOINT", "clients"), ("HTTP_ENDPOINT", "the API")):
            heard_at = _name_and_ports(name, values) if known(name) else None
            if heard_at and _port_of_this_machine(values["TARGET_ADDRESS"]) in heard_at[1]:
                yield given["TARGET_ADDRESS"].line(
                    f"must be where the backend listens; this is the gateway's own port for {what}, {heard_at[0]}"
                )
    if known("WORKERS") and values["WORKERS"] != 1:
        for name in ("WS_ENDPOINT", "HTTP_ENDPOINT"):
            port_name = name.replace("ENDPOINT", "PORT")
            places = [place for place in map(listens_at, values.get(name) or ()) if place is not None]
            if any(port == 0 for _, port in places):
                yield given[name].line("must name a port other than 0: each worker would get a port of its own")
            elif not values.get(name) and values.get(port_name) == 0:
                yield given[port_name].line("must not be 0: each worker would get a port of its own")
    if values.get("CLUSTER") is not None:
        # Without CLUSTER these two may be another program's.
        if known("CLUSTER_NAME") and not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", values["CLUSTER_NAME"]):
            yield given["CLUSTER_NAME"].line("must be 1 to 64 letters, digits, dots, dashes and underscores")
        if known("NODE") and values["NODE"] and not (len(values["NODE"]) <= 128 and values["NODE"].isprintable()):
            yield given["NODE"].line("must be 1 to 128 printable characters")
        if known("API_TOKEN") and not values["API_TOKEN"]:
            yield given["CLUSTER"].line("needs API_TOKEN, the same on all nodes: they know each other by it")
        if known("WORKERS") and values["WORKERS"] != 1:
            yield from _ports_of_workers(values, given)
        elif not values.get("CLUSTER_ADDRESS") and any(map(_is_unix, values.get("CLUSTER_ENDPOINT") or ())):
            yield given["CLUSTER_ENDPOINT"].line(
                "needs CLUSTER_ADDRESS: other machines reach no UNIX socket of this one"
            )
        if known("WORKERS", "CLUSTER_ENDPOINT", "WS_ENDPOINT", "HTTP_ENDPOINT", "WS_PORT", "HTTP_PORT"):
            yield from _taken_ports(values, given)
    if known("FORWARD_HEADERS", "ALLOWED_ORIGINS"):
        if "cookie" in values["FORWARD_HEADERS"] and not values["ALLOWED_ORIGINS"]:
            yield given["FORWARD_HEADERS"].line(
                "must not name Cookie without ALLOWED_ORIGINS: browsers send cookies from the pages of any site"
            )


def _ports_of_workers(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Yield one line for each setting by which the workers of a node would have no port of their own in the cluster."""
    highest = 65535 - (values["WORKERS"] or 64)
    for each in values.get("CLUSTER_ENDPOINT") or ():
        place = listens_at(each)
        if place is None or place[1] > highest:
            yield given["CLUSTER_ENDPOINT"].line(
                f"must have a TCP port up to {highest} with WORKERS: worker 1 has the one above it, and so on"
            )
    address = values.get("CLUSTER_ADDRESS")
    if address and not 0 < (urlsplit(address).port or 0) <= highest:
        yield given["CLUSTER_ADDRESS"].line(
            f"must name a port from 1 to {highest} with WORKERS: worker 1 is reached at the one above it, and so on"
        )


def _is_unix(endpoint: str) -> bool:
    return endpoint.lower().startswith("unix:")


def _taken_ports(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Yield one line for each setting that has a port which this process needs for the other nodes."""
    workers = values["WORKERS"]
    numbers = range(1) if workers == 1 else range(1, (workers or 64) + 1)
    nodes = [place for place in map(listens_at, values["CLUSTER_ENDPOINT"]) if place is not None and place[1]]
    for name in ("WS_ENDPOINT", "HTTP_ENDPOINT"):
        by_port = name.replace("ENDPOINT", "PORT")
        places = map(listens_at, values[name]) if values[name] else [("", values[by_port])]
        for interface, port in (place for place in places if place is not None):
            if any(port - first in numbers and _overlap(interface, other) for other, first in nodes):
                shown = name if values[name] else by_port
                yield given["CLUSTER_ENDPOINT"].line(f"needs port {port} for the other nodes, which {shown} has")


def _overlap(one: str, other: str) -> bool:
    """Say if two interfaces have an address in common, as far as their names say it."""
    return one == other or not {one, other}.isdisjoint(_UNSPECIFIED | {""})


def doubts(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Yield one warning for each combination that works, but probably not as intended. All `values` are valid."""
    if (given["LOG_STYLE"].text or "").lower() == "info":
        yield "LOG_STYLE=info is read as auto; LOG_LEVEL sets the level"
    for name in ("WEBHOOK_CONCURRENCY", "CONNECT_RATE", "MAX_CONNECTIONS"):
        workers = values["WORKERS"]
        if 0 < values[name] < workers:
            yield f"{name}={values[name]}: each of {workers} workers gets at least 1, so that the total is {workers}"
    engine = values["CLUSTER"]
    if engine is None:
        for name in (name for name in given if name.startswith("CLUSTER_") and not given[name].default):
            yield f"{given[name].label} has no effect: CLUSTER is not set, so this gateway is no node of a cluster"
    else:
        if not engine.private and not engine.tls:
            yield "CLUSTER: without TLS (rediss://) the Authorization values of clients cross the network in the clear"
        if not engine.private and engine.password is None:
            yield "CLUSTER: the engine has no password: any client of it can read credentials and end connections"
        for each in values["CLUSTER_ENDPOINT"]:
            if not is_private(each) and not is_tls(each):
                yield f"CLUSTER_ENDPOINT={each}: without TLS the API_TOKEN crosses the network in the clear"
        if address := values["CLUSTER_ADDRESS"]:
            yield from _doubts_of_address(address, [is_tls(each) for each in values["CLUSTER_ENDPOINT"]])
    public = [each for each in values["HTTP_ENDPOINT"] if not is_private(each)]
    if public and not values["API_TOKEN"]:
        yield f"HTTP_ENDPOINT={public[0]}: API_TOKEN is not set: any program that reaches it can push to every client"
    local = values["LOCAL_ADDRESS"]
    if values["HTTP_ENDPOINT"] and given["LOCAL_ADDRESS"].default:
        yield f"LOCAL_ADDRESS is not set: backends push to {local}, where HTTP_ENDPOINT may not listen"
    elif local.startswith("https:") and not values["HTTP_ENDPOINT"]:
        yield f"LOCAL_ADDRESS={local}: the API listens without TLS; set HTTP_ENDPOINT unless a proxy adds TLS"
    url = urlsplit(local)
    clients, client_ports = _name_and_ports("WS_ENDPOINT", values)
    api, api_ports = _name_and_ports("HTTP_ENDPOINT", values)
    if url.port == 0 and values["HTTP_PORT"] == 0 and not values["HTTP_ENDPOINT"]:
        pass  # the port that the system chooses takes its place
    elif url.port == 0:
        yield f"LOCAL_ADDRESS={local}: no backend can push to port 0; give HTTP_PORT or LOCAL_ADDRESS a port"
    elif (_port_of_this_machine(local) or url.port) in client_ports - api_ports:
        yield f"LOCAL_ADDRESS={local}: that port is for clients ({clients}); pushes must go to the API's ({api})"
    for name in ("TARGET_ADDRESS", "LOCAL_ADDRESS", *(() if engine is None else ("CLUSTER_ADDRESS",))):
        if values[name] is None:
            continue
        host = urlsplit(values[name]).hostname or ""
        if host in _UNSPECIFIED:
            yield f"{given[name].label}={values[name]}: {host} is an address to listen on; name a host to connect to"
    yield from _without_unit(values, given)
    for name in ("TARGET_CA", "TARGET_CERT"):
        if values[name] and values["TARGET_ADDRESS"].startswith("http:"):
            yield f"{name} has no effect: TARGET_ADDRESS is not https"


def _doubts_of_address(address: str, with_tls: list[bool]) -> Iterator[str]:
    """Yield one warning for each reason why the other nodes may not reach this one at CLUSTER_ADDRESS."""
    url = urlsplit(address)
    if url.scheme == "https" and not any(with_tls):
        yield f"CLUSTER_ADDRESS={address}: CLUSTER_ENDPOINT is without TLS; use http unless a proxy adds TLS"
    elif url.scheme == "http" and all(with_tls):
        yield f"CLUSTER_ADDRESS={address}: CLUSTER_ENDPOINT has TLS; use https"
    if url.path.strip("/") or url.query:
        yield f"CLUSTER_ADDRESS={address}: the path is left out: nodes reach each other at the root of host and port"


def _name_and_ports(name: str, values: Mapping[str, Any]) -> tuple[str, frozenset[int]]:
    """Return the setting that decides where the gateway listens, and the ports on which this machine reaches it."""
    if values[name]:
        places = [place for place in map(listens_at, values[name]) if place is not None]
        return name, frozenset(port for interface, port in places if interface in _THIS_MACHINE) - {0}
    by_port = name.replace("ENDPOINT", "PORT")
    port = values.get(by_port)
    return f"{by_port}={port}", frozenset((port,) if port else ())


def _port_of_this_machine(address: str) -> int | None:
    """Return the port of a URL whose host is one of the names of this machine, else None."""
    url = urlsplit(address)
    return (url.port or DEFAULT_PORTS[url.scheme]) if _plain_host(url) in _THIS_MACHINE else None


def _plain_host(url: SplitResult) -> str:
    """Return the host of a URL in its plainest form: localhost for a.localhost., 127.0.0.1 for ::ffff:127.0.0.1."""
    host = (url.hostname or "").removesuffix(".")
    try:
        address = ip_address(host)
    except ValueError:
        return "localhost" if host.endswith(".localhost") else host
    return str(getattr(address, "ipv4_mapped", None) or address)


def _without_unit(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Yield one warning for each duration and size whose number is so small that another unit may be meant."""
    for name, each in given.items():
        small = not each.default and re.fullmatch("[1-9][0-9]{0,2}", each.text or "") is not None
        if small and isinstance(values[name], float):
            yield f"{each.label}={each.text} is {each.text} milliseconds; if seconds are meant, write {each.text}s"
        elif small and name == "MAX_MESSAGE_SIZE":
            yield f"{each.label}={each.text} is {each.text} bytes; if others are meant, write {each.text}KiB"
