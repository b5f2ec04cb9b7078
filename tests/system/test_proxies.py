"""The configurations of docs/proxies.rst, each run as it stands there before a gateway."""

from __future__ import annotations

import re
import socket
import subprocess

import yaml
from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.support.backend_answers import say
from tests.support.gateway_process import free_port
from tests.support.pages import DOCS, example, read
from tests.support.programs import Program, need
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import closing, refused
from wsaas.settings.load import load

PAGE = DOCS / "proxies.rst"
CLIENT = "127.0.0.2"
"""Where the client connects from: an address of loopback that is not the proxy's."""
NGINX = """
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    {server}
}}
"""


class ProxyTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.directory()
        self.place.mkdir(parents=True)
        self.port = free_port()
        self.target = self.backend()
        self.stage = self.target.stage("/")

    def started(self, name: str, **replaced: str) -> str:
        """The example, for our ports: what is replaced must be there, just once."""
        self.gw = self.gateway(self.target, TRUSTED_PROXIES="127.0.0.1")
        text = example(PAGE, name)
        ports = {"127.0.0.1:8080": f"127.0.0.1:{self.gw.ws_port}", **replaced}
        for old, new in ports.items():
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        return text

    def serve(self, *command: str, **environ: str) -> None:
        program = Program(command, self.place, environ)
        self.addCleanup(program.stop)
        program.wait_for(self.port)

    def assert_works(self) -> None:
        """Messages pass both ways, the backend hears of the client's own address, and closes and refusals pass."""
        uri = f"ws://localhost:{self.port}/"
        # A client that says where it is from is not believed.
        forged = {"X-Forwarded-For": "203.0.113.66"}
        client = self.connect(uri, sock=self.dial(), additional_headers=forged, subprotocols=["v2.chat"])
        told = self.only(lambda: self.stage.connects).json()
        self.assertEqual((told["remote_address"], told["subprotocols"]), (CLIENT, ["v2.chat"]))
        for message in ("grüße", bytes(range(256)) * 400):
            client.send(message)
        eventually(lambda: len(self.stage.messages) == 2)
        self.assertEqual(self.stage.bodies, ["grüße".encode(), bytes(range(256)) * 400])
        self.assertEqual(self.gw.api.push(told["id"], "hello").status, 200)
        self.assertEqual(client.recv(10), "hello")
        self.gw.api.request("DELETE", f"/{told['id']}?code=4001&reason=bye")
        self.assertEqual(closing(client), (4001, "bye"))
        self.assertEqual(self.only(lambda: self.stage.disconnects).json()["cause"], "api")
        self.assert_refusals(uri)

    def dial(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), source_address=(CLIENT, 0))

    def assert_refusals(self, uri: str) -> None:
        """The gateway's answer to a handshake reaches the client, its code included."""
        self.stage.on_connect(say({"code": "GO_AWAY"}))
        refusal = refused(uri)
        self.assertEqual((refusal.status, refusal.json()["code"]), (403, "GO_AWAY"))

    def test_nginx(self) -> None:
        """nginx passes the upgrade on, and the client's address."""
        program = need("nginx")
        server = self.started("nginx", **{"listen 80;": f"listen 127.0.0.1:{self.port};"})
        path = self.place / "nginx.conf"
        path.write_text(NGINX.format(place=self.place, server=server))
        self.serve(program, "-c", str(path), "-p", str(self.place))
        self.assert_works()

    def test_nginx_without_upgrade(self) -> None:
        """Without the lines for the upgrade, clients get 426, or 505 for HTTP/1.0, as the page says."""
        program = need("nginx")
        server = self.started("nginx", **{"listen 80;": f"listen 127.0.0.1:{self.port};"})
        server = re.sub(r" +proxy_set_header (?:Upgrade|Connection) .*\n", "", server)
        older = re.sub("proxy_http_version 1.1", "proxy_http_version 1.0", server)
        server += older.replace("ws.example.com", "older.example.com")
        path = self.place / "nginx.conf"
        path.write_text(NGINX.format(place=self.place, server=server))
        self.serve(program, "-c", str(path), "-p", str(self.place))
        for host, status in (("ws.example.com", 426), ("older.example.com", 505)):
            uri = f"ws://{host}:{self.port}/"
            self.assertEqual(refused(uri, sock=self.dial()).status, status)

    def test_caddy(self) -> None:
        """Caddy does all that by itself."""
        program = need("caddy")
        text = self.started("caddy", **{"ws.example.com": f"http://localhost:{self.port}"})
        path = self.place / "Caddyfile"
        path.write_text(f"{{\n    admin off\n    default_bind 127.0.0.1\n}}\n{text}")
        homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(self.place))
        self.serve(program, "run", "--config", str(path), "--adapter", "caddyfile", **homes)
        self.assert_works()

    def test_haproxy(self) -> None:
        """HAProxy does, and knows by the probe whether the gateway is ready."""
        program = need("haproxy")
        text = self.started("haproxy", **{"bind :80": f"bind 127.0.0.1:{self.port}"})
        self.assertEqual(text.count("check port 8081"), 1)
        path = self.place / "haproxy.cfg"
        path.write_text(text.replace("check port 8081", f"check port {self.gw.http_port} inter 100"))
        checked = subprocess.run([program, "-c", "-f", str(path)], capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, "WARNING" in checked.stderr), (0, False), checked.stderr)
        self.serve(program, "-db", "-f", str(path))
        self.assert_works()
        self.gw.kill()
        eventually(lambda: refused(f"ws://localhost:{self.port}/").status == 503)


class PageTests(SynchronousTestCase):
    def test_traefik(self) -> None:
        """The file for Traefik is YAML; the router leads to the service, and the service to WS_PORT and the probe."""
        http = yaml.safe_load(example(PAGE, "traefik"))["http"]
        [router] = http["routers"].values()
        balancer = http["services"][router["service"]]["loadBalancer"]
        self.assertEqual({server["url"].rpartition(":")[2] for server in balancer["servers"]}, {"8080"})
        self.assertEqual((balancer["healthCheck"]["path"], balancer["healthCheck"]["port"]), ("/-/ready", 8081))

    def test_timeouts(self) -> None:
        """The configured timeout for a silent connection is longer than the default WS_TIMEOUT."""
        settings = load({}, {})
        text = PAGE.read_text()
        found = re.findall(
            r"(?:proxy_read_timeout|proxy_send_timeout|timeout (?:client|server|tunnel)) +([0-9]+)s", text
        )
        found += re.findall(r"idle_timeout.timeout_seconds``\n +- ([0-9]+)", text)
        self.assertEqual(len(found), 6)
        for seconds in map(int, found):
            self.assertGreater(seconds, 2 * settings.ws_timeout)
            self.assertGreater(seconds, settings.webhook_timeout)

    def test_all(self) -> None:
        """No configuration of the page is without a test here."""
        named = {name for block in read(PAGE).findall(nodes.literal_block) for name in block["names"]}
        self.assertEqual(named, {"nginx", "caddy", "haproxy", "traefik"})
