"""The address of the cluster's engine, a Redis or Valkey server, taken apart.

redis://[[user]:password@]host[:port][/database]       TCP; rediss:// for TLS; valkey:// and valkeys:// are the same
redis://:password@host1,host2,host3[/database]#name    several hosts, or a name behind #: Sentinels, which know the
                                                       master by that name; user and password are those of the master
redis://...?sentinel_username=u&sentinel_password=p#name    user and password for the Sentinels themselves
unix:///run/redis.sock[?db=database]                   a socket on this machine; unix://[[user]:password@]/path
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from wsaas.net.http_grammar import REG_NAME

PORT, SENTINEL_PORT = 6379, 26379
_URL = re.compile(
    r"(?P<scheme>redis|rediss|valkey|valkeys|unix)://(?:(?P<user>[^:@/]*):(?P<password>[^@/]*)@)?(?P<hosts>[^/?#@]*)"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^?#@]*))?(?:#(?P<name>[!->@-~]+))?",
    re.IGNORECASE,
)
_HOST = re.compile(rf"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>{REG_NAME}))(?::(?P<port>[0-9]{{1,5}}))?")
_DATABASE = re.compile("db=([0-9]{1,4})")
_SENTINEL_LOGIN = re.compile("(?:sentinel_username=([^&=]+)&)?sentinel_password=([^&=]+)")
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1")


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """One server, or the Sentinels that know which server is the master.

    `hosts` are (host, port) pairs, empty for a unix socket, whose `path` is then set. `master` is the name of which
    the Sentinels are asked; None without Sentinels. `valkey` only says how the scheme was written.
    """

    hosts: tuple[tuple[str, int], ...]
    path: str | None = None
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    master: str | None = None
    sentinel_user: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    valkey: bool = False

    def scheme(self, tls: bool) -> str:
        """Return the scheme for a connection over TCP, with TLS or without."""
        return f"{'valkey' if self.valkey else 'redis'}{'s' if tls else ''}"

    @property
    def shown(self) -> str:
        """The address for the log, without the passwords."""
        if self.path is not None:
            return f"unix://{self.path}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{self.scheme(self.tls)}://{hosts}/{self.database}{f'#{self.master}' if self.master else ''}"

    @property
    def private(self) -> bool:
        """Say if nobody beyond this machine can see what is said to the engine."""
        return self.path is not None or all(_LOOPBACK.fullmatch(host) for host, _ in self.hosts)


def parse(text: str) -> EngineAddress:
    """Return the address. ValueError says what would be valid; it never shows a password."""
    found = _URL.fullmatch(text)
    if found is None or not text.isascii():
        raise ValueError(
            "must be redis:// or valkey:// and [user:password@]host[:port][/database], the same with rediss:// or "
            "valkeys:// for TLS, or unix:///path; "
            "with Sentinels their hosts, separated by commas, and #name of the master at the end"
        )
    scheme, path, query = found["scheme"].lower(), found["path"] or "", found["query"]
    user = unquote(found["user"]) if found["user"] else None
    password = unquote(found["password"]) if found["password"] else None
    if scheme == "unix":
        if found["hosts"] or len(path) < 2 or found["name"]:
            raise ValueError("a unix socket is given as unix:///path/of/the.sock, with ?db=1 for another database")
        number = _DATABASE.fullmatch("db=0" if query is None else query)
        if number is None:
            raise ValueError("behind a unix socket's path only the database is given, as in unix:///path?db=1")
        return EngineAddress((), unquote(path), False, user, password, int(number[1]))
    database = path.strip("/")
    if not re.fullmatch("[0-9]{0,4}", database) or (query is not None and _DATABASE.fullmatch(query)):
        raise ValueError("the database is a number behind the host: redis://host/1")
    sentinels = found["name"] is not None
    login = None if query is None else _SENTINEL_LOGIN.fullmatch(query)
    # An @ in the query makes user and password of all that is in front of it.
    if (query is not None and not (login and sentinels)) or "?sentinel_" in text[: found.start("hosts")]:
        raise ValueError(
            "behind ? only the login for Sentinels is given, in front of the master's name, with other characters than "
            "letters and digits as in %40: redis://host1,host2?sentinel_username=user&sentinel_password=p#name"
        )
    hosts = tuple(_host(each, SENTINEL_PORT if sentinels else PORT) for each in found["hosts"].split(","))
    if len(hosts) > 1 and not sentinels:
        raise ValueError("several hosts are Sentinels: the master's name must follow, as in redis://host1,host2#name")
    return EngineAddress(
        hosts,
        tls=scheme in ("rediss", "valkeys"),
        user=user,
        password=password,
        database=int(database or 0),
        master=found["name"],
        sentinel_user=unquote(login[1]) if login and login[1] else None,
        sentinel_password=unquote(login[2]) if login else None,
        valkey=scheme.startswith("valkey"),
    )


def _host(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None or not 0 < int(found["port"] or port) < 65536:
        raise ValueError("must name a host, and a port from 1 to 65535 behind it if it is not the usual one")
    return found["six"] or found["name"].lower(), int(found["port"] or port)
