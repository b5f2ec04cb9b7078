"""wsaas.settings.table: every setting with its default, what it takes, and the exact line for what it does not."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import twisted.internet.endpoints
import twisted.plugin
from twisted.trial.unittest import SynchronousTestCase

from tests.support.certificates import authority, issue
from wsaas.settings.load import SettingsError, load
from wsaas.settings.sources import option
from wsaas.settings.table import TABLE, Settings

TOKEN = "0123456789abcdef"
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"

PORT = "must be a whole number from 0 to 65535"
SIZE = "must be a size from 1 to 2GiB, such as 64KiB or 1MB; a bare number is bytes"
URL = "must be a URL like http://host:3000/path; "
SCHEME = URL + "it must begin with http:// or https://"
ASCII = URL + "only ASCII characters and no spaces are allowed (percent-encode others; write hosts in punycode)"
MILLISECONDS = "; a bare number is milliseconds"
HEADER = "must be header names such as Cookie, X-Tenant; "
ORIGIN = "must be origins such as https://app.example, without path and trailing slash; not "
WHSEC = (
    "each secret must be whsec_ and the base64 of 24 to 64 random bytes, "
    'as from: echo "whsec_$(openssl rand -base64 32)"'
)
BEARER = "each token must be 16 or more printable ASCII characters, as from: openssl rand -hex 32"
COMMAS = BEARER.replace(",", ", without commas, which separate tokens,", 1)
SOMETHING = "must be a list separated by commas or spaces, with at least one item"
QUOTES = "must have no quotes: the program that read it from a file did not remove them"
MEDIA_TYPE = "must be a media type such as application/json or text/plain; charset=utf-8"
ONOFF = "must be on or off"
COUNT = "must be a whole number from 0 to 10000000"
PARAMETER = "must be the name of a query parameter such as access_token (letters, digits, . _ ~ -), or off"
NO_SWITCH = "must be the name of a query parameter such as access_token, or off"
ENGINE = (
    "must be redis:// or valkey:// and [user:password@]host[:port][/database], the same with rediss:// or "
    "valkeys:// for TLS, or unix:///path; "
    "with Sentinels their hosts, separated by commas, and #name of the master at the end"
)
HOST = "must name a host, and a port from 1 to 65535 behind it if it is not the usual one"
KEY_ID = "must be 4 to 128 ASCII letters, digits, underscores, dots and hyphens"
SECRET_KEY = "must be 16 to 128 printable ASCII characters, as from: openssl rand -base64 30"
PROXY = "must be addresses and networks such as 10.0.0.0/8, 2001:db8::1, or unix; "

DEFAULTS: dict[str, Any] = {
    "TARGET_ADDRESS": "http://localhost:3000/websocket",
    "LOCAL_ADDRESS": "http://localhost:8081",
    "WS_PORT": 8080,
    "HTTP_PORT": 8081,
    "WS_TIMEOUT": 30.0,
    "LOG_LEVEL": "info",
    "LOG_STYLE": "auto",
    "LOG_CONNECTIONS": False,
    "LOG_API": False,
    "WS_ENDPOINT": (),
    "HTTP_ENDPOINT": (),
    "API_TOKEN": (),
    "API_AWS_ACCESS_KEY_ID": None,
    "API_AWS_SECRET_ACCESS_KEY": None,
    "WEBHOOK_SECRET": (),
    "WEBHOOK_TIMEOUT": 10.0,
    "WEBHOOK_CONCURRENCY": 64,
    "MAX_STREAMS": 256,
    "WEBHOOK_BATCH": 1,
    "MESSAGE_PATIENCE": 30.0,
    "DISCONNECT_PATIENCE": 86400.0,
    "MESSAGE_CONTENT_TYPE": "application/json",
    "TARGET_CA": None,
    "TARGET_CERT": None,
    "TARGET_KEY": None,
    "FORWARD_HEADERS": (),
    "ALLOWED_ORIGINS": (),
    "AUTH_QUERY": None,
    "AUTH_SUBPROTOCOL": False,
    "MAX_MESSAGE_SIZE": 1048576,
    "RECEIVE_BUFFER": 1048576,
    "SEND_BUFFER": 1048576,
    "MAX_CONNECTIONS": 0,
    "MAX_CONNECTIONS_PER_ADDRESS": 0,
    "TRUSTED_PROXIES": (),
    "HANDSHAKE_TIMEOUT": 10.0,
    "CONNECT_RATE": 50,
    "MESSAGE_RATE": 1000,
    "COMPRESSION": False,
    "JOURNAL_AUTHORIZATION": True,
    "CONSOLE": "on",
    "WORKERS": 1,
    "CLUSTER": None,
    "CLUSTER_NAME": "wsaas",
    "CLUSTER_ENDPOINT": ("tcp:8082",),
    "CLUSTER_ADDRESS": None,
    "CLUSTER_CA": None,
    "CLUSTER_CERT": None,
    "CLUSTER_KEY": None,
    "CLUSTER_REPLICAS": None,
    "NODE": None,
    "DRAIN_TIMEOUT": 30.0,
}

GOOD: dict[str, dict[str, Any]] = {
    "TARGET_ADDRESS": {
        "https://Backend.example/": "https://backend.example",
        "HTTP://b:80/a/b//": "http://b:80/a/b",
        "http://[0:0::1]:3000/x%20y": "http://[::1]:3000/x%20y",
        " http://b \n": "http://b",
    },
    "LOCAL_ADDRESS": {"https://gateway.example/push/": "https://gateway.example/push", "http://l:0": "http://l:0"},
    "WS_PORT": {"0": 0, "65535": 65535, " 80 ": 80},
    "HTTP_PORT": {"0": 0, "65535": 65535},
    "WS_TIMEOUT": {"0": 0.0, "100": 0.1, "1500": 1.5, "86400000": 86400.0, "24h": 86400.0, "30s": 30.0},
    "LOG_LEVEL": {"error": "error", "WARN": "warn", "info": "info", "debug": "debug"},
    "LOG_STYLE": {"auto": "auto", "Always": "always", "never": "never", "json": "json", "info": "auto"},
    "WS_ENDPOINT": {
        "tcp:0": ("tcp:0",),
        "tcp:80  haproxy:tcp:81\ntcp6:82:interface=\\:\\:1": ("tcp:80", "haproxy:tcp:81", "tcp6:82:interface=\\:\\:1"),
        "unix:/a\\ b\\,c": ("unix:/a\\ b\\,c",),
        "tcp:80,tcp:81": ("tcp:80", "tcp:81"),
        "systemd:domain=INET:name=clients": ("systemd:domain=INET:name=clients",),
    },
    "HTTP_ENDPOINT": {"unix:/run/api.sock:mode=660": ("unix:/run/api.sock:mode=660",)},
    "API_TOKEN": {
        TOKEN: (TOKEN,),
        f"{TOKEN} ~!{TOKEN}": (TOKEN, f"~!{TOKEN}"),
        f"{TOKEN},a{TOKEN}": (TOKEN, f"a{TOKEN}"),
    },
    "WEBHOOK_SECRET": {
        SECRET: (KEY,),
        f"{SECRET}  whsec_{base64.b64encode(KEY * 2).decode()}": (KEY, KEY * 2),
        f"{SECRET}, {SECRET}": (KEY, KEY),
        "whsec_" + base64.b64encode(KEY[:24]).decode(): (KEY[:24],),
    },
    "WEBHOOK_TIMEOUT": {"50": 0.05, "3600000": 3600.0},
    "WEBHOOK_CONCURRENCY": {"1": 1, "10000": 10000},
    "MAX_STREAMS": {"1": 1, "100000": 100000},
    "WEBHOOK_BATCH": {"1": 1, "1000": 1000},
    "MESSAGE_PATIENCE": {"0": 0.0, "86400000": 86400.0},
    "DISCONNECT_PATIENCE": {"0": 0.0, "2592000000": 2592000.0},
    "MESSAGE_CONTENT_TYPE": {
        "text/plain; charset=utf-8": "text/plain; charset=utf-8",
        'a/b;c="d e"': 'a/b;c="d e"',
    },
    "FORWARD_HEADERS": {"X-Tenant, accept-language X-Tenant": ("x-tenant", "accept-language")},
    "ALLOWED_ORIGINS": {
        "*": (),
        "HTTPS://App.Example:443, http://a:80 http://a:8080": ("https://app.example", "http://a", "http://a:8080"),
        "null https://[::1]:8443": ("null", "https://[::1]:8443"),
        "http://a:443 capacitor://localhost": ("http://a:443", "capacitor://localhost"),
    },
    "AUTH_QUERY": {"access_token": "access_token", "a.b~C-9": "a.b~C-9", "off": None, "None": None, "no": None},
    "AUTH_SUBPROTOCOL": {"on": True, "off": False},
    "MAX_MESSAGE_SIZE": {"1": 1, "1048576": 1048576, "64KiB": 65536},
    "RECEIVE_BUFFER": {"2147483648": 2**31},
    "SEND_BUFFER": {"2147483648": 2**31},
    "MAX_CONNECTIONS": {"0": 0, "10000000": 10_000_000},
    "MAX_CONNECTIONS_PER_ADDRESS": {"0": 0, "1": 1},
    "TRUSTED_PROXIES": {
        "10.0.0.0/8, 192.0.2.1 2001:DB8::/32": ("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"),
        "Unix ::1 ::1": ("unix", "::1/128"),
        "10.0.0.0/255.0.0.0": ("10.0.0.0/8",),
    },
    "HANDSHAKE_TIMEOUT": {"100": 0.1, "3s": 3.0, "3600000": 3600.0},
    "CONNECT_RATE": {"0": 0, "1": 1},
    "MESSAGE_RATE": {"0": 0, "1": 1},
    "LOG_CONNECTIONS": {"on": True, "off": False},
    "LOG_API": {"on": True, "off": False},
    "COMPRESSION": {"on": True, "Yes": True, "TRUE": True, "1": True, "off": False, "no": False, "0": False},
    "STATE_DIR": {"none": None, "None": None, "/tmp/x/../y": "/tmp/y"},
    "JOURNAL_AUTHORIZATION": {"no": False, "false": False, "on": True},
    "CONSOLE": {"off": "off", "ON": "on", "payloads": "payloads"},
    "WORKERS": {"0": 0, "1": 1, "64": 64},
    "CLUSTER": {"none": None},
    "CLUSTER_NAME": {"blue": "blue"},
    "CLUSTER_ENDPOINT": {"tcp:0": ("tcp:0",)},
    "CLUSTER_ADDRESS": {"http://10.0.0.1:8082/": "http://10.0.0.1:8082"},
    "CLUSTER_REPLICAS": {"0": 0, "2": 2},
    "NODE": {"n1": "n1"},
    "DRAIN_TIMEOUT": {"0": 0.0, "3600000": 3600.0},
}

BAD: dict[str, dict[str, str]] = {
    "TARGET_ADDRESS": {
        "ftp://b": f"'ftp://b': {SCHEME}",
        "localhost:3000": f"'localhost:3000': {SCHEME}",
        "http://": f"'http://': {URL}it must name a host",
        "http://:3000": f"'http://:3000': {URL}it must name a host",
        "http://u:pass@b/": f"'http://****@b/': {URL}it must hold no user name and no password",
        "http://b/f?code=pass": f"'http://b/f?****': {URL}it must have no query and no fragment",
        "http://b/?": f"'http://b/?****': {URL}it must have no query and no fragment",
        "http://b/#a": f"'http://b/#a': {URL}it must have no query and no fragment",
        "http://b:0": f"'http://b:0': {URL}its port must be from 1 to 65535",
        "http://b:65536": f"'http://b:65536': {URL}its port must be from 1 to 65535",
        "http://b:x": f"'http://b:x': {URL}its port must be from 1 to 65535",
        "http://[::x]": f"'http://[::x]': {URL}a host in brackets must be an IPv6 address",
        "http://[::1": f"'http://[::1': {URL}a host in brackets must be an IPv6 address",
        "http://[v1.a]": f"'http://[v1.a]': {URL}a host in brackets must be an IPv6 address",
        "http://[127.0.0.1]": f"'http://[127.0.0.1]': {URL}a host in brackets must be an IPv6 address",
        "http://[fe80::1%25eth0]": f"'http://[fe80::1%25eth0]': {URL}its host has characters that no host name has",
        "http://a b": f"'http://a b': {ASCII}",
        "http://b/\tx\nForged: line": f"'http://b/\\tx\\nForged: line': {ASCII}",
        "http://bücher": f"'http://bücher': {ASCII}",
        "http://a\\b": f"'http://a\\\\b': {URL}its host has characters that no host name has",
        "http://a/b|c": f"'http://a/b|c': {URL}its path has characters that must be percent-encoded",
        "http://a/%zz": f"'http://a/%zz': {URL}its path has characters that must be percent-encoded",
    },
    "LOCAL_ADDRESS": {"gateway": f"'gateway': {SCHEME}"},
    "WS_PORT": {
        "abc": f"'abc': {PORT}",
        "65536": f"'65536': {PORT}",
        "-1": f"'-1': {PORT}",
        "8_0": f"'8_0': {PORT}",
        "٨": f"'٨': {PORT}",
        "9" * 5000: f"'{'9' * 200}...': {PORT}",
    },
    "HTTP_PORT": {"80.5": f"'80.5': {PORT}"},
    "WS_TIMEOUT": {"30": "'30': must be a duration from 100ms to 24h, such as 30s, or 0 for off" + MILLISECONDS},
    "LOG_LEVEL": {"verbose": "'verbose': must be error, warn, info or debug"},
    "LOG_STYLE": {"pink": "'pink': must be auto, always, never or json"},
    "WS_ENDPOINT": {
        "tcp:x": "'tcp:x': its port must be a whole number from 0 to 65535",
        "tcp:1 tcp:x": "'tcp:1 tcp:x': 'tcp:x': its port must be a whole number from 0 to 65535",
    },
    "HTTP_ENDPOINT": {"8081": "'8081': a port alone is not an endpoint: write tcp:8081"},
    "API_TOKEN": {
        TOKEN[:-1]: f"****: {BEARER}",
        f"{TOKEN} short": f"****: {BEARER}",
        TOKEN + "\x07": f"****: {BEARER}",
        TOKEN + "ü": f"****: {BEARER}",
        f"{TOKEN},short": f"****: {COMMAS}",
        ",": f"****: {SOMETHING}",
    },
    "API_AWS_ACCESS_KEY_ID": dict.fromkeys(("AK", "A/KIA", "A,KIA", "AK IA", "x" * 129), f"****: {KEY_ID}"),
    "API_AWS_SECRET_ACCESS_KEY": dict.fromkeys(("x" * 15, "x" * 129, "x" * 16 + " y", "ü" * 16), f"****: {SECRET_KEY}"),
    "WEBHOOK_SECRET": {
        "whsec_!!!!": f"****: {WHSEC}",
        SECRET.removeprefix("whsec_"): f"****: {WHSEC}",
        "whsec_" + base64.b64encode(KEY[:23]).decode(): f"****: {WHSEC}",
        "whsec_" + base64.b64encode(KEY * 3).decode(): f"****: {WHSEC}",
        f"{SECRET} whsec_": f"****: {WHSEC}",
        "whsec_é": f"****: {WHSEC}",
        " , ": f"****: {SOMETHING}",
    },
    "WEBHOOK_TIMEOUT": {"0": "'0': must be a duration from 50ms to 1h, such as 30s" + MILLISECONDS},
    "WEBHOOK_CONCURRENCY": {
        "0": "'0': must be a whole number from 1 to 10000",
        "10001": "'10001': must be a whole number from 1 to 10000",
    },
    "MAX_STREAMS": {
        "0": "'0': must be a whole number from 1 to 100000",
        "100001": "'100001': must be a whole number from 1 to 100000",
    },
    "WEBHOOK_BATCH": {
        "0": "'0': must be a whole number from 1 to 1000",
        "1001": "'1001': must be a whole number from 1 to 1000",
    },
    "MESSAGE_PATIENCE": {"forever": "'forever': must be a duration from 0 to 24h, such as 30s" + MILLISECONDS},
    "DISCONNECT_PATIENCE": {
        "2592000001": "'2592000001': must be a duration from 0 to 720h, such as 30s" + MILLISECONDS
    },
    "MESSAGE_CONTENT_TYPE": {
        "json": f"'json': {MEDIA_TYPE}",
        "a/b\r\nX: y": f"'a/b\\r\\nX: y': {MEDIA_TYPE}",
        "text/ü": f"'text/ü': {MEDIA_TYPE}",
    },
    "TARGET_CA": {
        "/nowhere.pem": "'/nowhere.pem': cannot read /nowhere.pem: No such file or directory",
        "/": "'/': cannot read /: Is a directory",
        "\0": "'\\x00': cannot read \\x00: a path must not hold a null byte",
    },
    "TARGET_CERT": {"/nowhere.pem": "'/nowhere.pem': cannot read /nowhere.pem: No such file or directory"},
    "FORWARD_HEADERS": {
        **{
            name: f"{name!r}: must be header names such as Cookie, X-Tenant; {name!r} is not one"
            for name in ("*", "x-*")
        },
        "X-Ü": f"'X-Ü': {HEADER}'x-ü' is not one",
        "X-A: b": f"'X-A: b': {HEADER}'x-a:' is not one",
        ",": "',': must be a list separated by commas or spaces, with at least one item",
        "Authorization": "'Authorization': must not name Authorization: it is always forwarded",
        "Cookie": "'Cookie': must not name Cookie without ALLOWED_ORIGINS: "
        "browsers send cookies from the pages of any site",
        **{
            name: f"'{name}': must not name '{name.lower()}': the gateway sets that header itself"
            for name in (
                "Connection Keep-Alive TE Trailer Transfer-Encoding Upgrade Proxy-Authorization Content-Length "
                "Content-Type Host Expect Accept-Encoding Sec-WebSocket-Key webhook-id WSAAS-Event traceparent"
            ).split()
        },
    },
    "ALLOWED_ORIGINS": {
        "app.example": f"'app.example': {ORIGIN}'app.example'",
        "https://a/": f"'https://a/': {ORIGIN}'https://a/'",
        "https://*.a": f"'https://*.a': {ORIGIN}'https://*.a'",
        "https://a:0": f"'https://a:0': {ORIGIN}'https://a:0'",
        "https://a:65536": f"'https://a:65536': {ORIGIN}'https://a:65536'",
        "https://u@a": f"'https://****@a': {ORIGIN}'https://u@a'",
        "* https://a": "'* https://a': must be origins, or * alone for any",
        ",": "',': must be a list separated by commas or spaces, with at least one item",
    },
    "MAX_MESSAGE_SIZE": {"0": f"'0': {SIZE}", "1M": f"'1M': {SIZE}", "2147483649": f"'2147483649': {SIZE}"},
    "RECEIVE_BUFFER": {"0": f"'0': {SIZE}", "1048575": "'1048575': must be at least MAX_MESSAGE_SIZE, 1MiB"},
    "SEND_BUFFER": {"0": f"'0': {SIZE}", "1048575": "'1048575': must be at least MAX_MESSAGE_SIZE, 1MiB"},
    "AUTH_QUERY": {
        **{name: f"{name!r}: {PARAMETER}" for name in ("access token", "a=b", "a&b", "ü", "%41")},
        **{name: f"{name!r}: {NO_SWITCH}" for name in ("on", "Yes", "true", "1")},
    },
    "AUTH_SUBPROTOCOL": {"bearer": f"'bearer': {ONOFF}"},
    "MAX_CONNECTIONS": {"-1": f"'-1': {COUNT}", "10000001": f"'10000001': {COUNT}"},
    "MAX_CONNECTIONS_PER_ADDRESS": {"many": f"'many': {COUNT}"},
    "TRUSTED_PROXIES": {
        "proxy.example": f"'proxy.example': {PROXY}'proxy.example' is not",
        "10.0.0.0/33": f"'10.0.0.0/33': {PROXY}'10.0.0.0/33' is not",
        "fe80::1%eth0": f"'fe80::1%eth0': {PROXY}'fe80::1%eth0' is not",
        "10.0.0.1/8": "'10.0.0.1/8': has '10.0.0.1/8', which has bits beyond its prefix; the network is 10.0.0.0/8",
        ",": "',': must be a list separated by commas or spaces, with at least one item",
    },
    "HANDSHAKE_TIMEOUT": {"0": "'0': must be a duration from 100ms to 1h, such as 30s" + MILLISECONDS},
    "CONNECT_RATE": {"-1": f"'-1': {COUNT}"},
    "MESSAGE_RATE": {"fast": f"'fast': {COUNT}"},
    "LOG_CONNECTIONS": {"json": f"'json': {ONOFF}"},
    "LOG_API": {"json": f"'json': {ONOFF}"},
    "COMPRESSION": {"maybe": f"'maybe': {ONOFF}"},
    "STATE_DIR": {"/dev/null": "'/dev/null': must be the path of a directory, or none"},
    "JOURNAL_AUTHORIZATION": {"2": f"'2': {ONOFF}"},
    "CONSOLE": {"bodies": "'bodies': must be off, on or payloads"},
    "CLUSTER": {"redis.example": f"****: {ENGINE}", "redis://a:secret@": "****: " + HOST},
    "CLUSTER_ENDPOINT": {"8082": "'8082': a port alone is not an endpoint: write tcp:8082"},
    "CLUSTER_ADDRESS": {"n1:8082": f"'n1:8082': {SCHEME}"},
    "CLUSTER_CA": {"/nowhere.pem": "'/nowhere.pem': cannot read /nowhere.pem: No such file or directory"},
    "CLUSTER_CERT": {"/nowhere.pem": "'/nowhere.pem': cannot read /nowhere.pem: No such file or directory"},
    "CLUSTER_REPLICAS": {"11": "'11': must be a whole number from 0 to 10"},
    "WORKERS": {"65": "'65': must be a whole number from 0 to 64", "all": "'all': must be a whole number from 0 to 64"},
    "DRAIN_TIMEOUT": {"-5": "'-5': must be a duration from 0 to 1h, such as 30s" + MILLISECONDS},
}


class Case(SynchronousTestCase):
    def problems(self, environ: dict[str, str], options: dict[str, str | list[str]] | None = None) -> tuple[str, ...]:
        with self.assertRaises(SettingsError) as caught:
            load(options or {}, environ)
        problems: tuple[str, ...] = caught.exception.problems
        return problems

    def file(self, content: str | bytes, mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return str(path)


class ClusterTests(Case):
    def test_contradictions(self) -> None:
        """A cluster needs the API token, and a port for each worker; names are looked at in a cluster only."""
        cluster = {"CLUSTER": "redis://localhost", "API_TOKEN": TOKEN}
        self.assertEqual(load({}, {"NODE": "\0"}).warnings, ())
        for more, line in (
            ({"API_TOKEN": ""}, "CLUSTER=****: needs API_TOKEN, the same on all nodes: they know each other by it"),
            *(
                (
                    {"WORKERS": "2", "CLUSTER_ENDPOINT": endpoint},
                    f"CLUSTER_ENDPOINT='{endpoint}': must have a TCP port up to 65533 with WORKERS: worker 1 has the "
                    "one above it, and so on",
                )
                for endpoint in ("unix:/run/n.sock", "tcp:65534")
            ),
            *(
                (
                    {"WORKERS": "0", "CLUSTER_ADDRESS": address},
                    f"CLUSTER_ADDRESS='{address}': must name a port from 1 to 65471 with WORKERS: worker 1 is reached "
                    "at the one above it, and so on",
                )
                for address in ("https://n1.example", "https://n1.example:65472")
            ),
            (
                {"CLUSTER_NAME": "a b"},
                "CLUSTER_NAME='a b': must be 1 to 64 letters, digits, dots, dashes and underscores",
            ),
            ({"NODE": "n" * 129}, f"NODE='{'n' * 129}': must be 1 to 128 printable characters"),
        ):
            self.assertEqual(self.problems(cluster | more), (line,))
        proxied = {"CLUSTER_ENDPOINT": "unix:/run/n.sock", "CLUSTER_ADDRESS": "https://n1.example"}
        self.assertEqual(len(load({}, cluster | proxied).warnings), 1)
        workers = {"WORKERS": "2", "CLUSTER_ENDPOINT": "tcp:9000:interface=127.0.0.1"}
        self.assertEqual(load({}, cluster | workers | {"CLUSTER_ADDRESS": "http://n1:9000"}).warnings, ())

    def test_places(self) -> None:
        """The other nodes need a place of their own, at each worker, and an address that leads there."""
        cluster = {"CLUSTER": "redis://localhost", "API_TOKEN": TOKEN}
        endpoint = "tcp:9000:interface=127.0.0.1"
        for more, reason in (
            ({"CLUSTER_ENDPOINT": "tcp:8081"}, "needs port 8081 for the other nodes, which HTTP_PORT has"),
            (
                {"CLUSTER_ENDPOINT": endpoint, "WS_ENDPOINT": "tcp:9000"},
                "needs port 9000 for the other nodes, which WS_ENDPOINT has",
            ),
            (
                {"CLUSTER_ENDPOINT": "tcp:8079", "WORKERS": "1", "WS_PORT": "8079"},
                "needs port 8079 for the other nodes, which WS_PORT has",
            ),
            (
                {"CLUSTER_ENDPOINT": "tcp:8077", "WORKERS": "3"},
                "needs port 8080 for the other nodes, which WS_PORT has",
            ),
            (
                {"CLUSTER_ENDPOINT": "unix:/run/n.sock"},
                "needs CLUSTER_ADDRESS: other machines reach no UNIX socket of this one",
            ),
        ):
            line = f"CLUSTER_ENDPOINT='{more['CLUSTER_ENDPOINT']}': {reason}"
            self.assertEqual(self.problems(cluster | more), (line,))
        for more in (
            {"CLUSTER_ENDPOINT": "tcp:8079", "WORKERS": "1"},
            {
                "CLUSTER_ENDPOINT": endpoint,
                "HTTP_ENDPOINT": "tcp:9000:interface=127.0.0.2",
                "LOCAL_ADDRESS": "http://a",
            },
            {"CLUSTER_ENDPOINT": "tcp:0", "HTTP_PORT": "0"},
        ):
            load({}, cluster | more)
        for address, words in (
            ("http://0.0.0.0:9000", "is an address to listen on"),
            ("https://n1:9000", "CLUSTER_ENDPOINT is without TLS"),
            ("http://n1:9000/there", "the path is left out"),
            ("http://n1:9000/", None),
        ):
            found = load({}, cluster | {"CLUSTER_ENDPOINT": endpoint, "CLUSTER_ADDRESS": address}).warnings
            self.assertEqual(len(found), 0 if words is None else 1, found)
            self.assertIn(words or "", "".join(found))
        issued = issue(authority("the nodes' authority"), ["n1"])
        files = f"certificate={self.file(issued.certificate)}:key={self.file(issued.key)}"
        tls = {"CLUSTER_ENDPOINT": f"wsaas-tls:9000:{files}", "CLUSTER_ADDRESS": "http://n1:9000"}
        self.assertIn("CLUSTER_ENDPOINT has TLS; use https", load({}, cluster | tls).warnings[-1])

    def test_no_cluster(self) -> None:
        """Settings of a cluster without CLUSTER are warned of, each by the name under which it was given."""
        settings = load({"CLUSTER_REPLICAS": "1"}, {"CLUSTER_NAME": "a b", "NODE": "n1"})
        why = "has no effect: CLUSTER is not set, so this gateway is no node of a cluster"
        self.assertEqual(settings.warnings, (f"CLUSTER_NAME {why}", f"--cluster-replicas {why}"))

    def test_doubts(self) -> None:
        """An engine without password or TLS, and an endpoint of the nodes without TLS, are warned of."""
        for engine, count in (("redis://e", 2), ("redis://:p@e", 1), ("rediss://e", 1), ("rediss://:p@e", 0)):
            environ = {"CLUSTER": engine, "API_TOKEN": TOKEN, "CLUSTER_ENDPOINT": "tcp:1:interface=127.0.0.1"}
            self.assertEqual(len(load({}, environ).warnings), count, engine)
        (warning,) = load({}, {"CLUSTER": "rediss://:p@e", "API_TOKEN": TOKEN}).warnings
        self.assertIn("CLUSTER_ENDPOINT=tcp:8082: without TLS", warning)


class TableTests(Case):
    def test_defaults(self) -> None:
        """With nothing given, every setting has the contract's default, and nothing is warned of."""
        settings = load({}, {})
        defaults = {**DEFAULTS, "STATE_DIR": os.path.abspath("wsaas-state")}
        self.assertEqual({name: getattr(settings, name.lower()) for name in TABLE}, defaults)
        self.assertEqual(settings.warnings, ())

    def test_every_setting_is_tested(self) -> None:
        """No setting is without its good and bad values here (those of files and pairs have tests of their own)."""
        files = {f"{whose}_{what}" for whose in ("TARGET", "CLUSTER") for what in ("CA", "CERT", "KEY")}
        pair = {"API_AWS_ACCESS_KEY_ID", "API_AWS_SECRET_ACCESS_KEY"}
        self.assertEqual(set(TABLE) - set(GOOD), files | pair)
        in_a_cluster = {"CLUSTER_NAME", "NODE"}  # CheckTests of a cluster
        self.assertEqual(set(TABLE) - set(BAD), {"TARGET_KEY", "CLUSTER_KEY"} | in_a_cluster)

    def test_good_from_the_environment(self) -> None:
        """Every setting takes its good values from the environment."""
        for name, values in GOOD.items():
            for text, value in values.items():
                self.assertEqual(getattr(load({}, {name: text}), name.lower()), value, (name, text))

    def test_good_from_options(self) -> None:
        """Every setting takes the same values as options."""
        for name, values in GOOD.items():
            for text, value in values.items():
                self.assertEqual(getattr(load({name: text}, {}), name.lower()), value, (name, text))

    def test_bad_from_the_environment(self) -> None:
        """Each bad value is one line: the name, the value, what would be right."""
        for name, values in BAD.items():
            for text, line in values.items():
                self.assertEqual(self.problems({name: text}), (f"{name}={line}",), (name, text))

    def test_bad_from_options(self) -> None:
        """A bad option is reported under the name of the option."""
        for name, values in BAD.items():
            for text, line in values.items():
                self.assertEqual(self.problems({}, {name: text}), (f"{option(name)}={line}",), (name, text))

    def test_one_line_each(self) -> None:
        """No problem has a line end or a control character, whatever the value."""
        for name in TABLE:
            cluster = {"CLUSTER": "redis://e", "API_TOKEN": TOKEN}
            for problem in self.problems(cluster | {name: "\x1b[31m\n\x00\x85\u2028:\\"}):
                self.assertTrue(problem.isprintable(), problem)

    def test_quotes(self) -> None:
        """Quotes that come with a value are told as what they are, whatever the setting; a secret is not repeated."""
        for name, row in TABLE.items():
            for value in ("'x'", '"x"', '"'):
                shown = "****" if row.secret else repr(value)
                self.assertEqual(self.problems({name: value}), (f"{name}={shown}: {QUOTES}",))
        self.assertEqual(
            self.problems({"API_TOKEN_FILE": self.file(f'"{TOKEN}"\n')}), (f"API_TOKEN_FILE=****: {QUOTES}",)
        )

    def test_variables(self) -> None:
        """A variable that nothing has replaced is no value, whatever the setting; in a path, nor is ~ of a shell."""
        why = "must be the value itself: nothing has replaced the variable that is named here"
        for name, row in TABLE.items():
            for value in ("$THE_TOKEN_OF_THE_API", "${the_token:-of the API}", "$(THE_TOKEN)", "{{ .Values.token }}"):
                shown = "****" if row.secret else repr(value)
                self.assertEqual(self.problems({name: value}), (f"{name}={shown}: {why}",))
        self.assertEqual(load({}, {"API_TOKEN": "$ecret-0123456789"}).api_token, ("$ecret-0123456789",))
        why = "must be the path itself: a shell would replace ~ and $NAME, but no shell has read this"
        for value in ("~", "~/state", "$HOME/state", "/var/${NAME}/state", "/var/$(NAME)"):
            self.assertEqual(self.problems({"STATE_DIR": value}), (f"STATE_DIR={value!r}: {why}",))
        self.assertEqual(load({}, {"STATE_DIR": "/~a/b$/$c"}).state_dir, "/~a/b$/$c")

    def test_small_numbers(self) -> None:
        """A number of three digits without a unit, where milliseconds and bytes are counted, causes a warning."""
        self.assertEqual(
            load({"DRAIN_TIMEOUT": "30"}, {"WS_TIMEOUT": "120", "MAX_MESSAGE_SIZE": "64"}).warnings,
            (
                "WS_TIMEOUT=120 is 120 milliseconds; if seconds are meant, write 120s",
                "MAX_MESSAGE_SIZE=64 is 64 bytes; if others are meant, write 64KiB",
                "--drain-timeout=30 is 30 milliseconds; if seconds are meant, write 30s",
            ),
        )
        fine = {"WS_TIMEOUT": "0", "DRAIN_TIMEOUT": "1000", "WEBHOOK_TIMEOUT": "500ms", "CONNECT_RATE": "5"}
        self.assertEqual(load({}, fine).warnings, ())

    def test_what_is_shown_can_be_given(self) -> None:
        """The value that `wsaas check` shows of a setting can be given for it, and means the same."""
        mine = {
            "WS_TIMEOUT": "90500", "MAX_MESSAGE_SIZE": "1000", "SEND_BUFFER": "1MB", "RECEIVE_BUFFER": "2048",
            "FORWARD_HEADERS": "X-A, X-B", "AUTH_QUERY": "t", "COMPRESSION": "1", "TRUSTED_PROXIES": "10.1.0.0/16",
        }  # fmt: skip
        for environ in ({}, mine):
            settings = load({}, environ)
            shown = {
                name: text
                for name, text in settings.describe()
                if not TABLE[name].secret and name not in ("TARGET_CA", "CLUSTER_CA", "WS_ENDPOINT", "HTTP_ENDPOINT")
            }
            again = load({}, shown)
            self.assertEqual(
                [getattr(again, name.lower()) for name in shown], [getattr(settings, name.lower()) for name in shown]
            )

    def test_changed(self) -> None:
        """A setting is changed if its value, in whatever words, is not the default's."""
        self.assertEqual(load({}, {}).changed, frozenset())
        same = {"WS_PORT": "8080", "WS_TIMEOUT": "30s", "COMPRESSION": "no", "LOG_STYLE": "info", "AUTH_QUERY": "off"}
        self.assertEqual(
            load({"HTTP_PORT": "8081"}, same | {"LOCAL_ADDRESS": "http://localhost:8081/"}).changed, frozenset()
        )
        settings = load({"HTTP_PORT": "9000"}, {"API_TOKEN": TOKEN, "WS_TIMEOUT": "31s", "API_URI": "http://b"})
        self.assertEqual(settings.changed, {"HTTP_PORT", "API_TOKEN", "WS_TIMEOUT", "TARGET_ADDRESS"})


