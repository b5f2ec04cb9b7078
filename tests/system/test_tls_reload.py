"""SIGHUP under live wss connections, and certificates asked for on both sides of the gateway, in real processes."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from tests.support.api_client import Api
from tests.support.backend_server import Backend
from tests.support.certificates import Issued, authority, intermediate, issue
from tests.support.gateway_process import Gateway, NeverReady
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import TEXT, RawClient, frame, refused

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
        eventually(lambda: ": reloaded " in gateway.log()[start:])
        return gateway.log()[start:]

    def tls_client(self, gateway: Gateway, client: Issued | None = None) -> RawClient:
        """A connected client. Not of the `websockets` library: that reads and writes in two threads, and with TLS 1.3
        Python's ssl then loses the request once in some hundred times (3.11)."""
        return self.raw(gateway.ws_port, context=self.context(client)).open("/")

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
        gateway = self.tls_gateway(backend, WS_TIMEOUT="0")  # these clients answer no pings
        clients = [self.tls_client(gateway) for _ in range(CONNECTIONS)]
        ids = [webhook.id for webhook in stage.connects]
        self.assertEqual(len(set(ids)), CONNECTIONS)

        self.file("server.pem", new.together)
        self.assertIn("new.example", self.hang_up(gateway))
        for port in (gateway.ws_port, gateway.http_port):
            self.assertEqual(self.served(port), first(new))

        for bad in (b"", old.key + new.certificate, b"garbage"):
            self.file("server.pem", bad)
            log = self.hang_up(gateway)
            self.assertEqual((log.count(" error "), log.count("reloaded 0 of 2")), (2, 1))
            self.assertEqual(self.served(gateway.ws_port), first(new))

        for id in ids:
            self.assertEqual(gateway.api.push(id, id.encode()).status, 200)
        # They connected one after the other, so clients and webhooks are in the same order.
        self.assertEqual([getattr(client.next(), "data", None) for client in clients], [id.encode() for id in ids])
        for client in clients:
            client.send(frame(TEXT, b"still here"))
        eventually(lambda: len(stage.messages) == CONNECTIONS, 30)
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
        for client in (None, *(issue(each, ["me"], client=True) for each in (authority("Nobody"), authority()))):
            raw = self.raw(gateway.ws_port, context=self.context(client))
            self.assertRaises((ssl.SSLError, ConnectionError), lambda raw=raw: (raw.ask("/"), raw.socket.recv(1)))
        self.assertEqual(stage.requests, [])
        self.tls_client(gateway, issue(self.root, ["me"], client=True))
        self.only(lambda: stage.connects)

    def test_backend(self) -> None:
        """With TARGET_CERT the backend knows the gateway; a renewed one is used after SIGHUP."""
        server, name = self.file("backend.pem", self.issued().together), "gateway.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server)
        context.load_verify_locations(cadata=self.root.certificate.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        backend = self.backend(context=context)
        stage = backend.stage("/")
        mine = self.file(name, issue(authority("Nobody"), ["gateway"], client=True).together)
        ca = self.file("ca.pem", self.root.certificate)
        gateway = self.gateway(backend, TARGET_CA=str(ca), TARGET_CERT=str(mine))
        # With TLS 1.3 the refusal comes only when the POST may be on its way.
        self.assertIn(refused(gateway.ws + "/").status, (502, 503))
        self.file(name, b"garbage")
        self.assertIn("TARGET_CERT: ", self.hang_up(gateway))
        self.file(name, issue(self.root, ["gateway"], client=True).together)
        self.assertIn("reloaded 1 of 1", self.hang_up(gateway))
        self.raw(gateway.ws_port).open("/")
        self.only(lambda: stage.connects)

    def test_proxied(self) -> None:
        """Behind a balancer that sends a PROXY header before TLS, the backend hears of the client's own address."""
        self.file("server.pem", self.issued().together)
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.tls_gateway(backend, ":proxy=yes")
        client = self.raw(gateway.ws_port)
        client.send(b"PROXY TCP6 2001:db8::9 ::1 4000 443\r\n")
        client.socket = self.context().wrap_socket(client.socket, server_hostname="localhost")
        client.open("/")
        self.assertEqual(self.only(lambda: stage.connects).json()["remote_address"], "2001:db8::9")
