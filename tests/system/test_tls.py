"""TLS on all three sides, with certificates made here: wss for clients, https for the API, https to the backend."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase

from tests.support.api_client import Api
from tests.support.backend_answers import reply
from tests.support.backend_server import Backend
from tests.support.certificates import Authority, Issued, authority, issue, trusting, write
from tests.support.gateway_process import Gateway
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import BINARY, RawClient, connect, frame, refused


class ServerTests(SystemTestCase):
    """`ssl:` endpoints."""

    def setUp(self) -> None:
        super().setUp()
        self.root = authority()
        issued = issue(self.root, ["localhost"])
        files = self.directory()
        key, certificate = write(files, "key.pem", issued.key), write(files, "certificate.pem", issued.certificate)

        def make(ws_port: int, http_port: int) -> tuple[Mapping[str, str], Api]:
            where = f"privateKey={key}:certKey={certificate}:interface=127.0.0.1"
            settings = {
                "WS_ENDPOINT": f"ssl:{ws_port}:{where}",
                "HTTP_ENDPOINT": f"ssl:{http_port}:{where}",
                "LOCAL_ADDRESS": f"https://localhost:{http_port}",
            }
            return settings, Api(http_port, context=trusting(self.root))

        self.server = self.backend()
        self.stage = self.server.stage("/tls")
        settings = {"TARGET_ADDRESS": self.server.address}
        self.gw = self.watched(Gateway.start(self.directory(), settings, make=make))
        self.uri = f"wss://localhost:{self.gw.ws_port}/tls"

    def test_wss_and_https(self) -> None:
        """A wss client and an https API: a whole life, message by message, up to the largest."""
        connection = connect(self.uri, ssl=trusting(self.root))
        self.addCleanup(connection.close)
        webhook = self.only(lambda: self.stage.connects)
        self.assertEqual(webhook.json()["ws_uri"], f"https://localhost:{self.gw.http_port}/{webhook.id}")
        connection.send(b"x" * 1048576)
        self.assertEqual(len(self.only(lambda: self.stage.messages).body), 1048576)
        self.assertEqual(self.gw.api.push(webhook.id, b"y" * 1048576).status, 200)
        self.assertEqual(connection.recv(timeout=10), b"y" * 1048576)
        self.assertEqual(self.gw.api.close(webhook.id).status, 200)
        self.assertEqual(self.only(lambda: self.stage.disconnects).json()["cause"], "api")

    def test_untrusted(self) -> None:
        """A client that does not trust the certificate does not connect; neither that nor plain text is logged."""
        other = authority("Another")
        self.assertRaises(ssl.SSLError, connect, self.uri, ssl=trusting(other))
        raw_client = self.raw(self.gw.ws_port)
        raw_client.send(b"GET /tls HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertNotIn(b"HTTP/1.1 1", raw_client.rest())
        self.assertEqual(self.gw.api.get("/-/ready").status, 200)
        self.assertEqual(self.stage.connects, [])

    def test_network(self) -> None:
        """A wss client that just goes is cause network; messages before that are delivered."""
        raw_client = RawClient(self.gw.ws_port, context=trusting(self.root)).open("/tls")
        raw_client.send(frame(BINARY, b"last words"))
        self.only(lambda: self.stage.messages)
        raw_client.leave()
        self.assertEqual(self.only(lambda: self.stage.disconnects).json()["cause"], "network")

    def test_stop(self) -> None:
        """SIGTERM closes wss clients like others."""
        connection = connect(self.uri, ssl=trusting(self.root))
        self.addCleanup(connection.close)
        self.assertEqual(self.gw.stop(), 0)
        self.assertEqual(self.only(lambda: self.stage.disconnects).json()["cause"], "drain")


class TargetTests(SystemTestCase):
    """An https TARGET_ADDRESS."""

    def setUp(self) -> None:
        super().setUp()
        self.root = authority()
        self.files = self.directory()

    def https(self, issued: Issued, clients: Authority | None = None) -> Backend:
        """An https backend; with `clients` it wants a certificate that this authority issued."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(write(self.files, "backend.pem", issued.together))
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.certificate.decode())
        return self.backend(context=context)

    def trusted(self, backend: Backend, **settings: str) -> Gateway:
        """A gateway that trusts our authority."""
        return self.gateway(backend, TARGET_CA=write(self.files, "ca.pem", self.root.certificate), **settings)

    def test_target(self) -> None:
        """With TARGET_CA the backend is verified and all three webhooks go to it."""
        backend = self.https(issue(self.root, ["localhost"]))
        stage = backend.stage("/")
        stage.on_message(reply(503), reply(200, b"reply", [("WSAAS-Reply", "text")]))
        connection = self.connect(self.trusted(backend).ws + "/")
        connection.send("hello")
        self.assertEqual(connection.recv(timeout=10), "reply")
        connection.close()
        eventually(lambda: stage.disconnects)
        self.assertEqual([r.method for r in stage.requests], ["POST", "PUT", "PUT", "DELETE"])

    def assert_refused(self, gateway: Gateway, backend: Backend) -> None:
        stage = backend.stage("/")
        refusal = refused(gateway.ws + "/")
        self.assertEqual(refusal.status, 503)
        self.assertGreaterEqual(int(refusal.headers["retry-after"]), 1)
        self.assertEqual(stage.requests + backend.strays.requests, [])

    def test_unknown_authority(self) -> None:
        """A backend that the system does not trust is not spoken to: 503 for the client, and no request was sent."""
        backend = self.https(issue(self.root, ["localhost"]))
        self.assert_refused(self.gateway(backend), backend)

    def test_other_name(self) -> None:
        """A backend whose certificate is for another name gets no request."""
        backend = self.https(issue(self.root, ["elsewhere.example"]))
        self.assert_refused(self.trusted(backend), backend)

    def test_expired(self) -> None:
        """A backend whose certificate has expired gets no request; the log names the certificate as the reason."""
        backend = self.https(issue(self.root, ["localhost"], expired=True))
        gateway = self.trusted(backend)
        self.assert_refused(gateway, backend)
        eventually(lambda: "certificate" in gateway.log())

    def test_address(self) -> None:
        """A certificate for an IP address is good for that address."""
        backend = self.https(issue(self.root, ["127.0.0.1"]))
        stage = backend.stage("/")
        gateway = self.trusted(backend, TARGET_ADDRESS=f"https://127.0.0.1:{backend.port}/websocket")
        self.connect(gateway.ws + "/")
        self.only(lambda: stage.connects)

    def test_client_certificate(self) -> None:
        """With TARGET_CERT and TARGET_KEY the gateway shows its own certificate to a backend that wants one."""
        backend = self.https(issue(self.root, ["localhost"]), self.root)
        stage = backend.stage("/")
        own = issue(self.root, ["gateway.example"], client=True)
        gateway = self.trusted(
            backend,
            TARGET_CERT=write(self.files, "own.pem", own.certificate),
            TARGET_KEY=write(self.files, "own.key", own.key),
        )
        self.connect(gateway.ws + "/")
        certificate = self.only(lambda: stage.connects).certificate
        assert certificate is not None
        self.assertEqual(certificate["subjectAltName"], (("DNS", "gateway.example"),))

    def test_no_client_certificate(self) -> None:
        """Without them such a backend hears nothing, and the client does not get in."""
        backend = self.https(issue(self.root, ["localhost"]), self.root)
        stage = backend.stage("/")
        self.assertIn(refused(self.trusted(backend).ws + "/").status, (502, 503))
        self.assertEqual(stage.requests, [])