class SourceTests(Case):
    def test_precedence(self) -> None:
        """An option beats the environment, and the environment beats the default."""
        self.assertEqual(load({"WS_PORT": "1"}, {"WS_PORT": "2"}).ws_port, 1)
        self.assertEqual(load({}, {"WS_PORT": "2"}).ws_port, 2)

    def test_a_beaten_mistake_is_none(self) -> None:
        """The environment does not matter if an option gives another value."""
        self.assertEqual(load({"WS_PORT": "1"}, {"WS_PORT": "x"}).ws_port, 1)

    def test_empty_in_the_environment(self) -> None:
        """Empty and blank variables count as not given."""
        blank = dict.fromkeys(TABLE, "") | {"API_TOKEN_FILE": "", "API_URI": " ", "WS_PORT": " \n"}
        self.assertEqual(load({}, blank), load({}, {}))

    def test_an_empty_option(self) -> None:
        """An empty option takes back what the environment gives."""
        self.assertEqual(load({"WS_PORT": "", "API_TOKEN": [""]}, {"WS_PORT": "1", "API_TOKEN": TOKEN}), load({}, {}))

    def test_lists(self) -> None:
        """An option that is repeated makes a list."""
        settings = load({"WS_ENDPOINT": ["tcp:1", "tcp:2 tcp:3"], "FORWARD_HEADERS": ["X-A", "X-B"]}, {})
        self.assertEqual(settings.ws_endpoint, ("tcp:1", "tcp:2", "tcp:3"))
        self.assertEqual(settings.forward_headers, ("x-a", "x-b"))

    def test_alias(self) -> None:
        """API_URI is TARGET_ADDRESS; its mistakes go by its own name."""
        self.assertEqual(load({}, {"API_URI": "http://b"}).target_address, "http://b")
        self.assertEqual(load({"API_URI": "http://b"}, {"TARGET_ADDRESS": "http://c"}).target_address, "http://b")
        self.assertEqual(load({}, {"API_URI": "http://b", "TARGET_ADDRESS": "http://b"}).target_address, "http://b")
        self.assertEqual(self.problems({"API_URI": "b"}), (f"API_URI='b': {SCHEME}",))

    def test_alias_that_says_something_else(self) -> None:
        """TARGET_ADDRESS and API_URI may not disagree."""
        self.assertEqual(
            self.problems({"API_URI": "http://b", "TARGET_ADDRESS": "http://c"}),
            ("API_URI and TARGET_ADDRESS are both set: only one of them may be",),
        )

    def test_all_at_once(self) -> None:
        """All mistakes are reported together, those between settings too."""
        self.assertEqual(
            self.problems(
                {"HTTP_PORT": "x", "API_TOKEN": "short", "MAX_MESSAGE_SIZE": "2000000", "API_URI": "b"},
                {"WS_PORT": "y", "SEND_BUFFER": "2000000"},
            ),
            (
                f"API_URI='b': {SCHEME}",
                f"--ws-port='y': {PORT}",
                f"HTTP_PORT='x': {PORT}",
                f"API_TOKEN=****: {BEARER}",
                "RECEIVE_BUFFER='1048576' (default): must be at least MAX_MESSAGE_SIZE, 2MB",
            ),
        )

    def test_workers(self) -> None:
        """Several workers need a port that each of them can open, and limits that can be divided."""
        self.assertEqual(
            self.problems({"WORKERS": "2", "WS_PORT": "0", "HTTP_ENDPOINT": "unix:a haproxy:tcp:0"}),
            (
                "WS_PORT='0': must not be 0: each worker would get a port of its own",
                "HTTP_ENDPOINT='unix:a haproxy:tcp:0': must name a port other than 0: each worker would get "
                "a port of its own",
            ),
        )
        self.assertEqual(load({}, {"WORKERS": "1", "WS_PORT": "0"}).ws_port, 0)
        self.assertEqual(
            load({}, {"WORKERS": "4", "WEBHOOK_CONCURRENCY": "3", "CONNECT_RATE": "0"}).warnings,
            ("WEBHOOK_CONCURRENCY=3: each of 4 workers gets at least 1, so that the total is 4",),
        )

    def test_a_default_that_is_wrong(self) -> None:
        """A default can be wrong on this machine: a file where the journal's directory would be."""
        path = self.mktemp()
        os.mkdir(path)
        Path(path, "wsaas-state").touch()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(path)
        self.assertEqual(
            self.problems({}), ("STATE_DIR='./wsaas-state' (default): must be the path of a directory, or none",)
        )


