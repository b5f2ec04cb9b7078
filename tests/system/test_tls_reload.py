"""SIGHUP under live wss connections, and certificates asked for on both sides of the gateway, in real processes."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from tests.certificates import Authority, Issued, authority, intermediate, issue
from tests.system.api import Api
from tests.system.backend import Backend
from tests.system.case import SystemTestCase, eventually
from tests.system.gateway import Gateway, NeverReady

CONNECTIONS = int(os.environ.get("WSAAS_TEST_CONNECTIONS", "100"))
"""How many are alive during the reload."""


class TlsTestCase(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = authority()
        self.files = self.directory()
        self.files.mkdir(parents=True)

    def file(self, name: str, data: bytes) -> Path:
        """A file, whole at any moment, as certbot and Kubernetes replace theirs."""
        (self.files / "new").write_bytes(data)
        return (self.files / "new").rename(self.files / name)

    def issued(self, name: str = "localhost") -> Issued:
        return issue(intermediate(self.root), ["localhost", name])

    def context(self, client: Issued | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.root.certificate.decode())
        if client is not None:
            context.load_cert_chain(self.file("client.pem", client.together))
        return context

    def tls_gateway(self, backend: Backend, more: str = "", **settings: str) -> Gateway:
        """A gateway whose clients and API are served with the certificate in server.pem."""

        def make(ws_port: int, http_port: int) -> tuple[Mapping[str, str], Api]:
            place = f"interface=127.0.0.1:certificate={self.files}/server.pem"
            endpoints = {
                "WS_ENDPOINT": f"wsaas-tls:{ws_port}:{place}{more}",
                "HTTP_ENDPOINT": f"wsaas-tls:{http_port}:{place}",
            }
            return endpoints, Api(http_port, context=self.context())

        settings = {"TARGET_ADDRESS": backend.address, **settings}
        return self.watched(Gateway.start(self.directory(), settings, make=make))

    def hang_up(self, gateway: Gateway) -> str:
        """Send SIGHUP; what the gateway logs of the reload."""
        start = len(gateway.log())
        gateway.process.send_signal(signal.SIGHUP)
        # The API's port comes last.
        eventually(lambda: gateway.log()[start:].count("/server.pem") == 2)
        return gateway.log()[start:]

    def served(self, port: int) -> str:
        """The certificate that a new connection is shown."""
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with self.context().wrap_socket(plain, server_hostname="localhost") as tls:
                return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True) or b"")


def first(issued: Issued) -> str:
    end = "-----END CERTIFICATE-----\n"
    return issued.certificate.decode().partition(end)[0] + end


class ReloadTests(TlsTestCase):
    def test_live_connections(self) -> None:
        """A new certificate is served after SIGHUP, a bad one never, and no connection is dropped by either."""
        old, new = self.issued(), self.issued("new.example")
        self.file("server.pem", old.together)
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.tls_gateway(backend)
        uri, context = f"wss://localhost:{gateway.ws_port}/", self.context()
        clients = [self.connect(uri, ssl=context) for _ in range(CONNECTIONS)]
        ids = [webhook.id for webhook in stage.connects]
        self.assertEqual(len(set(ids)), CONNECTIONS)

        self.file("server.pem", new.together)
        self.assertIn("new.example", self.hang_up(gateway))
        for port in (gateway.ws_port, gateway.http_port):
            self.assertEqual(self.served(port), first(new))

        for bad in (b"", old.key + new.certificate, b"garbage"):
            self.file("server.pem", bad)
            self.assertEqual(self.hang_up(gateway).count(" error "), 2)
            self.assertEqual(self.served(gateway.ws_port), first(new))

        for id in ids:
            self.assertEqual(gateway.api.push(id, id.encode()).status, 200)
        # `websockets` connects one after the other, so clients and webhooks are in the same order.
        self.assertEqual([client.recv(timeout=10) for client in clients], ids)
        for client in clients:
            client.send("still here")
        eventually(lambda: len(stage.messages) == CONNECTIONS)
        self.assertEqual(stage.disconnects, [])
        self.assertEqual(gateway.stop(), 0)

    def test_stall(self) -> None:
        """A client that begins TLS and goes no further is cut off."""
        self.file("server.pem", self.issued().together)
        gateway = self.tls_gateway(self.backend())
        raw = self.raw(gateway.ws_port)
        raw.send(b"\x16\x03\x01\x02\x00\x01")
        self.assertEqual(raw.rest(15), b"")

    def test_bad_start(self) -> None:
        """A certificate without its key ends the start with 1 and a line that names setting and file."""
        path = self.file("server.pem", self.issued().certificate)
        for name in ("WS_ENDPOINT", "HTTP_ENDPOINT"):
            gateway = self.watched(Gateway(self.directory(), {name: f"wsaas-tls:1:certificate={path}"}))
            self.assertRaises(NeverReady, gateway.wait_ready)
            self.assertEqual(gateway.wait(), 1)
            (line,) = gateway.log().splitlines()
            self.assertIn(f"wsaas: {name}=", line)
            self.assertIn(f"{path} holds no PEM private key", line)


class MutualTests(TlsTestCase):
    def test_clients(self) -> None:
        """With clientCA only clients with a certificate of that authority reach the backend."""
        self.file("server.pem", self.issued().together)
        ca = self.file("ca.pem", self.root.certificate)
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.tls_gateway(backend, f":clientCA={ca}")
        uri = f"wss://localhost:{gateway.ws_port}/"
        strangers: list[Authority] = [authority("Nobody"), authority()]
        for client in (None, *(issue(each, ["me"], client=True) for each in strangers)):
            self.assertRaises((OSError, EOFError, Exception), self.connect, uri, ssl=self.context(client))
        self.assertEqual(stage.requests, [])
        self.connect(uri, ssl=self.context(issue(self.root, ["me"], client=True)))
        self.only(lambda: stage.connects)

    def test_proxied(self) -> None:
        """Behind a balancer that sends a PROXY header before TLS, the backend hears of the client's own address."""
        self.file("server.pem", self.issued().together)
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.tls_gateway(backend, ":proxy=yes")
        plain = socket.create_connection(("127.0.0.1", gateway.ws_port), 10)
        plain.sendall(b"PROXY TCP6 2001:db8::9 ::1 4000 443\r\n")
        self.connect(f"wss://localhost:{gateway.ws_port}/", sock=plain, ssl=self.context())
        self.assertEqual(self.only(lambda: stage.connects).json()["remote_address"], "2001:db8::9")
