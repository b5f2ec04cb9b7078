"""The symptoms of docs/troubleshooting.rst that no other test produces."""

from __future__ import annotations

from pathlib import Path

from tests.support.backend_answers import hang
from tests.support.gateway_process import free_port
from tests.support.programs import Program, need
from tests.support.system_case import SystemTestCase
from tests.support.websocket_client import closing, refused

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
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{target};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 1s;
        }}
    }}
}}
"""


class ProxyTests(SystemTestCase):
    """An nginx whose patience is a second."""

    def before(self, target: int) -> str:
        """The URL of nginx before this port."""
        program = need("nginx")
        place = self.directory()
        place.mkdir(parents=True)
        port = free_port()
        path = Path(place, "nginx.conf")
        path.write_text(NGINX.format(place=place, port=port, target=target))
        proxy = Program((program, "-c", str(path), "-p", str(place)), place)
        self.addCleanup(proxy.stop)
        proxy.wait_for(port)
        return f"ws://localhost:{port}/"

    def test_nobody_there(self) -> None:
        """A proxy that finds nobody at WS_PORT answers 502, without a code of the gateway's."""
        refusal = refused(self.before(free_port()))
        self.assertEqual((refusal.status, b'"code"' in refusal.body), (502, False))

    def test_impatient(self) -> None:
        """A proxy that waits for less than WEBHOOK_TIMEOUT answers 504 itself; the backend hears of the end."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(hang())
        gateway = self.gateway(backend, WEBHOOK_TIMEOUT="3000")
        refusal = refused(self.before(gateway.ws_port))
        self.assertEqual((refusal.status, b'"code"' in refusal.body), (504, False))
        self.only(lambda: stage.disconnects)

    def test_idle(self) -> None:
        """A proxy whose patience is less than half of WS_TIMEOUT cuts a silent client, who sees 1006."""
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend)
        client = self.connect(self.before(gateway.ws_port))
        self.assertEqual(closing(client, 20)[0], 1006)
        self.assertEqual(self.only(lambda: stage.disconnects).json()["cause"], "network")