class FileTests(Case):
    def test_secret_from_a_file(self) -> None:
        """X_FILE is a file that holds the secret, line end and all."""
        token, secret = self.file(f"{TOKEN}\n"), self.file(SECRET + "\r\n")
        settings = load({}, {"API_TOKEN_FILE": token, "WEBHOOK_SECRET_FILE": secret})
        self.assertEqual((settings.api_token, settings.webhook_secret), ((TOKEN,), (KEY,)))
        self.assertEqual(settings.warnings, ())
        self.assertEqual(load({"API_TOKEN_FILE": token}, {"API_TOKEN": "beaten"}).api_token, (TOKEN,))

    def test_both(self) -> None:
        """X and X_FILE together are a mistake, even where they agree."""
        both = {"API_TOKEN": TOKEN, "API_TOKEN_FILE": TOKEN}
        self.assertEqual(self.problems(both), ("API_TOKEN_FILE and API_TOKEN are both set: only one of them may be",))
        self.assertEqual(
            self.problems({}, {**both}), ("--api-token-file and --api-token are both set: only one of them may be",)
        )

    def test_bad_files(self) -> None:
        """A file that cannot be read, is empty or no text, is a mistake that names the file."""
        hold = "that holds the value"
        empty, binary = self.file(" \n"), self.file(b"\xff" * 20)
        for path, why in {
            "/nowhere": f"must be a readable file {hold}: No such file or directory",
            "/": f"must be a readable file {hold}: Is a directory",
            "a\0b": f"must be the path of a file {hold}",
            empty: f"must be a file {hold}: it is empty",
            binary: f"must be a text file {hold}: it is not UTF-8",
        }.items():
            self.assertEqual(self.problems({"API_TOKEN_FILE": path}), (f"API_TOKEN_FILE={path!r}: {why}",))

    def test_bad_content(self) -> None:
        """A mistake in a secret's file is told without the content."""
        self.assertEqual(self.problems({"API_TOKEN_FILE": self.file("short")}), (f"API_TOKEN_FILE=****: {BEARER}",))

    def test_readable_by_all(self) -> None:
        """A secret's file that every user may read is warned of."""
        path = self.file(TOKEN, 0o644)
        self.assertEqual(
            load({}, {"API_TOKEN_FILE": path}).warnings,
            (f"API_TOKEN_FILE={path}: every user of this machine can read it (mode 0644)",),
        )
        self.assertEqual(load({}, {"API_TOKEN_FILE": self.file(TOKEN, 0o640)}).warnings, ())

    def test_pem(self) -> None:
        """TARGET_CA, TARGET_CERT and TARGET_KEY are files, absolute paths; the certificate's may hold the key too."""
        https = {"TARGET_ADDRESS": "https://b"}
        ca, cert, key, both = map(self.file, (CERTIFICATE, CERTIFICATE, PRIVATE_KEY, CERTIFICATE + PRIVATE_KEY))
        settings = load({}, {**https, "TARGET_CA": ca, "TARGET_CERT": cert, "TARGET_KEY": key})
        found = (settings.target_ca, settings.target_cert, settings.target_key)
        self.assertEqual(found, tuple(map(os.path.abspath, (ca, cert, key))))
        settings = load({}, {**https, "TARGET_CERT": both})
        self.assertEqual((settings.target_cert, settings.target_key), (os.path.abspath(both),) * 2)

    def test_wrong_pem(self) -> None:
        """Each PEM file must hold what it is for, unencrypted, and a certificate and its key come together."""
        cert, key = self.file(CERTIFICATE), self.file(PRIVATE_KEY)
        encrypted = self.file(PRIVATE_KEY.replace("EC PRIVATE", "ENCRYPTED PRIVATE"))
        for environ, line in [
            ({"TARGET_CA": key}, f"TARGET_CA={key!r}: must be a PEM file that holds certificates"),
            (
                {"TARGET_CERT": key, "TARGET_KEY": key},
                f"TARGET_CERT={key!r}: must be a PEM file that holds a certificate",
            ),
            (
                {"TARGET_CERT": cert, "TARGET_KEY": cert},
                f"TARGET_KEY={cert!r}: must be a PEM file that holds a private key",
            ),
            (
                {"TARGET_CERT": cert, "TARGET_KEY": encrypted},
                f"TARGET_KEY={encrypted!r}: the key in {encrypted} is encrypted; "
                f"it must have no passphrase, as from: openssl pkey -in {encrypted}",
            ),
            (
                {"TARGET_CERT": cert},
                f"TARGET_CERT={cert!r}: must hold the private key too, unless TARGET_KEY names its file",
            ),
            ({"TARGET_KEY": key}, f"TARGET_KEY={key!r}: needs TARGET_CERT, the certificate of the key"),
        ]:
            self.assertEqual(self.problems(environ), (line,))


