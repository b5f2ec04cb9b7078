"""The table of settings.

    the fields of Settings      one for each setting: parser, default, help; is it secret, may it be repeated?
    TABLE                       the same by name, for code that lists all settings: twistd's options, the start log

`load` makes a Settings from options and environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

from wsaas.settings import client_values as clients
from wsaas.settings import endpoints, units
from wsaas.settings import values as parse

if TYPE_CHECKING:
    from wsaas.net.engine_address import EngineAddress

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """The description of one setting.

    `default` is a text that is parsed like any other; None if the setting may be unset: its value is then `unset`,
    which help and log show as `unset_is`. `format` writes a value as text that could be given; it never gets `unset`.
    """

    parse: Callable[[str], object]
    help: str
    default: str | None
    unset: object = None
    unset_is: str = "none"
    aliases: tuple[str, ...] = ()
    secret: bool = False
    repeats: bool = False
    format: Callable[[Any], str] = str


def setting(
    parse: Callable[[str], T],
    default: str,
    help: str,
    *,
    aliases: tuple[str, ...] = (),
    format: Callable[[Any], str] = str,
) -> T:
    """Declare a setting that always has a value. `{NAME}` in the default stands for the text of another setting."""
    return cast(T, field(metadata={"row": SettingSpec(parse, help, default, aliases=aliases, format=format)}))


def duration(lowest: int, highest: int, default: str, help: str, *, off: bool = False) -> float:
    """Declare a duration, whose value is in seconds. The bounds are in milliseconds; `off` allows 0 as well."""
    return setting(units.duration(lowest, highest, off=off), default, help, format=units.format_duration)


def size(default: str, help: str) -> int:
    """Declare a size in bytes."""
    return setting(units.size(1, 2**31), default, help, format=units.format_size)


def switch(default: str, help: str) -> bool:
    """Declare a setting that is on or off."""
    return setting(parse.switch, default, help, format=lambda on: "on" if on else "off")


def optional(
    parse: Callable[[str], T],
    unset: U,
    help: str,
    *,
    unset_is: str = "none",
    secret: bool = False,
    repeats: bool = False,
) -> T | U:
    """Declare a setting that may be unset: its value is then `unset`, which help and log show as `unset_is`."""
    row = SettingSpec(
        parse, help, None, unset, unset_is, secret=secret, repeats=repeats, format=" ".join if repeats else str
    )
    return cast(T, field(metadata={"row": row}, repr=not secret))


COUNT = parse.whole(0, 10_000_000)
HOUR, DAY = 3_600_000, 86_400_000
"""Milliseconds."""


@dataclass(frozen=True)
class Settings:
    """The gateway's settings. Durations are seconds, sizes bytes, lists tuples; made by `load` only."""

    target_address: str = setting(
        parse.address(), "http://localhost:3000/websocket", "Where webhooks go; http or https.", aliases=("API_URI",)
    )
    local_address: str = setting(
        parse.address(lowest_port=0),
        "http://localhost:{HTTP_PORT}",
        "Address of the API as the backend reaches it; ws_uri starts with it.",
    )
    ws_port: int = setting(parse.port, "8080", "Port for clients, unless WS_ENDPOINT is set.")
    http_port: int = setting(parse.port, "8081", "Port for the API, unless HTTP_ENDPOINT is set.")
    ws_timeout: float = duration(
        100,
        DAY,
        "30000",
        "Milliseconds of silence after which a client counts as gone; after half of it a ping is sent; 0 for never.",
        off=True,
    )
    log_level: str = setting(parse.word("error", "warn", "info", "debug"), "info", "error, warn, info or debug.")
    log_style: str = setting(
        parse.word("auto", "always", "never", "json", info="auto"), "auto", "Colour: always, auto or never; or json."
    )
    log_connections: bool = switch("off", "Log a line for each connection that ended: on or off.")
    log_api: bool = switch("off", "Log a line for each request of the API, ids shortened: on or off.")
    ws_endpoint: tuple[str, ...] = optional(
        endpoints.endpoints,
        (),
        "Twisted endpoint string where clients connect; can be repeated.",
        unset_is="WS_PORT on every interface, IPv4 and IPv6",
        repeats=True,
    )
    http_endpoint: tuple[str, ...] = optional(
        endpoints.endpoints,
        (),
        "Twisted endpoint string where the API listens; can be repeated.",
        unset_is="HTTP_PORT on loopback, on every interface once API_TOKEN is set",
        repeats=True,
    )
    api_token: tuple[str, ...] = optional(
        parse.tokens, (), "Bearer token of the API; several while they are rotated.", secret=True, repeats=True
    )
    api_aws_access_key_id: str | None = optional(
        parse.access_key_id, None, "Access key id whose signatures open /@connections to AWS SDKs.", secret=True
    )
    api_aws_secret_access_key: str | None = optional(
        parse.secret_access_key, None, "Secret access key of that id.", secret=True
    )
    webhook_secret: tuple[bytes, ...] = optional(
        parse.webhook_keys,
        (),
        "Signs webhooks (Standard Webhooks, whsec_...); several while they are rotated.",
        secret=True,
        repeats=True,
    )
    webhook_timeout: float = duration(50, HOUR, "10000", "Milliseconds for one webhook in all.")
    webhook_concurrency: int = setting(parse.whole(1, 10_000), "64", "Webhooks in flight at once.")
    max_streams: int = setting(parse.whole(1, 100_000), "256", "Streamed replies that are read at once.")
    webhook_batch: int = setting(
        parse.whole(1, 1000),
        "1",
        "Messages of one connection in one webhook at most; 1 sends each by itself, as it is.",
    )
    message_patience: float = duration(0, DAY, "30000", "Milliseconds for which a message's webhook is retried.")
    disconnect_patience: float = duration(
        0, 30 * DAY, "86400000", "Milliseconds for which a disconnect's webhook is retried."
    )
    message_content_type: str = setting(parse.media_type, "application/json", "Content-Type of text messages.")
    target_ca: str | None = optional(
        parse.pem_file("CERTIFICATE", "certificates"),
        None,
        "PEM file of the authorities trusted to issue the backend's certificate.",
        unset_is="the system's",
    )
    target_cert: str | None = optional(
        parse.pem_file("CERTIFICATE", "a certificate"), None, "PEM file of the client certificate towards the backend."
    )
    target_key: str | None = optional(
        parse.pem_file("PRIVATE KEY", "a private key"), None, "PEM file of TARGET_CERT's key, if that lacks the key."
    )
    forward_headers: tuple[str, ...] = optional(
        clients.header_names, (), "Handshake headers repeated on every webhook, such as Cookie.", repeats=True
    )
    allowed_origins: tuple[str, ...] = optional(
        clients.origins, (), "Origins that browsers may connect from.", unset_is="any", repeats=True
    )
    auth_query: str | None = optional(
        clients.query_parameter,
        None,
        "Query parameter that holds a bearer token, for browsers, such as access_token.",
        unset_is="off",
    )
    auth_subprotocol: bool = switch("off", "Accept a bearer token as a subprotocol, for browsers: on or off.")
    max_message_size: int = size("1048576", "Bytes of one message, either way.")
    receive_buffer: int = size("1048576", "Bytes per connection that wait for the backend.")
    send_buffer: int = size("1048576", "Bytes per connection that wait for the client.")
    max_connections: int = setting(COUNT, "0", "Clients at once; 0 for as many as the limit of open files allows.")
    max_connections_per_address: int = setting(
        COUNT, "0", "Clients at once from one address (IPv6: one /64 network); 0 for no limit."
    )
    trusted_proxies: tuple[str, ...] = optional(
        clients.proxies,
        (),
        "Addresses and networks of proxies whose X-Forwarded-For is believed; unix for those on a unix socket.",
        repeats=True,
    )
    handshake_timeout: float = duration(
        100, HOUR, "10000", "Milliseconds for TLS and the request head of a handshake; then it is answered 408."
    )
    connect_rate: int = setting(
        COUNT,
        "50",
        "New connections a second from one public address, beyond a burst of ten seconds' worth; 0 for no limit.",
    )
    message_rate: int = setting(
        COUNT, "1000", "Frames a second read from one client, beyond a burst; more wait in its socket; 0 for no limit."
    )
    compression: bool = switch("off", "permessage-deflate for clients that offer it: on or off.")
    state_dir: str | None = setting(
        parse.directory, "./wsaas-state", "Directory of the journal; none keeps it in memory: a crash then loses it."
    )
    journal_authorization: bool = switch(
        "yes", "Keep Authorization values in the journal, for the webhooks after a crash: yes or no."
    )
    console: str = setting(
        parse.word("off", "on", "payloads"),
        "on",
        "The console and the event stream: off, on, or payloads, which shows headers and bodies, too.",
    )
    workers: int = setting(parse.whole(0, 64), "1", "Processes that serve, on this machine; 0 for one on each core.")
    cluster: EngineAddress | None = optional(  # noqa: RUF009
        parse.engine,
        None,
        "Redis or Valkey of a cluster: redis:// or valkey://, with an s more for TLS, or unix://; see docs/cluster.",
        secret=True,
    )
    cluster_name: str = setting(str, "wsaas", "Prefix of all keys in CLUSTER; the same on all nodes.")
    cluster_endpoint: tuple[str, ...] = setting(
        endpoints.endpoints,
        "tcp:8082",
        "Twisted endpoint string where the other nodes reach this one.",
        format=" ".join,
    )
    cluster_address: str | None = optional(
        parse.address(),
        None,
        "Address by which the other nodes reach this one; http or https.",
        unset_is="this machine's address, as the engine sees it",
    )
    cluster_ca: str | None = optional(
        parse.pem_file("CERTIFICATE", "certificates"),
        None,
        "PEM file of the authorities trusted to issue the certificates of nodes and of CLUSTER.",
        unset_is="the system's",
    )
    cluster_cert: str | None = optional(
        parse.pem_file("CERTIFICATE", "a certificate"), None, "PEM file of this node's client certificate."
    )
    cluster_key: str | None = optional(
        parse.pem_file("PRIVATE KEY", "a private key"), None, "PEM file of CLUSTER_CERT's key, if that lacks the key."
    )
    cluster_replicas: int | None = optional(
        parse.whole(0, 10),
        None,
        "Replicas that must have stored a claim before its DELETEs are sent.",
        unset_is="1 with sentinels, else 0",
    )
    node: str | None = optional(str, None, "Name of this node in /-/cluster and in the log.", unset_is="the host name")
    drain_timeout: float = duration(0, HOUR, "30000", "Milliseconds in which a stop closes all connections.")
    warnings: tuple[str, ...] = ()
    changed: frozenset[str] = frozenset()
    """The names of the settings whose value is given and differs from the default."""

    @property
    def client_endpoints(self) -> tuple[str, ...]:
        """The clients' endpoints, each with a backlog. By default WS_PORT on every interface; IPv6 includes IPv4."""
        return tuple(map(endpoints.with_backlog, self.ws_endpoint or (f"tcp6:{self.ws_port}",)))

    @property
    def api_endpoints(self) -> tuple[str, ...]:
        """The API's endpoints. By default HTTP_PORT: on loopback only without a token, else on every interface."""
        if self.http_endpoint or self.api_token:
            return self.http_endpoint or (f"tcp6:{self.http_port}",)
        return (f"tcp:{self.http_port}:interface=127.0.0.1", rf"tcp6:{self.http_port}:interface=\:\:1")

    def describe(self) -> list[tuple[str, str]]:
        """Return name and effective value of every setting. Secrets are hidden."""
        effective = {"WS_ENDPOINT": self.client_endpoints, "HTTP_ENDPOINT": self.api_endpoints}
        found = []
        for name, row in TABLE.items():
            value = effective.get(name, getattr(self, name.lower()))
            if row.secret:
                found.append((name, "**** (set)" if value else "unset"))
            elif value is None or value == ():
                found.append((name, "none" if row.default else row.unset_is))
            else:
                found.append((name, row.format(value)))
        return found


TABLE: Mapping[str, SettingSpec] = {
    each.name.upper(): each.metadata["row"] for each in fields(Settings) if each.metadata
}
