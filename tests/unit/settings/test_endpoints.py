"""wsaas.settings.endpoints: lists of endpoint strings, and what is wrong with one, in plain words."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.net.tls_endpoint import endpoint_from
from wsaas.settings.endpoints import _ARGUMENTS, endpoints, listens_at, with_port_added

PORT = "its port must be a whole number from 0 to 65535"
TYPES = "the types are haproxy, ssl, systemd, tcp, tcp6, tls, unix, wsaas-tls"
COLON = "a colon inside an argument needs a backslash, as in interface=\\:\\:1"
TLS = "port, certificate, key, clientCA, clientCertificate, minimumVersion, interface, backlog, proxy, endpoint"


def unknown(kind: str) -> str:
    return f"there is no endpoint type {kind!r}; {TYPES}"


BAD = {
    "8080": "a port alone is not an endpoint: write tcp:8080",
    "localhost:8080": unknown("localhost"),
    ":8080": unknown(""),
    "http://0.0.0.0:80": unknown("http"),
    "udp:80": unknown("udp"),
    "stdio:": unknown("stdio"),
    "autobahn:tcp\\:80": unknown("autobahn"),
    "x=1:y": unknown("x=1"),
    "=": unknown("="),
    "tcp": "it lacks its port",
    "tcp:": PORT,
    "tcp:x": PORT,
    "tcp:0x50": PORT,
    "tcp:-1": PORT,
    "tcp:65536": PORT,
    "tcp:port=65536": PORT,
    "tcp:99999999999": PORT,
    "tcp:80:backlog=x": "its backlog must be a whole number",
    "tcp:80:foo=1": "there is no argument 'foo': tcp takes port, interface, backlog",
    "tcp:80:port=81": "its port is given twice",
    "tcp:80:1.2.3.4:5:6": f"it has too many arguments: tcp takes port, interface, backlog; {COLON}",
    "tcp6:80:interface=::1": "its backlog must be a whole number",
    "tcp6:::1:80": PORT,
    "tcp6:80:5:::1": f"it has too many arguments: tcp6 takes port, backlog, interface; {COLON}",
    "unix": "it lacks its address",
    "unix:": "it lacks its address",
    "unix:/x:mode=abc": "its mode must be an octal number such as 660",
    "unix:/x:mode=999": "its mode must be an octal number such as 660",
    "systemd:name=x": "it lacks its domain",
    "systemd:domain=INET": "it must have a name, the socket unit's FileDescriptorName, or an index",
    "systemd:domain=INET:name=x:index=1": "it must have a name, the socket unit's FileDescriptorName, or an index",
    "systemd:domain=IPV6:name=x": "its domain must be INET, INET6 or UNIX",
    "systemd:domain=INET:index=x": "its index must be a whole number",
    "haproxy:": unknown(""),
    "haproxy": "an endpoint must follow haproxy:",
    "haproxy:8080": "a port alone is not an endpoint: write haproxy:tcp:8080",
    "haproxy:tcp:x": PORT,
    "ssl:x": PORT,
    "ssl:1:privateKey=/nowhere.pem": "cannot read /nowhere.pem: No such file or directory",
    "ssl:1:sslmethod=x:privateKey=/dev/null": "its certificate or key cannot be used",
    "ssl:1:privateKey=/dev/null": "its certificate or key cannot be used",
    "wsaas-tls:443": "certificate= must name a PEM file: the certificate, then its issuers",
    "wsaas-tls:443:certificate=/nowhere.pem": "cannot read /nowhere.pem: No such file or directory",
    "wsaas-tls:443:foo=1": f"there is no argument 'foo': wsaas-tls takes {TLS}",
    "wsaas-tls:443:x.pem": f"it has too many arguments: wsaas-tls takes {TLS}; {COLON}",
    "wsaas-tls:certificate=x:endpoint=tcp\\:x": f"endpoint=tcp:x: {PORT}",
    "wsaas-tls:certificate=x:endpoint=foo\\:1": f"endpoint=foo:1: {unknown('foo')}",
}
PYTHON = re.compile(
    r"invalid literal|positional|keyword|argument:|object|attribute|\bint\(|Error|\(\)|\[\(|None|module"
)


class FlawTests(SynchronousTestCase):
    def flaw(self, text: str) -> str:
        with self.assertRaises(ValueError) as caught:
            endpoints(text)
        return str(caught.exception)

    def test_one(self) -> None:
        """A mistake in an endpoint is told in plain words, without the endpoint, with which the line begins."""
        for text, flaw in BAD.items():
            self.assertEqual(self.flaw(text), flaw, text)

    def test_of_several(self) -> None:
        """Of several, the one that is wrong is named."""
        self.assertEqual(self.flaw("tcp:80, tcp6:x"), f"'tcp6:x': {PORT}")

    def test_none(self) -> None:
        """A list without an endpoint is refused."""
        for text in ("\\", ",", " , "):
            self.assertEqual(self.flaw(text), "must be endpoint strings such as tcp:8080")

    def test_no_python(self) -> None:
        """No mistake in a known type's arguments is told in Python's words, in whatever place it is."""
        odd = ("", "x", "-1", "1.5", "=", "a=b", "\\", "/", "[", "{0}", "%s", "99999999999999999999", "\u0663")
        for kind, names in _ARGUMENTS.items():
            for name in names:
                for value in odd:
                    for text in (f"{kind}:{name}={value}", f"{kind}:1:{name}={value}", f"{kind}:1:{value}:{name}=1"):
                        try:
                            endpoints(text)
                        except ValueError as error:
                            self.assertNotRegex(str(error), PYTHON, text)


class GoodTests(SynchronousTestCase):
    def test_lists(self) -> None:
        """Endpoints stand apart by white space or commas; a backslash before either keeps it in its place."""
        self.assertEqual(endpoints("tcp:1  tcp:2,tcp:3,\n tcp:4"), ("tcp:1", "tcp:2", "tcp:3", "tcp:4"))
        self.assertEqual(endpoints("unix:/a\\,b\\ c"), ("unix:/a\\,b\\ c",))
        self.assertEqual(serverFromString(MemoryReactorClock(), "unix:/a\\,b\\ c")._address, "/a,b c")

    def test_good(self) -> None:
        """Endpoint strings that Twisted takes are valid, arguments by order or by name."""
        pem = Path(self.mktemp())
        pem.touch()
        for text in (
            *("tcp:0", "tcp:80:127.0.0.1:5", "tcp:port=80:interface=localhost", "tcp:80:", "tcp:00080"),
            *("tcp6:80", "tcp6:80:50:\\:\\:1", "tcp6:interface=\\:\\:1:port=80"),
            *("unix:/run/x", "unix:address=/run/x:mode=660:lockfile=0", "haproxy:tcp:80", "haproxy:unix:/x"),
            *("systemd:domain=INET:name=x", "systemd:INET6:0", "tls:/etc/certificates:443"),
        ):
            self.assertEqual(endpoints(text), (text,))

    def test_arguments_of_ours(self) -> None:
        """The arguments of wsaas-tls are those that it takes."""
        self.assertEqual(_ARGUMENTS["wsaas-tls"], self.ordered(list(inspect.signature(endpoint_from).parameters)[1:]))

    def ordered(self, names: list[Any]) -> tuple[str, ...]:
        """The names in the order of the table, where only the first may stand without its name."""
        self.assertEqual(names[0], _ARGUMENTS["wsaas-tls"][0])
        return tuple(sorted(names, key=_ARGUMENTS["wsaas-tls"].index))

    def test_where_it_listens(self) -> None:
        """Interface and port of an endpoint are known where it has a port of TCP."""
        for text, place in {
            "tcp:80": ("", 80),
            "haproxy:tcp6:80:interface=\\:\\:1": ("::1", 80),
            "tcp:80:127.0.0.1": ("127.0.0.1", 80),
            "wsaas-tls:443:certificate=x": ("", 443),
            "wsaas-tls:certificate=x:endpoint=unix\\:/x": None,
            "unix:/80": None,
            "systemd:INET:0": None,
        }.items():
            self.assertEqual(listens_at(text), place, text)


class PortAddedTests(SynchronousTestCase):
    def test_port(self) -> None:
        """The port is greater by as much, wherever it stands; all else stays as it was, a port of 0 too."""
        for endpoint, expected in (
            ("tcp:8082", "tcp:8085"),
            ("tcp:port=8082:interface=10.0.0.1", "tcp:port=8085:interface=10.0.0.1"),
            (r"tcp6:interface=\:\:1:port=80", r"tcp6:interface=\:\:1:port=83"),
            (r"wsaas-tls:443:certificate=a\:443.pem", r"wsaas-tls:446:certificate=a\:443.pem"),
            ("haproxy:tcp:80", "haproxy:tcp:83"),
            ("tls:/certs:443", "tls:/certs:446"),
            ("tcp:0:interface=127.0.0.1", "tcp:0:interface=127.0.0.1"),
        ):
            self.assertEqual(with_port_added(endpoint, 3), expected)