class Curious:
    """A parser of endpoint strings that wants something of the reactor."""

    prefix = "curious"

    def parseStreamServer(self, reactor: Any, *args: str, **kwargs: str) -> object:
        return reactor.getThreadPool()


class TogetherTests(Case):
    def test_endpoint_that_needs_the_reactor(self) -> None:
        """A flaw that shows only with a reactor is left to the start."""
        for module in (twisted.internet.endpoints, twisted.plugin):
            self.patch(module, "getPlugins", lambda interface: [Curious()])
        self.assertEqual(load({}, {"WS_ENDPOINT": "curious:1"}).ws_endpoint, ("curious:1",))
        self.assertEqual(len(self.problems({"WS_ENDPOINT": "dull:1"})), 1)

    def test_aws_pair(self) -> None:
        """A key id and its secret are set together, each by itself or by a file; half a pair is a mistake."""
        id, secret = "API_AWS_ACCESS_KEY_ID", "API_AWS_SECRET_ACCESS_KEY"
        for key, value in (("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY="), ("me_1", "x" * 16)):
            for environ in (
                {id: key, secret: value},
                {f"{id}_FILE": self.file(key), f"{secret}_FILE": self.file(value)},
            ):
                settings = load({}, environ)
                self.assertEqual((settings.api_aws_access_key_id, settings.api_aws_secret_access_key), (key, value))
                self.assertNotIn(value, repr(settings) + str(settings.describe()))
        self.assertEqual(self.problems({id: "AKIA1"}), (f"{id}=****: needs {secret}: the two are a pair",))
        self.assertEqual(self.problems({secret: "x" * 16}), (f"{secret}=****: needs {id}: the two are a pair",))

    def test_local_address_follows_the_port(self) -> None:
        """LOCAL_ADDRESS is by default the API's port on localhost; a bad port is reported once."""
        self.assertEqual(load({}, {"HTTP_PORT": "9000"}).local_address, "http://localhost:9000")
        self.assertEqual(load({}, {"HTTP_PORT": "0"}).local_address, "http://localhost:0")
        self.assertEqual(self.problems({"HTTP_PORT": "x"}), (f"HTTP_PORT='x': {PORT}",))

    def test_endpoints(self) -> None:
        """Clients on WS_PORT; the API on loopback, unless a token or HTTP_ENDPOINT says otherwise; over IPv6 too."""
        settings = load({}, {})
        self.assertEqual(settings.client_endpoints, ("tcp6:8080:backlog=1024",))
        self.assertEqual(settings.api_endpoints, ("tcp:8081:interface=127.0.0.1", "tcp6:8081:interface=\\:\\:1"))
        self.assertEqual(load({}, {"API_TOKEN": TOKEN}).api_endpoints, ("tcp6:8081",))
        settings = load({}, {"WS_ENDPOINT": "unix:a", "HTTP_ENDPOINT": "tcp:2", "API_TOKEN": TOKEN})
        self.assertEqual((settings.client_endpoints, settings.api_endpoints), (("unix:a",), ("tcp:2",)))

    def test_backlog(self) -> None:
        """A burst of clients finds room to wait at any TCP endpoint that does not say how much."""
        for given, used in [
            ("tcp:1", "tcp:1:backlog=1024"),
            (r"tcp6:1:interface=\:\:1", r"tcp6:1:interface=\:\:1:backlog=1024"),
            ("haproxy:tcp:1", "haproxy:tcp:1:backlog=1024"),
            ("tcp:1:backlog=7:interface=127.0.0.1", "tcp:1:backlog=7:interface=127.0.0.1"),
            ("systemd:domain=INET:name=x", "systemd:domain=INET:name=x"),
        ]:
            self.assertEqual(load({}, {"WS_ENDPOINT": given}).client_endpoints, (used,))

    def test_port_of_a_service(self) -> None:
        """The address of a Kubernetes service that is called ws or http is not taken for our port, and is told."""
        for name in ("WS_PORT", "HTTP_PORT"):
            self.assertEqual(
                self.problems({name: "tcp://10.0.0.1:8080"}),
                (
                    f"{name}='tcp://10.0.0.1:8080': must be a port; Kubernetes sets this variable for a service "
                    "of that name: give the pod enableServiceLinks: false",
                ),
            )

    def test_own_port_as_target(self) -> None:
        """Webhooks cannot go to the gateway's own ports: by any name of this machine, wherever they are set."""
        line = "must be where the backend listens; this is the gateway's own port for "
        for environ, complaint in [
            ({"TARGET_ADDRESS": "http://localhost:8080"}, "clients, WS_PORT=8080"),
            ({"TARGET_ADDRESS": "http://127.0.0.1:8081/x"}, "the API, HTTP_PORT=8081"),
            ({"TARGET_ADDRESS": "http://[::1]:8080"}, "clients, WS_PORT=8080"),
            ({"TARGET_ADDRESS": "http://0.0.0.0:9", "WS_PORT": "9"}, "clients, WS_PORT=9"),
            ({"TARGET_ADDRESS": "http://localhost.:8081"}, "the API, HTTP_PORT=8081"),
            ({"TARGET_ADDRESS": "http://my.localhost:8080"}, "clients, WS_PORT=8080"),
            ({"TARGET_ADDRESS": "http://[::ffff:127.0.0.1]:8080"}, "clients, WS_PORT=8080"),
            (
                {"TARGET_ADDRESS": "http://localhost", "WS_ENDPOINT": "tcp:81 haproxy:tcp:port=80"},
                "clients, WS_ENDPOINT",
            ),
            ({"TARGET_ADDRESS": "https://localhost", "HTTP_ENDPOINT": "tcp6:443"}, "the API, HTTP_ENDPOINT"),
            (
                {"TARGET_ADDRESS": "http://localhost:80", "WS_ENDPOINT": "tcp:80:interface=127.0.0.1"},
                "clients, WS_ENDPOINT",
            ),
        ]:
            target = environ["TARGET_ADDRESS"]
            self.assertEqual(self.problems(environ), (f"TARGET_ADDRESS={target!r}: {line}{complaint}",))
        self.assertEqual(
            self.problems({"WS_PORT": "3000"}),
            (f"TARGET_ADDRESS='http://localhost:3000/websocket' (default): {line}clients, WS_PORT=3000",),
        )

    def test_another_place_as_target(self) -> None:
        """The same port is no mistake at another machine, or at an interface where the gateway does not listen."""
        for environ in [
            {"TARGET_ADDRESS": "http://backend:8080"},
            {"TARGET_ADDRESS": "http://localhost:8080", "WS_ENDPOINT": "tcp:8080:interface=10.0.0.1"},
            {"TARGET_ADDRESS": "http://localhost:8080", "WS_ENDPOINT": "unix:/run/8080 systemd:domain=INET:name=x"},
            {"TARGET_ADDRESS": "http://localhost:8080", "WS_PORT": "0"},
        ]:
            self.assertEqual(load({}, environ).warnings, ())

    def test_a_local_address_that_no_backend_reaches(self) -> None:
        """LOCAL_ADDRESS is where backends push to: clients' port, port 0 and 0.0.0.0 are warned of."""
        everywhere = "is an address to listen on; name a host to connect to"
        for environ, warning in [
            (
                {"LOCAL_ADDRESS": "http://localhost:8080"},
                "that port is for clients (WS_PORT=8080); pushes must go to the API's (HTTP_PORT=8081)",
            ),
            (
                {"LOCAL_ADDRESS": "http://gateway:8080"},
                "that port is for clients (WS_PORT=8080); pushes must go to the API's (HTTP_PORT=8081)",
            ),
            (
                {"LOCAL_ADDRESS": "http://localhost:1", "WS_ENDPOINT": "tcp:1", "HTTP_ENDPOINT": "unix:/api"},
                "that port is for clients (WS_ENDPOINT); pushes must go to the API's (HTTP_ENDPOINT)",
            ),
            (
                {"LOCAL_ADDRESS": "http://gateway:0"},
                "no backend can push to port 0; give HTTP_PORT or LOCAL_ADDRESS a port",
            ),
            ({"LOCAL_ADDRESS": "http://0.0.0.0:8081"}, f"0.0.0.0 {everywhere}"),
            ({"LOCAL_ADDRESS": "http://[::]:8081"}, f":: {everywhere}"),
        ]:
            self.assertEqual(load({}, environ).warnings, (f"LOCAL_ADDRESS={environ['LOCAL_ADDRESS']}: {warning}",))
        self.assertEqual(
            load({}, {"API_URI": "http://0.0.0.0:3000"}).warnings,
            (f"API_URI=http://0.0.0.0:3000: 0.0.0.0 {everywhere}",),
        )
        for fine in ("https://gateway.example", "http://gateway:8081", "http://localhost:9000"):
            self.assertEqual(
                [line for line in load({}, {"LOCAL_ADDRESS": fine}).warnings if "without TLS" not in line], []
            )

    def test_any_port(self) -> None:
        """With HTTP_PORT=0 the port of LOCAL_ADDRESS is the one that the system chooses, if it is 0 as well."""
        for environ in ({"HTTP_PORT": "0"}, {"HTTP_PORT": "0", "LOCAL_ADDRESS": "http://gateway:0"}):
            self.assertEqual(load({}, environ).warnings, ())
        (warning,) = load({}, {"HTTP_PORT": "0", "HTTP_ENDPOINT": "unix:/a", "LOCAL_ADDRESS": "http://l:0"}).warnings
        self.assertIn("no backend can push to port 0", warning)

    def test_one_port_for_both(self) -> None:
        """Clients and API cannot share a port, except the one that stands for any."""
        self.assertEqual(
            self.problems({"WS_PORT": "8081"}), ("HTTP_PORT='8081' (default): must not be WS_PORT as well",)
        )
        load({}, {"WS_PORT": "0", "HTTP_PORT": "0"})
        load({}, {"WS_PORT": "8081", "WS_ENDPOINT": "tcp:1"})

    def test_cookies(self) -> None:
        """Cookies are forwarded only where origins are listed; * lists none."""
        cookie = {"FORWARD_HEADERS": "X-A Cookie"}
        self.assertEqual(len(self.problems({**cookie, "ALLOWED_ORIGINS": "*"})), 1)
        settings = load({}, {**cookie, "ALLOWED_ORIGINS": "https://a"})
        self.assertEqual(settings.forward_headers, ("x-a", "cookie"))

    def test_warnings(self) -> None:
        """Settings that work but are perhaps not intended cause one warning each."""
        ca = self.file(CERTIFICATE)
        for options, environ, warning in [
            ({}, {"LOG_STYLE": "info"}, "LOG_STYLE=info is read as auto; LOG_LEVEL sets the level"),
            (
                {"API_TOKEN": [TOKEN]},
                {},
                "--api-token: every user of this machine sees it in the process list; use API_TOKEN_FILE",
            ),
            (
                {},
                {"HTTP_ENDPOINT": "unix:/run/x"},
                "LOCAL_ADDRESS is not set: backends push to http://localhost:8081, where HTTP_ENDPOINT may not listen",
            ),
            (
                {},
                {"LOCAL_ADDRESS": "https://g"},
                "LOCAL_ADDRESS=https://g: the API listens without TLS; set HTTP_ENDPOINT unless a proxy adds TLS",
            ),
            (
                {},
                {"HTTP_ENDPOINT": "tcp:1:interface=127.0.0.1 tcp:2", "LOCAL_ADDRESS": "http://g"},
                "HTTP_ENDPOINT=tcp:2: API_TOKEN is not set: any program that reaches it can push to every client",
            ),
            ({}, {"TARGET_CA": ca}, "TARGET_CA has no effect: TARGET_ADDRESS is not https"),
        ]:
            self.assertEqual(load(options, environ).warnings, (warning,))

    def test_no_warning(self) -> None:
        """Endpoints that only this machine reaches, or that a token guards, are no cause for warnings."""
        for environ in [
            {"HTTP_ENDPOINT": "unix:/x haproxy:unix:/x tcp:1:interface=127.0.0.1 tcp6:1:interface=\\:\\:1"},
            {"HTTP_ENDPOINT": "tcp:1:backlog=9:interface=localhost systemd:domain=UNIX:name=api"},
            {"HTTP_ENDPOINT": "tcp:1", "API_TOKEN": TOKEN},
        ]:
            self.assertEqual(load({}, {**environ, "LOCAL_ADDRESS": "https://g"}).warnings, ())


