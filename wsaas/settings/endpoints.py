r"""Twisted's endpoint strings: split, checked without listening, and completed with a backlog.

    tcp:8080                                type, arguments by position
    tcp6:8080:interface=\:\:1               arguments by name; a backslash escapes a colon, a space or a comma
    haproxy:tcp:8080                        a type around another endpoint
    wsaas-tls:443:certificate=both.pem      a type that a plugin registers

Twisted reports mistakes by Python's exceptions ("missing 1 required positional argument"). This module therefore knows
the arguments of the types that can serve here, by name and order. Twisted's parser checks the files that they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

BACKLOG = 1024
"""Connections that wait to be accepted, at most, on an endpoint that names no backlog."""
_SHORT_BACKLOG = re.compile(r"(haproxy:)?tcp6?:(?!.*\bbacklog=).*")
_PRIVATE = re.compile(r"(?:haproxy:)?(?:(?:unix|systemd):|.*:interface=(?:127\.[0-9.]+|localhost|\\:\\:1)(?::|$))")
_AROUND = "haproxy"

# The arguments of each type, in the order of positional arguments.
_ARGUMENTS = {
    "tcp": ("port", "interface", "backlog"),
    "tcp6": ("port", "backlog", "interface"),
    "unix": ("address", "mode", "backlog", "lockfile"),
    "systemd": ("domain", "index", "name"),
    "ssl": ("port", "privateKey", "certKey", "sslmethod", "interface", "backlog", "extraCertChain", "dhParameters"),
    "tls": ("path", "port", "backlog", "interface"),
    "wsaas-tls": (
        *("port", "certificate", "key", "clientCA", "clientCertificate", "minimumVersion", "interface", "backlog"),
        *("proxy", "endpoint"),
    ),
}
_REQUIRED = {"tcp": "port", "tcp6": "port", "unix": "address", "systemd": "domain", "ssl": "port", "tls": "path"}
_ALL_BUT_FIRST_BY_NAME = "wsaas-tls"
_OTHERS = "haproxy, ssl, systemd, tcp, tcp6, tls, unix"
_WITHOUT_PORT = {"stdio", "autobahn"}  # installed types that listen on no port


class _ReactorWanted(Exception):
    """An endpoint parser used the reactor."""


class _NoReactor:
    """The reactor for endpoint parsers during the check. Most parsers only store it; a use raises _ReactorWanted."""

    def __getattr__(self, name: str) -> Any:
        raise _ReactorWanted(name)


def endpoints(text: str) -> tuple[str, ...]:
    """Split a list at white space and commas, except behind a backslash, and check each endpoint string."""
    found = tuple(re.findall(r"(?:\\.|[^\s,\\])+", text))
    if not found:
        raise ValueError("must be endpoint strings such as tcp:8080")
    for each in found:
        flaw = _flaw(each)
        if flaw:
            raise ValueError(flaw if len(found) == 1 else f"{each!r}: {flaw}")
    return found


def _flaw(text: str, around: str = "") -> str | None:
    """Return the mistake in one endpoint string, or None if the check finds none without listening."""
    kind, *fields = _fields(text)
    if kind == _AROUND:
        return _flaw(text.removeprefix(_AROUND + ":"), f"{_AROUND}:") if fields else "an endpoint must follow haproxy:"
    if kind in _ARGUMENTS:
        flaw = _flaw_of_arguments(kind, fields)
        if flaw:
            return flaw
    elif kind not in _types():
        if re.fullmatch("[0-9]{1,5}", text):
            return f"a port alone is not an endpoint: write {around}tcp:{text}"
        return f"there is no endpoint type {kind!r}; the types are {', '.join(_types())}"
    from twisted.internet.endpoints import serverFromString  # here: the command line reads the table without Twisted

    try:
        serverFromString(_NoReactor(), text)
    except _ReactorWanted:
        return None
    except (KeyError, IndexError):
        # The form is valid, but this process was not given that socket. The process that serves may be.
        return None if kind == "systemd" else "its arguments cannot be understood"
    except OSError as error:
        return f"cannot read {error.filename}: {error.strerror}"
    except ValueError as error:
        return " ".join(str(error).split()) if kind == "wsaas-tls" else "its arguments cannot be understood"
    except Exception:  # parsers come from plugins and may raise any exception
        return "its certificate or key cannot be used" if kind == "ssl" else "its arguments cannot be understood"
    return None


def _flaw_of_arguments(kind: str, fields: list[str]) -> str | None:
    """Return the mistake in the arguments of a known type, or None."""
    names = _ARGUMENTS[kind]
    found: dict[str, str] = {}
    for name, value in _named(kind, fields):
        if name is None:
            colons = r"; a colon inside an argument needs a backslash, as in interface=\:\:1"
            return f"it has too many arguments: {kind} takes {', '.join(names)}{colons}"
        if name not in names:
            return f"there is no argument {name!r}: {kind} takes {', '.join(names)}"
        if name in found:
            return f"its {name} is given twice"
        found[name] = value
        wanted = _wanted(name, value)
        if wanted:
            return f"its {name} must be {wanted}"
        if kind == "wsaas-tls" and name == "endpoint":
            flaw = _flaw(value)
            if flaw:
                return f"endpoint={value}: {flaw}"
    required = _REQUIRED.get(kind)
    if required and not found.get(required):
        return f"it lacks its {required}"
    if kind == "systemd" and ("index" in found) == ("name" in found):
        return "it must have a name, the socket unit's FileDescriptorName, or an index"
    return None


def _wanted(name: str, value: str) -> str | None:
    """Return a description of the valid values of the argument, or None if its value is valid."""
    number = int(value) if re.fullmatch("[0-9]{1,9}", value) else None
    match name:
        case "port" if number is None or number > 65535:
            return "a whole number from 0 to 65535"
        case "backlog" | "index" if number is None:
            return "a whole number"
        case "mode" if not re.fullmatch("[0-7]{1,4}", value):
            return "an octal number such as 660"
        case "domain" if value not in ("INET", "INET6", "UNIX"):
            return "INET, INET6 or UNIX"
    return None


def _types() -> list[str]:
    """Return the endpoint types that can serve here, sorted."""
    from twisted.internet.interfaces import IStreamServerEndpointStringParser
    from twisted.plugin import getPlugins

    plugins = {plugin.prefix.lower() for plugin in getPlugins(IStreamServerEndpointStringParser)}
    return sorted({*_OTHERS.split(", "), *plugins} - _WITHOUT_PORT)


def _fields(text: str) -> list[str]:
    """Split an endpoint string at its colons, except behind a backslash. The backslashes stay in the fields."""
    fields = [""]
    for piece in re.findall(r"\\.|[^\\]", text, re.DOTALL):
        if piece == ":":
            fields.append("")
        else:
            fields[-1] += piece
    return fields


def _named(kind: str, fields: list[str]) -> Iterator[tuple[str | None, str]]:
    """Yield name and value of each argument of a known type, without backslashes. The name of a surplus positional
    argument is None.
    """
    unnamed = iter(_ARGUMENTS[kind][:1] if kind == _ALL_BUT_FIRST_BY_NAME else _ARGUMENTS[kind])
    for field in fields:
        match = re.fullmatch(r"((?:\\.|[^\\=])*)=(.*)", field, re.DOTALL)
        name, value = match.groups() if match else (next(unnamed, None), field)
        yield name, re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


def listens_at(endpoint: str) -> tuple[str, int] | None:
    """Return interface and port of a valid endpoint string, or None if it has no TCP port. An empty interface means
    every interface.
    """
    kind, *fields = _fields(endpoint.removeprefix(_AROUND + ":"))
    found = dict(_named(kind, fields)) if kind in _ARGUMENTS else {}
    return (found.get("interface", ""), int(found["port"])) if found.get("port") else None


def with_port_added(endpoint: str, number: int) -> str:
    """Return a valid endpoint string that has a TCP port, with a port that is greater by `number`. Port 0 stays 0."""
    around = f"{_AROUND}:" if endpoint.startswith(f"{_AROUND}:") else ""
    kind, *fields = _fields(endpoint.removeprefix(around))
    for at, (name, value) in enumerate(_named(kind, fields)):
        if name == "port" and int(value):
            fields[at] = ("port=" if "=" in fields[at] else "") + str(int(value) + number)
    return around + ":".join([kind, *fields])


def with_backlog(endpoint: str) -> str:
    """Add a backlog of BACKLOG to an endpoint of plain TCP that names none.

    Twisted's default is 50. In a larger burst the kernel drops further connections, and those clients try again after a
    second.
    """
    return f"{endpoint}:backlog={BACKLOG}" if _SHORT_BACKLOG.fullmatch(endpoint) else endpoint


def is_tls(endpoint: str) -> bool:
    """Return whether connections to a valid endpoint string are TLS connections."""
    return endpoint.startswith(("ssl:", "tls:", "wsaas-tls:"))


def wants_proxy_header(endpoint: str) -> bool:
    """Return whether each connection to a valid endpoint string begins with a PROXY header."""
    kind, *fields = _fields(endpoint)
    return kind == _AROUND or (kind in _ARGUMENTS and dict(_named(kind, fields)).get("proxy") == "yes")


def is_private(endpoint: str) -> bool:
    """Return whether only this machine can reach the endpoint. A socket from systemd counts as private."""
    return _PRIVATE.match(endpoint) is not None