TICKETS = """
import ssl, sys
from OpenSSL import SSL
from wsaas.net.tls_endpoint import ServerCertificate, TlsSettings
given = ServerCertificate(TlsSettings(sys.argv[1], sys.argv[1], None, 0, SSL.TLS1_3_VERSION))
server = given.serverConnectionForTLS(None)
server.set_accept_state()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
client = context.wrap_bio(into, out)
for step in (client.do_handshake, server.do_handshake) * 2:
    try:
        step()
    except (ssl.SSLWantReadError, SSL.WantReadError):
        pass
    if step == client.do_handshake:
        server.bio_write(out.read())
    else:
        said = server.bio_read(65536)
        into.write(said)
print(len(said))
"""


class ConfigurationTests(SynchronousTestCase):
    def test_one_ticket(self) -> None:
        """With the configuration of docs/tls, OpenSSL writes one session ticket behind the handshake instead of two."""
        page = (Path(__file__).parents[2] / "docs/tls.rst").read_text()
        shown = re.search(r"(    openssl_conf = .*?NumTickets = 1\n)", page, re.DOTALL)
        assert shown is not None
        told, none, pem = (Path(self.mktemp()).resolve() for _ in range(3))
        told.write_text(dedent(shown[1]))
        none.write_text("")
        pem.write_bytes(issue(authority(), ["localhost"]).together)
        lengths = [
            int(
                subprocess.run(
                    [sys.executable, "-c", TICKETS, str(pem)],
                    env={**os.environ, "OPENSSL_CONF": str(configuration), "PYTHONPATH": os.pathsep.join(sys.path)},
                    stdout=subprocess.PIPE,
                    check=True,
                    timeout=60,
                ).stdout
            )
            for configuration in (none, told)
        ]
        self.assertEqual(lengths[0], 2 * lengths[1])