class DescribeTests(Case):
    def test_secrets(self) -> None:
        """Neither the description nor the repr, nor a warning or problem, says a secret."""
        secrets = {"API_TOKEN": TOKEN, "WEBHOOK_SECRET": SECRET}
        settings = load({}, secrets)
        described = dict(settings.describe())
        self.assertEqual({described[name] for name in secrets}, {"**** (set)"})
        told = "".join((str(described), repr(settings), *load({**secrets}, {}).warnings))
        told += "".join(self.problems({**secrets, "WS_PORT": "x", "API_TOKEN": TOKEN[:9]}))
        for secret in (TOKEN, TOKEN[:9], SECRET, repr(KEY)[2:-1]):
            self.assertNotIn(secret, told)

    def test_values(self) -> None:
        """Every setting is described once, in the table's order, as one would write it."""
        described = load({}, {"STATE_DIR": "none", "ALLOWED_ORIGINS": "https://A, null", "WS_TIMEOUT": "0"}).describe()
        self.assertEqual([name for name, _ in described], list(TABLE))
        self.assertEqual(
            dict(described),
            {
                "TARGET_ADDRESS": "http://localhost:3000/websocket",
                "LOCAL_ADDRESS": "http://localhost:8081",
                "WS_PORT": "8080",
                "HTTP_PORT": "8081",
                "WS_TIMEOUT": "0",
                "LOG_LEVEL": "info",
                "LOG_STYLE": "auto",
                "LOG_CONNECTIONS": "off",
                "LOG_API": "off",
                "WS_ENDPOINT": "tcp6:8080:backlog=1024",
                "HTTP_ENDPOINT": "tcp:8081:interface=127.0.0.1 tcp6:8081:interface=\\:\\:1",
                "API_TOKEN": "unset",
                "API_AWS_ACCESS_KEY_ID": "unset",
                "API_AWS_SECRET_ACCESS_KEY": "unset",
                "WEBHOOK_SECRET": "unset",
                "WEBHOOK_TIMEOUT": "10s",
                "WEBHOOK_CONCURRENCY": "64",
                "MAX_STREAMS": "256",
                "WEBHOOK_BATCH": "1",
                "MESSAGE_PATIENCE": "30s",
                "DISCONNECT_PATIENCE": "24h",
                "MESSAGE_CONTENT_TYPE": "application/json",
                "TARGET_CA": "the system's",
                "TARGET_CERT": "none",
                "TARGET_KEY": "none",
                "FORWARD_HEADERS": "none",
                "ALLOWED_ORIGINS": "https://a null",
                "AUTH_QUERY": "off",
                "AUTH_SUBPROTOCOL": "off",
                "MAX_MESSAGE_SIZE": "1MiB",
                "RECEIVE_BUFFER": "1MiB",
                "SEND_BUFFER": "1MiB",
                "MAX_CONNECTIONS": "0",
                "MAX_CONNECTIONS_PER_ADDRESS": "0",
                "TRUSTED_PROXIES": "none",
                "HANDSHAKE_TIMEOUT": "10s",
                "CONNECT_RATE": "50",
                "MESSAGE_RATE": "1000",
                "COMPRESSION": "off",
                "STATE_DIR": "none",
                "JOURNAL_AUTHORIZATION": "on",
                "CONSOLE": "on",
                "WORKERS": "1",
                "CLUSTER": "unset",
                "CLUSTER_NAME": "wsaas",
                "CLUSTER_ENDPOINT": "tcp:8082",
                "CLUSTER_ADDRESS": "this machine's address, as the engine sees it",
                "CLUSTER_CA": "the system's",
                "CLUSTER_CERT": "none",
                "CLUSTER_KEY": "none",
                "CLUSTER_REPLICAS": "1 with sentinels, else 0",
                "NODE": "the host name",
                "DRAIN_TIMEOUT": "30s",
            },
        )
        self.assertEqual(dict(load({}, {"ALLOWED_ORIGINS": "*"}).describe())["ALLOWED_ORIGINS"], "any")

    def test_frozen(self) -> None:
        """Settings do not change while the gateway runs."""
        with self.assertRaises(AttributeError):
            load({}, {}).ws_port = 1  # type: ignore[misc]
        self.assertIsInstance(load({}, {}), Settings)
