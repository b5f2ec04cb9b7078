"""The endpoints: the defaults, endpoint strings, and starts that must fail."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.api_client import Api
from tests.support.gateway_process import Gateway, free_port
from tests.support.system_case import Pair, SystemTestCase, eventually
from tests.support.websocket_client import PATIENCE


class EndpointTests(SystemTestCase):
    def test_several(self) -> None:
        """Clients and callers come by any of several endpoints, UNIX sockets among them, and meet the same gateway."""
        # Not below trial's directory: the path of a UNIX socket is at most 107 bytes.
        sockets = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, sockets)
        second = free_port()

        def make(ws_port: int, http_port: int) -> tuple[Mapping[str, str], Api]:
            settings = {
                "WS_ENDPOINT": f"tcp:{ws_port}:interface=127.0.0.1 tcp:{second}:interface=127.0.0.1 unix:{sockets}/ws",
                "HTTP_ENDPOINT": f"unix:{sockets}/api tcp:{http_port}:interface=127.0.0.1",
            }
            return settings, Api(http_port)

        backend = self.backend()
        stage = backend.stage("/")
        settings = {"TARGET_ADDRESS": backend.address}
        gateway = self.watched(Gateway.start(self.directory(), settings, make=make))
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(f"{sockets}/ws")
        clients = [
            self.connect(f"ws://127.0.0.1:{gateway.ws_port}/"),
            self.connect(f"ws://127.0.0.1:{second}/"),
            self.connect("ws://localhost/", sock=plain),
        ]
        ids = [webhook.id for webhook in stage.connects]
        self.assertEqual(len(set(ids)), 3)
        for api in (gateway.api, Api(unix=f"{sockets}/api")):
            for id, client in zip(ids, clients, strict=True):
                self.assertEqual(api.push(id, "hello").status, 200)
                self.assertEqual(client.recv(timeout=10), "hello")
        log = gateway.log()
        for place in (str(gateway.ws_port), str(second), f"{sockets}/ws", f"{sockets}/api", str(gateway.http_port)):
            self.assertIn(place, log)
        self.assertEqual(gateway.stop(), 0)
        self.assertEqual(len(stage.disconnects), 3)
        self.assertEqual(list(sockets.glob("ws")) + list(sockets.glob("api")), [])

    def test_options(self) -> None:
        """A twistd option of the same name beats the variable, which beats the default."""
        backend, other = self.backend(), self.backend()
        arguments = ["--target-address", backend.address]
        settings = {"TARGET_ADDRESS": other.address}
        gateway = self.watched(Gateway.start(self.directory(), settings, arguments=arguments))
        stage = backend.stage("/")
        self.connect(gateway.ws + "/")
        self.only(lambda: stage.connects)
        self.assertEqual(other.strays.requests, [])


class ListeningTests(SystemTestCase):
    """The addresses from which the API can be reached."""

    def pair(self, **settings: str) -> Pair:
        pair = Pair(self.directory(), {"WS_ENDPOINT": "", **settings})
        self.addCleanup(pair.backend.stop)
        self.watched(pair.gateway)
        return pair

    def hosts(self, pair: Pair, port: int) -> set[str]:
        return {host for host, listening in pair.gateway.listening() if listening == port}

    def test_loopback(self) -> None:
        """Without API_TOKEN the API listens on loopback only, of both kinds; clients come from anywhere."""
        pair = self.pair()
        self.assertIn("127.0.0.1", self.hosts(pair, pair.gateway.http_port))
        self.assertLessEqual(self.hosts(pair, pair.gateway.http_port), {"127.0.0.1", "::1"})
        if has_ipv6():
            self.assertIn("::1", self.hosts(pair, pair.gateway.http_port))
            self.assertEqual(Api(pair.gateway.http_port, host="::1").get("/-/ready").status, 200)
        self.assertTrue(self.hosts(pair, pair.gateway.ws_port) & {"0.0.0.0", "::"})
        self.connect(pair.gateway.ws)
        if has_ipv6():
            self.connect(f"ws://[::1]:{pair.gateway.ws_port}")

    def test_any_port(self) -> None:
        """With HTTP_PORT=0 the API has a port that the system chooses, the same for IPv4 and IPv6; ws_uri names it."""
        backend = self.backend()
        stage = backend.stage("/")
        settings = {"TARGET_ADDRESS": backend.address, "HTTP_PORT": "0", "HTTP_ENDPOINT": "", "LOCAL_ADDRESS": ""}
        gateway = self.watched(Gateway(self.directory(), settings))
        eventually(lambda: "listening for the API" in gateway.log(), PATIENCE)
        client = self.connect(gateway.ws)
        uri = urlsplit(stage.connects[0].json()["ws_uri"])
        assert uri.port
        for host in ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]:
            self.assertEqual(Api(uri.port, host=host).request("PUT", uri.path, host.encode()).status, 200)
            self.assertEqual(client.recv(timeout=PATIENCE), host)

    def test_addresses(self) -> None:
        """Whichever they come by, the backend hears a client's address as it is: IPv4 as IPv4."""
        pair = self.pair()
        hosts = ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]
        for host in hosts:
            stage = pair.backend.stage(f"/{hosts.index(host)}")
            self.connect(f"ws://{f'[{host}]' if ':' in host else host}:{pair.gateway.ws_port}/{hosts.index(host)}")
            self.assertEqual(stage.connects[0].json()["remote_address"], host)

    def test_everywhere(self) -> None:
        """With API_TOKEN it listens everywhere, on IPv4 and IPv6."""
        pair = self.pair(API_TOKEN="the-token-of-the-api")
        for host in ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]:
            self.assertEqual(Api(pair.gateway.http_port, host=host).get("/-/ready").status, 200)
        self.assertTrue(self.hosts(pair, pair.gateway.http_port) & {"0.0.0.0", "::"})


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class StartTests(SystemTestCase):
    def refused(self, settings: Mapping[str, str], ws_port: int = 0, http_port: int = 0) -> str:
        """The log of a gateway that must not start."""
        gateway = self.watched(Gateway(self.directory(), settings, ws_port=ws_port, http_port=http_port))
        self.assertEqual(gateway.wait(), 1)
        return gateway.log()

    def test_taken(self) -> None:
        """A port that is taken ends the start with 1 and a line that names it."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertIn(str(port), self.refused({}, ws_port=port))
            self.assertIn(str(port), self.refused({}, http_port=port))

    def test_mistakes(self) -> None:
        """All mistakes in the settings are told at once, one line each, before anything listens; exit 1."""
        mistakes = {
            "TARGET_ADDRESS": "ftp://nowhere",
            "WS_TIMEOUT": "soon",
            "MAX_MESSAGE_SIZE": "-1",
            "LOG_LEVEL": "loud",
            "WS_ENDPOINT": "nonsense:1",
            "WEBHOOK_SECRET": "whsec_!",
        }
        lines = self.refused(mistakes).splitlines()
        for name, value in mistakes.items():
            telling = [line for line in lines if name in line]
            self.assertEqual(len(telling), 1, (name, lines))
            if name != "WEBHOOK_SECRET":
                self.assertIn(value, telling[0])
        self.assertNotIn("whsec_!", "\n".join(lines))

    def test_settings_told(self) -> None:
        """The start says each effective setting, secrets masked."""
        backend = self.backend()
        gateway = self.gateway(backend, API_TOKEN="canary-in-the-token", WS_TIMEOUT="12345")
        log = gateway.log()
        self.assertIn(backend.address, log)
        self.assertIn("12345", log)
        self.assertIn("API_TOKEN", log)
        self.assertNotIn("canary", log)
